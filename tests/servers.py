"""Real servers for tests: in a thread of this process, or as a process of its own that can be killed."""

from __future__ import annotations

import gc
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import patch

import httpx2
import uvicorn
from typer.testing import CliRunner

from rollbook.cli import main
from rollbook.http_protocol import RollbookProtocol
from rollbook.installation import Installation
from rollbook.web import Address, Application, listen

SECRET = "a secret of the tests, long enough"

# Loads no authorities, since none is met on loopback: reading them costs a client 40 ms.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class ThreadServer:
    """Rollbook in a thread, over a real socket."""

    def __init__(self, installation: Installation, *, with_worker: bool = False) -> None:
        self._socket = listen(Address("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(
            Application(installation, with_worker=with_worker),
            http=RollbookProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        _wait_until_ready(self.url)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=20)
        self._socket.close()


class ProcessServer:
    """`rollbook serve` as a process: started, killed and started again over the same database and port."""

    def __init__(self, environment: Mapping[str, str], *arguments: str) -> None:
        self._environment = {**clean_environment(), **environment}
        self._arguments = arguments
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rollbook", "serve", "--port", str(self.port), *self._arguments],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        _wait_until_ready(self.url, self.process)

    def kill(self) -> None:
        """Power off, as far as a process can tell."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=20)
        assert self.process.stderr is not None
        self.process.stderr.close()

    def stop(self) -> str:
        """Ends it in good order; returns what it wrote to its log."""
        self.process.terminate()
        _, log = self.process.communicate(timeout=30)
        return log.decode()


def clean_environment() -> dict[str, str]:
    """This process's environment without settings of Rollbook."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ROLLBOOK_")}


def environment(data_dir: Path, database_url: str = "", **settings: str) -> dict[str, str]:
    """The settings of a test installation."""
    return {
        "ROLLBOOK_DATA_DIR": str(data_dir),
        "ROLLBOOK_DATABASE_URL": database_url,
        "ROLLBOOK_SECRET": SECRET,
        "ROLLBOOK_API_REQUESTS_PER_MINUTE": "1000000",  # what is tested asks faster than people do
        **settings,
    }


def rollbook(environment: Mapping[str, str], *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the command line as its user would, in this process: starting one takes longer than most commands."""
    own: dict[str, str | None] = {name: environment.get(name) for name in os.environ if name.startswith("ROLLBOOK_")}
    code: object = 0
    with (
        patch.object(sys, "argv", ["rollbook", *arguments]),
        patch.object(gc, "freeze"),  # of a process that ends with the command; this one goes on
        CliRunner().isolation(stdin, {**own, **environment}) as (out, err, _),
    ):
        try:
            main()
        except SystemExit as end:  # a text is what the interpreter would print
            code = end.code
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        printed, said = out.getvalue().decode(), err.getvalue().decode()
    if isinstance(code, str):
        code, said = 1, f"{said}{code}\n"
    assert code is None or isinstance(code, int)
    return subprocess.CompletedProcess(arguments, code or 0, printed, said)


def program(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs it as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "rollbook", *arguments],
        env={**clean_environment(), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _free_port() -> int:
    with listen(Address("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait_until_ready(url: str, process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            assert process.stderr is not None
            raise RuntimeError(f"the server ended: {process.stderr.read().decode()}")
        try:
            if httpx2.get(f"{url}/healthz", timeout=5, verify=PLAIN).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.05)
    raise RuntimeError(f"no server answers at {url}")

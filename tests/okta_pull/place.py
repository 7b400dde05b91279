"""An installation of its own beside a simulated org, and the command line and the worker that bring them together."""

from __future__ import annotations

import asyncio
import json
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
    company_id: str
    subdomain: str = "acme"
    said: list[str] = field(default_factory=list)  # everything that commands printed

    def read(self, fn: Callable[[Tx], T]) -> T:
        return self.installation.database.engine.read(fn)

    def write(self, fn: Callable[[Tx], T]) -> T:
        return self.installation.database.engine.write(fn)

    def token_file(self, token: str | None = None) -> str:
        """A file with a token, the org's own where none is given."""
        path = self.directory / "token.txt"
        path.write_text(f"{token or self.org.token}\n")
        return str(path)

    def run(self, command: str, *arguments: str, code: int = 0, stdin: str = "") -> Any:
        """`rollbook okta COMMAND SUBDOMAIN …` with --json; what it printed, or where another code is expected, what it
        complained of.
        """
        ended = rollbook(self.environment, "okta", command, self.subdomain, *arguments, "--json", stdin=stdin)
        self.said += [ended.stdout, ended.stderr]
        assert ended.returncode == code, (ended.stdout, ended.stderr)
        return json.loads(ended.stdout) if code == 0 else ended.stderr

    def configure(self, *arguments: str, **how: Any) -> Any:
        """Sets the standard integration up with the org's first group and its token."""
        usual = ["--org-url", self.server.address, "--group", self.org.group_id, "--token-file", self.token_file()]
        return self.run("configure", *usual, *arguments, **how)

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
        company = installation.database.engine.write(
            lambda tx: companies.create(tx, "acme", "Acme", actor=OPERATOR, now=clock.now())
        )
        yield Place(installation, given, server.org, server, directory, company.id)
        installation.close()


@contextmanager
def beside(installation: Installation, database_url: str, directory: Path) -> Iterator[Place]:
    """A place of one test in a database that others use as well: no worker may run here."""
    with OrgServer(Org(token=TOKEN)) as server:
        hosts = f"okta.com,{server.host}"
        given = environment(installation.settings.data_dir, database_url, ROLLBOOK_OKTA_HOSTS=hosts)
        subdomain = f"acme-{clock.new_id()[-12:]}"
        company = installation.database.engine.write(
            lambda tx: companies.create(tx, subdomain, "Acme", actor=OPERATOR, now=clock.now())
        )
        yield Place(installation, given, server.org, server, directory, company.id, subdomain)

"""What every test may ask for. Companies are sealed from each other, so tests share a database and make companies."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import hypothesis
import pytest

from rollbook import clock, settings
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.installation import Installation, open_installation
from rollbook.people import companies, fields, keys
from rollbook.people.companies import Company
from rollbook.people.fields import Field
from tests import postgres
from tests.servers import PLAIN, ThreadServer, environment

# The short run judges a change, and judges it alike each time; the long one looks for news.
hypothesis.settings.register_profile("rollbook", derandomize=not os.environ.get("ROLLBOOK_LONG"), database=None)
hypothesis.settings.load_profile("rollbook")

T = TypeVar("T")

ENGINES = ("sqlite", "postgresql")
OPERATOR = Actor("operator")
_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def ids_of_the_present(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids rise within a process: once a test turned the clock forward, they would be of the future ever after."""
    monkeypatch.setattr(clock, "_last_ms", 0)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The PostgreSQL server, shared by the processes of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    return postgres.start(shared / "postgres")


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Runs the test once on each database."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def database_url(engine: str, request: pytest.FixtureRequest) -> str:
    """The address of this session's database: empty for SQLite."""
    if engine == "sqlite":
        return ""
    return postgres.new_database(request.getfixturevalue("postgres_server"))


@pytest.fixture(scope="session")
def installation(engine: str, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An opened installation on this engine."""
    data_dir: Path = tmp_path_factory.mktemp(engine)
    opened = open_installation(settings.read(environment(data_dir, database_url)))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def server(installation: Installation) -> Iterator[ThreadServer]:
    """Rollbook over a real socket, without the worker."""
    running = ThreadServer(installation)
    yield running
    running.stop()


@dataclass
class House:
    """The database as a test reaches it, around the doors."""

    installation: Installation

    def write(self, fn: Callable[[Tx], T]) -> T:
        return self.installation.database.engine.write(fn)

    def read(self, fn: Callable[[Tx], T]) -> T:
        return self.installation.database.engine.read(fn)


@pytest.fixture
def house(installation: Installation) -> House:
    """Reads and writes by the verbs of the rooms."""
    return House(installation)


@pytest.fixture
def company_id(house: House) -> str:
    """A company of this test's own, for tests that need no server."""
    subdomain = f"acme-{os.getpid()}-{next(_numbers)}"
    return house.write(lambda tx: companies.create(tx, subdomain, "Acme", actor=OPERATOR, now=clock.now())).id


@dataclass
class Tenant:
    """A company with a SCIM key, and a client that speaks with it."""

    company: Company
    key: str
    key_id: str
    scim: httpx2.Client

    @property
    def id(self) -> str:
        return self.company.id


@pytest.fixture
def tenant(house: House, server: ThreadServer) -> Iterator[Callable[[str], Tenant]]:
    """Makes companies: `tenant("acme")`; the subdomain gets a number, since the database is shared."""
    clients: list[httpx2.Client] = []

    def make(name: str) -> Tenant:
        subdomain = f"{name}-{os.getpid()}-{next(_numbers)}"

        def work(tx: Tx) -> tuple[Company, Any, str]:
            company = companies.create(tx, subdomain, name.title(), actor=OPERATOR, now=clock.now())
            key, text = keys.issue(
                tx, company.id, "scim", pepper=house.installation.pepper, actor=OPERATOR, now=clock.now()
            )
            return company, key, text

        company, key, text = house.write(work)
        client = httpx2.Client(
            base_url=f"{server.url}/scim/v2",
            auth=(subdomain, text),
            headers={"Content-Type": "application/scim+json", "Accept": "application/scim+json"},
            timeout=30,
            verify=PLAIN,
        )
        clients.append(client)
        return Tenant(company, text, key.id, client)

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def acme(tenant: Callable[[str], Tenant]) -> Tenant:
    """The company of Ada, Mona, Cleo and Leo."""
    return tenant("acme")


@pytest.fixture
def umbra(tenant: Callable[[str], Tenant]) -> Tenant:
    """Otto's company, which must see nothing of acme."""
    return tenant("umbra")


@pytest.fixture
def make_field(house: House) -> Callable[..., Field]:
    """Makes a field: `make_field(acme, "Shoe size", "number")`; Okta SCIM owns it unless another is named."""

    def field(tenant: Tenant, name: str, type_: Any = "text", owner: Any = "scim", **how: Any) -> Field:
        return house.write(
            lambda tx: fields.create(tx, tenant.id, name, type_, owner=owner, actor=OPERATOR, now=clock.now(), **how)
        )

    return field


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest begin first: what begins last is waited for by everybody else."""
    items.sort(key=lambda item: not (item.get_closest_marker("long") or item.get_closest_marker("slow")))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The numbers that tests recorded with `record_property`, as one table."""
    rows = [
        (report.nodeid.partition("::")[2], name, value)
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, ())
        if report.when == "call"
        for name, value in report.user_properties
    ]
    if not rows:
        return
    terminalreporter.section("what was measured")
    width = max(len(test) for test, _, _ in rows)
    for test, name, value in sorted(rows):
        terminalreporter.write_line(f"{test:<{width}}  {name}: {value}")

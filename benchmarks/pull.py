"""`python -m benchmarks pull`: the standard integration reads a simulated org of people who are all new, of people whom
it has never read, and of people who have not changed: people a second, statements a page, how long its writes last.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from benchmarks import directory_people
from benchmarks.servers import NotStarted, installation_on
from rollbook import clock
from rollbook.activity import queue
from rollbook.activity.events import Actor
from rollbook.cli.output import stay_at_work
from rollbook.database import Database, Tx
from rollbook.database.tables import events, outbox, users
from rollbook.installation import Installation
from rollbook.okta import connections, field_map, runs
from rollbook.okta.client import Client
from rollbook.okta.conversation import Conversation
from rollbook.okta.org_address import OrgAddress
from rollbook.okta.runs import Run
from rollbook.okta.sync import Sync
from rollbook.okta.wanted import Wanted
from rollbook.people import companies, fields
from rollbook.simulator.org import Org

T = TypeVar("T")

RESULTS = Path(__file__).with_name("PULL.md")
ENGINES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
NEW = 10_000
TURNS = 3
ALLOWED_MS = 50
NO_LIMIT = 1_000_000_000
UNUSED = "-"  # the token goes to the client by itself
_OPERATOR = Actor("operator")
_HEADERS = (
    *("engine", "people", "people a second", "pages", "statements a page", "statements of the plan for 500"),
    *("writes", "median, ms", "99 %, ms", "longest, ms", f"over {ALLOWED_MS} ms"),
    *("events", "versions", "mails"),
)


@dataclass(frozen=True, slots=True)
class _Org:
    """The simulated org, a process of its own."""

    address: str
    token: str
    group: str


@dataclass
class _Pulled:
    """What one run took; of each step its state, its statements and the seconds of its writes."""

    seconds: float = 0.0
    steps: list[tuple[str, int]] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)
    left: tuple[int, int, int] = (0, 0, 0)  # events, versions and mails that there are more than before

    def statements(self, of: str) -> str:
        """The median of the steps of a kind, and the most where that differs."""
        counts = sorted(count for state, count in self.steps if state == of)
        if not counts:
            return "-"
        usual = int(median(counts))
        return f"{usual}" if counts[-1] == usual else f"{usual}, at most {counts[-1]}"


class _CountingTx:
    """A transaction that counts what is asked of it."""

    def __init__(self, tx: Tx, count: Callable[[], None]) -> None:
        object.__setattr__(self, "_tx", tx)
        object.__setattr__(self, "_count", count)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._tx, name)
        if name not in ("send", "one", "all", "run", "insert", "search"):
            return found

        def counted(*of: Any, **how: Any) -> Any:
            self._count()
            return found(*of, **how)

        return counted

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._tx, name, value)


class _Watched:
    """The run's database: its writes are timed, its statements counted."""

    def __init__(self, database: Database, pulled: _Pulled) -> None:
        self._database, self._pulled = database, pulled
        self.statements = 0

    async def read(self, fn: Callable[[Tx], T]) -> T:
        return await self._database.read(lambda tx: fn(self._counting(tx)))

    async def write(self, fn: Callable[[Tx], T]) -> T:
        def work(tx: Tx) -> T:
            began = time.perf_counter()
            try:
                return fn(self._counting(tx))
            finally:
                self._pulled.writes.append(time.perf_counter() - began)

        return await self._database.write(work)

    def _counting(self, tx: Tx) -> Any:
        return _CountingTx(tx, self._note)

    def _note(self) -> None:
        self.statements += 1


def run(people: int, console: Console, *, write: bool) -> None:
    """Measures, prints, and writes PULL.md. Raises NotStarted."""
    rows: list[list[str]] = []
    for name, title in ENGINES.items():
        with installation_on(name) as (installation, address):
            new = min(NEW, people)
            with _org(new) as org:
                console.print(f"{title}: {new:,} people are new …")
                company_id, _ = _connect(installation, org, "new")
                rows.append(_row(f"{title}, all new", new, _pull(installation, company_id, org)))
            with _org(people) as org:
                company_id, region_id = _connect(installation, org, "known")
                staff = Org().fill(people)
                directory_people.fill(installation.database, address, company_id, staff, region_id)
                console.print(f"{title}: {people:,} people are read for the first time …")
                rows.append(_row(f"{title}, first read", people, _pull(installation, company_id, org)))
                console.print(f"{title}: nobody has changed …")
                turns = [_pull(installation, company_id, org) for _ in range(TURNS)]
                turns.sort(key=lambda pulled: pulled.seconds)
                rows.append(_row(f"{title}, unchanged", people, turns[TURNS // 2]))
    table = Table(*_HEADERS, box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(*row)
    conditions = (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {os.cpu_count()} cores · full mode, a field of the company's own "
        f"and the hire date mapped; pages of 200 from a simulated org beside it, which knows no limit · unchanged: the "
        f"median of {TURNS} runs"
    )
    console.print(conditions)
    console.print(table)
    if write:
        lines = [f"| {' | '.join(row)} |" for row in (_HEADERS, ["---"] * len(_HEADERS), *rows)]
        title = "# Results of `python -m benchmarks pull`"
        RESULTS.write_text("\n".join([title, "", conditions, "", *lines, ""]), encoding="utf-8")
        console.print(f"Written to {RESULTS.name}.")


@contextmanager
def _org(people: int) -> Iterator[_Org]:
    command = ["rollbook.simulator", "org", "--port", "0", "--people", str(people), "--limit", str(NO_LIMIT), "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise NotStarted("the simulated org did not start")
        told = json.loads(line)
        yield _Org(told["address"], told["token"], told["group"])
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _connect(installation: Installation, org: _Org, name: str) -> tuple[str, str]:
    """A company that reads the org, and its field for the region."""
    stay_at_work()  # as the worker does

    def work(tx: Tx) -> tuple[str, str]:
        how: Any = {"actor": _OPERATOR, "now": clock.now()}
        company_id = companies.create(tx, name, name, **how).id
        wanted = Wanted(org.address, org.group, mode="full")
        connections.configure(tx, company_id, wanted, sealed_token=UNUSED, **how)
        region = fields.create(tx, company_id, "Region", owner="okta", **how)
        field_map.map_to(tx, company_id, "region", "custom.Region", **how)
        field_map.map_to(tx, company_id, "hireDate", "hire_date", **how)
        return company_id, region.id

    return installation.database.engine.write(work)


def _pull(installation: Installation, company_id: str, org: _Org) -> _Pulled:
    pulled = _Pulled()
    engine = installation.database.engine
    before = engine.read(lambda tx: _there(tx, company_id))
    asked: Run | None = engine.write(
        lambda tx: runs.create_for_slot(tx, company_id, clock.now(), now=clock.now())  # a slot like any other
    )
    assert asked is not None
    asyncio.run(_work(installation.database, company_id, org, pulled))
    ended = engine.read(lambda tx: runs.get(tx, company_id, asked.id))
    if ended.state != "done":
        raise NotStarted(f"the run ended {ended.state}: {ended.reason}")
    after = engine.read(lambda tx: _there(tx, company_id))
    pulled.left = (after[0] - before[0], after[1] - before[1], after[2] - before[2])
    return pulled


async def _work(database: Database, company_id: str, org: _Org, pulled: _Pulled) -> None:
    task = await database.write(lambda tx: queue.claim(tx, company_id, only=runs.PULL, now=clock.now()))
    assert task is not None
    connection = await database.read(lambda tx: connections.get(tx, company_id))
    watched: Any = _Watched(database, pulled)
    port = int(org.address.rpartition(":")[2])
    began = time.perf_counter()
    async with Client(Conversation(OrgAddress("http", "127.0.0.1", port, local=True), org.token)) as client:
        sync = Sync(watched, client, connection, task)
        state, more = "waiting", True
        while more:
            watched.statements = 0
            more = await sync.step()
            pulled.steps.append((state, watched.statements))
            assert sync.run is not None
            state = f"{sync.run.state} {sync.run.part or ''}".strip()
    pulled.seconds = time.perf_counter() - began
    await database.write(lambda tx: queue.finish(tx, task, now=clock.now()))


def _there(tx: Tx, company_id: str) -> tuple[int, int, int]:
    """Events, versions of everybody together, mails."""
    counts = []
    for table, what in ((events, func.count()), (users, func.sum(users.c.version)), (outbox, func.count())):
        counts.append(tx.search(select(what).select_from(table).where(table.c.company_id == company_id))[0][0] or 0)
    return (int(counts[0]), int(counts[1]), int(counts[2]))


def _row(what: str, people: int, pulled: _Pulled) -> list[str]:
    lasted = sorted(seconds * 1000 for seconds in pulled.writes)
    pages = sum(state == "reading people" for state, _ in pulled.steps)
    return [
        what,
        f"{people:,}",
        f"{people / pulled.seconds:,.0f}",
        f"{pages:,}",
        pulled.statements("reading people"),
        pulled.statements("planning"),
        f"{len(lasted):,}",
        f"{lasted[len(lasted) // 2]:.1f}",
        f"{lasted[len(lasted) * 99 // 100]:.1f}",
        f"{lasted[-1]:.1f}",
        f"{sum(each > ALLOWED_MS for each in lasted)}",
        *(f"{number:,}" for number in pulled.left),
    ]

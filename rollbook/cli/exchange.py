"""`rollbook import` and `rollbook export`: whole companies as spreadsheets."""

from __future__ import annotations

import json as json_
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from rollbook import clock, spreadsheet
from rollbook.cli.output import OPERATOR, Json, Subdomain, opened, stay_at_work
from rollbook.errors import InvalidValue
from rollbook.learning.reports import export as reports
from rollbook.people import companies
from rollbook.people.authorization import Who
from rollbook.people.csv import exporting, importing
from rollbook.people.csv.importing import Import
from rollbook.people.csv.plan import Plan


def _assignments(engine: reports.Reader, company_id: str, *, archived: bool) -> Iterator[Sequence[Any]]:
    if archived:
        raise InvalidValue(
            "Assignments are exported of active people alone; the audit report has leavers too: "
            "rollbook report SUBDOMAIN audit --as-of DATE",
            field="archived",
        )
    who = Who(company_id, OPERATOR, "admin")
    return reports.rows(engine, who, "assignments", today=clock.now().date())


# What can be exported: the rows, headings first, of a company, with archived people or without.
Export = Callable[..., Iterator[Sequence[Any]]]
EXPORTS: dict[str, Export] = {"people": exporting.rows, "assignments": _assignments}

_DONE = {"create": "created", "change": "changed", "archive": "archived", "restore": "restored"}
_MARK = "\ufeff"


def add_to(app: typer.Typer) -> None:
    """Adds both commands to the program."""
    app.command("import", epilog="Example: rollbook import acme people.csv --dry-run")(import_)
    app.command("export", epilog="Example: rollbook export acme people --output people.csv")(export)


def import_(
    subdomain: Subdomain,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A CSV file in UTF-8; - reads standard input.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change and write nothing.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Write nothing at all if one row cannot be followed.")
    ] = False,
    no_mail: Annotated[
        bool, typer.Option("--no-mail", help="No welcome mail to new creators, managers and admins either.")
    ] = False,
    json: Json = False,
) -> None:
    """Create and update people from a spreadsheet; its columns are in docs/people-csv.md.

    A row that cannot be followed is reported by its number and left out; the others are carried out, and the exit code
    is 1.
    """
    with opened() as installation, _opened(file) as stream:
        engine = installation.database.engine
        company = engine.read(lambda tx: companies.get(tx, subdomain))
        stay_at_work()
        task = Import(engine, stream, who=Who(company.id, OPERATOR, "admin"), mail=not no_mail)
        refused = strict and not dry_run and not _all_right(task)
        report = _Report(as_json=json, dry_run=dry_run, refused=refused)
        report.follow(task.preview() if dry_run or refused else task.run(), task.size)
    report.end()


def export(
    subdomain: Subdomain,
    what: Annotated[str, typer.Argument(metavar="WHAT", help="people or assignments.")],
    output: Annotated[Path | None, typer.Option(help="The file to write; standard output without it.")] = None,
    archived: Annotated[bool, typer.Option("--archived", help="Archived people too.")] = False,
    excel: Annotated[bool, typer.Option("--excel", help="Begin with the mark by which Excel knows UTF-8.")] = False,
    json: Json = False,
) -> None:
    """Write a company's people as CSV, in the columns that `rollbook import` takes back, or what they are assigned."""
    rows = EXPORTS.get(what)
    if rows is None:
        raise InvalidValue(f"{what!r} cannot be exported; use one of {', '.join(EXPORTS)}.", field="what")
    with opened() as installation:
        engine = installation.database.engine
        company = engine.read(lambda tx: companies.get(tx, subdomain))
        found = rows(engine, company.id, archived=archived)
        lines = _document(found) if json else spreadsheet.write(found)
        if excel and not json:
            lines = _chain(_MARK, lines)
        if output is None:
            _send(lines, sys.stdout.buffer)
        else:
            _replace(output, lines)
    if output is not None:
        Console(stderr=True, soft_wrap=True).print(Text(f"Written to {output}."))


class _Report:
    """What became of each row, told as it goes, and the sum of it."""

    def __init__(self, *, as_json: bool, dry_run: bool, refused: bool) -> None:
        self._as_json, self._dry_run, self._refused = as_json, dry_run, refused
        self._counts: Counter[str] = Counter()
        self._told = 0
        self._out = Console(soft_wrap=True)

    def follow(self, plans: Iterable[Plan], size: int) -> None:
        """Takes in every row, with a bar on a terminal."""
        if self._as_json:
            state = {"dry_run": self._dry_run, "written": not (self._dry_run or self._refused)}
            typer.echo(f'{json_.dumps(state)[:-1]}, "rows": [', nl=False)
        terminal = Console(stderr=True)
        also = sys.stdout.isatty()  # then lines go above the bar
        with Progress(console=terminal, transient=True, disable=not terminal.is_terminal, redirect_stdout=also) as bar:
            task = bar.add_task("Reading" if self._dry_run or self._refused else "Importing", total=size)
            for plan in plans:
                self._counts[plan.action] += 1
                bar.update(task, completed=plan.row - 1)
                self._tell(plan)

    def end(self) -> None:
        """Prints the sum; exits with 1 where a row could not be followed."""
        if self._as_json:
            counts = json_.dumps(importing.counted(self._counts))
            typer.echo(f'\n], "counts": {counts}}}')
        elif not self._refused:
            self._out.print(Text(self._sentence()))
        if failed := self._counts["error"]:
            rows = "1 row" if failed == 1 else f"{failed} rows"
            why = "; nothing was written" if self._refused else ""
            typer.echo(f"rollbook: {rows} could not be followed{why}.", err=True)
            raise typer.Exit(1)

    def _tell(self, plan: Plan) -> None:
        if self._as_json and plan.action != "unchanged":
            row = json_.dumps(importing.as_json(plan), ensure_ascii=False)
            typer.echo(f"{',' if self._told else ''}\n{row}", nl=False)
            self._told += 1
        if self._as_json:
            return
        for problem in plan.problems:
            where = f", {problem.column}" if problem.column else ""
            self._out.print(Text(f"Row {plan.row}{where}: {problem.message}"))
        if self._dry_run and plan.changes:
            self._out.print(Text(f"Row {plan.row}: {plan.action} {plan.who}  {_changes(plan)}".rstrip()))

    def _sentence(self) -> str:
        done = [f"{self._counts[action]} {word}" for action, word in _DONE.items() if self._counts[action]]
        same = self._counts["unchanged"]
        if not done and not same and not self._counts["error"]:
            return "The file names nobody; nothing is to be done."
        would = "Would be: " if self._dry_run and done else ""
        return would + ", ".join([*done, f"{same} unchanged"]) + "."


def _changes(plan: Plan) -> str:
    if plan.action == "create":
        return ""
    return ", ".join(
        f"{column}: {_shown(before)} → {_shown(after)}" for column, (before, after) in plan.changes.items()
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None else str(value)


def _all_right(task: Import) -> bool:
    return all(plan.action != "error" for plan in task.preview())


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    """The file, or standard input kept where it can be read twice."""
    if file == "-":
        with tempfile.TemporaryFile() as kept:
            shutil.copyfileobj(sys.stdin.buffer, kept)
            yield kept
        return
    try:
        stream = Path(file).open("rb")  # noqa: SIM115 - closed below; only a failing open is the reader's mistake
    except OSError as error:
        raise InvalidValue(f"{file} cannot be read: {error.strerror}.", field="file") from None
    with stream:
        yield stream


def _document(rows: Iterator[Sequence[Any]]) -> Iterator[str]:
    """One JSON document, a row at a time."""
    yield f'{{"columns": {json_.dumps(list(next(rows)), ensure_ascii=False)}, "rows": ['
    separator = "\n"
    for row in rows:
        yield separator + json_.dumps(list(row), ensure_ascii=False)
        separator = ",\n"
    yield "\n]}\n"


def _chain(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _send(lines: Iterator[str], to: BinaryIO) -> None:
    for line in lines:
        to.write(line.encode())
    to.flush()


def _replace(path: Path, lines: Iterator[str]) -> None:
    """Writes the file beside its place and moves it there once it is whole."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as part:
            try:
                _send(lines, part)  # type: ignore[arg-type]  # it is the file underneath
                os.replace(part.name, path)
            except BaseException:
                os.unlink(part.name)
                raise
    except OSError as error:
        raise InvalidValue(f"{path} cannot be written: {error.strerror}.", field="output") from None

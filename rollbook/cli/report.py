"""`rollbook report`: what an administrator wants to know of everybody, as a table, CSV or JSON."""

from __future__ import annotations

import json as json_
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from rollbook import clock, spreadsheet
from rollbook.cli.output import OPERATOR, Json, Subdomain, opened, table
from rollbook.database import Tx
from rollbook.errors import InvalidValue
from rollbook.installation import Installation
from rollbook.learning import reports
from rollbook.learning.reports import audit, filters
from rollbook.learning.reports.shape import Column, Page
from rollbook.people import companies
from rollbook.people.authorization import Who

AUDIT = "audit"
ON_SCREEN = 50  # rows, where nothing else is said
MOST_COLUMNS = 14  # that are read on a screen

_EMPTY = {
    "content": "Nothing was published yet.",
    "overdue": "Nothing is overdue.",
    "activity": "Nothing was assigned or completed on these days, and nobody joined.",
    "provisioning": "Provisioning changed nothing on these days.",
    AUDIT: "Nobody was in the company on that day.",
}
_NOBODY = "Nobody is here, or nobody and nothing meets these filters."


def add_to(app: typer.Typer) -> None:
    """Adds the command to the program."""
    app.command(epilog="Example: rollbook report acme learners --group 'Bakers of Lyon' --status overdue")(report)


def report(
    subdomain: Subdomain,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="gradebook, learners, content, groups, overdue, activity or provisioning; "
            "or audit, which shows leavers too and is put on record.",
        ),
    ],
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, all of it.")] = False,
    group: Annotated[str | None, typer.Option(help="Only people of this group.")] = None,
    location: Annotated[str | None, typer.Option(help="Only people of this Location.")] = None,
    business_unit: Annotated[str | None, typer.Option(help="Only people of this Business Unit.")] = None,
    department: Annotated[str | None, typer.Option(help="Only people of this department.")] = None,
    manager: Annotated[str | None, typer.Option(help="Only people whose manager is written so.")] = None,
    custom: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Only people with this in a field; say it once each.")
    ] = None,
    lesson: Annotated[str | None, typer.Option(help="Only this lesson or path; an id or a title.")] = None,
    status: Annotated[str | None, typer.Option(help="Only incomplete, overdue or completed assignments.")] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="From this day on: when assigned; in overdue when due.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Up to this day, which is included.")
    ] = None,
    by: Annotated[str, typer.Option(help="day or week, in activity and provisioning.")] = "day",
    archived_content: Annotated[
        bool, typer.Option("--archived-content", help="Archived lessons and paths too.")
    ] = False,
    as_of: Annotated[str | None, typer.Option(metavar="DATE", help="The day that the audit report is about.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many rows; of audit so many people.", min=1)] = None,
    json: Json = False,
) -> None:
    """Show a report. Archived people are in none but audit."""
    asked = {
        "group": group,
        "location": location,
        "business_unit": business_unit,
        "department": department,
        "manager": manager,
        "custom": filters.pairs(custom or ()),
        "content": lesson,
        "status": status,
        "since": since,
        "until": until,
        "by": by,
        "archived_content": archived_content,
    }
    if csv and json:
        raise InvalidValue("CSV or JSON: take one of --csv and --json.", field="csv")
    with opened() as installation:
        wanted = limit if limit is not None or csv or json else ON_SCREEN
        if name == AUDIT:
            pages = _audit(installation, subdomain, as_of, asked, wanted)
        elif as_of is not None:
            raise InvalidValue("Only the audit report is as of a day; the others say what is now.", field="as_of")
        else:
            pages = _report(installation, subdomain, name, asked, wanted)
        first = next(pages)
        _print(name, first, chain([first], pages), csv=csv, json=json, cut=limit is None)


def _report(
    installation: Installation, subdomain: str, name: str, asked: Mapping[str, Any], limit: int | None
) -> Iterator[Page]:
    engine = installation.database.engine
    reports.named(name)  # a name that is none is told before any filter

    def prepare(tx: Tx) -> tuple[str, reports.Filters]:
        company_id = companies.get(tx, subdomain).id
        return company_id, filters.read(tx, company_id, **asked)

    company_id, chosen = engine.read(prepare)
    who = Who(company_id, OPERATOR, "admin")
    return reports.pages(engine, who, name, chosen, limit=limit, today=clock.now().date())


def _audit(
    installation: Installation, subdomain: str, as_of: str | None, asked: Mapping[str, Any], limit: int | None
) -> Iterator[Page]:
    if any(value not in (None, False, {}) for key, value in asked.items() if key != "by") or asked["by"] != "day":
        raise InvalidValue("The audit report takes no filter: it is about everybody.", field="name")
    day = filters.day(as_of, "as_of")
    if day is None:
        raise InvalidValue("Say which day the audit report is about: --as-of YYYY-MM-DD.", field="as_of")
    engine = installation.database.engine

    def begin(tx: Tx) -> audit.Reading:
        who = Who(companies.get(tx, subdomain).id, OPERATOR, "admin")
        return audit.begin(tx, who, day, now=clock.now())

    return audit.pages(engine, engine.write(begin), limit=limit)


def _print(name: str, first: Page, pages: Iterable[Page], *, csv: bool, json: bool, cut: bool) -> None:
    if csv:
        titles = [column["title"] for column in first.columns]
        for line in spreadsheet.write(chain([titles], (row for page in pages for row in page.rows))):
            sys.stdout.buffer.write(line.encode())
    elif json:
        for part in _document(first.columns, pages):
            sys.stdout.buffer.write(part.encode())
    else:
        _show(name, first, [row for page in pages for row in page.rows], more=cut and first.next is not None)
    sys.stdout.flush()


def _document(columns: list[Column], pages: Iterable[Page]) -> Iterator[str]:
    """One JSON document, a row at a time; the columns by their titles, as in CSV."""
    titles = [column["title"] for column in columns]
    yield f'{{"columns": {json_.dumps(titles, ensure_ascii=False)}, "rows": ['
    separator = "\n"
    for page in pages:
        for row in page.rows:
            yield separator + json_.dumps(row, ensure_ascii=False)
            separator = ",\n"
    yield "\n]}\n"


def _show(name: str, page: Page, rows: Sequence[Sequence[Any]], *, more: bool) -> None:
    """The table as far as a screen shows it: without ids, and with so many columns."""
    places = [place for place, column in enumerate(page.columns) if not column["key"].endswith("_id")]
    shown = places[:MOST_COLUMNS]
    if name in ("activity", "provisioning") and not any(any(row[1:]) for row in rows):
        rows = []
    titles = {str(place): page.columns[place]["title"] for place in shown}
    cells = [{str(place): _word(row[place]) for place in shown} for row in rows]
    console = Console(soft_wrap=True)
    table(cells, titles, empty=_EMPTY.get(name, _NOBODY))(console)
    if more:
        console.print(Text(f"\nThese are the first {ON_SCREEN}; --limit shows more, --csv and --json show all."))
    if len(places) > len(shown):
        hidden = len(places) - len(shown)
        console.print(Text(f"\n{hidden} more columns are in --csv and --json."))


def _word(value: Any) -> Any:
    return ("yes" if value else "no") if isinstance(value, bool) else value

"""`rollbook okta field`, `fields` and `unmap`: which of Okta's variables fills which field."""

from __future__ import annotations

import asyncio
import difflib
from dataclasses import asdict
from typing import Annotated, Any

import typer

from rollbook import clock
from rollbook.cli.output import OPERATOR, Json, Subdomain, line, opened, read, show, table, write
from rollbook.database import Tx
from rollbook.errors import RollbookError
from rollbook.installation import Installation
from rollbook.okta import connections, field_map, sessions
from rollbook.okta.field_map import Mapped
from rollbook.okta.sessions import Seen
from rollbook.people import companies

Field = Annotated[str, typer.Argument(metavar="FIELD", help="A field that exists: hire_date, custom.NAME, …")]


def add_to(app: typer.Typer) -> None:
    """Registers the commands."""
    app.command(epilog="Example: rollbook okta field acme hireDate hire_date")(field)
    app.command(epilog="Example: rollbook okta fields acme --live")(fields)
    app.command(epilog="Example: rollbook okta unmap acme hire_date")(unmap)


def field(
    subdomain: Subdomain,
    variable: Annotated[str, typer.Argument(metavar="OKTA_VARIABLE", help="The variable name in the Profile Editor.")],
    target: Field,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Although Okta SCIM owns the field: it may not write it any more.")
    ] = False,
    json: Json = False,
) -> None:
    """Fill a field from one of Okta's profile variables; from then on it belongs to the standard integration. A run
    that began without it is dropped.
    """

    def work(tx: Tx) -> Mapped:
        company_id = companies.get(tx, subdomain).id
        return field_map.map_to(tx, company_id, variable, target, take_over=take_over, actor=OPERATOR, now=clock.now())

    with opened() as installation:
        mapped = installation.database.engine.write(work)
        note = _unknown_variable(installation, subdomain, variable)
    if note is not None:
        typer.echo(f"rollbook: {note}", err=True)
    row = _mapped(mapped)
    show(row, as_json=json, human=line(f"{mapped.name} is filled from Okta's {mapped.variable}, from the next run on."))


def unmap(subdomain: Subdomain, target: Field, json: Json = False) -> None:
    """Fill a field from Okta no more. What people have in it stays, and Learning owns it from now on. A run that began
    with it is dropped.
    """

    def work(tx: Tx) -> list[Mapped]:
        company_id = companies.get(tx, subdomain).id
        field_map.unmap(tx, company_id, target, actor=OPERATOR, now=clock.now())
        return field_map.listed(tx, company_id)

    rows = [_mapped(mapped) for mapped in write(work)]
    show(rows, as_json=json, human=line(f"{target} is not filled from Okta any more."))


def fields(
    subdomain: Subdomain,
    live: Annotated[
        bool, typer.Option("--live", help="Ask Okta which variables there are, with a few masked values of each.")
    ] = False,
    json: Json = False,
) -> None:
    """List which of Okta's variables fills which field, or with --live all the variables there are."""
    rows = [_mapped(mapped) for mapped in read(lambda tx: field_map.listed(tx, companies.get(tx, subdomain).id))]
    columns = {"variable": "Okta's variable", "name": "Field", "type": "Type", "conflict": "What stands in the way"}
    empty = f"No field is filled from Okta yet; map one with: rollbook okta field {subdomain} hireDate hire_date"
    if live:
        fills = {row["variable"]: row["name"] for row in rows}
        with opened() as installation:
            seen = _variables(installation, subdomain)
        rows = [{**asdict(each), "fills": fills.get(each.name)} for each in seen]
        columns = {"name": "Okta's variable", "title": "Name in Okta", "type": "Type", "samples": "Such as"}
        columns |= {"fills": "Fills"}
        empty = "Okta tells of no variables."
    show(rows, as_json=json, human=table(rows, columns, empty=empty))


def _variables(installation: Installation, subdomain: str) -> tuple[Seen, ...]:
    access = sessions.access_of(installation.settings, installation.pepper)
    connection = installation.database.engine.read(lambda tx: connections.in_use(tx, companies.get(tx, subdomain).id))
    return asyncio.run(sessions.variables(access, connection))


def _unknown_variable(installation: Installation, subdomain: str, variable: str) -> str | None:
    """A word of warning where Okta does not know the variable; it may be about to be made there."""
    try:
        known = [seen.name for seen in _variables(installation, subdomain)]
    except RollbookError as error:  # the field is mapped already, whatever stands in the way of asking
        return f"Whether Okta has the variable {variable} could not be asked. {error.message}"
    if variable in known:
        return None
    near = difflib.get_close_matches(variable, known, n=3)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"Okta's profile has no variable {variable} yet.{hint} `rollbook okta fields {subdomain} --live` lists all."


def _mapped(mapped: Mapped) -> dict[str, Any]:
    row = {"variable": mapped.variable, "field": mapped.typed, "name": mapped.name, "type": mapped.type}
    return {**row, "standard": mapped.standard, "conflict": mapped.conflict}

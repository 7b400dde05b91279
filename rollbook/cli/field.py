"""`rollbook field …`"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console

from rollbook import clock
from rollbook.cli.output import OPERATOR, Json, Subdomain, card, line, read, show, table, write
from rollbook.database import Tx
from rollbook.errors import InvalidValue
from rollbook.people import companies, fields
from rollbook.people.attribute_mapping import ROLLBOOK_USER
from rollbook.people.fields import OWNER_WORDS, OWNERS, TYPES, Field

app = typer.Typer(help="Fields that a company adds to its people.", no_args_is_help=True)

Owner = Annotated[str | None, typer.Option(help="Who writes it: scim (Okta SCIM), okta (the pull) or learning.")]
Choices = Annotated[list[str] | None, typer.Option("--choice", help="One of the choices; say it once for each.")]


@app.command(epilog="Example: rollbook field create acme Region --type choice --choice North --choice South")
def create(
    subdomain: Subdomain,
    name: Annotated[str, typer.Argument(help="The field's name, as people read it.")],
    type_: Annotated[str, typer.Option("--type", help="text, number, date or choice.")] = "text",
    choice: Choices = None,
    owner: Owner = "learning",
    json: Json = False,
) -> None:
    """Add a field to the people of a company."""

    def work(tx: Tx) -> Field:
        company_id = companies.get(tx, subdomain).id
        kind = _one_of(type_, TYPES, "type")
        own = _one_of(owner or "", OWNERS, "owner")
        return fields.create(
            tx, company_id, name, kind, choices=choice or (), owner=own, actor=OPERATOR, now=clock.now()
        )

    _show(write(work), json)


@app.command("list", epilog="Example: rollbook field list acme")
def list_(subdomain: Subdomain, json: Json = False) -> None:
    """List the fields of a company, the hire date among them, with what to type into Okta for those it owns."""
    rows = [_row(field) for field in read(lambda tx: fields.all_of(tx, companies.get(tx, subdomain).id))]
    columns = {"name": "Name", "type": "Type", "owner": "Owner", "external_name": "External name in Okta"}
    columns |= {"choices": "Choices", "id": "Id"}
    fields_table = table(rows, columns, empty="There is no field; run: rollbook migrate")
    namespace = line(f"\nExternal namespace in Okta: {ROLLBOOK_USER}")

    def human(console: Console) -> None:
        fields_table(console)
        if any(row["external_name"] for row in rows):
            namespace(console)

    show(rows, as_json=json, human=human)


@app.command(epilog="Example: rollbook field change acme Region --owner okta")
def change(
    subdomain: Subdomain,
    field: Annotated[str, typer.Argument(metavar="FIELD", help="An id, a name or hire_date.")],
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    owner: Owner = None,
    choice: Choices = None,
    json: Json = False,
) -> None:
    """Give a field another name, owner or list of choices; values stay as they are, and so does its name in Okta."""

    def work(tx: Tx) -> Field:
        found = fields.named(tx, companies.get(tx, subdomain).id, field, lock=True)
        own = _one_of(owner, OWNERS, "owner") if owner is not None else None
        return fields.change(tx, found, name=name, owner=own, choices=choice, actor=OPERATOR, now=clock.now())

    _show(write(work), json)


def _one_of(text: str, allowed: Any, what: str) -> Any:
    if text not in allowed:
        raise InvalidValue(f"{text!r} is no {what}; use one of {', '.join(allowed)}.", field=what)
    return text


def _row(field: Field) -> dict[str, Any]:
    row: dict[str, Any] = {"id": field.id, "name": field.name, "type": field.type, "owner": field.owner}
    row |= {"choices": list(field.choices), "owned_by": OWNER_WORDS[field.owner]}
    row["external_name"] = field.external_name
    row["external_namespace"] = ROLLBOOK_USER if field.external_name else None
    return row


def _show(field: Field, as_json: bool) -> None:
    row = _row(field)
    show(row, as_json=as_json, human=card(row))

"""`rollbook company …`"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from rollbook import clock
from rollbook.cli.output import OPERATOR, Json, card, read, show, table, write
from rollbook.people import companies

app = typer.Typer(help="Companies: the tenants of this installation.", no_args_is_help=True)


@app.command(epilog="Example: rollbook company create acme --name 'Acme GmbH'")
def create(
    subdomain: Annotated[str, typer.Argument(help="2 to 63 letters, digits and inner hyphens; the SCIM user name.")],
    name: Annotated[str, typer.Option(help="The company's name, as people read it.")],
    json: Json = False,
) -> None:
    """Make a company."""
    company = write(lambda tx: companies.create(tx, subdomain, name, actor=OPERATOR, now=clock.now()))
    row = {"id": company.id, "subdomain": company.subdomain, "name": company.name}
    show(row, as_json=json, human=card(row))


@app.command("list", epilog="Example: rollbook company list --json")
def list_(json: Json = False) -> None:
    """List the companies."""
    rows = [asdict(company) for company in read(companies.all_of_them)]
    columns = {"subdomain": "Subdomain", "name": "Name", "id": "Id", "created_at": "Since"}
    empty = "There is no company yet; make one with: rollbook company create SUBDOMAIN --name NAME"
    show(rows, as_json=json, human=table(rows, columns, empty=empty))

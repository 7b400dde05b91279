"""`rollbook company …`"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from rollbook import clock
from rollbook.cli.output import OPERATOR, Json, Subdomain, card, read, show, table, write
from rollbook.database import Tx
from rollbook.people import companies, company_settings
from rollbook.people.companies import Company
from rollbook.people.company_settings import CompanySettings, shown

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


@app.command("show", epilog="Example: rollbook company show acme")
def show_(subdomain: Subdomain, json: Json = False) -> None:
    """Show a company and what is set for it."""

    def work(tx: Tx) -> dict[str, Any]:
        company = companies.get(tx, subdomain)
        return _row(company, company_settings.get(tx, company.id))

    row = read(work)
    show(row, as_json=json, human=card(row))


@app.command("set", epilog="Example: rollbook company set acme reminder_days 7,1")
def set_(
    subdomain: Subdomain,
    name: Annotated[str, typer.Argument(help="mail, reminders, reminder_days, overdue_days or language.")],
    value: Annotated[str, typer.Argument(help="on or off; days as in 7,1 or none; en, de or fr.")],
    json: Json = False,
) -> None:
    """Set what a company's mail is like: on or off, when people are reminded, in which language by default."""

    def work(tx: Tx) -> dict[str, Any]:
        company = companies.get(tx, subdomain)
        settings = company_settings.put(tx, company.id, name, value, actor=OPERATOR, now=clock.now())
        return _row(company, settings)

    row = write(work)
    show(row, as_json=json, human=card(row))


def _row(company: Company, settings: CompanySettings) -> dict[str, Any]:
    own = {name: shown(getattr(settings, name)) for name in CompanySettings.__struct_fields__}
    return {"id": company.id, "subdomain": company.subdomain, "name": company.name, **own}

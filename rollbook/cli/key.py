"""`rollbook key …`"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from rollbook import clock
from rollbook.cli.output import OPERATOR, Json, Subdomain, card, opened, read, show, table, write
from rollbook.database import Tx
from rollbook.errors import InvalidValue
from rollbook.people import companies, keys
from rollbook.people.keys import Key

app = typer.Typer(help="API keys: issued, listed, revoked.", no_args_is_help=True)


class Scope(StrEnum):
    scim = "scim"
    api = "api"


@app.command(epilog="Example: rollbook key issue acme --scope scim --label 'Okta production' --expires 2027-11-30")
def issue(
    subdomain: Subdomain,
    scope: Annotated[Scope, typer.Option(help="scim opens /scim for a provisioning client, api the management API.")],
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    expires: Annotated[str | None, typer.Option(metavar="DATE", help="Last day it works (UTC), as YYYY-MM-DD.")] = None,
    json: Json = False,
) -> None:
    """Issue a key. It is shown this once and never again."""
    now = clock.now()
    expires_at = _end_of(expires, now) if expires else None
    with opened() as installation:

        def work(tx: Tx) -> tuple[Key, str]:
            company = companies.get(tx, subdomain)
            return keys.issue(
                tx,
                company.id,
                scope.value,
                label=label,
                expires_at=expires_at,
                pepper=installation.pepper,
                actor=OPERATOR,
                now=now,
            )

        key, text = installation.database.engine.write(work)
        base_url = installation.settings.scim_base_url
    row = {"id": key.id, "scope": key.scope, "key": text}

    def human(console: Console) -> None:
        card(row)(console)
        console.print()
        console.print(Text("Copy the key now: it is not shown again.", style="bold"))
        if scope is Scope.scim:
            console.print(Text(f"In Okta: base URL {base_url}, user name {subdomain.lower()}, password this key."))

    show(row, as_json=json, human=human)


@app.command("list", epilog="Example: rollbook key list acme")
def list_(subdomain: Subdomain, json: Json = False) -> None:
    """List the keys of a company, with their last use."""
    rows = [asdict(key) for key in read(lambda tx: keys.search(tx, companies.get(tx, subdomain).id))]
    columns = {
        "id": "Id",
        "scope": "Scope",
        "label": "Label",
        "prefix": "Prefix",
        "created_at": "Issued",
        "expires_at": "Expires",
        "last_used_at": "Last used",
        "revoked_at": "Revoked",
    }
    empty = f"No key yet; issue one with: rollbook key issue {subdomain} --scope scim"
    show(rows, as_json=json, human=table(rows, columns, empty=empty))


@app.command(epilog="Example: rollbook key revoke acme 0199c0de-…")
def revoke(
    subdomain: Subdomain, key_id: Annotated[str, typer.Argument(help="The key's id.")], json: Json = False
) -> None:
    """Revoke a key at once."""
    key = write(lambda tx: keys.revoke(tx, companies.get(tx, subdomain).id, key_id, actor=OPERATOR, now=clock.now()))
    row = asdict(key)
    show(row, as_json=json, human=card(row))


def _end_of(date: str, now: datetime) -> datetime:
    """The end of that day in UTC; a full instant is taken as it is."""
    try:
        if len(date) == 10:
            moment = datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
        else:
            moment = datetime.fromisoformat(date)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        raise InvalidValue(f"{date!r} is no date; write it as YYYY-MM-DD.", field="expires") from None
    if moment <= now:
        raise InvalidValue(f"{date} is over already; give a later day.", field="expires")
    return moment

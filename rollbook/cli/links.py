"""`rollbook links` and `rollbook log`: what an administrator asks first."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from rollbook import clock
from rollbook.activity import log as provisioning_log
from rollbook.cli.output import Json, Subdomain, read, show, table
from rollbook.cli.user_record import as_json
from rollbook.database import Tx
from rollbook.people import companies, link_health, search
from rollbook.people.link_health import NotLinked


def add_to(app: typer.Typer) -> None:
    """Adds both commands to the program."""
    app.command(epilog="Example: rollbook links acme")(links)
    app.command(epilog="Example: rollbook log acme --refused")(log)


def links(
    subdomain: Subdomain,
    exempt: Annotated[bool, typer.Option("--exempt", help="Those who are meant to have no link.")] = False,
    json: Json = False,
) -> None:
    """List the people to whom Okta's provisioning has no link, what Okta says of them, and what to click.

    Nothing of Okta's reaches those who are unlinked; those who are known are reached by each run of the standard
    integration.
    """
    now = clock.now()

    def work(tx: Tx) -> tuple[list[NotLinked], int]:
        company_id = companies.get(tx, subdomain).id
        found = link_health.everybody(tx, company_id, exempt=exempt, now=now)
        return found, link_health.counts(tx, company_id).exempt

    found, spared = read(work)
    rows: list[dict[str, Any]] = [
        {
            "user": as_json(entry.user),
            "link": entry.link,
            "since": entry.since,
            "reason": entry.reason,
            "what_to_do": entry.what_to_do,
            "okta_status": entry.okta_status,
        }
        for entry in found
    ]
    flat = [{**row, "user": row["user"]["user_name"]} for row in rows]
    columns = {
        "user": "User",
        "link": "Link",
        "since": "Since",
        "okta_status": "In Okta",
        "reason": "Why",
        "what_to_do": "What to do",
    }
    empty = "Nobody is exempt." if exempt else "Everybody active is linked: Okta reaches them all."
    if spared and not exempt:
        empty = f"Everybody active is linked, but for {spared:,} exempt: rollbook links {subdomain} --exempt"
    show(rows, as_json=json, human=table(flat, columns, empty=empty))


def log(
    subdomain: Subdomain,
    user: Annotated[str | None, typer.Option(metavar="USER", help="Only about this person.")] = None,
    refused: Annotated[bool, typer.Option("--refused", help="Only what was refused.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many lines.", min=1, max=10_000)] = 1000,
    json: Json = False,
) -> None:
    """Show the provisioning log, newest first."""

    def work(tx: Tx) -> list[provisioning_log.Entry]:
        company_id = companies.get(tx, subdomain).id
        user_id = search.named(tx, company_id, user).id if user else None
        return provisioning_log.search(tx, company_id, user_id=user_id, refused=refused, limit=limit)

    rows: list[dict[str, Any]] = [
        {
            "at": entry.at,
            "key_id": entry.key_id,
            "method": entry.method,
            "path": entry.path,
            "status": entry.status,
            "decision": entry.decision,
            "user_id": entry.user_id,
            "changes": entry.changes,
            "ignored": list(entry.ignored),
            "hint": entry.hint,
            "request_id": entry.request_id,
        }
        for entry in read(work)
    ]
    columns = {
        "at": "At",
        "method": "Method",
        "status": "Status",
        "decision": "Decision",
        "user_id": "User",
        "changes": "Changes",
        "hint": "Hint",
    }
    empty = "Nothing yet: no provisioning client has written, and none was refused."
    show(rows, as_json=json, human=table(rows, columns, empty=empty))

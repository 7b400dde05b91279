"""`rollbook outbox` and `rollbook resend`: what was mailed, what was not and why."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from rollbook import clock
from rollbook.activity import outbox as mails
from rollbook.activity.outbox import Mail
from rollbook.cli.output import OPERATOR, Json, Subdomain, Yes, card, read, show, table, write
from rollbook.database import Tx
from rollbook.people import companies, search


def add_to(app: typer.Typer) -> None:
    """Adds both commands to the program."""
    app.command(epilog="Example: rollbook outbox acme --state unknown")(outbox)
    app.command(epilog="Example: rollbook resend acme 0199c0de-…")(resend)


def outbox(
    subdomain: Subdomain,
    state: Annotated[
        str | None, typer.Option(help="queued, sending, sent, cancelled, unknown, failed or withheld.")
    ] = None,
    user: Annotated[str | None, typer.Option(metavar="USER", help="Only to this person.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=100_000)] = 1000,
    json: Json = False,
) -> None:
    """List a company's mail, newest first: what was sent, what waits, what was withheld and why."""
    chosen = mails.read_state(state) if state is not None else None

    def work(tx: Tx) -> list[Mail]:
        company_id = companies.get(tx, subdomain).id
        user_id = search.named(tx, company_id, user).id if user else None
        return mails.search(tx, company_id, state=chosen, user_id=user_id, limit=limit)

    rows = [_row(mail) for mail in read(work)]
    columns = {"at": "At", "kind": "Kind", "state": "State", "user_id": "To", "subject": "Subject"}
    columns |= {"reason": "Why", "id": "Id"}
    empty = "Nothing: no mail was sent or is to be sent."
    show(rows, as_json=json, human=table(rows, columns, empty=empty))


def resend(
    subdomain: Subdomain,
    mail: Annotated[str, typer.Argument(help="The id of a mail that failed, or whose end is unknown.")],
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Send a mail again. If the end of the first one is unknown, the person may have it twice: yours to decide."""
    if not yes:
        typer.confirm("Send it again, although the first one may have arrived", abort=True, err=True)

    def work(tx: Tx) -> Mail:
        return mails.resend(tx, companies.get(tx, subdomain).id, mail, actor=OPERATOR, now=clock.now())

    row = _row(write(work))
    show(row, as_json=json, human=card(row))


def _row(mail: Mail) -> dict[str, Any]:
    return {
        "id": mail.id,
        "user_id": mail.user_id,
        "kind": mail.kind,
        "subject": mail.subject,
        "state": mail.state,
        "reason": mail.reason,
        "at": mail.at,
    }

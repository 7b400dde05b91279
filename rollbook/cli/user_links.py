"""`rollbook user link`, `unlink` and `exempt`: one person's link with Okta. Who is not linked: links.py."""

from __future__ import annotations

from typing import Annotated

import typer

from rollbook import clock
from rollbook.cli.output import OPERATOR, Json, Subdomain
from rollbook.cli.user_record import UserName, change, show_one
from rollbook.database import Tx
from rollbook.errors import InvalidValue
from rollbook.people import exemptions, identity_links
from rollbook.people.record import User


def add_to(app: typer.Typer) -> None:
    """Adds the commands to those about people."""
    app.command(epilog="Example: rollbook user link acme leo@acme.example --external-id 00u1x2y3")(link)
    app.command(epilog="Example: rollbook user unlink acme leo@acme.example")(unlink)
    app.command(epilog="Example: rollbook user exempt acme leo@acme.example --reason 'A contractor, not in Okta'")(
        exempt
    )


def link(
    subdomain: Subdomain,
    user: UserName,
    external_id: Annotated[str, typer.Option(help="The identity provider's id of the person.")],
    json: Json = False,
) -> None:
    """Record the external id of a person: they become known."""

    def work(tx: Tx, found: User) -> User:
        return identity_links.link(tx, found, external_id=external_id, by_client=False, actor=OPERATOR, now=clock.now())

    show_one(change(subdomain, user, work), json)


def unlink(subdomain: Subdomain, user: UserName, json: Json = False) -> None:
    """Undo a match by rule, for 30 days: the external id is cleared, and no rule makes that match again."""

    def work(tx: Tx, found: User) -> User:
        return identity_links.undo(tx, found, actor=OPERATOR, now=clock.now())

    show_one(change(subdomain, user, work), json)


def exempt(
    subdomain: Subdomain,
    user: UserName,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why this person is meant to have no link.")] = "",
    lift: Annotated[bool, typer.Option("--lift", help="End the exemption.")] = False,
    json: Json = False,
) -> None:
    """Say that a person is meant to have no link with Okta: no run links, changes or archives them."""
    if lift == bool(reason):
        raise InvalidValue("Say why with --reason, or end the exemption with --lift.", field="reason")

    def work(tx: Tx, found: User) -> User:
        if lift:
            return exemptions.lift(tx, found, actor=OPERATOR, now=clock.now())
        return exemptions.exempt(tx, found, reason, actor=OPERATOR, now=clock.now())

    show_one(change(subdomain, user, work), json)

"""`rollbook group …`"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from rollbook import clock
from rollbook.cli.output import OPERATOR, Json, Subdomain, card, line, read, show, table, write
from rollbook.database import Tx
from rollbook.people import companies, groups, memberships, search
from rollbook.people.groups import Group
from rollbook.people.record import User

app = typer.Typer(help="Groups: made, filled, managed.", no_args_is_help=True)

GroupName = Annotated[str, typer.Argument(metavar="GROUP", help="An id or a name.")]
UserName = Annotated[str, typer.Argument(metavar="USER", help="An id, a user name or an e-mail.")]
Verb = Callable[..., bool]
Change = Callable[..., Group]


@app.command(epilog="Example: rollbook group create acme 'Bakers of Lyon'")
def create(
    subdomain: Subdomain,
    name: Annotated[str, typer.Argument(help="The group's name, as people read it.")],
    json: Json = False,
) -> None:
    """Make a group without members."""
    group = write(lambda tx: groups.create(tx, companies.get(tx, subdomain).id, name, actor=OPERATOR, now=clock.now()))
    row = _row(group, 0)
    show(row, as_json=json, human=card(row))


@app.command("list", epilog="Example: rollbook group list acme")
def list_(
    subdomain: Subdomain,
    archived: Annotated[bool, typer.Option("--archived", help="Those that were archived.")] = False,
    json: Json = False,
) -> None:
    """List the groups of a company, and how many people are in each."""

    def work(tx: Tx) -> list[dict[str, Any]]:
        company_id = companies.get(tx, subdomain).id
        found = groups.all_of(tx, company_id, archived=archived)
        sizes = memberships.sizes(tx, company_id, found)
        return [_row(group, sizes[group.id]) for group in found]

    columns = {"name": "Name", "kind": "Kind", "members": "Members", "id": "Id"}
    rows = read(work)
    show(rows, as_json=json, human=table(rows, columns, empty="No group was archived."))


@app.command(epilog="Example: rollbook group members acme 'Bakers of Lyon'")
def members(subdomain: Subdomain, group: GroupName, json: Json = False) -> None:
    """List who is in a group; archived people are not."""

    def work(tx: Tx) -> list[dict[str, Any]]:
        found = groups.named(tx, companies.get(tx, subdomain).id, group)
        rows: list[dict[str, Any]] = []
        while page := memberships.members(tx, found, after=rows[-1]["id"] if rows else ""):
            rows += [asdict(member) for member in page]
        return rows

    _show_people(read(work), json, empty="Nobody is in this group.")


@app.command(epilog="Example: rollbook group managers acme 'Bakers of Lyon'")
def managers(subdomain: Subdomain, group: GroupName, json: Json = False) -> None:
    """List who manages a group."""
    found = read(lambda tx: memberships.managers(tx, groups.named(tx, companies.get(tx, subdomain).id, group)))
    _show_people([asdict(manager) for manager in found], json, empty="Nobody manages this group.")


@app.command(epilog="Example: rollbook group add acme 'Bakers of Lyon' leo@acme.example")
def add(subdomain: Subdomain, group: GroupName, user: UserName, json: Json = False) -> None:
    """Put a person into a group."""
    _move(subdomain, group, user, memberships.join, "is in", json)


@app.command(epilog="Example: rollbook group remove acme 'Bakers of Lyon' leo@acme.example")
def remove(subdomain: Subdomain, group: GroupName, user: UserName, json: Json = False) -> None:
    """Take a person out of a group."""
    _move(subdomain, group, user, memberships.leave, "is not in", json)


@app.command(epilog="Example: rollbook group appoint acme 'Bakers of Lyon' mona@acme.example")
def appoint(subdomain: Subdomain, group: GroupName, user: UserName, json: Json = False) -> None:
    """Make a person the manager of a group: they act on the people in it."""
    _move(subdomain, group, user, memberships.appoint, "manages", json)


@app.command(epilog="Example: rollbook group dismiss acme 'Bakers of Lyon' mona@acme.example")
def dismiss(subdomain: Subdomain, group: GroupName, user: UserName, json: Json = False) -> None:
    """End a person's management of a group."""
    _move(subdomain, group, user, memberships.dismiss, "does not manage", json)


@app.command(epilog="Example: rollbook group rename acme 'Bakers of Lyon' 'Bakers of Turin'")
def rename(
    subdomain: Subdomain,
    group: GroupName,
    name: Annotated[str, typer.Argument(help="The new name.")],
    json: Json = False,
) -> None:
    """Give a group another name."""
    _change(subdomain, group, lambda tx, found: groups.rename(tx, found, name, actor=OPERATOR, now=clock.now()), json)


@app.command(epilog="Example: rollbook group archive acme 'Bakers of Lyon'")
def archive(subdomain: Subdomain, group: GroupName, json: Json = False) -> None:
    """Take a group out of every list; who is in it is kept."""
    _change(subdomain, group, lambda tx, found: groups.archive(tx, found, actor=OPERATOR, now=clock.now()), json)


@app.command(epilog="Example: rollbook group restore acme 01a2b3c4-…")
def restore(
    subdomain: Subdomain,
    group: Annotated[str, typer.Argument(metavar="GROUP", help="The id; `group list --archived` shows it.")],
    json: Json = False,
) -> None:
    """Bring an archived group back."""
    _change(subdomain, group, lambda tx, found: groups.restore(tx, found, actor=OPERATOR, now=clock.now()), json)


def _move(subdomain: str, group: str, user: str, verb: Verb, words: str, as_json: bool) -> None:
    def work(tx: Tx) -> tuple[bool, Group, User]:
        company_id = companies.get(tx, subdomain).id
        person = search.named(tx, company_id, user, lock=True)
        found = groups.named(tx, company_id, group, lock=True)
        return verb(tx, found, person, actor=OPERATOR, now=clock.now()), found, person

    changed, found, person = write(work)
    already = "" if changed else " already"
    show(
        {"group": found.id, "user": person.id, "changed": changed},
        as_json=as_json,
        human=line(f"{person.display_name} {words} {found.name}{already}."),
    )


def _change(subdomain: str, group: str, change: Change, as_json: bool) -> None:
    def work(tx: Tx) -> dict[str, Any]:
        company_id = companies.get(tx, subdomain).id
        changed = change(tx, groups.named(tx, company_id, group, lock=True))
        return _row(changed, memberships.sizes(tx, company_id, [changed])[changed.id])

    row = write(work)
    show(row, as_json=as_json, human=card(row))


def _row(group: Group, size: int) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": group.name,
        "kind": group.kind,
        "members": size,
        "archived_at": group.archived_at,
        "created_at": group.created_at,
    }


def _show_people(rows: list[dict[str, Any]], as_json: bool, *, empty: str) -> None:
    columns = {"given_name": "Given", "family_name": "Family", "user_name": "User name", "role": "Role", "id": "Id"}
    show(rows, as_json=as_json, human=table(rows, columns, empty=empty))

"""`rollbook group …`"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from rollbook import clock
from rollbook.cli import rules
from rollbook.cli.output import OPERATOR, Json, Subdomain, card, line, opened, read, show, table, write
from rollbook.cli.rules import GroupName
from rollbook.database import Tx
from rollbook.people import companies, group_managers, groups, memberships, search, smart_groups
from rollbook.people.groups import Group
from rollbook.people.record import User

app = typer.Typer(help="Groups: made, filled by hand or by a rule, managed.", no_args_is_help=True)

UserName = Annotated[str, typer.Argument(metavar="USER", help="An id, a user name or an e-mail.")]
Verb = Callable[..., bool]
Change = Callable[..., Group]


@app.command(epilog="Example: rollbook group create acme 'People of Lyon' --rule 'location = \"Lyon\"'")
def create(
    subdomain: Subdomain,
    name: Annotated[str, typer.Argument(help="The group's name, as people read it.")],
    rule: Annotated[str | None, typer.Option(help="Who is in it; without a rule people are put in by hand.")] = None,
    json: Json = False,
) -> None:
    """Make a group without members, or a smart group, which its rule fills."""

    def work(tx: Tx) -> Group:
        company_id = companies.get(tx, subdomain).id
        if rule is None:
            return groups.create(tx, company_id, name, actor=OPERATOR, now=clock.now())
        return smart_groups.create(tx, company_id, name, rule, actor=OPERATOR, now=clock.now())

    with opened() as installation:
        engine = installation.database.engine
        made = engine.write(work)
        rules.build(installation, made.company_id, of=made.id, quiet=json)
        shown = engine.read(lambda tx: rules.row(tx, groups.get(tx, made.company_id, made.id)))
    show(shown, as_json=json, human=card(shown))


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
        return rules.rows(tx, company_id, found)

    columns = {"name": "Name", "kind": "Kind", "members": "Members", "rule": "Rule", "building": "Building", "id": "Id"}
    listed = read(work)
    show(listed, as_json=json, human=table(listed, columns, empty="No group was archived."))


@app.command("show", epilog="Example: rollbook group show acme 'Bakers of Lyon'")
def show_(subdomain: Subdomain, group: GroupName, json: Json = False) -> None:
    """Show a group: how many are in it, its rule where it has one, and how far a new rule is."""
    row = read(lambda tx: rules.row(tx, groups.named(tx, companies.get(tx, subdomain).id, group)))
    show(row, as_json=json, human=card(row))


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
    found = read(lambda tx: group_managers.managers(tx, groups.named(tx, companies.get(tx, subdomain).id, group)))
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
    _move(subdomain, group, user, group_managers.appoint, "manages", json)


@app.command(epilog="Example: rollbook group dismiss acme 'Bakers of Lyon' mona@acme.example")
def dismiss(subdomain: Subdomain, group: GroupName, user: UserName, json: Json = False) -> None:
    """End a person's management of a group."""
    _move(subdomain, group, user, group_managers.dismiss, "does not manage", json)


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
    """Changes a group; rules that read it are built anew where that concerns them."""

    def work(tx: Tx) -> Group:
        return change(tx, groups.named(tx, companies.get(tx, subdomain).id, group, lock=True))

    with opened() as installation:
        engine = installation.database.engine
        changed = engine.write(work)
        rules.build(installation, changed.company_id, quiet=as_json)
        row = engine.read(lambda tx: rules.row(tx, groups.get(tx, changed.company_id, changed.id)))
    show(row, as_json=as_json, human=card(row))


def _show_people(rows: list[dict[str, Any]], as_json: bool, *, empty: str) -> None:
    columns = {"given_name": "Given", "family_name": "Family", "user_name": "User name", "role": "Role", "id": "Id"}
    show(rows, as_json=as_json, human=table(rows, columns, empty=empty))


rules.add_to(app)

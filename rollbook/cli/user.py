"""`rollbook user …`; whom Okta reaches and who is meant to have no link: user_links.py. How one is named and shown:
user_record.py.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from rollbook import clock
from rollbook.activity.events import Event
from rollbook.cli import user_links
from rollbook.cli.output import OPERATOR, Json, Subdomain, Yes, card, line, opened, read, show, table, write
from rollbook.cli.user_record import UserName, as_json, change, show_one, shown
from rollbook.database import Tx
from rollbook.people import (
    addresses,
    companies,
    deletion,
    erasure,
    field_values,
    fields,
    invitations,
    returners,
    roles,
    search,
    users,
)
from rollbook.people.profiles import Profile
from rollbook.people.record import User

app = typer.Typer(help="People: made, shown, archived, restored, linked.", no_args_is_help=True)


@app.command(epilog="Example: rollbook user invite acme ada@acme.example --role admin --given Ada --family Lovage")
def invite(
    subdomain: Subdomain,
    email: Annotated[str, typer.Argument(help="Where the person signs in.")],
    role: Annotated[str, typer.Option(help="learner, creator, manager or admin.")],
    given: Annotated[str, typer.Option(help="Given name.")],
    family: Annotated[str, typer.Option(help="Family name.")],
    no_mail: Annotated[bool, typer.Option("--no-mail", help="Only print the sign-in link.")] = False,
    json: Json = False,
) -> None:
    """Make a person with a role, or find them by their confirmed address, and print a one-time sign-in link.

    A creator, manager or admin is sent a welcome as well; a learner gets one by `rollbook user welcome`.
    """
    profile = Profile(user_name=email, email=email, given_name=given, family_name=family)
    with opened() as installation:

        def work(tx: Tx) -> tuple[User, str]:
            company = companies.get(tx, subdomain)
            return invitations.invite(
                tx,
                company.id,
                profile,
                roles.read(role),
                mail=not no_mail,
                pepper=installation.pepper,
                actor=OPERATOR,
                now=clock.now(),
            )

        user, token = installation.database.engine.write(work)
        row = {"id": user.id, "sign_in_url": f"{installation.settings.public_url}/sign-in/{token}"}
    show(row, as_json=json, human=card(row))


@app.command(epilog="Example: rollbook user create acme leo@acme.example --given Leo --family Linden")
def create(
    subdomain: Subdomain,
    email: Annotated[str, typer.Argument(help="The person's e-mail; also the user name.")],
    given: Annotated[str, typer.Option(help="Given name.")],
    family: Annotated[str, typer.Option(help="Family name.")],
    json: Json = False,
) -> None:
    """Make a learner in Learning; no mail is sent."""
    profile = Profile(user_name=email, email=email, given_name=given, family_name=family)
    user = write(lambda tx: users.create(tx, companies.get(tx, subdomain).id, profile, actor=OPERATOR, now=clock.now()))
    show({"id": user.id}, as_json=json, human=card({"id": user.id}))


@app.command(epilog="Example: rollbook user welcome acme leo@acme.example")
def welcome(subdomain: Subdomain, user: UserName, json: Json = False) -> None:
    """Send a person the welcome mail, with a sign-in link; provisioned people get none by themselves."""

    def work(tx: Tx, found: User) -> User:
        invitations.welcome(tx, found, actor=OPERATOR, now=clock.now())
        return found

    show_one(change(subdomain, user, work), json)


@app.command("list", epilog="Example: rollbook user list acme --archived")
def list_(
    subdomain: Subdomain,
    archived: Annotated[bool, typer.Option("--archived", help="Those who are archived.")] = False,
    json: Json = False,
) -> None:
    """List the people of a company."""

    def work(tx: Tx) -> list[dict[str, Any]]:
        company_id = companies.get(tx, subdomain).id
        custom = field_values.custom_of_all(tx, company_id)
        return [as_json(u, custom=custom.get(u.id)) for u in search.everybody(tx, company_id, archived=archived)]

    rows = read(work)
    columns = {
        "given_name": "Given",
        "family_name": "Family",
        "user_name": "User name",
        "role": "Role",
        "location": "Location",
        "business_unit": "Business Unit",
        "link": "Link",
        "id": "Id",
    }
    empty = "Nobody is archived." if archived else "Nobody is here yet; Okta brings them, or: rollbook user create"
    show(rows, as_json=json, human=table(rows, columns, empty=empty))


@app.command("show", epilog="Example: rollbook user show acme leo@acme.example")
def show_(subdomain: Subdomain, user: UserName, json: Json = False) -> None:
    """Show one person."""

    def work(tx: Tx) -> dict[str, Any]:
        return shown(tx, search.named(tx, companies.get(tx, subdomain).id, user))

    show_one(read(work), json)


@app.command(epilog="Example: rollbook user role acme mona@acme.example manager")
def role(
    subdomain: Subdomain,
    user: UserName,
    role: Annotated[str, typer.Argument(help="learner, creator, manager or admin.")],
    json: Json = False,
) -> None:
    """Set a person's role."""
    new = roles.read(role)
    show_one(change(subdomain, user, lambda tx, u: users.set_role(tx, u, new, actor=OPERATOR, now=clock.now())), json)


@app.command(epilog="Example: rollbook user archive acme leo@acme.example")
def archive(subdomain: Subdomain, user: UserName, json: Json = False) -> None:
    """Archive a person: out at once, gone from every report, nothing lost."""
    show_one(change(subdomain, user, lambda tx, u: users.archive(tx, u, actor=OPERATOR, now=clock.now())), json)


@app.command(epilog="Example: rollbook user restore acme leo@acme.example")
def restore(subdomain: Subdomain, user: UserName, json: Json = False) -> None:
    """Restore a person: the same id, role and history; nothing is mailed."""
    show_one(change(subdomain, user, lambda tx, u: users.restore(tx, u, actor=OPERATOR, now=clock.now())), json)


@app.command("set", epilog="Example: rollbook user set acme leo@acme.example location Lyon")
def set_(
    subdomain: Subdomain,
    user: UserName,
    field: Annotated[str, typer.Argument(help="A field, such as location, hire_date or custom.Region.")],
    value: Annotated[str, typer.Argument(help="Its value; an empty text clears it.")],
    json: Json = False,
) -> None:
    """Set one field of a person; a field of the company's own is written custom.NAME."""

    def work(tx: Tx) -> dict[str, Any]:
        found = search.named(tx, companies.get(tx, subdomain).id, user, lock=True)
        if field.startswith(fields.PREFIX):
            own = fields.named(tx, found.company_id, field)
            field_values.set_value(tx, found, own, value, actor=OPERATOR, now=clock.now())
        else:
            found = users.set_fields(tx, found, {field: value}, actor=OPERATOR, now=clock.now())
        return shown(tx, found)

    show_one(write(work), json)


@app.command(epilog="Example: rollbook user confirm acme ada@acme.example")
def confirm(subdomain: Subdomain, user: UserName, json: Json = False) -> None:
    """Confirm a privileged person's new e-mail that provisioning sent: sign-in links go there from now on."""

    def work(tx: Tx, found: User) -> User:
        addresses.confirm(tx, found, actor=OPERATOR, now=clock.now())
        return users.get(tx, found.company_id, found.id)

    show_one(change(subdomain, user, work), json)


@app.command(epilog="Example: rollbook user free acme 0199c0de-…")
def free(subdomain: Subdomain, user: UserName, json: Json = False) -> None:
    """Free the names of a privileged person whom provisioning deleted."""
    show_one(change(subdomain, user, lambda tx, u: deletion.free(tx, u, actor=OPERATOR, now=clock.now())), json)


@app.command(epilog="Example: rollbook user returners acme")
def returners_(subdomain: Subdomain, json: Json = False) -> None:
    """List deleted people who may have come back under a new record."""
    pairs = read(lambda tx: returners.search(tx, companies.get(tx, subdomain).id))
    rows = [
        {
            "old": pair.old.id,
            "new": pair.new.id,
            "name": pair.new.display_name,
            "user_name": pair.new.user_name,
            "deleted_at": pair.old.deleted_at,
        }
        for pair in pairs
    ]
    columns = {"name": "Name", "user_name": "User name", "deleted_at": "Deleted", "old": "Old", "new": "New"}
    show(rows, as_json=json, human=table(rows, columns, empty="Nobody who was deleted seems to be back."))


@app.command(epilog="Example: rollbook user join acme OLD-ID NEW-ID")
def join(
    subdomain: Subdomain,
    old: Annotated[str, typer.Argument(help="The record that ended.")],
    new: Annotated[str, typer.Argument(help="The record that goes on.")],
    json: Json = False,
) -> None:
    """Say that two records are one person: the new one goes on with the old one's history."""

    def work(tx: Tx) -> dict[str, Any]:
        company_id = companies.get(tx, subdomain).id
        ended = search.named(tx, company_id, old, lock=True)
        goes_on = search.named(tx, company_id, new, lock=True)
        return shown(tx, returners.join(tx, ended, goes_on, actor=OPERATOR, now=clock.now()))

    show_one(write(work), json)


@app.command(epilog="Example: rollbook user erase acme 0199c0de-… --yes")
def erase(
    subdomain: Subdomain,
    user: UserName,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Erase a person's data for good."""
    if not yes:
        typer.confirm(
            f"Erase {user} for good? Name, address and every value in the logs are gone afterwards",
            abort=True,
            err=True,
        )
    erased = change(subdomain, user, lambda tx, u: erasure.erase(tx, u, actor=OPERATOR, now=clock.now()))
    id_ = erased["id"]
    show({"id": id_}, as_json=json, human=line(f"Erased. That there was a user {id_} stays on record."))


@app.command(epilog="Example: rollbook user events acme leo@acme.example")
def events(subdomain: Subdomain, user: UserName, json: Json = False) -> None:
    """Show a person's timeline."""

    def work(tx: Tx) -> list[Event]:
        return returners.timeline(tx, search.named(tx, companies.get(tx, subdomain).id, user))

    lines = read(work)
    rows = [
        {
            name: value
            for name, value in asdict(event).items()
            if name in ("at", "kind", "actor", "changes", "request_id")
        }
        for event in lines
    ]
    columns = {"at": "At", "kind": "What", "actor": "By", "changes": "Changes"}
    show(rows, as_json=json, human=table(rows, columns, empty="Nothing has happened yet."))


user_links.add_to(app)

"""`rollbook okta …`: the standard integration of a company, set up and switched on and off. Which fields it fills is
okta_fields.py's, its runs are okta_runs.py's.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from rollbook import clock
from rollbook.cli import okta_fields, okta_runs
from rollbook.cli.output import OPERATOR, Json, Subdomain, Yes, card, line, opened, read, show, write
from rollbook.database import Tx
from rollbook.errors import InvalidValue
from rollbook.installation import Installation
from rollbook.okta import beside_scim as scim
from rollbook.okta import connections, directory, sessions, slots
from rollbook.okta.connections import Connection
from rollbook.okta.sessions import Access, Found
from rollbook.okta.wanted import Wanted, checked
from rollbook.people import companies

app = typer.Typer(help="The standard integration: the pull from Okta's API, twice a day.", no_args_is_help=True)
okta_fields.add_to(app)
okta_runs.add_to(app)

STDIN = ("-",)
NONE = "none"  # what an option says that takes something away


@app.command(
    epilog="Example: rollbook okta configure acme --org-url https://acme.okta.com --group 00g1abcd2EFGH3ijk4l5 "
    "--token-file token.txt"
)
def configure(
    subdomain: Subdomain,
    org_url: Annotated[str | None, typer.Option(help="The org's address, as https://acme.okta.com is.")] = None,
    group: Annotated[str | None, typer.Option(metavar="ID", help="The id of the group whose people are read.")] = None,
    whole_directory: Annotated[
        bool, typer.Option("--whole-directory", help="Read everybody of the org instead of a group.")
    ] = False,
    app_id: Annotated[
        str | None,
        typer.Option("--app", metavar="ID", help="The id of the app in Okta, for Okta's own view of links; or none."),
    ] = None,
    token_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="A file with the API token; - reads standard input.")
    ] = None,
    mode: Annotated[
        str | None, typer.Option(help="complement (beside SCIM; the default) or full (where there is no SCIM).")
    ] = None,
    role_variable: Annotated[
        str | None,
        typer.Option(metavar="VARIABLE", help="Full mode: Okta's variable for the role of new people; or none."),
    ] = None,
    most_people: Annotated[
        int | None, typer.Option(metavar="N", help="A run that would archive more people waits for a yes (50).")
    ] = None,
    most_percent: Annotated[
        int | None, typer.Option(metavar="N", help="So does one that would archive more per cent of them (5).")
    ] = None,
    beside_scim: Annotated[
        bool, typer.Option("--beside-scim", help="Full mode although Okta SCIM writes the same fields.")
    ] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Set up the standard integration, or change it, and switch it on. Org, token, group and app are tried first, and
    nothing is saved where one does not work. What is left out stays as it is.
    """
    given: dict[str, Any] = {"app_id": app_id, "role_variable": role_variable, "mode": mode}
    given |= {"most_people": most_people, "most_percent": most_percent}
    with opened() as installation:
        engine = installation.database.engine
        access = sessions.access_of(installation.settings, installation.pepper)
        company_id = engine.read(lambda tx: companies.get(tx, subdomain).id)
        before = engine.read(lambda tx: connections.find(tx, company_id))
        wanted = _wanted(before, org_url, group, whole_directory, given)
        engine.read(lambda tx: connections.check_mode(tx, company_id, wanted.mode, beside_scim, now=clock.now()))
        token = _token(access, before, wanted, token_file)
        found = _tried(access, wanted, token, quiet=json)
        wanted = replace(wanted, org_url=found.org_url)
        if before is not None and before.org_url != wanted.org_url:
            _forget_people(installation, before, yes=yes)
        sealed = sessions.seal(access, company_id, token) if token_file is not None else None

        def save(tx: Tx) -> Connection:
            how: dict[str, Any] = {"sealed_token": sealed, "beside_scim": beside_scim}
            return connections.configure(tx, company_id, wanted, **how, actor=OPERATOR, now=clock.now())

        saved = engine.write(save)
        provisioned = engine.read(lambda tx: scim.last_use(tx, company_id, now=clock.now()))
    if saved.mode == "full" and provisioned:
        typer.echo("rollbook: Okta SCIM writes here as well, to the same fields; beside it use complement.", err=True)
    shown = _row(saved)

    def human(console: Console) -> None:
        card(shown)(console)
        console.print(Text(f"\n{_told(found)}"))
        console.print(Text(f"The next run is at {slots.following(clock.now()):%Y-%m-%d %H:%M} UTC."))

    show({**shown, "found": asdict(found)}, as_json=json, human=human)


@app.command("show", epilog="Example: rollbook okta show acme")
def show_(subdomain: Subdomain, json: Json = False) -> None:
    """Show how a company's Okta is read, when next, and what became of the last run. The token is shown to nobody."""

    def work(tx: Tx) -> dict[str, Any]:
        return _shown(tx, companies.get(tx, subdomain).id)

    row = read(work)
    flat = {**row, "last_run": row["last_run"] and f"{row['last_run']['state']} ({row['last_run']['id']})"}
    show(row, as_json=json, human=card(flat))


@app.command(epilog="Example: rollbook okta on acme")
def on(subdomain: Subdomain, json: Json = False) -> None:
    """Switch the standard integration on, from the next slot on."""

    def work(tx: Tx) -> dict[str, Any]:
        company_id = companies.get(tx, subdomain).id
        connections.switch_on(tx, company_id, actor=OPERATOR, now=clock.now())
        return _shown(tx, company_id)

    row = write(work)
    at = clock.moment(row["next_slot"])
    show(row, as_json=json, human=line(f"The next run is at {at:%Y-%m-%d %H:%M} UTC, {at.astimezone():%H:%M} here."))


@app.command(epilog="Example: rollbook okta off acme")
def off(
    subdomain: Subdomain,
    forget_token: Annotated[bool, typer.Option("--forget-token", help="Delete the token as well, for good.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Switch the standard integration off: Okta is not read any more, and a run that is open is dropped. People and
    what was read stay as they are.
    """
    if forget_token and not yes:
        typer.confirm("Delete the token for good? Switching on again needs a new one", abort=True, err=True)

    def work(tx: Tx) -> dict[str, Any]:
        company_id = companies.get(tx, subdomain).id
        connections.switch_off(tx, company_id, forget_token=forget_token, actor=OPERATOR, now=clock.now())
        return _shown(tx, company_id)

    show(write(work), as_json=json, human=line("Okta is not read any more."))


def _wanted(
    before: Connection | None, org_url: str | None, group: str | None, whole_directory: bool, given: dict[str, Any]
) -> Wanted:
    """What the options say, over what there is already."""
    if group is not None and whole_directory:
        raise InvalidValue("Give a group or --whole-directory, not both.", field="group")
    if before is None and org_url is None:
        raise InvalidValue("Give the org's address with --org-url, as https://acme.okta.com is.", field="org_url")
    if before is None and group is None and not whole_directory:
        raise InvalidValue(
            "Say whose people are read: --group with the group's id, or --whole-directory.", field="group"
        )
    kept = {name: getattr(before, name) for name in Wanted.__dataclass_fields__} if before is not None else {}
    values = kept | {name: value for name, value in given.items() if value is not None}
    if given["mode"] == "complement" and given["role_variable"] is None:
        values["role_variable"] = None  # which only full mode has
    for name in ("app_id", "role_variable"):
        if values.get(name) == NONE:
            values[name] = None
    if group is not None or whole_directory:
        values["group_id"] = group
    return checked(Wanted(**(values | ({"org_url": org_url} if org_url is not None else {}))))


def _token(access: Access, before: Connection | None, wanted: Wanted, token_file: str | None) -> str:
    """The token that is given, or the one that is kept where the org stays the same."""
    if token_file is not None:
        try:
            return sys.stdin.read() if token_file in STDIN else Path(token_file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise InvalidValue(f"The token file cannot be read ({why}); check its path.", field="token_file") from None
    if before is None or sessions.is_elsewhere(access, before, wanted.org_url):
        raise InvalidValue("This org needs a token of its own; give it with --token-file.", field="token_file")
    return sessions.token_of(access, before)


def _tried(access: Access, wanted: Wanted, token: str, *, quiet: bool) -> Found:
    console = Console(stderr=True, quiet=quiet or not sys.stderr.isatty())
    with console.status("Asking Okta …"):
        return asyncio.run(
            sessions.try_out(access, wanted.org_url, token, group_id=wanted.group_id, app_id=wanted.app_id)
        )


def _forget_people(installation: Installation, before: Connection, *, yes: bool) -> None:
    """What another org said of people means nothing here. Switched off until the new one is saved, so that no run reads
    the old one meanwhile.
    """
    write_ = installation.database.engine.write
    if not yes:
        typer.confirm(f"Leave {before.org_url} for another org and forget what it said of people", abort=True, err=True)

    write_(lambda tx: connections.switch_off(tx, before.company_id, actor=OPERATOR, now=clock.now()))
    while write_(lambda tx: directory.forget_some(tx, before.company_id)):
        pass


def _shown(tx: Tx, company_id: str) -> dict[str, Any]:
    connection = connections.get(tx, company_id)
    following = clock.text(slots.following(clock.now())) if connection.state != "off" else None
    return {**_row(connection), "next_slot": following, "last_run": okta_runs.last(tx, company_id)}


def _row(connection: Connection) -> dict[str, Any]:
    """A connection as commands show it: whether there is a token, and never the token."""
    shown = {name: value for name, value in asdict(connection).items() if name not in ("company_id", "sealed_token")}
    return {**shown, "token": "kept, sealed" if connection.sealed_token else None}


def _told(found: Found) -> str:
    count = f"{found.people}{' and more' if found.more else ''} people"
    if not found.people:
        count = "nobody, so that a run would find everybody gone and wait for a person's yes"
    told = f"Okta answers: {f'the group {found.group_name}' if found.group_name else 'the directory'} has {count}."
    return f"{told} The app is assigned to some of them." if found.assigned else told

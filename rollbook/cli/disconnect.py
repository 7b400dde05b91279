"""`rollbook disconnect`: switching Okta SCIM or the standard integration off."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Any

import typer

from rollbook import clock
from rollbook.cli.output import OPERATOR, Json, Subdomain, Yes, card, opened, show
from rollbook.cli.user_record import as_json
from rollbook.database import Tx
from rollbook.people import companies, disconnecting
from rollbook.people.disconnecting import Preview

BREATH = 0.02  # seconds between two steps, in which a server on the same file writes


def add_to(app: typer.Typer) -> None:
    """Adds the command to the program."""
    app.command(epilog="Example: rollbook disconnect acme scim --people hand-over --preview")(disconnect)


def disconnect(
    subdomain: Subdomain,
    source: Annotated[str, typer.Argument(help="scim (Okta's provisioning) or okta (the standard integration).")],
    people: Annotated[str, typer.Option(help="What becomes of its people: keep, archive or hand-over.")],
    preview: Annotated[bool, typer.Option("--preview", help="Only show what it would be about.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Switch a source of people off: its keys are revoked, or its token is deleted.

    Its people stay as they are (keep), are archived but for the privileged (archive), or are Learning's from then on,
    with the fields that the source owned (hand-over).
    """
    which, choice = disconnecting.read_source(source), disconnecting.read_choice(people)
    with opened() as installation:
        engine = installation.database.engine
        company_id = engine.read(lambda tx: companies.get(tx, subdomain)).id
        found = engine.read(lambda tx: disconnecting.preview(tx, company_id, which))
        if not preview:
            if not yes:
                typer.confirm(_question(found, choice), abort=True, err=True)

            def begin(tx: Tx) -> None:
                disconnecting.begin(tx, company_id, which, choice, actor=OPERATOR, now=clock.now())

            def look(tx: Tx, after: str) -> list[str]:
                return disconnecting.following(tx, company_id, which, choice, after=after)

            def step(tx: Tx, ids: list[str]) -> int:
                return disconnecting.step(tx, company_id, which, choice, ids, actor=OPERATOR, now=clock.now())

            engine.write(begin)
            ids = engine.read(partial(look, after=""))
            while engine.write(partial(step, ids=ids)):
                ids = engine.read(partial(look, after=ids[-1])) if ids else []
                time.sleep(BREATH)
    row = _row(found, choice) | {"done": not preview}
    flat = {**row, "privileged": [user["user_name"] for user in row["privileged"]]}
    show(row, as_json=json, human=card(flat))


def _question(found: Preview, choice: str) -> str:
    spared = len(found.privileged) if choice == "archive" else 0
    one = found.people - spared == 1
    who = "1 active person" if one else f"{found.people - spared:,} active people"
    is_ = "is" if one else "are"
    becomes = {
        "keep": "stays as they are" if one else "stay as they are",
        "archive": f"{is_} archived",
        "hand-over": f"{is_} handed over to Learning",
    }
    told = f"{who} {becomes[choice]}"
    if spared:
        told += f", and {spared:,} privileged {'stays' if spared == 1 else 'stay'}"
    return f"Switch {found.source} off? {_ends(found)}; {told}"


def _ends(found: Preview) -> str:
    """What is gone for good with the switch itself."""
    if found.source == "okta":
        return "The token is deleted, and a run that is open is ended"
    return f"{'1 SCIM key is' if found.keys == 1 else f'{found.keys:,} SCIM keys are'} revoked"


def _row(found: Preview, choice: str) -> dict[str, Any]:
    return {
        "source": found.source,
        "connected": found.connected,
        "choice": choice,
        "people": found.people,
        "archived_already": found.archived,
        "privileged": [as_json(user) for user in found.privileged],
        "fields": found.fields,
        "keys": found.keys,
    }

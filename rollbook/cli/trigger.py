"""`rollbook trigger …`"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from rollbook import clock
from rollbook.cli.output import OPERATOR, Json, Subdomain, card, read, show, table, write
from rollbook.database import Tx
from rollbook.errors import InvalidValue
from rollbook.learning import content_record, triggers
from rollbook.learning.triggers import Trigger
from rollbook.people import companies, groups

app = typer.Typer(help="Triggers: what joining or completing sets off.", no_args_is_help=True)


@app.command(epilog="Example: rollbook trigger create acme 'Food safety' --group Bakers --due-days 14")
def create(
    subdomain: Subdomain,
    lesson: Annotated[str, typer.Argument(metavar="LESSON", help="What is assigned: a lesson or a path.")],
    group: Annotated[str | None, typer.Option(metavar="GROUP", help="To whoever joins this group.")] = None,
    after: Annotated[str | None, typer.Option(metavar="LESSON", help="To whoever completes this.")] = None,
    due_days: Annotated[int | None, typer.Option(help="Due so many days later.")] = None,
    no_notify: Annotated[bool, typer.Option("--no-notify", help="Tell nobody by mail.")] = False,
    json: Json = False,
) -> None:
    """Assign something to whoever joins a group, or completes something, from now on."""
    if (group is None) == (after is None):
        raise InvalidValue("Say what sets it off: either --group or --after.", field="group")

    def work(tx: Tx) -> dict[str, Any]:
        company_id = companies.get(tx, subdomain).id
        content = content_record.named(tx, company_id, lesson)
        how: dict[str, Any] = {"due_days": due_days, "notify": not no_notify, "actor": OPERATOR, "now": clock.now()}
        if group is not None:
            return _row(tx, triggers.on_join(tx, groups.named(tx, company_id, group, lock=True), content, **how))
        return _row(tx, triggers.on_completion(tx, content_record.named(tx, company_id, after or ""), content, **how))

    row = write(work)
    show(row, as_json=json, human=card(row))


@app.command("list", epilog="Example: rollbook trigger list acme")
def list_(
    subdomain: Subdomain,
    ended: Annotated[bool, typer.Option("--ended", help="Those that ended as well.")] = False,
    json: Json = False,
) -> None:
    """List the triggers of a company."""

    def work(tx: Tx) -> list[dict[str, Any]]:
        company_id = companies.get(tx, subdomain).id
        return [_row(tx, trigger) for trigger in triggers.all_of(tx, company_id, ended=ended)]

    rows = read(work)
    columns = {"when": "When", "of": "Of", "assigns": "Assigns", "due_days": "Due in days", "id": "Id"}
    empty = "Nothing sets anything off; make a trigger with: rollbook trigger create"
    show(rows, as_json=json, human=table(rows, columns, empty=empty))


@app.command(epilog="Example: rollbook trigger end acme 01a2b3c4-…")
def end(
    subdomain: Subdomain,
    trigger: Annotated[str, typer.Argument(metavar="TRIGGER", help="The id; `trigger list` shows it.")],
    json: Json = False,
) -> None:
    """End a trigger; what it has assigned stays."""

    def work(tx: Tx) -> dict[str, Any]:
        found = triggers.get(tx, companies.get(tx, subdomain).id, trigger)
        return _row(tx, triggers.end(tx, found, actor=OPERATOR, now=clock.now()))

    row = write(work)
    show(row, as_json=json, human=card(row))


def _row(tx: Tx, trigger: Trigger) -> dict[str, Any]:
    company_id = trigger.company_id
    if trigger.group_id is not None:
        of = groups.get(tx, company_id, trigger.group_id).name
    else:
        of = content_record.get(tx, company_id, trigger.completed_id or "").title
    return {
        "id": trigger.id,
        "when": trigger.kind,
        "of": of,
        "group_id": trigger.group_id,
        "completed_id": trigger.completed_id,
        "content_id": trigger.content_id,
        "assigns": content_record.get(tx, company_id, trigger.content_id).title,
        "due_days": trigger.due_days,
        "notify": trigger.notify,
        "created_at": trigger.created_at,
        "ended_at": trigger.ended_at,
    }

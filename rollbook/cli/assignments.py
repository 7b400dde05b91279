"""`rollbook assign`, `withdraw`, `complete` and `assignments`: who is to do what, and has done it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from rollbook import clock
from rollbook.cli.output import OPERATOR, Json, Subdomain, card, opened, read, show, table, write
from rollbook.database import Tx
from rollbook.errors import InvalidValue
from rollbook.installation import Installation
from rollbook.learning import assignment_lists, assignments, completion, content_record, due, group_assignments
from rollbook.learning.assignments import Assignment
from rollbook.learning.content_record import Content
from rollbook.learning.group_assignments import GroupAssignment
from rollbook.people import companies, groups, search
from rollbook.people.record import User

What = Annotated[str, typer.Argument(metavar="LESSON", help="A lesson or a path: an id or a title.")]
ToUser = Annotated[str | None, typer.Option(metavar="USER", help="A person: an id, a user name or an e-mail.")]
ToGroup = Annotated[str | None, typer.Option(metavar="GROUP", help="Everybody in a group: an id or a name.")]

BREATH = 0.02  # seconds between two steps, in which a server on the same file writes


def add_to(app: typer.Typer) -> None:
    """Adds the four commands to the program."""
    app.command(epilog="Example: rollbook assign acme 'Food safety' --group Bakers --due 2027-01-31")(assign)
    app.command(epilog="Example: rollbook withdraw acme 'Food safety' --user leo@acme.example")(withdraw)
    app.command(epilog="Example: rollbook complete acme 'Food safety' leo@acme.example --score 90")(complete)
    app.command("assignments", epilog="Example: rollbook assignments acme --overdue")(list_)


def assign(
    subdomain: Subdomain,
    lesson: What,
    user: ToUser = None,
    group: ToGroup = None,
    due_: Annotated[str | None, typer.Option("--due", metavar="DATE", help="Until when: YYYY-MM-DD.")] = None,
    due_days: Annotated[int | None, typer.Option(help="Due so many days after somebody joined the group.")] = None,
    no_notify: Annotated[bool, typer.Option("--no-notify", help="Tell nobody by mail.")] = False,
    no_newcomers: Annotated[bool, typer.Option("--no-newcomers", help="Only who is in the group now.")] = False,
    reassign: Annotated[bool, typer.Option("--reassign", help="Again to members who have completed it.")] = False,
    json: Json = False,
) -> None:
    """Assign a lesson or a path to a person, or to a group and whoever joins it later.

    A person who has completed it does it once more; members of a group only with --reassign.
    """
    _either(user, group)
    due_on = due.checked(due_) if due_ is not None else None
    if user is not None:
        if due_days is not None or no_newcomers:
            raise InvalidValue("--due-days and --no-newcomers belong to --group; for a person give --due.", field="due")
        how = {"act_id": clock.new_id(), "due_on": due_on, "notify": not no_notify}
        made = write(
            lambda tx: _of_person(tx, *_both(tx, subdomain, lesson, user), assignments.assign, **how)  # type: ignore[arg-type]  # its parts are of several types
        )
        show(made, as_json=json, human=card(made))
        return
    with opened() as installation:
        act = installation.database.engine.write(
            lambda tx: group_assignments.create(
                tx,
                groups.named(tx, companies.get(tx, subdomain).id, group or "", lock=True),
                _content(tx, subdomain, lesson),
                due_on=due_on,
                due_days=due_days,
                notify=not no_notify,
                newcomers=not no_newcomers,
                reassign=reassign,
                actor=OPERATOR,
                now=clock.now(),
            )
        )
        act = _go_through(installation, act, group_assignments.step, "Assigning", quiet=json)
    _show_act(act, json)


def withdraw(
    subdomain: Subdomain, lesson: What, user: ToUser = None, group: ToGroup = None, json: Json = False
) -> None:
    """Take an assignment back from a person, or from whoever has it by a group and is not done."""
    _either(user, group)
    if user is not None:

        def work(tx: Tx) -> dict[str, Any]:
            person, content = _both(tx, subdomain, lesson, user or "")
            assigned = assignments.of_pair(tx, person, content)
            return _row(assignments.withdraw(tx, assigned, actor=OPERATOR, now=clock.now()), person, content)

        withdrawn = write(work)
        show(withdrawn, as_json=json, human=card(withdrawn))
        return

    def begin(tx: Tx) -> GroupAssignment:
        company_id = companies.get(tx, subdomain).id
        found = groups.named(tx, company_id, group or "", lock=True)
        act = group_assignments.of_pair(tx, found, _content(tx, subdomain, lesson))
        return group_assignments.withdraw(tx, act, actor=OPERATOR, now=clock.now())

    with opened() as installation:
        act = installation.database.engine.write(begin)
        act = _go_through(installation, act, group_assignments.withdraw_step, "Withdrawing", quiet=json)
    _show_act(act, json)


def complete(
    subdomain: Subdomain,
    lesson: Annotated[str, typer.Argument(metavar="LESSON", help="An id or a title.")],
    user: Annotated[str, typer.Argument(metavar="USER", help="An id, a user name or an e-mail.")],
    score: Annotated[int | None, typer.Option(metavar="N", help="0 to 100.")] = None,
    json: Json = False,
) -> None:
    """Complete a lesson for a person, and with it their paths that hold it."""
    row = write(lambda tx: _of_person(tx, *_both(tx, subdomain, lesson, user), completion.complete, score=score))
    show(row, as_json=json, human=card(row))


def list_(
    subdomain: Subdomain,
    user: Annotated[str | None, typer.Option(metavar="USER", help="Only of this person.")] = None,
    lesson: Annotated[str | None, typer.Option(metavar="LESSON", help="Only of this lesson or path.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what is overdue today (UTC).")] = False,
    withdrawn: Annotated[bool, typer.Option("--withdrawn", help="What was withdrawn.")] = False,
    archived_content: Annotated[
        bool, typer.Option("--archived-content", help="Of lessons and paths that were archived.")
    ] = False,
    json: Json = False,
) -> None:
    """List who is to do what, of the people who are here; what an archived person has is kept and not listed."""
    today = due.day(clock.now())

    def work(tx: Tx) -> list[assignment_lists.Line]:
        company_id = companies.get(tx, subdomain).id
        how: dict[str, Any] = {"withdrawn": withdrawn, "archived_content": archived_content}
        how["user_id"] = search.named(tx, company_id, user).id if user else None
        how["content_id"] = content_record.named(tx, company_id, lesson).id if lesson else None
        how["overdue_on"] = today if overdue else None
        lines: list[assignment_lists.Line] = []
        while page := assignment_lists.search(tx, company_id, after=lines[-1].assignment.id if lines else "", **how):
            lines += page
        return lines

    rows = [
        {
            **_fields(line.assignment),
            "user": line.user_name,
            "title": line.title,
            "kind": line.kind,
            "status": line.assignment.status(today),
            "returned": line.returned,
        }
        for line in read(work)
    ]
    shown = [{**row, "status": f"{row['status']}, returned" if row["returned"] else row["status"]} for row in rows]
    columns = {
        "user": "User",
        "title": "Title",
        "status": "Status",
        "due_on": "Due",
        "completed_at": "Completed",
        "score": "Score",
        "id": "Id",
    }
    show(rows, as_json=json, human=table(shown, columns, empty="Nothing of this kind is assigned."))


def _either(user: str | None, group: str | None) -> None:
    if (user is None) == (group is None):
        raise InvalidValue("Say to whom: either --user or --group.", field="user")


def _content(tx: Tx, subdomain: str, lesson: str) -> Content:
    return content_record.named(tx, companies.get(tx, subdomain).id, lesson)


def _both(tx: Tx, subdomain: str, lesson: str, user: str) -> tuple[User, Content]:
    company_id = companies.get(tx, subdomain).id
    return search.named(tx, company_id, user, lock=True), content_record.named(tx, company_id, lesson)


def _of_person(tx: Tx, person: User, content: Content, verb: Callable[..., Assignment], **how: Any) -> dict[str, Any]:
    after = verb(tx, person, content, **how, actor=OPERATOR, now=clock.now())
    return _row(after, person, content_record.get(tx, person.company_id, after.content_id))


def _go_through(
    installation: Installation, act: GroupAssignment, step: Callable[..., GroupAssignment], words: str, *, quiet: bool
) -> GroupAssignment:
    """Takes the steps here; the task that was queued with the act takes over where this process ends."""
    engine, began = installation.database.engine, act.state
    console = Console(stderr=True)
    with Progress(console=console, disable=quiet or not console.is_terminal, transient=True) as bar:
        shown = bar.add_task(words, total=act.total, completed=act.done)
        while act.state == began and act.under_way:
            act = engine.write(lambda tx: step(tx, act.company_id, act.id, actor=OPERATOR, now=clock.now()))  # noqa: B023 - it is called at once
            bar.update(shown, completed=act.done, total=act.total)
            time.sleep(BREATH)
    return act


def _show_act(act: GroupAssignment, as_json: bool) -> None:
    row = {
        "id": act.id,
        "group_id": act.group_id,
        "content_id": act.content_id,
        "state": act.state,
        "done": act.done,
        "total": act.total,
        "due_on": act.due_on,
        "due_days": act.due_days,
        "notify": act.notify,
        "newcomers": act.newcomers,
    }
    show(row, as_json=as_json, human=card(row))


def _row(assignment: Assignment, person: User, content: Content) -> dict[str, Any]:
    names = {"user": person.user_name, "title": content.title, "kind": content.kind}
    return {**_fields(assignment), **names, "status": assignment.status(due.day(clock.now()))}


def _fields(assignment: Assignment) -> dict[str, Any]:
    return {
        "id": assignment.id,
        "user_id": assignment.user_id,
        "content_id": assignment.content_id,
        "round": assignment.round,
        "due_on": assignment.due_on,
        "assigned_at": assignment.assigned_at,
        "opened_at": assignment.opened_at,
        "completed_at": assignment.completed_at,
        "score": assignment.score,
    }

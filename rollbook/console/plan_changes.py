"""What a person may take back of a run: a match by rule, for 30 days, and an archive. One row of the plan at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from starlette.responses import Response

from rollbook.activity.events import Actor
from rollbook.console import plan_lines, rendering, run_words
from rollbook.console.plan_lines import Line
from rollbook.console.visit import Visit, who_asks
from rollbook.database import Tx
from rollbook.errors import Conflict
from rollbook.okta import changes
from rollbook.people import authorization, identity_links, users
from rollbook.people.authorization import Target
from rollbook.people.record import User
from rollbook.people.roles import Permission
from rollbook.people.sign_in import SignedIn


@dataclass(frozen=True, slots=True)
class Action:
    """Something to take back; `does(tx, user, actor, now)`."""

    slug: str
    kind: str
    label: str
    question: str
    consequence: str
    done: str
    permission: Permission
    does: Callable[[Tx, User, Actor, datetime], User]


def _undo(tx: Tx, user: User, actor: Actor, now: datetime) -> User:
    return identity_links.undo(tx, user, actor=actor, now=now)


def _restore(tx: Tx, user: User, actor: Actor, now: datetime) -> User:
    return users.restore(tx, user, actor=actor, now=now)


ACTIONS: dict[str, Action] = {
    "undo": Action(
        "undo",
        "link",
        "Undo the match",
        "Undo this match?",
        "The external id is taken off the account, which is unlinked again, and no rule makes this match anew. What "
        "the run did to the person besides stays: whoever it archived is restored separately.",
        "The match is undone, and no rule makes it again.",
        "link_people",
        _undo,
    ),
    "restore": Action(
        "restore",
        "archive",
        "Restore",
        "Restore this person?",
        "They come back with the same id, role and history; nobody is mailed. As long as Okta reports that they left, "
        "the next run archives them again: change that in Okta first, undo a wrong match, or exempt the account.",
        "The person is back, with the same id, role and history.",
        "archive_people",
        _restore,
    ),
}
DONE = {slug: action.done for slug, action in ACTIONS.items()}


async def ask(visit: Visit) -> Response:
    """GET: what would be taken back, and the button."""
    action = visit.chosen(ACTIONS)

    def look(tx: Tx, who: SignedIn) -> tuple[SignedIn, Line]:
        return who, _line(visit, tx, who, action)

    who, line = await visit.read(look, permission=action.permission)
    return visit.page("plan_change_action.html", who, action=action, line=line, run=_run_address(visit))


async def do(visit: Visit) -> Response:
    """POST: takes it back, as the person who is signed in."""
    action = visit.chosen(ACTIONS)

    def work(tx: Tx, who: SignedIn) -> User:
        line = _line(visit, tx, who, action)
        assert line.user is not None
        user = users.get(tx, who.company_id, line.user.id, lock=True)
        if action.slug == "restore" and user.role == "admin":
            authorization.authorize(tx, who_asks(who), "make_admins", Target(user=user))
        return action.does(tx, user, visit.actor(who), visit.now)

    await visit.write(work, permission=action.permission)
    return rendering.redirect(f"{_run_address(visit)}?{urlencode({'show': action.kind, 'done': action.slug})}")


def _line(visit: Visit, tx: Tx, who: SignedIn, action: Action) -> Line:
    """The row of the address. Raises NotFound, and Conflict where nothing of it is to be taken back, or no longer."""
    run = run_words.of_address(visit, tx, who)
    change = changes.get(tx, run, str(visit.request.path_params["change"]))
    (line,) = plan_lines.lines(tx, run, [change], now=visit.now)
    if line.undo != action.slug:
        raise Conflict(
            "This was taken back already, or too much has changed since, so nothing was done.", field="change"
        )
    return line


def _run_address(visit: Visit) -> str:
    return run_words.address(str(visit.request.path_params["run"]))

"""`/provisioning/not-linked`: everybody to whom Okta's provisioning has no link, what Okta says of each and what to
click; and what is done here: exempting somebody, and undoing what a rule matched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import urlencode

from starlette.responses import Response

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.console import rendering
from rollbook.console.visit import Visit
from rollbook.database import Tx
from rollbook.errors import InvalidValue, NotFound
from rollbook.okta import connections
from rollbook.people import exemptions, identity_links, link_health, users
from rollbook.people.exemptions import LONGEST_REASON
from rollbook.people.link_health import Counts, NotLinked
from rollbook.people.record import User
from rollbook.people.sign_in import SignedIn

PER_PAGE = 50
ADDRESS = "/provisioning/not-linked"

Which = Literal["unlinked", "known", "exempt"]
# In the order in which they are shown: link, title, what it means.
TITLES: dict[Which, tuple[str, str]] = {
    "unlinked": ("Unlinked", link_health.WHY["unlinked"]),
    "known": ("Known", link_health.WHY["known"]),
    "exempt": ("Exempt", link_health.WHY["exempt"]),
}


@dataclass(frozen=True, slots=True)
class Group:
    """The people of one link, or the first of them."""

    link: Which
    title: str
    why: str
    total: int
    people: list[NotLinked]

    @property
    def address(self) -> str:
        """Of the page with all of them."""
        return f"{ADDRESS}?show={self.link}"


@dataclass(frozen=True, slots=True)
class Reach:
    """How many of those who are not linked nothing of Okta's reaches, and how many known ones each run does. `loud` is
    how many somebody should look at: in full mode nothing but runs is to reach anybody.
    """

    unreached: int
    by_runs: int
    loud: int


@dataclass(frozen=True, slots=True)
class Action:
    """Something to be done about one person, where it is for them; `does(tx, user, reason, actor, now)`."""

    slug: str
    label: str
    question: str
    consequence: str
    done: str
    does: Callable[[Tx, User, str, Actor, datetime], User]
    is_for: Callable[[NotLinked], bool]


def _exempt(tx: Tx, user: User, reason: str, actor: Actor, now: datetime) -> User:
    return exemptions.exempt(tx, user, reason, actor=actor, now=now)


def _lift(tx: Tx, user: User, _: str, actor: Actor, now: datetime) -> User:
    return exemptions.lift(tx, user, actor=actor, now=now)


def _unlink(tx: Tx, user: User, _: str, actor: Actor, now: datetime) -> User:
    return identity_links.undo(tx, user, actor=actor, now=now)


_ACTIONS = (
    Action(
        "exempt",
        "Exempt",
        "Is this account meant to have no link?",
        "It is listed as exempt from then on, and no run of the standard integration links, changes or archives it. "
        "Whoever leaves is then archived by hand. Okta’s own write to the account ends the exemption.",
        "The account is exempt.",
        _exempt,
        lambda entry: entry.link != "exempt",
    ),
    Action(
        "lift",
        "End the exemption",
        "End the exemption?",
        "The account is listed as not linked again, and runs of the standard integration look after it.",
        "The exemption has ended.",
        _lift,
        lambda entry: entry.link == "exempt",
    ),
    Action(
        "unlink",
        "Undo the match",
        "Undo this match?",
        "The external id is taken off the account, which is unlinked again, and no rule makes this match anew. The "
        "right one is recorded with: rollbook user link",
        "The match is undone, and no rule makes it again.",
        _unlink,
        lambda entry: entry.undoable is not None,
    ),
)
ACTIONS = {action.slug: action for action in _ACTIONS}


def groups(tx: Tx, company_id: str, counts: Counts, *, limit: int, now: datetime) -> list[Group]:
    """The first of those who are not linked, link by link, for the page of provisioning; nobody's is no group."""
    totals: dict[Which, int] = {"unlinked": counts.unlinked, "known": counts.known}
    return [
        Group(link, *TITLES[link], total, link_health.search(tx, company_id, which=link, limit=limit, now=now))
        for link, total in totals.items()
        if total
    ]


def reach(tx: Tx, company_id: str, counts: Counts) -> Reach:
    """Whom runs of the standard integration reach, where it is on."""
    connection = connections.find(tx, company_id)
    if connection is None or connection.state == "off":
        return Reach(counts.not_linked, 0, counts.not_linked)
    loud = counts.unlinked if connection.mode == "full" else counts.not_linked
    return Reach(counts.unlinked, counts.known, loud)


async def show(visit: Visit) -> Response:
    """GET: the people of one link, page by page, oldest first."""
    query = visit.request.query_params
    asked, after = query.get("show", ""), query.get("after", "")
    after = after if clock.ID.fullmatch(after) else ""

    def look(tx: Tx, who: SignedIn) -> tuple[SignedIn, Counts, Reach, Group]:
        counts = link_health.counts(tx, who.company_id)
        totals: dict[Which, int] = {"unlinked": counts.unlinked, "known": counts.known, "exempt": counts.exempt}
        somebody: Which = next((link for link, total in totals.items() if total), "unlinked")
        link: Which = next((link for link in TITLES if link == asked), somebody)
        people = link_health.search(tx, who.company_id, which=link, after=after, limit=PER_PAGE + 1, now=visit.now)
        return who, counts, reach(tx, who.company_id, counts), Group(link, *TITLES[link], totals[link], people)

    who, counts, reached, group = await visit.read(look, permission="see_provisioning")
    page, more = group.people[:PER_PAGE], len(group.people) > PER_PAGE
    action = ACTIONS.get(query.get("done", ""))
    return visit.page(
        "not_linked.html",
        who,
        titles=TITLES,
        counts=counts,
        reach=reached,
        group=group,
        people=page,
        first=not after,
        following=f"{ADDRESS}?{urlencode({'show': group.link, 'after': page[-1].user.id})}" if more else None,
        done=action.done if action else "",
    )


async def ask(visit: Visit) -> Response:
    """GET: what would be done to one person, and the button that does it."""
    return await _ask(visit)


async def _ask(visit: Visit, *, problem: str = "") -> Response:
    """The question; `problem` says what was wrong with the answer that was given."""

    def look(tx: Tx, who: SignedIn) -> tuple[SignedIn, Action, NotLinked]:
        action = visit.chosen(ACTIONS)
        entry = link_health.of_user(tx, _user(visit, tx, who), now=visit.now)
        if entry is None or not action.is_for(entry):
            raise NotFound("This account has changed by now, so nothing is to be done here.")
        return who, action, entry

    who, action, entry = await visit.read(look, permission="link_people")
    return visit.page(
        "not_linked_action.html",
        who,
        status=400 if problem else 200,
        action=action,
        entry=entry,
        longest=LONGEST_REASON,
        address=ADDRESS,
        problem=problem,
        reason=visit.form.get("reason", ""),
    )


async def do(visit: Visit) -> Response:
    """POST: does it, as the person who is signed in."""

    def work(tx: Tx, who: SignedIn) -> tuple[Action, User]:
        action, user = visit.chosen(ACTIONS), _user(visit, tx, who, lock=True)
        return action, action.does(tx, user, visit.form.get("reason", ""), visit.actor(who), visit.now)

    try:
        action, user = await visit.write(work, permission="link_people")
    except InvalidValue as error:
        if error.field != "reason":
            raise
        return await _ask(visit, problem=error.message)
    return rendering.redirect(f"{ADDRESS}?{urlencode({'show': user.link, 'done': action.slug})}")


def _user(visit: Visit, tx: Tx, who: SignedIn, *, lock: bool = False) -> User:
    return users.get(tx, who.company_id, str(visit.request.path_params["user"]), lock=lock)

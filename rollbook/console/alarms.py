"""Alarms, and the actions that settle each. In words they are alarm_words.py's; when one is raised, people/ decides, or
okta/ of the standard integration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from rollbook.activity import queue
from rollbook.activity.events import Actor
from rollbook.console import rendering, run_words
from rollbook.console.alarm_words import WORDS
from rollbook.console.visit import Visit
from rollbook.database import Tx
from rollbook.errors import Conflict, NotFound
from rollbook.people import addresses, alarms, deletion, mass_archive, users
from rollbook.people.alarms import Alarm, Kind
from rollbook.people.sign_in import SignedIn

# (tx, company id, alarm, actor, now)
Do = Callable[[Tx, str, Alarm, Actor, datetime], None]


@dataclass(frozen=True, slots=True)
class Action:
    """A button. With a `question` it is asked on a page of its own first, together with the `consequence`. One that
    `leads_to` another page does nothing itself: what settles the alarm is there.
    """

    slug: str
    label: str
    done: str = ""
    do: Do | None = None
    question: str = ""
    consequence: str = ""
    leads_to: Callable[[Alarm], str] | None = None


@dataclass(frozen=True, slots=True)
class Matter:
    """An alarm as a person reads it; `under_way` says since when its action is being done already."""

    alarm: Alarm
    title: str
    text: str
    actions: tuple[Action, ...]
    under_way: str | None = None


def _restore(tx: Tx, company_id: str, alarm: Alarm, actor: Actor, now: datetime) -> None:
    mass_archive.ask_restore(tx, company_id, alarm.id, actor=actor, now=now)


def _confirm(tx: Tx, company_id: str, alarm: Alarm, actor: Actor, now: datetime) -> None:
    addresses.confirm(tx, users.get(tx, company_id, alarm.subject_id, lock=True), actor=actor, now=now)


def _free(tx: Tx, company_id: str, alarm: Alarm, actor: Actor, now: datetime) -> None:
    deletion.free(tx, users.get(tx, company_id, alarm.subject_id, lock=True), actor=actor, now=now)


def _bring_back(tx: Tx, company_id: str, alarm: Alarm, actor: Actor, now: datetime) -> None:
    users.restore(tx, users.get(tx, company_id, alarm.subject_id, lock=True), actor=actor, now=now)
    alarms.resolve(tx, company_id, "flapping", alarm.subject_id, actor=actor, now=now)


def _settle(kind: Kind) -> Do:
    def settle(tx: Tx, company_id: str, alarm: Alarm, actor: Actor, now: datetime) -> None:
        alarms.resolve(tx, company_id, kind, alarm.subject_id, actor=actor, now=now)

    return settle


ACTIONS: dict[Kind, tuple[Action, ...]] = {
    "mass_archive": (
        Action(
            "restore",
            "Restore everybody",
            "They are being restored, fifty at a time. Nobody is mailed about it.",
            _restore,
            "Restore everybody whom Okta archived together?",
            "Everybody of this alarm comes back with the same id, role and history; nobody is mailed. Whoever's e-mail "
            "an active person has taken since stays archived. First stop the cause in Okta, or it archives them again.",
        ),
        Action(
            "leave",
            "Leave them archived",
            "The alarm is settled. Each person can still be restored one by one.",
            _settle("mass_archive"),
            "Leave them archived?",
            "The alarm is settled and the one click that restores them together is gone. Each of them can still be "
            "restored one by one.",
        ),
    ),
    "address_held": (
        Action(
            "confirm",
            "Confirm this address",
            "The address is confirmed: sign-in links go there from now on.",
            _confirm,
            "Is this really their address?",
            "From now on sign-in links go to the new address, and whoever reads its mail can sign in with this role. "
            "If you are not sure, ask the person by another way first.",
        ),
    ),
    "privileged_deleted": (
        Action(
            "free",
            "Free the names",
            "The names are free: the next person with that user name is a new one.",
            _free,
            "Free the names for good?",
            "The user name, the e-mail and the external id are given up, and whoever comes with them next is a new "
            "person, a learner. The deleted account cannot be restored afterwards, only joined to a new one.",
        ),
    ),
    "flapping": (
        Action(
            "bring-back",
            "Restore",
            "The person is back, with the same id, role and history. Nobody is mailed about it.",
            _bring_back,
            "Restore this person?",
            "They come back with the same id, role and history; nobody is mailed. If Okta really deactivated them, it "
            "archives them again with its next write.",
        ),
        Action("keep", "Leave it as it is", "The alarm is settled; nothing else was changed.", _settle("flapping")),
    ),
    "okta_held": (
        Action("plan", "Look at the plan", leads_to=lambda alarm: run_words.address(alarm.detail["run_id"])),
    ),
    "okta_attention": (
        Action("connection", "What to do", leads_to=lambda _: run_words.ADDRESS),
        Action(
            "understood",
            "Understood",
            "The alarm is settled; a run that fails again raises it anew.",
            _settle("okta_attention"),
        ),
    ),
    "last_admin_archived": (
        Action("understood", "Understood", "The alarm is settled.", _settle("last_admin_archived")),
    ),
    "privileged_restored": (
        Action("understood", "Understood", "The alarm is settled.", _settle("privileged_restored")),
    ),
}
DONE = {action.slug: action.done for actions in ACTIONS.values() for action in actions if action.done}


def matters(tx: Tx, company_id: str) -> list[Matter]:
    """The open alarms of a company, newest first, in words."""
    return [_matter(tx, company_id, alarm) for alarm in alarms.open_ones(tx, company_id)]


async def ask(visit: Visit) -> Response:
    """GET: what would be done, and the button that does it."""

    def look(tx: Tx, who: SignedIn) -> tuple[SignedIn, Matter, Action]:
        alarm, action = _find(visit, tx, who)
        return who, _matter(tx, who.company_id, alarm), action

    who, matter, action = await visit.read(look, permission="resolve_alarms")
    return visit.page("alarm.html", who, matter=matter, action=action)


async def settle(visit: Visit) -> Response:
    """POST: does it, as the person who is signed in."""

    def work(tx: Tx, who: SignedIn) -> Action:
        alarm, action = _find(visit, tx, who)
        if action.do is not None:
            action.do(tx, who.company_id, alarm, visit.actor(who), visit.now)
        return action

    action = await visit.write(work, permission="resolve_alarms")
    return rendering.redirect(f"/provisioning?done={action.slug}")


def _find(visit: Visit, tx: Tx, who: SignedIn) -> tuple[Alarm, Action]:
    """The alarm of the address and its action. Raises NotFound, or Conflict where somebody settled it already."""
    parameters = visit.request.path_params
    alarm = alarms.get(tx, who.company_id, str(parameters["alarm"]))
    for kind, actions in ACTIONS.items():
        for action in actions:
            if kind == alarm.kind and action.slug == parameters["action"] and action.do is not None:
                if alarm.resolved_at:
                    raise Conflict("This alarm was settled already, so nothing was done now.", field="alarm")
                return alarm, action
    raise NotFound("This alarm has no such action.")


def _matter(tx: Tx, company_id: str, alarm: Alarm) -> Matter:
    user_id = alarm.detail.get("user_id", alarm.subject_id)
    user = users.find(tx, company_id, user_id) if user_id != company_id else None
    actions = next((found for kind, found in ACTIONS.items() if kind == alarm.kind), ())
    title, text = WORDS[alarm.kind](alarm, user)
    under_way = queue.open_since(tx, company_id, "restore_archived") if alarm.kind == "mass_archive" else None
    return Matter(alarm, title, text, actions, under_way)

"""`/provisioning/standard/runs/…`: one run of the standard integration, its plan and what became of it; and a person's
yes or no to one that is held. What may be taken back of single rows is plan_changes.py's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.console import local_time, plan_changes, plan_lines, rendering, run_words
from rollbook.console.plan_lines import TITLES, Line
from rollbook.console.run_words import Told
from rollbook.console.visit import Visit, who_asks
from rollbook.database import Tx
from rollbook.errors import Conflict
from rollbook.okta import approval, changes, runs, strangers
from rollbook.okta.planning import Kind
from rollbook.okta.runs import Run
from rollbook.people import authorization, users
from rollbook.people.sign_in import SignedIn

PER_KIND = 8  # of the overview
PER_PAGE = 50
WAITING, PASSED_OVER = "waiting", "passed_over"

_DROPPED = "Somebody in Learning dropped it."
_QUESTION = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)

Tally = Mapping[tuple[Kind, str], int]


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one kind, or some of them; `address` leads to all of them."""

    slug: str
    title: str
    about: str
    total: int
    lines: list[Line]
    address: str


@dataclass(frozen=True, slots=True)
class Action:
    """A yes or a no; `does(tx, company id, run id, question, actor, now)`, of the question that was read."""

    slug: str
    label: str
    question: str
    consequence: str
    does: Callable[[Tx, str, str, int, Actor, datetime], Run]


def _approve(tx: Tx, company_id: str, run_id: str, question: int, actor: Actor, now: datetime) -> Run:
    return approval.approve(tx, company_id, run_id, question=question, actor=actor, now=now)


def _drop(tx: Tx, company_id: str, run_id: str, _: int, actor: Actor, now: datetime) -> Run:
    return runs.drop(tx, company_id, run_id, _DROPPED, actor=actor, now=now)


ACTIONS: dict[str, Action] = {
    "approve": Action(
        "approve",
        "Approve",
        "Let this run go on?",
        "Each person is looked at once more before anything is done to them, and whoever has changed since is passed "
        "over. Nobody is mailed. Whoever is archived is out at once, and can be restored from the run’s page.",
        _approve,
    ),
    "drop": Action(
        "drop",
        "Drop",
        "Drop this run?",
        "What it has not done is not done. Okta is read again at the next hour of the calendar: if nothing changes "
        "there, the next run asks the same.",
        _drop,
    ),
}


async def show(visit: Visit) -> Response:
    """GET: the run and its plan: the first rows of each kind, or a page of one kind."""
    query = visit.request.query_params
    asked, after = query.get("show", ""), query.get("after", "")
    after = after if clock.ID.fullmatch(after) else ""

    def look(tx: Tx, who: SignedIn) -> tuple[SignedIn, dict[str, Any]]:
        run = run_words.of_address(visit, tx, who)
        told = run_words.told(tx, run)
        # While it is at work its own counts say enough, and cost nothing to whom it works for.
        tally = {} if told.is_busy else changes.tally(tx, run)
        waiting = 0 if told.is_busy or run.notes.get(runs.EACH) else changes.waiting(tx, run)
        tabs = _tabs(run, tally, waiting)
        slug = asked if asked in tabs else ""
        shown = {slug: tabs[slug]} if slug else {kind: tabs[kind] for kind in TITLES if tabs.get(kind)}
        most = PER_PAGE if slug else PER_KIND
        groups = [_group(tx, run, each, total, after if slug else "", most, visit.now) for each, total in shown.items()]
        context = {"told": told, "tabs": tabs, "slug": slug, "groups": groups, "totals": _totals(run, tally)}
        reader = users.get(tx, who.company_id, who.user_id)
        return who, context | {
            "waiting": waiting,
            "strange": 0 if told.is_busy else strangers.count(tx, run),
            "zone": local_time.zone_of(reader.time_zone),
            "hindrance": run_words.hindrance(tx, run, now=visit.now),
            "may_run": authorization.allowed(tx, who_asks(who), "run_okta"),
        }

    who, context = await visit.read(look, permission="see_provisioning")
    groups: list[Group] = context["groups"]
    following = None
    if context["slug"] and len(groups[0].lines) > PER_PAGE:
        del groups[0].lines[PER_PAGE:]
        following = f"{groups[0].address}&{urlencode({'after': groups[0].lines[-1].change.id})}"
    return visit.page(
        "run.html",
        who,
        **context,
        first=not after,
        following=following,
        titles=_TABS,
        done=plan_changes.DONE.get(query.get("done", ""), ""),
        refresh=context["told"].is_busy,
    )


async def ask(visit: Visit) -> Response:
    """GET: what the yes or the no would be to, in numbers, and the button."""
    action = visit.chosen(ACTIONS)

    def look(tx: Tx, who: SignedIn) -> tuple[SignedIn, Told, list[tuple[str, int]], int]:
        run = run_words.of_address(visit, tx, who)
        if run.ended_at is not None or (run.state != "held" and action.slug == "approve"):
            raise Conflict("This run waits for nobody’s yes any more, so nothing is to be said here.", field="state")
        left = changes.left(tx, run)
        numbers = [(TITLES[kind][0], left[kind]) for kind in TITLES if kind in left]
        return who, run_words.told(tx, run), numbers, changes.waiting(tx, run)

    who, told, numbers, waiting = await visit.read(look, permission="run_okta")
    again = waiting if action.slug == "approve" and told.run.notes.get(runs.WHOLE) else 0
    return visit.page("run_action.html", who, told=told, action=action, numbers=numbers, waiting=waiting, again=again)


async def settle(visit: Visit) -> Response:
    """POST: says it, as the person who is signed in."""
    action = visit.chosen(ACTIONS)

    answered = visit.form.get("question", "")
    question = int(answered) if _QUESTION.fullmatch(answered) else 1
    run_id = str(visit.request.path_params["run"])

    def work(tx: Tx, who: SignedIn) -> Run:
        return action.does(tx, who.company_id, run_id, question, visit.actor(who), visit.now)

    run = await visit.write(work, permission="run_okta")
    return rendering.redirect(run_words.address(run.id))


_TABS: dict[str, str] = {kind: words[0] for kind, words in TITLES.items()} | {
    WAITING: "Needs a yes",
    PASSED_OVER: "Passed over",
}
_ABOUT = {
    WAITING: "Each of these is done only once a person says yes to the run.",
    PASSED_OVER: "Planned, and no longer so, or not possible, when its turn came.",
}


def _tabs(run: Run, tally: Tally, waiting: int) -> dict[str, int]:
    """What of the plan can be looked at, with how much there is of it: kinds first."""
    found: dict[str, int] = {kind: run.counts.get(kind, 0) for kind in TITLES}
    if tally:
        found = {kind: sum(count for (each, _), count in tally.items() if each == kind) for kind in TITLES}
    passed = sum(count for (_, state), count in tally.items() if state == "passed_over")
    return found | {slug: count for slug, count in ((WAITING, waiting), (PASSED_OVER, passed)) if count}


def _totals(run: Run, tally: Tally) -> dict[str, int]:
    """The numbers at the head of the page."""
    by_state: dict[str, int] = {}
    for (kind, state), count in tally.items():
        if kind != "set_aside":
            by_state[state] = by_state.get(state, 0) + count
    planned = sum(run.counts.get(kind, 0) for kind in TITLES if kind != "set_aside")
    return {
        "read": run.counts.get("people", 0),
        "planned": sum(by_state.values()) if tally else planned,
        "done": by_state.get("applied", 0) + by_state.get("undone", 0) if tally else run.counts.get("applied", 0),
        "passed_over": by_state.get("passed_over", 0) if tally else run.counts.get("passed_over", 0),
        "set_aside": run.counts.get("set_aside", 0),
    }


def _group(tx: Tx, run: Run, slug: str, total: int, after: str, most: int, now: datetime) -> Group:
    kind: Kind | None = next((kind for kind in TITLES if kind == slug), None)
    only: changes.Only | None = None if kind else "waiting" if slug == WAITING else "passed_over"
    rows = changes.search(tx, run, kind=kind, only=only, after=after, limit=most + 1 if most == PER_PAGE else most)
    about = TITLES[kind][1] if kind else _ABOUT[slug]
    address = f"{run_words.address(run.id)}?{urlencode({'show': slug})}"
    return Group(slug, _TABS[slug], about, total, plan_lines.lines(tx, run, rows, now=now), address)

"""Runs of the standard integration in words: what state they are in, what they come to, who asked for them.

The pages are standard_integration.py and runs.py, the rows of a plan plan_lines.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rollbook import clock
from rollbook.activity import queue
from rollbook.console import words
from rollbook.console.visit import Visit
from rollbook.database import Tx
from rollbook.errors import NotFound
from rollbook.okta import runs
from rollbook.okta.planning import Kind
from rollbook.okta.runs import PULL, SCHEDULE, Run, State
from rollbook.people import users
from rollbook.people.sign_in import SignedIn

Hindrance = Literal["given_up", "no_worker"]

NO_WORKER_SECONDS = 60  # a run that nobody takes up for so long
ADDRESS = "/provisioning/standard"  # of the page of them all

# What to call so many of a kind, whether they are done already or only planned.
NOUNS: dict[Kind, tuple[str, str]] = {
    "create": ("new person", "new people"),
    "change": ("change", "changes"),
    "archive": ("archive", "archives"),
    "restore": ("restore", "restores"),
    "link": ("match by rule", "matches by rule"),
    "set_aside": ("set aside", "set aside"),
}
_STATES: dict[State, tuple[str, str]] = {
    "waiting": ("Waiting for a worker", "busy"),
    "reading": ("Reading Okta", "busy"),
    "planning": ("Making its plan", "busy"),
    "held": ("Waits for your yes", "bad"),
    "applying": ("Carrying out its plan", "busy"),
    "done": ("Done", "good"),
    "partial": ("Ended early", "bad"),
    "needs_attention": ("Needs attention", "bad"),
    "skipped": ("Skipped", "quiet"),
    "dropped": ("Dropped", "quiet"),
}
_PARTS = {
    "people": "the people of the group, or of the directory",
    "deprovisioned": "whom Okta reports as deactivated",
    "app": "the assignments of the app",
    "singles": "people of ours whom no list had, one by one",
    "namesakes": "whether anybody else has the names of those who left",
}


@dataclass(frozen=True, slots=True)
class Told:
    """A run as it is read: what it is, its state and how loud that is, what it came to, and how long it took."""

    run: Run
    title: str
    asked_by: str
    approved_by: str | None
    state: str
    tone: str
    doing: str
    comes_to: str
    took: str | None
    address: str

    @property
    def is_busy(self) -> bool:
        """Whether it is at work, so that a page of it is soon out of date."""
        return self.run.ended_at is None and self.run.state != "held"


def told(tx: Tx, run: Run) -> Told:
    """The run in words."""
    state, tone = _STATES[run.state]
    doing = _PARTS.get(run.part or "", "") if run.state == "reading" else ""
    return Told(
        run,
        _title(run),
        _by(tx, run.company_id, run.asked_by),
        _by(tx, run.company_id, run.approved_by) if run.approved_by else None,
        state,
        tone,
        doing,
        comes_to(run.counts),
        words.duration(run.started_at, run.ended_at) if run.started_at and run.ended_at else None,
        address(run.id),
    )


def hindrance(tx: Tx, run: Run, *, now: datetime) -> Hindrance | None:
    """Why nobody works at a run that should be under way: its work was given up, or no worker takes it up."""
    if run.ended_at is not None or run.state == "held":
        return None
    due = queue.due_since(tx, run.company_id, PULL)
    if due is None:
        return "given_up"
    return "no_worker" if due < clock.later(now, seconds=-NO_WORKER_SECONDS) else None


def address(run_id: str) -> str:
    """Of a run's page."""
    return f"{ADDRESS}/runs/{run_id}"


def of_address(visit: Visit, tx: Tx, who: SignedIn) -> Run:
    """The run that the address of a page names. Raises NotFound."""
    run = runs.find(tx, who.company_id, str(visit.request.path_params["run"]))
    if run is None:
        raise NotFound("There is no such run.")
    return run


def comes_to(counts: Mapping[str, int]) -> str:
    """`12 changes, 2 archives`, in the order of kinds; "" for nothing."""
    found = [(counts.get(kind, 0), *nouns) for kind, nouns in NOUNS.items()]
    return ", ".join(words.count(number, one, many) for number, one, many in found if number)


def _title(run: Run) -> str:
    if run.purpose == "preview":
        return f"Preview of {words.minute(run.created_at)}"
    return f"Run of {words.minute(run.slot or run.created_at)}"


def _by(tx: Tx, company_id: str, actor: str) -> str:
    """Who asked for something: `schedule`, or an actor as events name it."""
    if actor == SCHEDULE:
        return "the calendar"
    kind, _, id_ = actor.partition(":")
    if kind == "operator":
        return "the operator"
    if kind == "api":
        return "an API key"
    user = users.find(tx, company_id, id_)
    return words.isolate(words.shorten(user.display_name)) if user is not None else "somebody unknown"

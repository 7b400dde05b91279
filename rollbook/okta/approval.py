"""A person's yes to a run that is held. A run may ask for more than one: for all that it is about to do, and then for
what concerns privileged people. Each yes speaks of the question that its person has read, and of no other.
"""

from __future__ import annotations

from datetime import datetime

from rollbook.activity import events, queue
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.errors import Conflict
from rollbook.okta import runs
from rollbook.okta.runs import EACH, WHOLE, Run
from rollbook.people import alarms


def asked(run: Run) -> int:
    """The question that a held run asks. Raises Conflict where it asks none."""
    if run.question is None:
        raise Conflict(f"Run {run.id} is {runs.WORDS[run.state]}, so there is nothing to approve.", field="state")
    return run.question


def approve(tx: Tx, company_id: str, run_id: str, *, question: int | None = None, actor: Actor, now: datetime) -> Run:
    """A person says yes to a held run, and it goes on. A yes to a run that is held as a whole does not yet speak of
    what needs one for itself: the run is held once more for that.

    `question` is the one that the person has read (`Run.question`); the first need not be named. Raises NotFound, and
    Conflict where the run is not held, or asks something else by now: a form sent twice is no second yes.
    """
    run = runs.get(tx, company_id, run_id, lock=True)
    if (question or 1) != asked(run):
        raise Conflict(
            f"Run {run.id} waits for another yes by now, to its question {run.question}: {run.reason} Look at what it "
            "would do, and say yes to that.",
            field="question",
        )
    notes = dict(run.notes)
    if not notes.pop(WHOLE, False):
        notes[EACH] = True
    approved = runs.advance(tx, run, state="applying", cursor=None, approved_by=str(actor), notes=notes)
    queue.enqueue(tx, company_id, runs.PULL, {"run_id": run.id}, now=now)
    alarms.resolve(tx, company_id, "okta_held", company_id, actor=actor, now=now)
    events.record(tx, company_id, "OktaRunApproved", run.id, {"state": ["held", "applying"]}, actor=actor, now=now)
    return approved

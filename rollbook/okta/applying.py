"""A run carries its plan out, a few rows in a write. Each is planned anew under the lock first: what is no longer so is
passed over, and what needs a person's yes by now waits for it. Silent, as all of provisioning is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from rollbook.database import Tx
from rollbook.okta import changes, directory, guards, planning, runs, situations
from rollbook.okta.changes import Change
from rollbook.okta.grounds import Grounds
from rollbook.okta.planning import Plan, Situation
from rollbook.okta.runs import Run
from rollbook.people import field_values, identity_links, users
from rollbook.people.record import User, profile_of, with_fields

AIM_SECONDS = 0.025  # of a write: provisioning waits for it
MOST_SECONDS = 0.04  # after which a write takes up nothing more
FEWEST_ROWS = 5  # in one write

_NO_LONGER = "It is no longer so: the person changed here, or in Okta, since the plan was made."
_CAME_BACK = "The person was restored, or linked by Okta, after Okta was asked."
ELSEWHERE = "Others are changing the same person just now; the next run looks again."


def fitting(done: int, seconds: float) -> int:
    """How many rows the next write takes, after one that did so many in so many seconds."""
    return max(FEWEST_ROWS, min(changes.STEP, 2 * done, int(done * AIM_SECONDS / max(seconds, 1e-6))))


def next_rows(tx: Tx, run: Run, most: int) -> list[Change]:
    """The next rows, of different people."""
    rows: list[Change] = []
    for row in changes.planned(tx, run, after=run.cursor or "")[:most]:
        if any(row.okta_id == other.okta_id for other in rows):
            break
        rows.append(row)
    return rows


def carry_out(tx: Tx, run: Run, rows: Sequence[Change], rests_on: Grounds, *, now: datetime) -> Run:
    """Does as many of the rows as fit into a write, and writes how far the run is. Raises what a verb refuses: then
    nothing of it is done, and each row is to be tried by itself.
    """
    began = time.monotonic()
    found = directory.people(tx, run.company_id, [row.okta_id for row in rows if row.okta_id])
    lived = situations.of_people(tx, run.company_id, run.id, found, rests_on, counted=True, lock=True)
    by_id = {situation.okta_id: situation for situation in lived}
    told = {"applied": 0, "passed_over": 0, "set_aside": 0}
    last = run.cursor
    for row in rows:
        if last != run.cursor and time.monotonic() - began > MOST_SECONDS:
            break
        last = row.id
        situation = by_id.get(row.okta_id or "")
        plan, why_not, asides = _plan(row, situation, rests_on)
        if plan is not None and plan.waits is not None and row.why_not is None:
            changes.ask_for_yes(tx, run.company_id, row, plan.waits)
            continue
        user_id = None
        if situation is not None and plan is not None:
            user_id, why_not = _do(tx, run, situation, plan, now=now)
        done = plan.changes if plan is not None and why_not is None else None
        changes.mark(tx, run.company_id, row, why_not=why_not, user_id=user_id, done=done, now=now)
        told["applied" if why_not is None else "passed_over"] += 1
        if done is not None and done.keys() < row.changes.keys():
            changes.add(tx, run, asides)
            told["set_aside"] += len(asides)
    return runs.advance(tx, run, cursor=last, counts=runs.counted(run, told))


def pass_over(tx: Tx, run: Run, row: Change, why_not: str, *, now: datetime) -> Run:
    """A row that cannot be done."""
    changes.mark(tx, run.company_id, row, why_not=why_not, now=now)
    return runs.advance(tx, run, cursor=row.id, counts=runs.counted(run, {"passed_over": 1}))


def finish(tx: Tx, run: Run, waiting: int, *, now: datetime) -> Run:
    """Everything is done, or what is left, so many rows, needs a person's yes."""
    if waiting:
        return runs.hold(tx, run, guards.waiting(waiting), cursor=None, now=now)
    return runs.end(tx, run, "done", cursor=None, now=now)


def _plan(
    row: Change, situation: Situation | None, rests_on: Grounds
) -> tuple[Plan | None, str | None, tuple[Plan, ...]]:
    """A row planned anew, as much of it as was told; else why nothing is to be done. And what of it cannot be done."""
    if situation is None:
        return None, _NO_LONGER, ()
    anew = planning.plan(rests_on, situation).plans
    asides = tuple(plan for plan in anew if plan.kind == "set_aside")
    same = [plan for plan in anew if plan.kind == row.kind and plan.user_id == row.user_id]
    plan = planning.as_told(same[0], row.changes) if same else None
    if plan is not None:
        return plan, None, asides
    return None, next((aside.reason for aside in asides), _NO_LONGER), ()


def _do(tx: Tx, run: Run, situation: Situation, plan: Plan, *, now: datetime) -> tuple[str | None, str | None]:
    """(whom it made, why nothing was done); each None where there is nothing to say."""
    if plan.kind == "create":
        return _create(tx, run, plan, now=now).id, None
    user = situation.user
    if user is None:
        return None, _NO_LONGER
    if plan.kind == "archive":
        since = max(user.away_until or "", user.linked_at or "")
        if run.started_at is not None and since >= run.started_at:
            return None, _CAME_BACK
    _change(tx, run, user, plan, now=now)
    return None, None


def _create(tx: Tx, run: Run, plan: Plan, *, now: datetime) -> User:
    profile = planning.new_profile(plan.columns, plan.okta_id)
    own = field_values.changes(tx, None, plan.own, actor=run.actor)
    return users.create(tx, run.company_id, profile, role=plan.role, own=own, actor=run.actor, now=now)


def _change(tx: Tx, run: Run, user: User, plan: Plan, *, now: datetime) -> None:
    actor = run.actor
    if plan.kind == "link":
        identity_links.link(tx, user, external_id=plan.okta_id, by_client=False, rule=plan.rule, actor=actor, now=now)
    elif plan.kind == "archive":
        users.archive(tx, user, actor=actor, now=now)
    else:
        profile = with_fields(profile_of(user), **plan.columns)
        own = field_values.changes(tx, user, plan.own, actor=actor)
        active = True if plan.kind == "restore" else None
        users.update(tx, user, profile, active=active, own=own, actor=actor, now=now)

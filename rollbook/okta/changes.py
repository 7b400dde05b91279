"""The plan of a run, row by row: what is to be done about whom, by which rule, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import bindparam, delete, func, insert, select, update

from rollbook import clock
from rollbook.database import Row, Tx
from rollbook.database.tables import okta_changes as table
from rollbook.database.tables import okta_people, okta_runs, users
from rollbook.errors import NotFound
from rollbook.okta.planning import Kind, Plan
from rollbook.okta.runs import EACH, Run, RunEnded

KINDS: tuple[Kind, ...] = get_args(Kind)
KEEP_DAYS = 90
STEP = 50  # rows looked at in one write


@dataclass(frozen=True, slots=True)
class Change:
    """A row of a plan. `who` is the user name of ours, else the login in Okta, else Okta's id. Of a planned row
    `why_not` says why it needs a person's yes; of one passed over, why nothing was done.
    """

    id: str
    kind: Kind
    okta_id: str | None
    user_id: str | None
    rule: str
    reason: str
    changes: dict[str, list[Any]]
    state: str
    why_not: str | None
    at: str | None
    who: str | None


_ROW = (
    table.c.id,
    table.c.kind,
    table.c.okta_id,
    table.c.user_id,
    table.c.rule,
    table.c.reason,
    table.c.changes,
    table.c.state,
    table.c.why_not,
    table.c.at,
)
_OF_RUN = (table.c.company_id == bindparam("company"), table.c.run_id == bindparam("run"))
_WHO = func.coalesce(users.c.user_name, okta_people.c.login_key, table.c.okta_id)
_SHOWN = select(*_ROW, _WHO).select_from(
    table.outerjoin(users, (users.c.company_id == table.c.company_id) & (users.c.id == table.c.user_id)).outerjoin(
        okta_people,
        (okta_people.c.company_id == table.c.company_id) & (okta_people.c.okta_id == table.c.okta_id),
    )
)
_PLANNED = (
    select(*_ROW)
    .where(
        *_OF_RUN,
        table.c.id > bindparam("after"),
        table.c.state == "planned",
        table.c.kind != "set_aside",
    )
    .order_by(table.c.id)
    .limit(STEP)
)
_WITHOUT_YES = _PLANNED.where(table.c.why_not.is_(None))
# What of a plan may be asked for alone.
Only = Literal["waiting", "passed_over"]
_ONLY = {
    "waiting": (table.c.state == "planned") & table.c.why_not.is_not(None),
    "passed_over": table.c.state == "passed_over",
}
_TALLY = select(table.c.kind, table.c.state, func.count()).where(*_OF_RUN).group_by(table.c.kind, table.c.state)
_WAITING = select(func.count()).where(*_OF_RUN, table.c.state == "planned", table.c.why_not.is_not(None))
_INSERT = insert(table)
_MARK = (
    update(table)
    .where(table.c.company_id == bindparam("company"), table.c.id == bindparam("change"), table.c.state == "planned")
    .returning(table.c.id)
)


def add(tx: Tx, run: Run, plans: Iterable[Plan]) -> None:
    """Writes what is planned."""
    tx.run_each(
        _INSERT,
        (
            {
                "company_id": run.company_id,
                "id": clock.new_id(),
                "run_id": run.id,
                "kind": plan.kind,
                "okta_id": plan.okta_id or None,
                "user_id": plan.user_id,
                "rule": plan.rule,
                "reason": plan.reason,
                "changes": msgspec.json.encode(plan.changes).decode(),
                "state": "planned",
                "why_not": plan.waits,
            }
            for plan in plans
        ),
    )


def planned(tx: Tx, run: Run, *, after: str) -> list[Change]:
    """The next STEP rows to be carried out; those that need a person's yes each for itself only once it is there."""
    rows = tx.all(
        _PLANNED if run.notes.get(EACH) else _WITHOUT_YES,
        {"company": run.company_id, "run": run.id, "after": after},
    )
    return [_change((*row, None)) for row in rows]


def waiting(tx: Tx, run: Run) -> int:
    """How many rows need a person's yes, each for itself."""
    row = tx.one(_WAITING, {"company": run.company_id, "run": run.id})
    return row[0] if row else 0


def mark(
    tx: Tx,
    company_id: str,
    change: Change,
    *,
    why_not: str | None = None,
    user_id: str | None = None,
    done: dict[str, list[Any]] | None = None,
    now: datetime,
) -> None:
    """What became of a row: applied, or passed over and why. `user_id` is whom it made; `done` what of it was done,
    where that is less than was planned. Raises RunEnded where somebody else has done the row meanwhile: that stands.
    """
    state = "applied" if why_not is None else "passed_over"
    values: dict[str, Any] = {"state": state, "why_not": why_not, "at": clock.text(now)}
    if user_id is not None:
        values["user_id"] = user_id
    if done is not None and done.keys() != change.changes.keys():
        values["changes"] = msgspec.json.encode(done).decode()
    _write(tx, company_id, change, values)


def ask_for_yes(tx: Tx, company_id: str, change: Change, waits: str) -> None:
    """A row needs a person's yes for itself, which nobody knew when it was planned. Raises RunEnded as `mark` does."""
    _write(tx, company_id, change, {"why_not": waits})


def search(
    tx: Tx, run: Run, *, kind: Kind | None = None, only: Only | None = None, after: str = "", limit: int = 100
) -> list[Change]:
    """A page of the plan, in the order in which it is carried out, those after the id `after`. `only` what waits for a
    person's yes, each for itself, or what was passed over.
    """
    query = _SHOWN.where(table.c.company_id == run.company_id, table.c.run_id == run.id, table.c.id > after)
    if kind is not None:
        query = query.where(table.c.kind == kind)
    if only is not None:
        query = query.where(_ONLY[only])
    return [_change(row) for row in tx.search(query.order_by(table.c.id).limit(limit))]


def get(tx: Tx, run: Run, change_id: str) -> Change:
    """A row of the plan. Raises NotFound."""
    query = _SHOWN.where(table.c.company_id == run.company_id, table.c.run_id == run.id, table.c.id == change_id)
    for row in tx.search(query):
        return _change(row)
    raise NotFound("This run has no such change, or no longer: plans are kept for 90 days.")


def tally(tx: Tx, run: Run) -> dict[tuple[Kind, str], int]:
    """How many rows of the plan there are of each kind and state."""
    rows = tx.all(_TALLY, {"company": run.company_id, "run": run.id})
    return {(kind, state): count for kind, state, count in rows}


def left(tx: Tx, run: Run) -> dict[Kind, int]:
    """How many rows are still to be done, by kind; what was set aside is for nobody to do."""
    found = tally(tx, run).items()
    return {kind: number for (kind, state), number in found if state == "planned" and kind != "set_aside"}


def as_json(change: Change) -> dict[str, Any]:
    """A row as doors show it."""
    return {
        "id": change.id,
        "kind": change.kind,
        "user": change.who,
        "user_id": change.user_id,
        "okta_id": change.okta_id,
        "rule": change.rule,
        "reason": change.reason,
        "changes": change.changes,
        "state": change.state,
        "why_not": change.why_not,
        "at": change.at,
    }


def preview(tx: Tx, run: Run) -> dict[str, Any]:
    """The whole plan by kind, and why it is held or would be."""
    shown: dict[str, Any] = {kind: [] for kind in KINDS}
    after = ""
    while page := search(tx, run, after=after, limit=500):
        for change in page:
            shown[change.kind].append(as_json(change))
        after = page[-1].id
    return {**shown, "held": run.reason if run.state in ("held", "done") else None}


def prune(tx: Tx, company_id: str, *, before: datetime, limit: int = 500) -> int:
    """Forgets at most `limit` rows of runs that ended before an instant; returns how many."""
    old = tx.search(
        select(table.c.id)
        .select_from(
            table.join(okta_runs, (okta_runs.c.company_id == table.c.company_id) & (okta_runs.c.id == table.c.run_id))
        )
        .where(table.c.company_id == company_id, okta_runs.c.ended_at < clock.text(before))
        .limit(limit)
    )
    if old:
        query = delete(table).where(table.c.company_id == company_id, table.c.id.in_([row[0] for row in old]))
        tx.search(query.returning(table.c.id))
    return len(old)


def _write(tx: Tx, company_id: str, change: Change, values: dict[str, Any]) -> None:
    if tx.one(_MARK, {"company": company_id, "change": change.id, **values}) is None:
        raise RunEnded(change.id)


def _change(row: Row) -> Change:
    id_, kind, okta_id, user_id, rule, reason, changes, state, why_not, at, who = row
    decoded = msgspec.json.decode(changes)
    return Change(id_, kind, okta_id, user_id, rule, reason, decoded, state, why_not, at, who)

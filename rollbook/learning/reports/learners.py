"""*Learners*: how far each person is, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, func, select

from rollbook.database import Row, Tx
from rollbook.database.tables import active_users, assignment_rounds, assignments, path_progress
from rollbook.learning.reports import counting, people
from rollbook.learning.reports.filters import OF_ASSIGNMENTS, OF_PEOPLE
from rollbook.learning.reports.shape import Page, Question, Report, column

COLUMNS = [
    *people.PERSON,
    *counting.TOTALS,
    column("average_score", "Average score", "number"),
    column("last_activity", "Last activity", "instant"),
]
_NOTHING = (0, 0, 0, None, 0)


def _page(tx: Tx, ask: Question) -> Page:
    also = [counting.has_any(ask)] if ask.filters.narrows_assignments else []
    found, after = people.page(tx, ask, *also)
    ids = [row[0] for row in found]
    counts = {row[0]: row[1:] for row in _counts(tx, ask, ids)}
    last = _last_activity(tx, ask, ids)
    rows = []
    for row in found:
        assigned, completed, overdue, score, scored = counts.get(row[0], _NOTHING)
        progress = [*counting.numbers(assigned, completed, overdue), counting.average(score, scored)]
        rows.append([*people.shown(row), *progress, last.get(row[0])])
    return Page(COLUMNS, rows, after)


def _counts(tx: Tx, ask: Question, ids: Sequence[str]) -> list[Row]:
    query = (
        select(assignments.c.user_id, *counting.totals(ask), *counting.scores())
        .join_from(assignments, active_users, counting.is_person())
        .where(*counting.counted(ask), assignments.c.user_id.in_(ids))
        .group_by(assignments.c.user_id)
    )
    return tx.search(query) if ids else []


def _last_activity(tx: Tx, ask: Question, ids: Sequence[str]) -> dict[str, str]:
    """When each last completed something, a lesson of a path too, in any round; whatever the filters say."""
    last: dict[str, str] = {}
    for completed_at, beside in (
        (assignments.c.completed_at, None),
        (assignment_rounds.c.completed_at, assignment_rounds),
        (path_progress.c.completed_at, path_progress),
    ):
        for user_id, at in tx.search(_latest(ask, ids, completed_at, beside)) if ids else ():
            if at is not None:
                last[user_id] = max(at, last.get(user_id, ""))
    return last


def _latest(ask: Question, ids: Sequence[str], completed_at: ColumnElement[Any], beside: Table | None) -> Any:
    tables: Any = assignments.join(active_users, counting.is_person())
    if beside is not None:
        tables = tables.join(
            beside,
            (beside.c.company_id == assignments.c.company_id) & (beside.c.assignment_id == assignments.c.id),
        )
    return (
        select(assignments.c.user_id, func.max(completed_at))
        .select_from(tables)
        .where(assignments.c.company_id == ask.company_id, assignments.c.user_id.in_(ids))
        .group_by(assignments.c.user_id)
    )


REPORT = Report(
    "learners",
    "how far each person is: assigned, completed, incomplete, overdue, average score, last activity",
    OF_PEOPLE | OF_ASSIGNMENTS,
    _page,
)

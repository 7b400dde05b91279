"""*Activity*: what was assigned and completed, and who joined, day by day or week by week."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import ColumnElement, func, select

from rollbook.database import Tx
from rollbook.database.tables import active_users, assignment_rounds, assignments
from rollbook.learning.reports import counting, days, people
from rollbook.learning.reports.days import Days
from rollbook.learning.reports.filters import OF_PEOPLE
from rollbook.learning.reports.shape import Page, Question, Report, column, known

COLUMNS = [
    column("day", "From", "date"),
    column("assigned", "Assigned", "number"),
    column("completed", "Completed", "number"),
    column("joined", "Joined", "number"),
]
_OF_ROUND = (assignments.c.company_id == assignment_rounds.c.company_id) & (
    assignments.c.id == assignment_rounds.c.assignment_id
)


def _page(tx: Tx, ask: Question) -> Page:
    """Rounds that are over count on their days like the present one: a reassignment takes nothing out of the past."""
    steps = days.of_page(ask)
    assigned: Counter[str] = Counter()
    completed: Counter[str] = Counter()
    joined: Counter[str] = Counter()
    if steps.names:
        for table in (assignments, assignment_rounds):
            opened = _acts(ask, steps, table, table.c.opened_at).where(table.c.state != "withdrawn")
            assigned += steps.sums(tx.search(opened))
            completed += steps.sums(tx.search(_acts(ask, steps, table, table.c.completed_at)))
        joined = steps.sums(tx.search(_joined(ask, steps)))
    return Page(COLUMNS, [[name, assigned[name], completed[name], joined[name]] for name in steps.names], steps.next)


def _acts(ask: Question, steps: Days, table: Any, at: ColumnElement[str]) -> Any:
    day = func.substr(at, 1, 10).label("day")
    query = select(day, func.count())
    if table is assignment_rounds:
        query = query.join_from(assignment_rounds, assignments, _OF_ROUND)
    return query.where(
        table.c.company_id == ask.company_id,
        assignments.c.company_id == ask.company_id,
        *_between(at, steps),
        *counting.of_content(ask, assignments.c.content_id),
        assignments.c.user_id.in_(people.ids(ask)),
    ).group_by("day")


def _joined(ask: Question, steps: Days) -> Any:
    at = active_users.c.created_at
    day = func.substr(at, 1, 10).label("day")
    return select(day, func.count()).where(*people.chosen(ask), *_between(at, steps)).group_by("day")


def _between(at: ColumnElement[str], steps: Days) -> tuple[ColumnElement[bool], ...]:
    return at >= known(steps.first), at < known(steps.end)


REPORT = Report(
    "activity",
    "what was assigned and completed, and how many joined, by the day or the week",
    OF_PEOPLE | {"content", "archived_content", "since", "until", "by"},
    _page,
    parts=1,
)

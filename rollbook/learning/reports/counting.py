"""Which assignments count in a report, and what they are called: completed, overdue or incomplete.

A withdrawn assignment counts nowhere. An archived lesson or path leaves the reports with all that was assigned of it,
unless it is asked for.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select

from rollbook.database import Tx
from rollbook.database.tables import active_users, assignments, content
from rollbook.learning.assignment_record import has_status
from rollbook.learning.reports.shape import Column, Question, column

MOST_NAMED = 200

TOTALS: list[Column] = [
    column("assigned", "Assigned", "number"),
    column("completed", "Completed", "number"),
    column("incomplete", "Incomplete", "number"),
    column("overdue", "Overdue", "number"),
]


def counted(ask: Question, *, content_chosen: bool = False) -> list[ColumnElement[bool]]:
    """The conditions, over `assignments`, that choose what counts; whose they are is people.py's to choose.

    `content_chosen` says that the contents are named, which spares a look at each row.
    """
    row, filters = assignments.c, ask.filters
    conditions = [row.company_id == ask.company_id, row.state != "withdrawn"]
    if not content_chosen:
        conditions += of_content(ask, row.content_id)
    if filters.status is not None:
        conditions.append(has_status(filters.status, ask.day))
    if filters.since is not None:
        conditions.append(row.opened_at >= filters.since.isoformat())
    if filters.until is not None:
        conditions.append(row.opened_at <= f"{filters.until.isoformat()}T99")  # after every instant of that day
    return conditions


def of_content(ask: Question, content_id: ColumnElement[str]) -> list[ColumnElement[bool]]:
    """The conditions on what was assigned: the one asked for, archived or not; else whatever is not archived."""
    if ask.filters.content_id is not None:
        return [content_id == ask.filters.content_id]
    if ask.filters.archived_content or ask.hidden == ():
        return []
    return [content_id.not_in(_archived(ask.company_id) if ask.hidden is None else ask.hidden)]


def hidden(tx: Tx, company_id: str) -> tuple[str, ...] | None:
    """The archived content of a company, asked once a page, since PostgreSQL plans better for ids than for a question;
    None where they are many.
    """
    rows = tx.search(_archived(company_id).limit(MOST_NAMED + 1))
    return tuple(row[0] for row in rows) if len(rows) <= MOST_NAMED else None


def _archived(company_id: str) -> Select[Any]:
    return select(content.c.id).where(content.c.company_id == company_id, content.c.state == "archived")


def totals(ask: Question) -> tuple[ColumnElement[Any], ...]:
    """What `numbers` makes the columns TOTALS of: all, completed, overdue."""
    row = assignments.c
    return (
        func.count(),
        func.count().filter(row.state == "completed"),
        func.count().filter(has_status("overdue", ask.day)),
    )


def scores() -> tuple[ColumnElement[Any], ...]:
    """What `average` takes: the sum of the scores, and how many there are."""
    score, done = assignments.c.score, assignments.c.state == "completed"
    return func.sum(score).filter(done), func.count(score).filter(done)


def numbers(assigned: int, completed: int, overdue: int) -> list[int]:
    """The values of TOTALS; overdue is not among incomplete."""
    return [assigned, completed, assigned - completed - overdue, overdue]


def average(total: int | None, count: int) -> float | None:
    """The mean score, to one decimal; None where nobody has one."""
    return round(int(total) / count, 1) if count and total is not None else None


def has_any(ask: Question) -> ColumnElement[bool]:
    """That somebody of `active_users` has an assignment that counts."""
    return exists().where(assignments.c.user_id == active_users.c.id, *counted(ask))


def is_person() -> ColumnElement[bool]:
    """That an assignment is that of a row of `active_users`."""
    return (active_users.c.company_id == assignments.c.company_id) & (active_users.c.id == assignments.c.user_id)


def is_content() -> ColumnElement[bool]:
    """That an assignment is of a row of `content`."""
    return (content.c.company_id == assignments.c.company_id) & (content.c.id == assignments.c.content_id)

"""What a learner has in front of them: their assignments, with what each is about and how far they are.

Assigning is assignments.py's, completing completion.py's. All of it reads active_users: an archived person has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from sqlalchemy import bindparam, func, select

from rollbook.database import Row, Tx
from rollbook.database.tables import active_users, assignments, content, path_lessons, path_progress
from rollbook.errors import NotFound
from rollbook.learning.assignment_record import RETURNED, Status, status_of


@dataclass(frozen=True, slots=True)
class Entry:
    """An assignment as its learner sees it; `done` of `total` lessons, 1 for a lesson.

    `returned` is incomplete with a day that went by while the person was away: nobody reminds them of it.
    """

    id: str
    content_id: str
    kind: Literal["lesson", "path"]
    title: str
    description: str
    status: Status | Literal["returned"]
    due_on: str | None
    completed_at: str | None
    score: int | None
    enforced_order: bool
    certification: bool
    done: int
    total: int

    def days_left(self, today: date) -> int | None:
        """Until the day that it is due; negative once that is past, None where there is no such day."""
        return (date.fromisoformat(self.due_on) - today).days if self.due_on else None


@dataclass(frozen=True, slots=True)
class Step:
    """A lesson of an assigned path; `open` where it may be done now."""

    lesson_id: str
    title: str
    description: str
    completed_at: str | None
    open: bool


_OF_PERSON = (assignments.c.company_id == bindparam("company"), assignments.c.user_id == bindparam("user"))
_DONE = (
    select(func.count())
    .where(
        path_progress.c.company_id == assignments.c.company_id,
        path_progress.c.assignment_id == assignments.c.id,
        path_progress.c.round == assignments.c.round,
    )
    .scalar_subquery()
)
_TOTAL = (
    select(func.count())
    .where(path_lessons.c.company_id == content.c.company_id, path_lessons.c.path_id == content.c.id)
    .scalar_subquery()
)
_LIVE = (
    select(
        assignments.c.id,
        assignments.c.content_id,
        content.c.kind,
        content.c.title,
        content.c.description,
        assignments.c.state,
        assignments.c.due_on,
        assignments.c.completed_at,
        assignments.c.score,
        content.c.enforced_order,
        content.c.certification,
        RETURNED,
        _DONE,
        _TOTAL,
    )
    .join_from(
        assignments,
        active_users,
        (active_users.c.company_id == assignments.c.company_id) & (active_users.c.id == assignments.c.user_id),
    )
    .join(content, (content.c.company_id == assignments.c.company_id) & (content.c.id == assignments.c.content_id))
    .where(*_OF_PERSON, assignments.c.state != "withdrawn", content.c.state == "published")
)
_ALL = _LIVE.order_by(assignments.c.due_on.is_(None), assignments.c.due_on, assignments.c.id)
_ONE = _LIVE.where(assignments.c.id == bindparam("assignment"))
_STEPS = (
    select(content.c.id, content.c.title, content.c.description, path_progress.c.completed_at)
    .join_from(
        path_lessons,
        content,
        (content.c.company_id == path_lessons.c.company_id) & (content.c.id == path_lessons.c.lesson_id),
    )
    .outerjoin(
        path_progress,
        (path_progress.c.company_id == path_lessons.c.company_id)
        & (path_progress.c.lesson_id == path_lessons.c.lesson_id)
        & (path_progress.c.assignment_id == bindparam("assignment"))
        & (
            path_progress.c.round
            == select(assignments.c.round)
            .where(assignments.c.company_id == bindparam("company"), assignments.c.id == bindparam("assignment"))
            .scalar_subquery()
        ),
    )
    .where(path_lessons.c.company_id == bindparam("company"), path_lessons.c.path_id == bindparam("path"))
    .order_by(path_lessons.c.position)
)
_BODY = select(content.c.body).where(
    content.c.company_id == bindparam("company"), content.c.id == bindparam("lesson"), content.c.kind == "lesson"
)


def of_person(tx: Tx, company_id: str, user_id: str, *, today: date) -> list[Entry]:
    """What a person is to do and what they did, by the day it is due; what is withdrawn or archived is not there."""
    return [_entry(row, today) for row in tx.all(_ALL, {"company": company_id, "user": user_id})]


def get(tx: Tx, company_id: str, user_id: str, assignment_id: str, *, today: date) -> Entry:
    """One of them. Raises NotFound, also for an assignment of somebody else."""
    row = tx.one(_ONE, {"company": company_id, "user": user_id, "assignment": assignment_id})
    if row is None:
        raise NotFound("This is not assigned to you, or no longer. Your own page shows what is.")
    return _entry(row, today)


def steps(tx: Tx, company_id: str, entry: Entry) -> list[Step]:
    """The lessons of an assigned path, in their order."""
    found: list[Step] = []
    rows = tx.all(_STEPS, {"company": company_id, "assignment": entry.id, "path": entry.content_id})
    for lesson_id, title, description, completed_at in rows:
        before_done = all(step.completed_at for step in found)
        found.append(Step(lesson_id, title, description, completed_at, before_done or not entry.enforced_order))
    return found


def body(tx: Tx, company_id: str, lesson_id: str) -> str:
    """The Markdown of a lesson. Raises NotFound."""
    row = tx.one(_BODY, {"company": company_id, "lesson": lesson_id})
    if row is None:
        raise NotFound("There is no such lesson.")
    text: str = row[0]
    return text


def _entry(row: Row, today: date) -> Entry:
    id_, content_id, kind, title, description, state, due_on, completed_at, score, *rest = row
    enforced, certification, returned, done, total = rest
    status = status_of(state, due_on, today.isoformat())
    if kind == "lesson":
        done, total = int(state == "completed"), 1
    elif state == "completed":
        done = total
    return Entry(
        id_,
        content_id,
        kind,
        title,
        description,
        "returned" if status == "overdue" and returned else status,
        due_on,
        completed_at,
        score,
        bool(enforced),
        bool(certification),
        done,
        total,
    )

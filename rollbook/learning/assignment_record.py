"""The record of an assignment: what a row holds, and looking one up. The verbs are in assignments.py, the lists that
people read in assignment_lists.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, and_, bindparam, false, func, or_, select

from rollbook.database import Tx
from rollbook.database.tables import active_users, assignment_rounds
from rollbook.database.tables import assignments as table
from rollbook.errors import NotFound
from rollbook.learning.content_record import Content
from rollbook.people.record import User

State = Literal["incomplete", "completed", "withdrawn"]
Status = Literal["incomplete", "overdue", "completed", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Assignment:
    """A person and what they are to do. Assigned again it opens another round; instants are text, `due_on` is a day."""

    id: str
    company_id: str
    user_id: str
    content_id: str
    round: int
    state: State
    assigned_at: str  # the first round
    opened_at: str  # this round
    assigned_by: str
    due_on: str | None
    completed_at: str | None
    score: int | None  # 0 to 100
    group_assignment_id: str | None
    trigger_id: str | None
    updated_at: str

    def status(self, today: str) -> Status:
        """The state as people read it (`due.day(now)` is today)."""
        return status_of(self.state, self.due_on, today)


@dataclass(frozen=True, slots=True)
class Round:
    """A round that is over, as it ended."""

    round: int
    state: State
    opened_at: str
    due_on: str | None
    completed_at: str | None
    score: int | None
    ended_at: str


def status_of(state: State, due_on: str | None, today: str) -> Status:
    """The state as people read it: overdue is incomplete with a day that is past."""
    return "overdue" if state == "incomplete" and due_on is not None and due_on < today else state


def has_status(status: Status, today: str) -> ColumnElement[bool]:
    """`status_of` as a condition on the table."""
    if status == "overdue":
        return and_(table.c.state == "incomplete", table.c.due_on < today)
    if status == "incomplete":
        return and_(table.c.state == "incomplete", or_(table.c.due_on.is_(None), table.c.due_on >= today))
    return table.c.state == status


COLUMNS = tuple(table.c[name] for name in Assignment.__dataclass_fields__)
SELECT = select(*COLUMNS)
OF_USER = (table.c.company_id == bindparam("company"), table.c.user_id == bindparam("user"))

_ONE = SELECT.where(table.c.company_id == bindparam("company"), table.c.id == bindparam("assignment"))
_ONE_LOCKED = _ONE.with_for_update()
_OF_CONTENT = SELECT.where(*OF_USER, table.c.content_id == bindparam("content"))
_OF_CONTENT_LOCKED = _OF_CONTENT.with_for_update()
_ALL = SELECT.where(*OF_USER).order_by(table.c.id)
# What fell due while its person was away: overdue by the day they came back, and no news to anybody. Joined with them.
RETURNED = func.coalesce(
    and_(
        table.c.state == "incomplete",
        table.c.opened_at < active_users.c.away_until,
        table.c.due_on + "T24" > active_users.c.away_from,
        table.c.due_on + "T24" <= active_users.c.away_until,
    ),
    false(),
)
_RETURNED = (
    SELECT.join_from(
        table,
        active_users,
        (active_users.c.company_id == table.c.company_id) & (active_users.c.id == table.c.user_id),
    )
    .where(*OF_USER, RETURNED)
    .order_by(table.c.id)
)
_HISTORY = (
    select(*(assignment_rounds.c[name] for name in Round.__dataclass_fields__))
    .where(
        assignment_rounds.c.company_id == bindparam("company"),
        assignment_rounds.c.assignment_id == bindparam("assignment"),
    )
    .order_by(assignment_rounds.c.round)
)


def find(tx: Tx, company_id: str, assignment_id: str, *, lock: bool = False) -> Assignment | None:
    """The assignment with this id; with `lock` nobody else changes it until this transaction ends."""
    row = tx.one(_ONE_LOCKED if lock else _ONE, {"company": company_id, "assignment": assignment_id})
    return Assignment(*row) if row else None


def get(tx: Tx, company_id: str, assignment_id: str, *, lock: bool = False) -> Assignment:
    """As `find`; raises NotFound."""
    found = find(tx, company_id, assignment_id, lock=lock)
    if found is None:
        raise NotFound(f"There is no assignment {assignment_id!r} in this company.")
    return found


def find_locked(tx: Tx, user: User, content_id: str) -> Assignment | None:
    """What a person was assigned of a content, in whatever state, locked."""
    row = tx.one(_OF_CONTENT_LOCKED, {"company": user.company_id, "user": user.id, "content": content_id})
    return Assignment(*row) if row else None


def of_pair(tx: Tx, user: User, content: Content) -> Assignment:
    """What a person was assigned of a content, in whatever state; raises NotFound where nothing ever was."""
    row = tx.one(_OF_CONTENT, {"company": user.company_id, "user": user.id, "content": content.id})
    if row is None:
        raise NotFound(f"{content.title} is not assigned to {user.display_name}.")
    return Assignment(*row)


def of_user(tx: Tx, user: User) -> list[Assignment]:
    """Everything that a person was ever assigned, in whatever state, that of archived content too."""
    return [Assignment(*row) for row in tx.all(_ALL, {"company": user.company_id, "user": user.id})]


def returned(tx: Tx, user: User) -> list[Assignment]:
    """What fell due while an active person was away and is not done yet: listed as returned, never mailed."""
    return [Assignment(*row) for row in tx.all(_RETURNED, {"company": user.company_id, "user": user.id})]


def history(tx: Tx, assignment: Assignment) -> list[Round]:
    """The rounds that are over, oldest first; the present one is the assignment itself."""
    about = {"company": assignment.company_id, "assignment": assignment.id}
    return [Round(*row) for row in tx.all(_HISTORY, about)]

"""Who is to do what, as people read it: only of those who are here, and of content that is published.

An archived person's assignments, and those of archived content, are kept and are in none of these lists until the one
or the other is restored; what is assigned of archived content is listed when asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, bindparam, select

from rollbook.database import Row, Tx
from rollbook.database.tables import active_users, content
from rollbook.database.tables import assignments as table
from rollbook.learning.assignment_record import COLUMNS, RETURNED, Assignment, Status, has_status


@dataclass(frozen=True, slots=True)
class Line:
    """An assignment with the names of its person and its content; `returned` says that it fell due while they were
    away, and is listed but never mailed.
    """

    assignment: Assignment
    user_name: str
    given_name: str
    family_name: str
    kind: str
    title: str
    returned: bool


_LISTED = (
    select(
        *COLUMNS,
        active_users.c.user_name,
        active_users.c.given_name,
        active_users.c.family_name,
        content.c.kind,
        content.c.title,
        RETURNED.label("returned"),
    )
    .join_from(
        table,
        active_users,
        and_(active_users.c.company_id == table.c.company_id, active_users.c.id == table.c.user_id),
    )
    .join(content, and_(content.c.company_id == table.c.company_id, content.c.id == table.c.content_id))
    .order_by(table.c.id)
)
_ONE = _LISTED.where(table.c.company_id == bindparam("company"), table.c.id == bindparam("assignment"))


def search(
    tx: Tx,
    company_id: str,
    *,
    user_id: str | None = None,
    content_id: str | None = None,
    overdue_on: str | None = None,
    withdrawn: bool = False,
    archived_content: bool = False,
    status: Status | None = None,
    today: str = "",
    after: str = "",
    limit: int = 1000,
) -> list[Line]:
    """Assignments in the order of ids, after the id `after`: of a person, of a content, or overdue on a day; those that
    were withdrawn instead of the others, or those of archived content; or those that have a status `today`.
    """
    conditions = [
        table.c.company_id == company_id,
        table.c.id > after,
        content.c.state == ("archived" if archived_content else "published"),
        has_status(status, today)
        if status is not None
        else (table.c.state == "withdrawn" if withdrawn else table.c.state != "withdrawn"),
    ]
    if user_id is not None:
        conditions.append(table.c.user_id == user_id)
    if content_id is not None:
        conditions.append(table.c.content_id == content_id)
    if overdue_on is not None:
        conditions.append(has_status("overdue", overdue_on))
    return [_line(row) for row in tx.search(_LISTED.where(*conditions).limit(limit))]


def find(tx: Tx, company_id: str, assignment_id: str) -> Line | None:
    """The assignment with this id, in whatever state, of somebody who is here."""
    row = tx.one(_ONE, {"company": company_id, "assignment": assignment_id})
    return _line(row) if row else None


def _line(row: Row) -> Line:
    user_name, given_name, family_name, kind, title, returned = row[len(COLUMNS) :]
    assignment = Assignment(*row[: len(COLUMNS)])
    return Line(assignment, user_name, given_name, family_name, kind, title, bool(returned))

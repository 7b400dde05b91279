"""What a mail tells of assignments, read in the transaction in which the mail leaves: whoever has done it by then, or
from whom it was withdrawn, hears nothing. Which days are told of beforehand is reminders.py's.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select

from rollbook.database import Tx
from rollbook.database.tables import assignments, content


@dataclass(frozen=True, slots=True)
class Notice:
    """An assignment that is still to be done, and what it is about."""

    assignment_id: str
    round: int
    content_kind: str
    title: str
    description: str
    due_on: str | None


def still_open(tx: Tx, company_id: str, user_id: str, assignment_ids: Collection[str]) -> list[Notice]:
    """Those of a person's assignments that are incomplete and about content that is published, by their day."""
    if not assignment_ids:
        return []
    rows = tx.search(
        select(
            assignments.c.id,
            assignments.c.round,
            content.c.kind,
            content.c.title,
            content.c.description,
            assignments.c.due_on,
        )
        .join_from(
            assignments,
            content,
            (content.c.company_id == assignments.c.company_id) & (content.c.id == assignments.c.content_id),
        )
        .where(
            assignments.c.company_id == company_id,
            assignments.c.user_id == user_id,
            assignments.c.id.in_(assignment_ids),
            assignments.c.state == "incomplete",
            content.c.state == "published",
        )
    )
    return sorted((Notice(*row) for row in rows), key=lambda notice: (notice.due_on or "9999", notice.assignment_id))

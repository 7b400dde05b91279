"""*Assignments*: every one that counts, a row each, in the order in which they were made: what is exported."""

from __future__ import annotations

from sqlalchemy import select

from rollbook.database import Tx
from rollbook.database.tables import active_users, content
from rollbook.database.tables import assignments as table
from rollbook.learning.assignment_record import status_of
from rollbook.learning.reports import counting, people
from rollbook.learning.reports.filters import OF_ASSIGNMENTS, OF_PEOPLE
from rollbook.learning.reports.shape import Page, Question, Report, column, cut

COLUMNS = [
    column("assignment_id", "Assignment"),
    *people.PERSON,
    column("content_id", "Content id"),
    column("title", "Lesson or path"),
    column("kind", "Kind"),
    column("round", "Round", "number"),
    column("status", "Status", "status"),
    column("assigned_at", "Assigned", "instant"),
    column("due_on", "Due", "date"),
    column("completed_at", "Completed", "instant"),
    column("score", "Score", "number"),
]


def _page(tx: Tx, ask: Question) -> Page:
    row = table.c
    of_assignment = (row.round, row.state, row.opened_at, row.due_on, row.completed_at, row.score, row.id)
    query = (
        select(*people.OF_PERSON, content.c.id, content.c.title, content.c.kind, *of_assignment)
        .join_from(table, active_users, counting.is_person())
        .join(content, counting.is_content())
        .where(*counting.counted(ask), *people.chosen(ask))
    )
    if ask.after is not None:
        query = query.where(row.id > ask.after[0])
    listed = tx.search(query.order_by(row.id).limit(ask.one_more))
    found, after = cut(listed, ask.limit, lambda line: (line[-1],))
    rows = []
    for line in found:
        content_id, title, kind, round_, state, opened_at, due_on, *ended, id_ = line[len(people.OF_PERSON) :]
        status = status_of(state, due_on, ask.day)
        about = [content_id, title, kind, round_, status, opened_at, due_on, *ended]
        rows.append([id_, *people.shown(line), *about])
    return Page(COLUMNS, rows, after)


REPORT = Report(
    "assignments",
    "every assignment: whose, of what, since when, until when, its status and score",
    OF_PEOPLE | OF_ASSIGNMENTS,
    _page,
    parts=1,
)

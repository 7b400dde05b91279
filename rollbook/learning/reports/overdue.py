"""*Overdue*: what is late, the longest first. What fell due while somebody was away is marked as returned."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from rollbook.database import Tx
from rollbook.database.tables import active_users, assignments, content
from rollbook.learning.assignment_record import RETURNED
from rollbook.learning.reports import counting, people
from rollbook.learning.reports.filters import OF_PEOPLE
from rollbook.learning.reports.shape import Page, Question, Report, column, cut, known

COLUMNS = [
    *people.PERSON,
    column("content_id", "Content id"),
    column("title", "Lesson or path"),
    column("due_on", "Due", "date"),
    column("days_overdue", "Days overdue", "number"),
    column("returned", "Fell due while away", "yes_no"),
]


def _page(tx: Tx, ask: Question) -> Page:
    row = assignments.c
    query = (
        select(*people.OF_PERSON, content.c.id, content.c.title, RETURNED, row.due_on, row.id)
        .join_from(assignments, active_users, counting.is_person())
        .join(content, counting.is_content())
        .where(row.company_id == ask.company_id, *people.chosen(ask), *counting.of_content(ask, row.content_id))
        # Said as the index says it, in the statement's text: it holds what is open and has a day.
        .where(row.state == known("incomplete"), row.due_on.is_not(None), row.due_on < ask.day)
    )
    if ask.filters.since is not None:
        query = query.where(row.due_on >= ask.filters.since.isoformat())
    if ask.filters.until is not None:
        query = query.where(row.due_on <= ask.filters.until.isoformat())
    if ask.after is not None:
        query = query.where(people.after((row.due_on, row.id), ask.after))
    listed = tx.search(query.order_by(row.due_on, row.id).limit(ask.one_more))
    found, after = cut(listed, ask.limit, lambda line: (line[-2], line[-1]))
    rows = []
    for line in found:
        content_id, title, returned, due_on, _ = line[len(people.OF_PERSON) :]
        days = (ask.today - date.fromisoformat(due_on)).days
        rows.append([*people.shown(line), content_id, title, due_on, days, bool(returned)])
    return Page(COLUMNS, rows, after)


REPORT = Report(
    "overdue",
    "who is late with what, and by how many days",
    OF_PEOPLE | {"content", "since", "until", "archived_content"},
    _page,
)

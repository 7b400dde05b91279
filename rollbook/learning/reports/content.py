"""*Content*: how far people are with each lesson and path, by title."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from rollbook.database import Row, Tx
from rollbook.database.tables import assignments
from rollbook.database.tables import content as table
from rollbook.learning.reports import counting, people
from rollbook.learning.reports.filters import OF_ASSIGNMENTS, OF_PEOPLE
from rollbook.learning.reports.shape import Page, Question, Report, column, cut

COLUMNS = [
    column("content_id", "Id"),
    column("title", "Title"),
    column("kind", "Kind"),
    column("archived", "Archived", "yes_no"),
    *counting.TOTALS,
    column("completion_rate", "Completed, %", "percent"),
    column("average_score", "Average score", "number"),
]
_NOTHING = (0, 0, 0, None, 0)


def _page(tx: Tx, ask: Question) -> Page:
    mine = (table.c.company_id == ask.company_id, table.c.state != "draft")
    query = select(table.c.id, table.c.title, table.c.kind, table.c.state, table.c.title_key).where(
        *mine, *counting.of_content(ask, table.c.id)
    )
    if ask.after is not None:
        query = query.where(people.after((table.c.title_key, table.c.id), ask.after))
    listed = tx.search(query.order_by(table.c.title_key, table.c.id).limit(ask.one_more))
    found, after = cut(listed, ask.limit, lambda row: (row[-1], row[0]))
    counts = {row[0]: row[1:] for row in _counts(tx, ask, [row[0] for row in found])}
    rows = []
    for content_id, title, kind, state, _ in found:
        assigned, completed, overdue, score, scored = counts.get(content_id, _NOTHING)
        rate = round(100 * completed / assigned, 1) if assigned else None
        progress = [*counting.numbers(assigned, completed, overdue), rate, counting.average(score, scored)]
        rows.append([content_id, title, kind, state == "archived", *progress])
    return Page(COLUMNS, rows, after)


def _counts(tx: Tx, ask: Question, ids: Sequence[str]) -> list[Row]:
    row = assignments.c
    query = (
        select(row.content_id, *counting.totals(ask), *counting.scores())
        .where(*counting.counted(ask, content_chosen=True), row.content_id.in_(ids), row.user_id.in_(people.ids(ask)))
        .group_by(row.content_id)
    )
    return tx.search(query) if ids else []


REPORT = Report(
    "content",
    "each lesson and path: assigned, completed, incomplete, overdue, completion rate, average score",
    OF_PEOPLE | OF_ASSIGNMENTS,
    _page,
)

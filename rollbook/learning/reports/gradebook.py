"""*Gradebook*: people × content, a page of people at a time; a cell says the status, and the score if there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from rollbook.database import Tx
from rollbook.database.tables import active_users, assignments, content
from rollbook.learning.assignment_record import State, status_of
from rollbook.learning.reports import counting, people
from rollbook.learning.reports.filters import OF_ASSIGNMENTS, OF_PEOPLE
from rollbook.learning.reports.shape import Column, Page, Question, Report, column

PERSON = people.PERSON[:3]
OF_PERSON = len(people.OF_PERSON)


def _page(tx: Tx, ask: Question) -> Page:
    things = _content(tx, ask)
    columns: list[Column] = [*PERSON, *(column(content_id, title, "status") for content_id, title in things)]
    also = [counting.has_any(ask)] if ask.filters.narrows_assignments else []
    found, after = people.page(tx, ask, *also)
    cells = _cells(tx, ask, [row[0] for row in found])
    places = {content_id: place for place, (content_id, _) in enumerate(things)}
    rows = []
    for row in found:
        line: list[Any] = [None] * len(things)
        for content_id, text in cells.get(row[0], ()):
            if content_id in places:
                line[places[content_id]] = text
        rows.append([*people.shown(row)[: len(PERSON)], *line])
    return Page(columns, rows, after)


def _content(tx: Tx, ask: Question) -> list[tuple[str, str]]:
    """The columns: whatever was published, by title."""
    mine = (content.c.company_id == ask.company_id, content.c.state != "draft")
    query = select(content.c.id, content.c.title).where(*mine, *counting.of_content(ask, content.c.id))
    return [(row[0], row[1]) for row in tx.search(query.order_by(content.c.title_key, content.c.id))]


def _cells(tx: Tx, ask: Question, ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    row = assignments.c
    query = (
        select(row.user_id, row.content_id, row.state, row.due_on, row.score)
        .join_from(assignments, active_users, counting.is_person())
        .where(*counting.counted(ask), row.user_id.in_(ids))
    )
    cells: dict[str, list[tuple[str, str]]] = {}
    for user_id, content_id, state, due_on, score in tx.search(query) if ids else ():
        cells.setdefault(user_id, []).append((content_id, _cell(state, due_on, score, ask.day)))
    return cells


def _cell(state: State, due_on: str | None, score: int | None, day: str) -> str:
    status = status_of(state, due_on, day)
    return f"{status} {score}" if status == "completed" and score is not None else status


REPORT = Report(
    "gradebook",
    "people × lessons and paths: what each person's assignment is, and the score",
    OF_PEOPLE | OF_ASSIGNMENTS,
    _page,
)

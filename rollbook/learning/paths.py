"""Paths: lessons one after the other, in an order that may be enforced. Publishing and archiving is content.py's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select

from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import assignments, path_lessons
from rollbook.database.tables import content as table
from rollbook.errors import Conflict, InvalidValue
from rollbook.learning import content as contents
from rollbook.learning import content_record
from rollbook.learning.content import LONGEST_DESCRIPTION, checked_text, checked_title
from rollbook.learning.content_record import Content

MOST_LESSONS = 100

_OF_PATH = (path_lessons.c.company_id == bindparam("company"), path_lessons.c.path_id == bindparam("path"))
_LESSON_IDS = select(path_lessons.c.lesson_id).where(*_OF_PATH).order_by(path_lessons.c.position)
_LESSONS = (
    content_record.SELECT.join_from(
        path_lessons,
        table,
        (table.c.company_id == path_lessons.c.company_id) & (table.c.id == path_lessons.c.lesson_id),
    )
    .where(*_OF_PATH)
    .order_by(path_lessons.c.position)
)
_CLEAR = delete(path_lessons).where(*_OF_PATH)
_PUT = insert(path_lessons)
_AT_WORK = select(func.count()).where(
    assignments.c.company_id == bindparam("company"),
    assignments.c.content_id == bindparam("path"),
    assignments.c.state == "incomplete",
)


def create(
    tx: Tx,
    company_id: str,
    title: str,
    lessons: Sequence[Content],
    *,
    description: str = "",
    enforced_order: bool = False,
    certification: bool = False,
    author_id: str | None = None,
    publish: bool = False,
    actor: Actor,
    now: datetime,
) -> Content:
    """A new path of 1 to 100 different lessons, a draft unless it is published at once.

    Raises InvalidValue for texts and lists that cannot be, Conflict for a lesson that is archived, or is no published
    one where the path is to be published.
    """
    values: dict[str, Any] = {
        "title": checked_title(title),
        "description": checked_text(description, "description", LONGEST_DESCRIPTION),
        "enforced_order": enforced_order,
        "certification": certification,
    }
    _check_lessons(company_id, lessons)
    path = contents.add(tx, company_id, "path", values, author_id=author_id, actor=actor, now=now)
    _put(tx, path, lessons)
    return contents.publish(tx, path, actor=actor, now=now) if publish else path


def change(
    tx: Tx,
    path: Content,
    *,
    title: str | None = None,
    description: str | None = None,
    lessons: Sequence[Content] | None = None,
    enforced_order: bool | None = None,
    certification: bool | None = None,
    actor: Actor,
    now: datetime,
) -> Content:
    """Changes what is given; None leaves it as it is. Idempotent.

    A lesson is taken out only while nobody is at work on the path: whoever has done all the others would have nothing
    left to do, and would never be done. Raises Conflict then, and where the path is archived, and InvalidValue.
    """
    if path.kind != "path":
        raise InvalidValue(f"{path.title} is a lesson, no path.", field="kind")
    path = content_record.get(tx, path.company_id, path.id, lock=True)
    content_record.refuse_archived(path)
    values: dict[str, Any] = {}
    if title is not None:
        values["title"] = checked_title(title)
    if description is not None:
        values["description"] = checked_text(description, "description", LONGEST_DESCRIPTION)
    if enforced_order is not None:
        values["enforced_order"] = enforced_order
    if certification is not None:
        values["certification"] = certification
    also = _change_lessons(tx, path, lessons) if lessons is not None else {}
    return contents.change(tx, path, values, "Changed", also=also, actor=actor, now=now)


def lessons_of(tx: Tx, path: Content) -> list[Content]:
    """The lessons of a path in its order, with their bodies."""
    return [content_record.of_row(row) for row in tx.all(_LESSONS, {"company": path.company_id, "path": path.id})]


def lesson_ids(tx: Tx, company_id: str, path_id: str) -> list[str]:
    """The ids of a path's lessons in its order."""
    return [row[0] for row in tx.all(_LESSON_IDS, {"company": company_id, "path": path_id})]


def _change_lessons(tx: Tx, path: Content, lessons: Sequence[Content]) -> dict[str, list[Any]]:
    _check_lessons(path.company_id, lessons)
    before, after = lesson_ids(tx, path.company_id, path.id), [lesson.id for lesson in lessons]
    if before == after:
        return {}
    if not set(before) <= set(after):
        (at_work,) = tx.one(_AT_WORK, {"company": path.company_id, "path": path.id}) or (0,)
        if at_work:
            raise Conflict(
                f"{at_work:,} {'person is' if at_work == 1 else 'people are'} at work on the path {path.title}, so no "
                "lesson is taken out; add lessons, change the order, or make another path.",
                field="lessons",
            )
    if path.state == "published":
        for lesson_id in sorted(after):
            content_record.refuse_unpublished(content_record.get(tx, path.company_id, lesson_id, lock=True))
    tx.run(_CLEAR, {"company": path.company_id, "path": path.id})
    _put(tx, path, lessons)
    return {"lessons": [before, after]}


def _check_lessons(company_id: str, lessons: Sequence[Content]) -> None:
    if not 1 <= len(lessons) <= MOST_LESSONS:
        raise InvalidValue(f"A path has 1 to {MOST_LESSONS} lessons, not {len(lessons)}.", field="lessons")
    if len({lesson.id for lesson in lessons}) < len(lessons):
        raise InvalidValue("A lesson stands in a path only once.", field="lessons")
    for lesson in lessons:
        if lesson.kind != "lesson" or lesson.company_id != company_id:
            raise InvalidValue(f"{lesson.title} is no lesson of this company.", field="lessons")
        content_record.refuse_archived(lesson)


def _put(tx: Tx, path: Content, lessons: Sequence[Content]) -> None:
    for position, lesson in enumerate(lessons, 1):
        row = {"company_id": path.company_id, "path_id": path.id, "position": position, "lesson_id": lesson.id}
        tx.run(_PUT, row)

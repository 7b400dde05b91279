"""Lessons: one thing to read, in Markdown. Publishing and archiving is content.py's, showing it markdown.py's."""

from __future__ import annotations

from datetime import datetime

from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.errors import InvalidValue
from rollbook.learning import content as contents
from rollbook.learning import content_record
from rollbook.learning.content import LONGEST_BODY, LONGEST_DESCRIPTION, checked_text, checked_title
from rollbook.learning.content_record import Content


def create(
    tx: Tx,
    company_id: str,
    title: str,
    body: str,
    *,
    description: str = "",
    author_id: str | None = None,
    publish: bool = False,
    actor: Actor,
    now: datetime,
) -> Content:
    """A new lesson, a draft unless it is published at once. Raises InvalidValue for a text that cannot be kept."""
    values = {
        "title": checked_title(title),
        "description": checked_text(description, "description", LONGEST_DESCRIPTION),
        "body": checked_text(body, "body", LONGEST_BODY),
    }
    lesson = contents.add(tx, company_id, "lesson", values, author_id=author_id, actor=actor, now=now)
    return contents.publish(tx, lesson, actor=actor, now=now) if publish else lesson


def change(
    tx: Tx,
    lesson: Content,
    *,
    title: str | None = None,
    description: str | None = None,
    body: str | None = None,
    actor: Actor,
    now: datetime,
) -> Content:
    """Says it otherwise; None leaves a text as it is. Whoever has completed it has completed it. Idempotent.

    Raises InvalidValue, and Conflict where it is archived.
    """
    if lesson.kind != "lesson":
        raise InvalidValue(f"{lesson.title} is a path, no lesson.", field="kind")
    lesson = content_record.get(tx, lesson.company_id, lesson.id, lock=True)
    content_record.refuse_archived(lesson)
    values = {}
    if title is not None:
        values["title"] = checked_title(title)
    if description is not None:
        values["description"] = checked_text(description, "description", LONGEST_DESCRIPTION)
    if body is not None:
        values["body"] = checked_text(body, "body", LONGEST_BODY)
    return contents.change(tx, lesson, values, "Changed", actor=actor, now=now)

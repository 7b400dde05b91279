"""/lessons: one thing to read, in Markdown."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field

from rollbook.api.call import Call, TheCall
from rollbook.api.content import Description, Filters, Piece, Prose, found, turned
from rollbook.api.operation import PREFIX, router
from rollbook.api.paging import Page
from rollbook.api.shapes import Body, Name
from rollbook.database import Tx
from rollbook.learning import content, content_record, lessons
from rollbook.learning.content import LONGEST_BODY, LONGEST_DESCRIPTION
from rollbook.people.authorization import Who

routes = router("lessons")

Markdown = Annotated[Prose, Field(max_length=LONGEST_BODY, examples=["# Before you touch the dough"])]


class Lesson(Piece):
    """A lesson."""

    body: str | None = Field(description="Markdown; null in lists.", examples=["# Before you touch the dough"])


class Lessons(Page[Lesson]):
    """A page of lessons, without their texts."""


class NewLesson(Body):
    """A lesson to be written."""

    title: Name = Field(examples=["Food safety"])
    body: Markdown
    description: Description = Field("", description="What it is about; it stands in the mail.")
    publish: bool = Field(False, description="At once; a draft cannot be assigned.")


class LessonChange(Body):
    """What is to be different; what is left out stays."""

    title: Name | None = None
    body: Markdown | None = None
    description: Annotated[Prose, Field(max_length=LONGEST_DESCRIPTION)] | None = None


@routes.get("", operation_id="list_lessons", summary="List lessons")
async def list_(call: TheCall, asked: Annotated[Filters, Query()]) -> Lessons:
    """In the order in which they were made, in every state unless one is asked for."""

    def work(tx: Tx, who: Who) -> Lessons:
        page, following = found(tx, who, asked, "lesson")
        return Lessons(items=[Lesson.show(lesson) for lesson in page], next=following)

    return await call.read("see_content", work)


@routes.post("", operation_id="create_lesson", summary="Write a lesson", status_code=201)
async def create(call: TheCall, body: NewLesson, response: Response) -> Lesson:
    """A draft, unless it is published at once."""

    def work(tx: Tx, who: Who) -> Lesson:
        given: dict[str, Any] = {"description": body.description, "publish": body.publish}
        made = lessons.create(tx, who.company_id, body.title, body.body, **given, actor=who.actor, now=call.now)
        return Lesson.show(made)

    made = await call.write("edit_content", work)
    response.headers["Location"] = f"{PREFIX}/lessons/{made.id}"
    return made


@routes.get("/{lesson_id}", operation_id="get_lesson", summary="Show one lesson")
async def get(call: TheCall, lesson_id: str) -> Lesson:
    """With its text."""

    def work(tx: Tx, who: Who) -> Lesson:
        return Lesson.show(content_record.of_kind(tx, who.company_id, lesson_id, "lesson"))

    return await call.read("see_content", work)


@routes.patch("/{lesson_id}", operation_id="update_lesson", summary="Change a lesson")
async def update(call: TheCall, lesson_id: str, body: LessonChange) -> Lesson:
    """Whoever has completed it has completed it."""

    def work(tx: Tx, who: Who) -> Lesson:
        lesson = content_record.of_kind(tx, who.company_id, lesson_id, "lesson", lock=True)
        return Lesson.show(lessons.change(tx, lesson, **body.model_dump(), actor=who.actor, now=call.now))

    return await call.write("edit_content", work)


@routes.post("/{lesson_id}/publish", operation_id="publish_lesson", summary="Publish a lesson")
async def publish(call: TheCall, lesson_id: str) -> Lesson:
    """From then on it can be assigned."""
    return await _turn(call, lesson_id, content.publish)


@routes.post("/{lesson_id}/archive", operation_id="archive_lesson", summary="Archive a lesson")
async def archive(call: TheCall, lesson_id: str) -> Lesson:
    """Out of every list; what is assigned of it is kept. Not while a published path has it."""
    return await _turn(call, lesson_id, content.archive)


@routes.post("/{lesson_id}/restore", operation_id="restore_lesson", summary="Restore a lesson")
async def restore(call: TheCall, lesson_id: str) -> Lesson:
    """As it was."""
    return await _turn(call, lesson_id, content.restore)


async def _turn(call: Call, lesson_id: str, verb: Any) -> Lesson:
    return Lesson.show(await turned(call, lesson_id, "lesson", verb))

"""/paths: lessons one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import Query, Response
from pydantic import Field

from rollbook.api.call import Call, TheCall
from rollbook.api.content import Description, Filters, Piece, Prose, found
from rollbook.api.operation import PREFIX, router
from rollbook.api.paging import Page
from rollbook.api.shapes import Body, Id, Name
from rollbook.database import Tx
from rollbook.errors import InvalidValue
from rollbook.learning import content, content_record, paths
from rollbook.learning.content import LONGEST_DESCRIPTION
from rollbook.learning.content_record import Content
from rollbook.learning.paths import MOST_LESSONS
from rollbook.people.authorization import Who

routes = router("paths")

LessonIds = Annotated[
    list[Id],
    Field(min_length=1, max_length=MOST_LESSONS, description="Ids of different lessons, in order."),
]


class Path(Piece):
    """A path."""

    lessons: list[Id] = Field(description="Its lessons, in order.")
    enforced_order: bool = Field(description="Whether each lesson is done in its turn.", examples=[True])
    certification: bool = Field(examples=[False])


class Paths(Page[Path]):
    """A page of paths."""


class NewPath(Body):
    """A path to be made."""

    title: Name = Field(examples=["First week"])
    lessons: LessonIds
    description: Description = ""
    enforced_order: bool = Field(False, description="Whether each lesson is done in its turn.")
    certification: bool = False
    publish: bool = Field(False, description="At once; its lessons must be published.")


class PathChange(Body):
    """What is to be different; what is left out stays."""

    title: Name | None = None
    lessons: LessonIds | None = None
    description: Annotated[Prose, Field(max_length=LONGEST_DESCRIPTION)] | None = None
    enforced_order: bool | None = None
    certification: bool | None = None


@routes.get("", operation_id="list_paths", summary="List paths")
async def list_(call: TheCall, asked: Annotated[Filters, Query()]) -> Paths:
    """In the order in which they were made, in every state unless one is asked for."""

    def work(tx: Tx, who: Who) -> Paths:
        page, following = found(tx, who, asked, "path")
        return Paths(items=[_shown(tx, path) for path in page], next=following)

    return await call.read("see_content", work)


@routes.post("", operation_id="create_path", summary="Make a path", status_code=201)
async def create(call: TheCall, body: NewPath, response: Response) -> Path:
    """A draft, unless it is published at once."""

    def work(tx: Tx, who: Who) -> Path:
        given = body.model_dump(exclude={"title", "lessons"})
        lessons = _lessons(tx, who, body.lessons)
        made = paths.create(tx, who.company_id, body.title, lessons, **given, actor=who.actor, now=call.now)
        return _shown(tx, made)

    made = await call.write("edit_content", work)
    response.headers["Location"] = f"{PREFIX}/paths/{made.id}"
    return made


@routes.get("/{path_id}", operation_id="get_path", summary="Show one path")
async def get(call: TheCall, path_id: str) -> Path:
    """By its id."""

    def work(tx: Tx, who: Who) -> Path:
        return _shown(tx, content_record.of_kind(tx, who.company_id, path_id, "path"))

    return await call.read("see_content", work)


@routes.patch("/{path_id}", operation_id="update_path", summary="Change a path")
async def update(call: TheCall, path_id: str, body: PathChange) -> Path:
    """A lesson is taken out only while nobody is at work on the path."""

    def work(tx: Tx, who: Who) -> Path:
        path = content_record.of_kind(tx, who.company_id, path_id, "path", lock=True)
        lessons = _lessons(tx, who, body.lessons) if body.lessons is not None else None
        given = body.model_dump(exclude={"lessons"})
        return _shown(tx, paths.change(tx, path, lessons=lessons, **given, actor=who.actor, now=call.now))

    return await call.write("edit_content", work)


@routes.post("/{path_id}/publish", operation_id="publish_path", summary="Publish a path")
async def publish(call: TheCall, path_id: str) -> Path:
    """From then on it can be assigned; its lessons are published first."""
    return await _turn(call, path_id, content.publish)


@routes.post("/{path_id}/archive", operation_id="archive_path", summary="Archive a path")
async def archive(call: TheCall, path_id: str) -> Path:
    """Out of every list; what is assigned of it is kept."""
    return await _turn(call, path_id, content.archive)


@routes.post("/{path_id}/restore", operation_id="restore_path", summary="Restore a path")
async def restore(call: TheCall, path_id: str) -> Path:
    """As it was."""
    return await _turn(call, path_id, content.restore)


async def _turn(call: Call, path_id: str, verb: Callable[..., Content]) -> Path:
    def work(tx: Tx, who: Who) -> Path:
        path = content_record.of_kind(tx, who.company_id, path_id, "path", lock=True)
        return _shown(tx, verb(tx, path, actor=who.actor, now=call.now))

    return await call.write("edit_content", work)


def _lessons(tx: Tx, who: Who, ids: Sequence[str]) -> list[Content]:
    """What is no lesson of this company is a wrong value of the body, not a wrong address."""
    lessons = []
    for number, lesson_id in enumerate(ids):
        lesson = content_record.find(tx, who.company_id, lesson_id)
        if lesson is None or lesson.kind != "lesson":
            raise InvalidValue("There is no lesson of this id in this company.", field=f"lessons.{number}")
        lessons.append(lesson)
    return lessons


def _shown(tx: Tx, path: Content) -> Path:
    return Path.show(path, lessons=paths.lesson_ids(tx, path.company_id, path.id))

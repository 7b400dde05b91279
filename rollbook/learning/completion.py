"""Completing: a person does a lesson, and with it whatever open paths of theirs hold it. Assigning is assignments.py's.

A path is completed when all its lessons are; its score is the rounded mean of theirs. In a path whose order is
enforced a lesson counts when it is its turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import assignments as table
from rollbook.database.tables import path_lessons, path_progress
from rollbook.errors import Conflict, InvalidValue, NotFound
from rollbook.learning import assignments, content_record, paths, triggers
from rollbook.learning.assignment_record import OF_USER, SELECT, Assignment
from rollbook.learning.content_record import Content
from rollbook.people import record
from rollbook.people.record import User

# What a person was assigned that a lesson concerns: itself, and the paths that hold it; locked in the order of ids.
_CONCERNED = (
    SELECT.where(
        *OF_USER,
        or_(
            table.c.content_id == bindparam("lesson"),
            table.c.content_id.in_(
                select(path_lessons.c.path_id).where(
                    path_lessons.c.company_id == bindparam("company"), path_lessons.c.lesson_id == bindparam("lesson")
                )
            ),
        ),
    )
    .order_by(table.c.id)
    .with_for_update()
)
_OF_ROUND = (
    path_progress.c.company_id == bindparam("company"),
    path_progress.c.assignment_id == bindparam("assignment"),
    path_progress.c.round == bindparam("nth"),
)
_PROGRESS = select(path_progress.c.lesson_id, path_progress.c.completed_at, path_progress.c.score).where(*_OF_ROUND)
_PUT = insert(path_progress).on_conflict_do_nothing()
_SCORE = update(path_progress).where(*_OF_ROUND, path_progress.c.lesson_id == bindparam("lesson"))


@dataclass(slots=True)
class _Walk:
    """An assigned path at the moment somebody completes one of its lessons."""

    assignment: Assignment
    path: Content
    order: list[str]
    done: dict[str, tuple[str, int | None]]  # lesson -> when, score

    def first_open(self) -> str | None:
        return next((lesson_id for lesson_id in self.order if lesson_id not in self.done), None)


def complete(
    tx: Tx, user: User, lesson: Content, *, score: int | None = None, actor: Actor, now: datetime
) -> Assignment:
    """Completes a lesson for a person: their open assignment of it, and their progress in each open path that holds it.

    Returns the lesson's own assignment, or a path's where it is not assigned by itself. Idempotent: of what is
    completed already only a score that is given and new is written. Raises NotFound where it is not assigned, Conflict
    naming the lesson to do first where an enforced order forbids it, and InvalidValue. `user` was locked.
    """
    _check(user, lesson, score)
    concerned = [Assignment(*row) for row in tx.all(_CONCERNED, {**_about(user), "lesson": lesson.id})]
    own = next((one for one in concerned if one.content_id == lesson.id and one.state != "withdrawn"), None)
    walks = _walks(tx, concerned, lesson)
    turns, blocked = [], None
    for walk in walks:
        if walk.assignment.state != "incomplete" or lesson.id in walk.done:
            continue
        if walk.path.enforced_order and walk.first_open() != lesson.id:
            blocked = blocked or walk
        else:
            turns.append(walk)
    is_open = own is not None and own.state == "incomplete"
    if own is None and not walks:
        raise NotFound(f"{lesson.title} is not assigned to {user.display_name}; assign it first.")
    if blocked is not None and not turns and not is_open:
        first = content_record.get(tx, user.company_id, blocked.first_open() or "")
        raise Conflict(
            f"The lessons of the path {blocked.path.title} are done in their order; {first.title} comes first.",
            field="lesson",
        )
    finished = [walk for walk in turns if all(one in walk.done or one == lesson.id for one in walk.order)]
    completed = [lesson, *(walk.path for walk in finished)] if is_open or turns else []
    followed = triggers.followed_by(tx, user.company_id, [one.id for one in completed])
    result: Assignment | None = None
    if own is not None and is_open:
        result = _finish(tx, own, lesson, score, followed=lesson.id in followed, actor=actor, now=now)
    elif own is not None:
        result = _rescore(tx, own, lesson, score, actor=actor, now=now)
    for walk in walks:
        if walk in turns:
            says = lesson.id in followed and not is_open and walk is turns[0]  # once a lesson, however many paths
            after = _walk_on(tx, walk, lesson, score, says=says, followed=followed, actor=actor, now=now)
        else:
            after = _rescore_lesson(tx, walk, lesson, score, actor=actor, now=now)
        result = result or after
    assert result is not None
    return result


def progress_of(tx: Tx, assignment: Assignment) -> list[tuple[Content, str | None]]:
    """The lessons of an assigned path in its order, each with when it was completed in this round; [] for a lesson."""
    path = content_record.get(tx, assignment.company_id, assignment.content_id)
    if path.kind != "path":
        return []
    done = _done(tx, assignment)
    return [(lesson, done[lesson.id][0] if lesson.id in done else None) for lesson in paths.lessons_of(tx, path)]


def take_over(tx: Tx, assignment: Assignment, other: Assignment, *, actor: Actor, now: datetime) -> Assignment:
    """Adds what was done in another assignment of the same path, and completes it where that is all. Both locked."""
    path = content_record.get(tx, assignment.company_id, assignment.content_id)
    walk = _Walk(assignment, path, paths.lesson_ids(tx, path.company_id, path.id), _done(tx, assignment))
    more = {lesson_id: how for lesson_id, how in _done(tx, other).items() if lesson_id not in walk.done}
    if not more:
        return assignment
    walk.done |= more
    for lesson_id, (at, score) in more.items():
        _put(tx, assignment, lesson_id, at, score)
    changes: dict[str, list[Any]] = {"user_id": [other.user_id, assignment.user_id], "lesson_id": [None, list(more)]}
    assignments.tell(tx, assignment, path, "AssignmentInherited", changes, actor=actor, now=now)
    if walk.first_open() is None:
        return _finish(tx, assignment, path, _mean(walk), followed=False, actor=actor, now=now)
    return assignment


def _check(user: User, lesson: Content, score: int | None) -> None:
    if lesson.kind != "lesson":
        raise InvalidValue(f"{lesson.title} is a path; it is completed by completing its lessons.", field="lesson")
    if lesson.company_id != user.company_id:
        raise NotFound(f"There is no lesson {lesson.id!r} in this company.")
    content_record.refuse_archived(lesson)
    record.refuse_deleted(user)
    if not user.active:
        raise Conflict(f"{user.display_name} is archived and completes nothing; restore them first.", field="user")
    if score is not None and not 0 <= score <= 100:
        raise InvalidValue(f"A score is a whole number from 0 to 100, not {score}.", field="score")


def _walks(tx: Tx, concerned: Sequence[Assignment], lesson: Content) -> list[_Walk]:
    """The published paths among them, which were not withdrawn."""
    walks = []
    for one in concerned:
        if one.content_id == lesson.id or one.state == "withdrawn":
            continue
        path = content_record.get(tx, one.company_id, one.content_id)
        if path.state == "published":
            walks.append(_Walk(one, path, paths.lesson_ids(tx, path.company_id, path.id), _done(tx, one)))
    return walks


def _walk_on(
    tx: Tx,
    walk: _Walk,
    lesson: Content,
    score: int | None,
    *,
    says: bool,
    followed: set[str],
    actor: Actor,
    now: datetime,
) -> Assignment:
    at = clock.text(now)
    walk.done[lesson.id] = (at, score)
    _put(tx, walk.assignment, lesson.id, at, score)
    changes = {"lesson": [None, lesson.title], "lesson_id": [None, lesson.id]} | _scores(None, score)
    about = {"completed_id": lesson.id, "followed": says}
    assignments.tell(tx, walk.assignment, walk.path, "LessonCompleted", changes, about=about, actor=actor, now=now)
    if walk.first_open() is not None:
        return assignments.write(tx, walk.assignment, {}, now=now)
    is_followed = walk.path.id in followed
    return _finish(tx, walk.assignment, walk.path, _mean(walk), followed=is_followed, actor=actor, now=now)


def _finish(
    tx: Tx,
    assignment: Assignment,
    content: Content,
    score: int | None,
    *,
    followed: bool,
    actor: Actor,
    now: datetime,
) -> Assignment:
    values = {"state": "completed", "completed_at": clock.text(now), "score": score}
    after = assignments.write(tx, assignment, values, now=now)
    changes = {"state": [assignment.state, "completed"]} | _scores(None, score)
    about = {"completed_id": content.id, "followed": followed}
    assignments.tell(tx, after, content, "AssignmentCompleted", changes, about=about, actor=actor, now=now)
    assignments.drop_mail(tx, after, "The assignment was completed.", now=now)
    return after


def _rescore(
    tx: Tx, assignment: Assignment, content: Content, score: int | None, *, actor: Actor, now: datetime
) -> Assignment:
    """Another score for what is completed."""
    if score is None or score == assignment.score or assignment.state != "completed":
        return assignment
    after = assignments.write(tx, assignment, {"score": score}, now=now)
    changes = _scores(assignment.score, score)
    assignments.tell(tx, after, content, "AssignmentScored", changes, actor=actor, now=now)
    return after


def _rescore_lesson(
    tx: Tx, walk: _Walk, lesson: Content, score: int | None, *, actor: Actor, now: datetime
) -> Assignment:
    """Another score for a lesson of a path that was done there, and so for a path that is completed."""
    at, before = walk.done.get(lesson.id, ("", None))
    if not at or score is None or score == before:
        return walk.assignment
    walk.done[lesson.id] = (at, score)
    one = walk.assignment
    values = {"company": one.company_id, "assignment": one.id, "nth": one.round, "lesson": lesson.id}
    tx.run(_SCORE, {**values, "score": score})
    changes = {"lesson": [None, lesson.title], "lesson_id": [None, lesson.id]} | _scores(before, score)
    assignments.tell(tx, one, walk.path, "LessonScored", changes, actor=actor, now=now)
    return _rescore(tx, one, walk.path, _mean(walk), actor=actor, now=now)


def _put(tx: Tx, assignment: Assignment, lesson_id: str, at: str, score: int | None) -> None:
    row = {"company_id": assignment.company_id, "assignment_id": assignment.id, "round": assignment.round}
    tx.run(_PUT, row | {"lesson_id": lesson_id, "completed_at": at, "score": score})


def _done(tx: Tx, assignment: Assignment) -> dict[str, tuple[str, int | None]]:
    about = {"company": assignment.company_id, "assignment": assignment.id, "nth": assignment.round}
    return {lesson_id: (at, score) for lesson_id, at, score in tx.all(_PROGRESS, about)}


def _mean(walk: _Walk) -> int | None:
    """Of the scores that its lessons have, a half rounded up."""
    scores = [walk.done[one][1] for one in walk.order if one in walk.done]
    given = [score for score in scores if score is not None]
    return (2 * sum(given) + len(given)) // (2 * len(given)) if given else None


def _scores(before: int | None, after: int | None) -> dict[str, list[Any]]:
    return {"score": [before, after]} if before != after else {}


def _about(user: User) -> dict[str, str]:
    return {"company": user.company_id, "user": user.id}

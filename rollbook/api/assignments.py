"""/assignments: who is to do what until when, and has done it. Nobody who is archived is in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field, model_validator

from rollbook import clock
from rollbook.api.call import Call, TheCall
from rollbook.api.group_assignments import GroupAssignment
from rollbook.api.operation import PREFIX, router
from rollbook.api.paging import Page, Paging
from rollbook.api.shapes import Body, Date, Id, Instant, Shape
from rollbook.database import Tx
from rollbook.errors import InvalidValue, NotFound
from rollbook.learning import assignment_lists, assignments, completion, content_record, due, group_assignments
from rollbook.learning.assignment_lists import Line
from rollbook.learning.assignment_record import Assignment as Record
from rollbook.learning.assignment_record import Status
from rollbook.learning.content_record import Kind
from rollbook.learning.due import MOST_DAYS
from rollbook.people import groups, users
from rollbook.people.authorization import Who
from rollbook.people.record import User

routes = router("assignments")


class Assignment(Shape):
    """A person and what they are to do. Assigned again, it opens another round."""

    id: Id
    user_id: Id
    user_name: str = Field(examples=["leo@acme.example"])
    content_id: Id
    kind: Kind = Field(examples=["lesson"])
    title: str = Field(examples=["Food safety"])
    status: Status = Field(description="overdue: incomplete, and the day is past (UTC).", examples=["incomplete"])
    returned: bool = Field(description="It fell due while the person was away.", examples=[False])
    round: int = Field(examples=[1])
    due_on: str | None = Field(examples=["2027-01-31"])
    assigned_at: Instant = Field(description="The first round.")
    opened_at: Instant = Field(description="This round.")
    completed_at: Instant | None
    score: int | None = Field(description="0 to 100.", examples=[90])
    assigned_by: str
    group_assignment_id: Id | None = Field(description="Where it came by a group.")
    trigger_id: Id | None = Field(description="Where it came by a trigger.")
    updated_at: Instant


class Assignments(Page[Assignment]):
    """A page of assignments."""


class Step(Shape):
    """A lesson of an assigned path."""

    lesson_id: Id
    title: str = Field(examples=["Food safety"])
    completed_at: Instant | None = Field(description="In this round.")


class AssignmentWithSteps(Assignment):
    """An assignment, and how far a path is."""

    steps: list[Step] = Field(description="The lessons of a path, in order; none of a lesson.")


class NewAssignment(Body):
    """What is to be assigned, and to whom: a person or a group."""

    content_id: Id = Field(description="A published lesson or path.")
    user_id: Id | None = None
    group_id: Id | None = None
    due_on: Date | None = Field(None, description="Until when.")
    due_days: Annotated[int, Field(ge=0, le=MOST_DAYS)] | None = Field(
        None, description="Of a group: due so many days after somebody joined it."
    )
    notify: bool = Field(True, description="Tell them by mail.")
    newcomers: bool = Field(True, description="Of a group: whoever joins it later receives it too.")
    reassign: bool = Field(False, description="Of a group: again to members who have completed it.")

    @model_validator(mode="after")
    def _to_whom(self) -> NewAssignment:
        if (self.user_id is None) == (self.group_id is None):
            raise ValueError("Say to whom: either user_id or group_id")
        of_groups = self.model_fields_set & {"due_days", "newcomers", "reassign"}
        if self.user_id is not None and of_groups:
            raise ValueError(f"{', '.join(sorted(of_groups))}: that is said of groups; for a person give due_on")
        return self


class AssignmentChange(Body):
    """What is to be different."""

    due_on: Date | None = Field(description="Another day, or null for none.")


class Completion(Body):
    """How it was completed."""

    score: Annotated[int, Field(ge=0, le=100)] | None = None
    lesson_id: Id | None = Field(None, description="Of a path: which of its lessons.")


class Filters(Paging):
    """Every filter that is given must hold."""

    user_id: str | None = Field(None, pattern=f"^{clock.ID.pattern}$")
    content_id: str | None = Field(None, pattern=f"^{clock.ID.pattern}$")
    status: Status | None = Field(None, description="All but withdrawn ones where it is not given.")


@routes.get("", operation_id="list_assignments", summary="List assignments")
async def list_(call: TheCall, asked: Annotated[Filters, Query()]) -> Assignments:
    """Of the people who are here, of what is published. What an archived person has is kept and not listed."""
    today = due.day(call.now)

    def work(tx: Tx, who: Who) -> Assignments:
        found = assignment_lists.search(
            tx,
            who.company_id,
            user_id=asked.user_id,
            content_id=asked.content_id,
            status=asked.status,
            today=today,
            after=asked.after("assignments"),
            limit=asked.one_more,
        )
        page, following = asked.cut("assignments", found, lambda line: line.assignment.id)
        items = [Assignment.show(line.assignment, **_more(line, today)) for line in page]
        return Assignments(items=items, next=following)

    return await call.read("see_reports", work)


@routes.post(
    "",
    operation_id="create_assignment",
    summary="Assign to a person or a group",
    status_code=201,
    response_model=Assignment,
    responses={202: {"model": GroupAssignment, "description": "A group's: it goes on in steps, `done` of `total`."}},
)
async def create(call: TheCall, body: NewAssignment, response: Response) -> Assignment | Response:
    """To a person at once: what they have completed they do again, what is incomplete already at most gets another day.
    To a group in steps: the answer is 202, and /group-assignments/{id} says how far it is.
    """
    if body.group_id is not None:
        act = await call.write("assign", lambda tx, who: _to_group(tx, who, body, call))
        location = {"Location": f"{PREFIX}/group-assignments/{act.id}"}
        return Response(act.model_dump_json(), 202, location, "application/json")

    def work(tx: Tx, who: Who) -> Assignment:
        user = _of_body(users.find(tx, who.company_id, body.user_id or ""), "user")
        user = users.get(tx, who.company_id, user.id, lock=True)
        piece = _of_body(content_record.find(tx, who.company_id, body.content_id), "content")
        how: dict[str, Any] = {"act_id": clock.new_id(), "due_on": body.due_on, "notify": body.notify}
        made = assignments.assign(tx, user, piece, **how, actor=who.actor, now=call.now)
        return _shown(tx, who, made, call)

    made = await call.write("assign", work)
    response.headers["Location"] = f"{PREFIX}/assignments/{made.id}"
    return made


@routes.get("/{assignment_id}", operation_id="get_assignment", summary="Show one assignment")
async def get(call: TheCall, assignment_id: str) -> AssignmentWithSteps:
    """With the steps of a path. What an archived person has is not shown until they are restored."""

    def work(tx: Tx, who: Who) -> AssignmentWithSteps:
        line = _line(tx, who, assignment_id)
        steps = [
            Step(lesson_id=lesson.id, title=lesson.title, completed_at=at)
            for lesson, at in completion.progress_of(tx, line.assignment)
        ]
        return AssignmentWithSteps.show(line.assignment, steps=steps, **_more(line, due.day(call.now)))

    return await call.read("see_reports", work)


@routes.patch("/{assignment_id}", operation_id="update_assignment", summary="Give it another day")
async def update(call: TheCall, assignment_id: str, body: AssignmentChange) -> Assignment:
    """Only of what is incomplete."""

    def change(tx: Tx, _: User, assigned: Record, who: Who) -> Record:
        return assignments.set_due(tx, assigned, body.due_on, actor=who.actor, now=call.now)

    return await _change(call, assignment_id, "assign", change)


@routes.post("/{assignment_id}/withdraw", operation_id="withdraw_assignment", summary="Withdraw an assignment")
async def withdraw(call: TheCall, assignment_id: str) -> Assignment:
    """Takes back what is incomplete, and the mail about it that waits."""

    def change(tx: Tx, _: User, assigned: Record, who: Who) -> Record:
        return assignments.withdraw(tx, assigned, actor=who.actor, now=call.now)

    return await _change(call, assignment_id, "assign", change)


@routes.post("/{assignment_id}/complete", operation_id="complete_assignment", summary="Complete for a person")
async def complete(call: TheCall, assignment_id: str, body: Completion) -> Assignment:
    """A lesson, or one lesson of a path: a path is completed by the last of its lessons."""

    def change(tx: Tx, user: User, assigned: Record, who: Who) -> Record:
        lesson = content_record.get(tx, who.company_id, assigned.content_id)
        if body.lesson_id is not None:
            lesson = _of_body(content_record.find(tx, who.company_id, body.lesson_id), "lesson")
            of = {step.id for step, _ in completion.progress_of(tx, assigned)} or {assigned.content_id}
            if lesson.id not in of:
                raise InvalidValue(f"{lesson.title} is no part of this assignment.", field="lesson_id")
        completion.complete(tx, user, lesson, score=body.score, actor=who.actor, now=call.now)
        return assignments.get(tx, who.company_id, assigned.id)

    return await _change(call, assignment_id, "complete_for_others", change)


async def _change(
    call: Call, assignment_id: str, permission: Any, change: Callable[[Tx, User, Record, Who], Record]
) -> Assignment:
    """Whoever does it locks the person first, as provisioning does."""

    def work(tx: Tx, who: Who) -> Assignment:
        line = _line(tx, who, assignment_id)
        user = users.get(tx, who.company_id, line.assignment.user_id, lock=True)
        if not user.active:  # archived since the line was read
            raise _unknown(assignment_id)
        return _shown(tx, who, change(tx, user, line.assignment, who), call)

    return await call.write(permission, work)


def _to_group(tx: Tx, who: Who, body: NewAssignment, call: Call) -> GroupAssignment:
    group = _of_body(groups.find(tx, who.company_id, body.group_id or ""), "group")
    piece = _of_body(content_record.find(tx, who.company_id, body.content_id), "content")
    terms = body.model_dump(include={"due_on", "due_days", "notify", "newcomers", "reassign"})
    return GroupAssignment.show(group_assignments.create(tx, group, piece, **terms, actor=who.actor, now=call.now))


def _line(tx: Tx, who: Who, assignment_id: str) -> Line:
    line = assignment_lists.find(tx, who.company_id, assignment_id)
    if line is None:
        raise _unknown(assignment_id)
    return line


def _unknown(assignment_id: str) -> NotFound:
    return NotFound(f"There is no assignment {assignment_id!r} in this company.")


def _shown(tx: Tx, who: Who, assigned: Record, call: Call) -> Assignment:
    return Assignment.show(assigned, **_more(_line(tx, who, assigned.id), due.day(call.now)))


def _more(line: Line, today: str) -> dict[str, Any]:
    names = {name: getattr(line, name) for name in ("user_name", "kind", "title", "returned")}
    return {**names, "status": line.assignment.status(today)}


def _of_body(found: Any, what: str) -> Any:
    """What the body names and is not there is a wrong value, not a wrong address."""
    if found is None:
        raise InvalidValue(f"There is no {what} of this id in this company.", field=f"{what}_id")
    return found

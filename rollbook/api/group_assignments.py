"""/group-assignments: what groups are assigned, how far that is, and taking it back. /assignments begins them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from rollbook.api.call import TheCall
from rollbook.api.operation import router
from rollbook.api.paging import Page, Paging
from rollbook.api.shapes import Id, Instant, Shape
from rollbook.database import Tx
from rollbook.learning import group_assignments
from rollbook.learning.group_assignment_record import State
from rollbook.people.authorization import Who

routes = router("group-assignments")


class GroupAssignment(Shape):
    """What a group is assigned; while the state ends in -ing, `done` of `total` people are served."""

    id: Id
    group_id: Id
    content_id: Id
    state: State = Field(examples=["assigning"])
    done: int = Field(examples=[50])
    total: int = Field(examples=[1200])
    due_on: str | None = Field(examples=["2027-01-31"])
    due_days: int | None = Field(description="After somebody joined.", examples=[None])
    notify: bool
    newcomers: bool = Field(description="Whoever joins later receives it too.")
    reassign: bool
    assigned_by: str
    created_at: Instant
    ended_at: Instant | None


class GroupAssignments(Page[GroupAssignment]):
    """A page of what groups are assigned."""


class Filters(Paging):
    """Which of them."""

    ended: Literal["false", "true"] = Field("false", description="What was withdrawn as well.")


@routes.get("", operation_id="list_group_assignments", summary="List what groups are assigned")
async def list_(call: TheCall, asked: Annotated[Filters, Query()]) -> GroupAssignments:
    """Oldest first."""

    def work(tx: Tx, who: Who) -> GroupAssignments:
        found = group_assignments.of_company(tx, who.company_id, ended=asked.ended == "true")
        page, following = asked.slice("group assignments", found, lambda act: act.id)
        return GroupAssignments(items=[GroupAssignment.show(act) for act in page], next=following)

    return await call.read("see_reports", work)


@routes.get("/{group_assignment_id}", operation_id="get_group_assignment", summary="Show how far it is")
async def get(call: TheCall, group_assignment_id: str) -> GroupAssignment:
    """While the state ends in -ing, the worker is at it."""
    return await call.read(
        "see_reports",
        lambda tx, who: GroupAssignment.show(group_assignments.get(tx, who.company_id, group_assignment_id)),
    )


@routes.post(
    "/{group_assignment_id}/withdraw",
    operation_id="withdraw_group_assignment",
    summary="Take it back from a group",
    status_code=202,
)
async def withdraw(call: TheCall, group_assignment_id: str) -> GroupAssignment:
    """From whoever has it by this and is not done, in steps; nobody new receives it from now on."""

    def work(tx: Tx, who: Who) -> GroupAssignment:
        act = group_assignments.get(tx, who.company_id, group_assignment_id)
        return GroupAssignment.show(group_assignments.withdraw(tx, act, actor=who.actor, now=call.now))

    return await call.write("assign", work)

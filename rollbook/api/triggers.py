"""/triggers: on joining a group assign something, or after completing something assign the next."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import Field, model_validator

from rollbook.api.call import TheCall
from rollbook.api.operation import PREFIX, router
from rollbook.api.paging import Page, Paging
from rollbook.api.shapes import Body, Id, Instant, Shape
from rollbook.database import Tx
from rollbook.errors import InvalidValue
from rollbook.learning import content_record, triggers
from rollbook.learning.due import MOST_DAYS
from rollbook.people import groups
from rollbook.people.authorization import Who

routes = router("triggers")


class Trigger(Shape):
    """When it fires, and what it assigns."""

    id: Id
    kind: Literal["joined", "completed"] = Field(examples=["joined"])
    group_id: Id | None = Field(description="Of kind joined: whoever joins this group.")
    completed_id: Id | None = Field(description="Of kind completed: whoever completes this.")
    content_id: Id = Field(description="What is assigned.")
    due_days: int | None = Field(examples=[14])
    notify: bool
    made_by: str
    created_at: Instant
    ended_at: Instant | None


class Triggers(Page[Trigger]):
    """A page of triggers."""


class NewTrigger(Body):
    """Either `group_id` or `completed_id` says when."""

    content_id: Id = Field(description="What is assigned: a published lesson or path.")
    group_id: Id | None = Field(None, description="Whoever joins this group.")
    completed_id: Id | None = Field(None, description="Whoever completes this lesson or path.")
    due_days: Annotated[int, Field(ge=0, le=MOST_DAYS)] | None = None
    notify: bool = Field(True, description="Tell them by mail.")

    @model_validator(mode="after")
    def _when(self) -> NewTrigger:
        if (self.group_id is None) == (self.completed_id is None):
            raise ValueError("Say when: either group_id or completed_id")
        return self


class Filters(Paging):
    """Which of them."""

    ended: Literal["false", "true"] = Field("false", description="Those that ended as well.")


@routes.get("", operation_id="list_triggers", summary="List triggers")
async def list_(call: TheCall, asked: Annotated[Filters, Query()]) -> Triggers:
    """Oldest first."""

    def work(tx: Tx, who: Who) -> Triggers:
        found = triggers.all_of(tx, who.company_id, ended=asked.ended == "true")
        page, following = asked.slice("triggers", found, lambda trigger: trigger.id)
        return Triggers(items=[Trigger.show(trigger) for trigger in page], next=following)

    return await call.read("see_content", work)


@routes.post("", operation_id="create_trigger", summary="Make a trigger", status_code=201)
async def create(call: TheCall, body: NewTrigger, response: Response) -> Trigger:
    """For whoever joins or completes from now on. The same again changes its days and its voice."""

    def work(tx: Tx, who: Who) -> Trigger:
        def piece(content_id: str, field: str) -> Any:
            found = content_record.find(tx, who.company_id, content_id)
            if found is None:
                raise InvalidValue("There is no lesson or path of this id in this company.", field=field)
            return found

        how: dict[str, Any] = {"due_days": body.due_days, "notify": body.notify, "actor": who.actor, "now": call.now}
        assigned = piece(body.content_id, "content_id")
        if body.completed_id is not None:
            return Trigger.show(triggers.on_completion(tx, piece(body.completed_id, "completed_id"), assigned, **how))
        group = groups.find(tx, who.company_id, body.group_id or "")
        if group is None:
            raise InvalidValue("There is no group of this id in this company.", field="group_id")
        return Trigger.show(triggers.on_join(tx, group, assigned, **how))

    made = await call.write("assign", work)
    response.headers["Location"] = f"{PREFIX}/triggers/{made.id}"
    return made


@routes.get("/{trigger_id}", operation_id="get_trigger", summary="Show one trigger")
async def get(call: TheCall, trigger_id: str) -> Trigger:
    """Ended or not."""
    return await call.read("see_content", lambda tx, who: Trigger.show(triggers.get(tx, who.company_id, trigger_id)))


@routes.post("/{trigger_id}/end", operation_id="end_trigger", summary="End a trigger")
async def end(call: TheCall, trigger_id: str) -> Trigger:
    """Nobody is assigned anything by it any more; what it has assigned stays."""

    def work(tx: Tx, who: Who) -> Trigger:
        trigger = triggers.get(tx, who.company_id, trigger_id)
        return Trigger.show(triggers.end(tx, trigger, actor=who.actor, now=call.now))

    return await call.write("assign", work)

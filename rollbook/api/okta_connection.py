"""/okta/connection and /okta/fields: how the company's Okta is read, and which variable fills which field.

The token and the org are the operator's to set (`rollbook okta configure`): no key may, and none is shown the token.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field

from rollbook import clock
from rollbook.api.call import TheCall
from rollbook.api.operation import router
from rollbook.api.shapes import Body, Instant, Required, Shape, left_out
from rollbook.database import Tx
from rollbook.okta import connections, field_map, slots
from rollbook.okta.connections import Connection as Record
from rollbook.okta.connections import State
from rollbook.okta.field_map import Mapped
from rollbook.okta.wanted import Mode
from rollbook.people.authorization import Who

routes = router("okta")
NOT_CONNECTED: dict[int | str, dict[str, Any]] = {404: {"description": "There is no standard integration."}}


class Connection(Shape):
    """The standard integration of the company, without its token."""

    org_url: str = Field(examples=["https://acme.okta.com"])
    group_id: str | None = Field(description="Whose people are read; null: everybody.", examples=["00g1abcd2EFGH3ijk"])
    app_id: str | None = Field(description="The app in Okta, for Okta's own view of each link.", examples=[None])
    mode: Mode = Field(description="complement stands beside SCIM, full is for where there is none.", examples=["full"])
    role_variable: str | None = Field(description="Full mode: what says the role of somebody new.", examples=[None])
    most_people: int = Field(description="A run that would archive more people waits for a yes.", examples=[50])
    most_percent: int = Field(description="So does one that would archive more per cent of them.", examples=[5])
    has_token: bool
    state: State = Field(examples=["on"])
    reason: str | None = Field(description="Why it needs attention, and what to do.")
    configured_at: Instant
    updated_at: Instant
    next_slot: Instant | None = Field(description="When it runs next; null: it is switched off.")


class ConnectionChange(Body):
    """What is to be different; what is left out stays."""

    mode: Mode = left_out(examples=["complement"])
    beside_scim: bool = left_out(description="true: full mode although Okta SCIM writes the same fields.")
    most_people: int = left_out(ge=0, le=1_000_000, examples=[50])
    most_percent: int = left_out(ge=0, le=100, examples=[5])
    switched_on: bool = left_out(description="false: Okta is not read any more, and people stay as they are.")


class Filled(Shape):
    """A field that is filled from Okta."""

    field: str = Field(examples=["hire_date"])
    name: str = Field(examples=["Hire date"])
    type: str = Field(examples=["date"])
    variable: str = Field(examples=["hireDate"])
    standard: bool = Field(description="Full mode fills it so by itself.")
    conflict: str | None = Field(description="Why it is not written; null: it is.")


class FieldMap(Shape):
    """Every field that is filled."""

    items: list[Filled]


class NewFilled(Body):
    """What is to fill a field."""

    field: Required = Field(description="A field that exists: hire_date, custom.NAME, …", examples=["hire_date"])
    variable: str = Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$", description="As Okta's Profile Editor has it.", examples=["hireDate"]
    )
    take_over: bool = Field(False, description="Although Okta SCIM owns the field: it may not write it any more.")


class Which(BaseModel):
    """Which field."""

    model_config = ConfigDict(extra="forbid")

    field: str = Field(min_length=1, max_length=200, description="As it is listed.", examples=["hire_date"])


@routes.get("/connection", operation_id="get_okta_connection", summary="Show how Okta is read", responses=NOT_CONNECTED)
async def get(call: TheCall) -> Connection:
    """404 where the company has no standard integration."""
    return await call.read("see_provisioning", lambda tx, who: _shown(connections.get(tx, who.company_id)))


@routes.patch(
    "/connection", operation_id="update_okta_connection", summary="Change how Okta is read", responses=NOT_CONNECTED
)
async def update(call: TheCall, body: ConnectionChange) -> Connection:
    """What need not be tried against Okta first. Org, group, app and token are set by the operator."""

    def work(tx: Tx, who: Who) -> Connection:
        given = {name: getattr(body, name) for name in body.model_fields_set - {"switched_on"}}
        connections.change(tx, who.company_id, **given, actor=who.actor, now=call.now)
        if "switched_on" in body.model_fields_set:
            switch = connections.switch_on if body.switched_on else connections.switch_off
            switch(tx, who.company_id, actor=who.actor, now=call.now)
        return _shown(connections.get(tx, who.company_id))

    return await call.write("edit_okta", work)


@routes.get("/fields", operation_id="list_okta_fields", summary="List what fills which field", responses=NOT_CONNECTED)
async def list_fields(call: TheCall) -> FieldMap:
    """In full mode the standard ones too."""
    return await call.read("see_provisioning", _filled)


@routes.put("/fields", operation_id="map_okta_field", summary="Fill a field from Okta", responses=NOT_CONNECTED)
async def map_field(call: TheCall, body: NewFilled) -> Filled:
    """From the next run on; the field then belongs to the standard integration, and nobody else writes it."""

    def work(tx: Tx, who: Who) -> Filled:
        mapped = field_map.map_to(
            tx, who.company_id, body.variable, body.field, take_over=body.take_over, actor=who.actor, now=call.now
        )
        return _filled_one(mapped)

    return await call.write("edit_okta", work)


@routes.delete(
    "/fields", operation_id="unmap_okta_field", summary="Fill a field no more", status_code=204, responses=NOT_CONNECTED
)
async def unmap_field(call: TheCall, asked: Annotated[Which, Query()]) -> Response:
    """What people have in it stays, and Learning owns it from now on."""

    def work(tx: Tx, who: Who) -> None:
        field_map.unmap(tx, who.company_id, asked.field, actor=who.actor, now=call.now)

    await call.write("edit_okta", work)
    return Response(status_code=204)


def _shown(connection: Record) -> Connection:
    following = clock.text(slots.following(clock.now())) if connection.state != "off" else None
    return Connection.show(connection, has_token=connection.sealed_token is not None, next_slot=following)


def _filled(tx: Tx, who: Who) -> FieldMap:
    return FieldMap(items=[_filled_one(mapped) for mapped in field_map.listed(tx, who.company_id)])


def _filled_one(mapped: Mapped) -> Filled:
    return Filled.show(mapped, field=mapped.typed)

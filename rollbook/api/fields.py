"""/fields: what a company keeps of its people beside the usual, and who writes it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response
from pydantic import Field as Member

from rollbook.api.call import TheCall
from rollbook.api.operation import PREFIX, router
from rollbook.api.paging import Page, Paging
from rollbook.api.shapes import Body, Id, Name, Shape, Text
from rollbook.database import Tx
from rollbook.errors import NotFound
from rollbook.people import fields
from rollbook.people.authorization import Who
from rollbook.people.fields import MOST_CHOICES, Owner, Type
from rollbook.people.fields import Field as Record

routes = router("fields")

Choices = Annotated[list[Text], Member(max_length=MOST_CHOICES, examples=[["North", "South"]])]


class Field(Shape):
    """A field of the company's people."""

    id: Id
    name: str = Member(examples=["Region"])
    type: Type = Member(examples=["choice"])
    owner: Owner = Member(
        description="Who writes it: scim (Okta SCIM), okta (the standard integration) or learning.",
        examples=["learning"],
    )
    choices: list[str] = Member(description="Of a field of type choice.", examples=[["North", "South"]])


class Fields(Page[Field]):
    """A page of fields."""


class NewField(Body):
    """A field to be made."""

    name: Name = Member(examples=["Region"])
    type: Type = Member("text", examples=["choice"])
    owner: Owner = Member("learning", description="Who is to write it; nobody else can.")
    choices: Choices = Member([], description="Needed for type choice, and for no other.")


class FieldChange(Body):
    """What is to be different; what is left out stays."""

    name: Name | None = Member(None, description="null leaves it, too.")
    owner: Owner | None = None
    choices: Choices | None = Member(None, description="Of a field of type choice.")


@routes.get("", operation_id="list_fields", summary="List fields")
async def list_(call: TheCall, asked: Annotated[Paging, Query()]) -> Fields:
    """The hire date, which every company has, and the company's own, in the order in which they were made."""

    def work(tx: Tx, who: Who) -> Fields:
        found = fields.all_of(tx, who.company_id)
        page, following = asked.slice("fields", found, lambda field: field.id)
        return Fields(items=[_shown(field) for field in page], next=following)

    return await call.read("see_people", work)


@routes.post("", operation_id="create_field", summary="Make a field", status_code=201)
async def create(call: TheCall, body: NewField, response: Response) -> Field:
    """Its type stays what it is."""

    def work(tx: Tx, who: Who) -> Field:
        field = fields.create(
            tx,
            who.company_id,
            body.name,
            body.type,
            choices=body.choices,
            owner=body.owner,
            actor=who.actor,
            now=call.now,
        )
        return _shown(field)

    made = await call.write("edit_fields", work)
    response.headers["Location"] = f"{PREFIX}/fields/{made.id}"
    return made


@routes.get("/{field_id}", operation_id="get_field", summary="Show one field")
async def get(call: TheCall, field_id: str) -> Field:
    """By its id."""
    return await call.read("see_people", lambda tx, who: _shown(_found(tx, who, field_id)))


@routes.patch("/{field_id}", operation_id="update_field", summary="Change a field")
async def update(call: TheCall, field_id: str, body: FieldChange) -> Field:
    """Another name, owner or list of choices. What people have in it stays as it is."""

    def work(tx: Tx, who: Who) -> Field:
        field = _found(tx, who, field_id, lock=True)
        return _shown(
            fields.change(
                tx, field, name=body.name, owner=body.owner, choices=body.choices, actor=who.actor, now=call.now
            )
        )

    return await call.write("edit_fields", work)


def _found(tx: Tx, who: Who, field_id: str, *, lock: bool = False) -> Record:
    field = fields.find(tx, who.company_id, field_id, lock=lock)
    if field is None:
        raise NotFound(f"There is no field {field_id!r} in this company.")
    return field


def _shown(field: Record) -> Field:
    return Field.show(field, choices=list(field.choices))

"""A person's record, as every answer about people shows it. What is asked and changed is users.py's."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rollbook.api.shapes import Id, Instant, Shape
from rollbook.database import Tx
from rollbook.people import field_values, fields, managers
from rollbook.people.record import User as Record
from rollbook.people.roles import Role

Custom = Annotated[
    dict[str, str],
    Field(description="What the person has in the company's own fields, by name.", examples=[{"Region": "North"}]),
]


class User(Shape):
    """A person of the company."""

    id: Id
    user_name: str = Field(examples=["leo@acme.example"])
    email: str = Field(examples=["leo@acme.example"])
    given_name: str = Field(examples=["Leo"])
    family_name: str = Field(examples=["Linden"])
    role: Role = Field(examples=["learner"])
    location: str | None = Field(examples=["Lyon"])
    business_unit: str | None = Field(examples=["Sales"])
    department: str | None = Field(examples=["Bakery"])
    job_title: str | None = Field(examples=["Baker"])
    manager_name: str | None = Field(examples=["Mona Marigold"])
    hire_date: str | None = Field(examples=["2026-11-02"])
    locale: str | None = Field(examples=["fr-FR"])
    time_zone: str | None = Field(examples=["Europe/Paris"])
    external_id: str | None = Field(description="The identity provider's id.", examples=["00uleo"])
    link: Literal["linked", "known", "unlinked", "exempt"] = Field(
        description="Whether Okta's provisioning reaches the person.", examples=["linked"]
    )
    archived_at: Instant | None = Field(examples=[None])
    deleted_at: Instant | None = Field(
        description="When the provisioning client deleted the person; the record only remembers.", examples=[None]
    )
    custom: Custom
    created_at: Instant
    updated_at: Instant


def shown(tx: Tx, company_id: str, people: list[Record]) -> list[User]:
    """People as the API shows them."""
    names = managers.names(tx, people)
    own = {field.id: field.name for field in fields.all_of(tx, company_id) if field.user_column is None}
    values = field_values.of_people(tx, company_id, [user.id for user in people]) if own else {}

    def custom(user: Record) -> dict[str, str]:
        return {own[field_id]: value for field_id, value in values.get(user.id, {}).items() if field_id in own}

    return [User.show(user, manager_name=names.get(user.id), custom=custom(user)) for user in people]


def show(tx: Tx, user: Record) -> User:
    """One person as the API shows them."""
    return shown(tx, user.company_id, [user])[0]

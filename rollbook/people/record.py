"""The record of a user: what a row holds. The verbs that change one are in users.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, bindparam, or_, select

from rollbook.database import Row
from rollbook.database.tables import users
from rollbook.errors import Conflict
from rollbook.people import attribute_mapping, profiles
from rollbook.people.attribute_mapping import ROLLBOOK_USER
from rollbook.people.profiles import Profile
from rollbook.people.roles import PRIVILEGED


class User(msgspec.Struct, frozen=True):
    """A user as stored, in the order of COLUMNS. `kept` is JSON text; read it through `kept_attributes`."""

    id: str
    company_id: str
    user_name: str
    email: str
    given_name: str
    family_name: str
    location: str | None
    business_unit: str | None
    department: str | None
    job_title: str | None
    manager_value: str | None
    manager_name: str | None
    locale: str | None
    preferred_language: str | None
    time_zone: str | None
    hire_date: str | None
    external_id: str | None
    kept: str
    role: str
    link: str
    version: int
    created_at: str
    updated_at: str
    linked_at: str | None = None
    confirmed_email: str | None = None
    archived_at: str | None = None
    archived_by: str | None = None
    deleted_at: str | None = None
    former_user_name: str | None = None  # said where the names were freed
    joined_into: str | None = None
    away_until: str | None = None  # when they were last restored

    @property
    def active(self) -> bool:
        return self.archived_at is None

    @property
    def privileged(self) -> bool:
        return self.role in PRIVILEGED

    @property
    def display_name(self) -> str:
        """Given and family name; derived, never stored as sent."""
        return display_name(self.given_name, self.family_name)

    @property
    def sign_in_email(self) -> str:
        """The address that sign-in links go to: the last one confirmed."""
        return self.confirmed_email or self.email

    @property
    def kept_attributes(self) -> dict[str, Any]:
        """Attributes without a field of ours, as they were sent."""
        kept: dict[str, Any] = msgspec.json.decode(self.kept)
        return kept

    @property
    def own_attributes(self) -> dict[str, Any]:
        """As `own_attributes` of the kept ones; for most people without looking into them."""
        return own_attributes(self.kept_attributes) if ROLLBOOK_USER in self.kept else {}


def own_attributes(kept: Mapping[str, Any]) -> dict[str, Any]:
    """What kept attributes hold of the company's own fields, as it was sent, by the name in SCIM.

    It says what the field holds (field_values.py sees to that), but may belong to a field that SCIM no longer owns.
    """
    ours: dict[str, Any] = kept.get(ROLLBOOK_USER, {})
    return {name: value for name, value in ours.items() if name != attribute_mapping.HIRE_DATE}


COLUMNS = tuple(users.c[name] for name in User.__struct_fields__)
SELECT = select(*COLUMNS)
OF_COMPANY = users.c.company_id == bindparam("company")


def any_of(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whoever of the company meets one of the conditions, each of which an index answers.

    The company stands in every branch: SQLite asks one index a branch only then, and otherwise walks everybody.
    """
    return or_(*(and_(OF_COMPANY, condition) for condition in conditions))


def of_row(row: Row) -> User:
    """A row of SELECT as a user."""
    return User(*row)


def refuse_deleted(user: User) -> None:
    """Raises Conflict where the user was deleted: the record only remembers, and must hold no name."""
    if user.deleted_at:
        raise Conflict(
            f"User {user.id} was deleted, and the record stays as it was. Write to the person's new record.",
            field="deleted_at",
            holder_id=user.id,
        )


def profile_of(user: User) -> Profile:
    """What the record says, in the shape in which a door hands it back changed."""
    return Profile(**{name: getattr(user, name) for name in profiles.TEXT_FIELDS}, kept=user.kept_attributes)


def with_fields(profile: Profile, **fields: str | None) -> Profile:
    """The profile with some fields said otherwise."""
    return msgspec.structs.replace(profile, **fields)


def display_name(given_name: str, family_name: str) -> str:
    """Given and family name with one space between."""
    return f"{given_name} {family_name}".strip()


NOT_SHOWN = "(not shown)"  # what stands in changes for a kept attribute's value


def kept_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Which kept attributes changed, by name only."""
    return {
        name: [NOT_SHOWN if name in before else None, NOT_SHOWN if name in after else None]
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }

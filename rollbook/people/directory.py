"""Lists of people with filters, for the console, the API and exports. Who somebody's text means is search.py's.

These are the lists that may be asked for archived people; without the asking, whoever is listed is active.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Exists, Select, and_, exists, or_, select

from rollbook.database import Tx
from rollbook.database.tables import active_users, field_values, group_managers, group_members, groups
from rollbook.database.tables import users as table
from rollbook.people import groups as groups_
from rollbook.people import record, users
from rollbook.people.field_values import KEY_LENGTH
from rollbook.people.fields import Field
from rollbook.people.folding import fold
from rollbook.people.readings import COUNTING
from rollbook.people.record import User
from rollbook.people.roles import Role

MOST = 1000

_SEARCHED = (table.c.name_key, table.c.user_name_key, table.c.email_key)


def list_people(
    tx: Tx,
    company_id: str,
    *,
    archived: bool | None = False,
    text: str | None = None,
    user_name: str | None = None,
    email: str | None = None,
    external_id: str | None = None,
    link: str | None = None,
    role: Role | None = None,
    location: str | None = None,
    business_unit: str | None = None,
    department: str | None = None,
    group_id: str | None = None,
    custom: Mapping[Field, str] | None = None,
    managed_by: str | None = None,
    after: str = "",
    limit: int = 100,
) -> list[User]:
    """Those who meet every filter given, in the order of ids (which is that of creation), from after the id `after`.

    `archived`: False for active people, True for archived ones, None for both. `text` is part of a name, a user name or
    an e-mail, without regard to case; `user_name` and `email` are the whole of one. `managed_by` is the id of somebody:
    only people of groups that they manage. A custom field and a group are compared as of now; an unknown group holds
    nobody.
    """
    exact = {"role": role, "location": location, "business_unit": business_unit, "department": department}
    exact |= {"external_id": external_id, "link": link}
    folded = {"user_name_key": user_name, "email_key": email}
    asked = [text, *exact.values(), *folded.values(), group_id, managed_by, after, *(custom or {}).values()]
    if any("\0" in value for value in asked if value is not None):  # PostgreSQL holds no such text, nor asks for it
        return []
    conditions: list[ColumnElement[bool]] = [
        table.c.company_id == company_id,
        table.c.deleted_at.is_(None),
        table.c.id > after,
    ]
    conditions += _presence(archived)
    if text is not None and fold(text):
        conditions.append(or_(*(column.contains(fold(text), autoescape=True) for column in _SEARCHED)))
    conditions += [table.c[name] == value for name, value in exact.items() if value is not None]
    conditions += [table.c[name] == fold(value) for name, value in folded.items() if value is not None]
    if group_id is not None:
        conditions += _in_group(tx, company_id, group_id)
    for field, value in (custom or {}).items():
        conditions.append(_has(company_id, field, value))
    if managed_by is not None:
        conditions.append(_managed(company_id, managed_by))
    query = record.SELECT.where(*conditions).order_by(table.c.id).limit(min(limit, MOST))
    return users.search(tx, query)


def _presence(archived: bool | None) -> list[ColumnElement[bool]]:
    if archived is None:
        return []
    if archived:
        return [table.c.archived_at.is_not(None)]
    here = exists().where(active_users.c.company_id == table.c.company_id, active_users.c.id == table.c.id)
    return [here]


def _in_group(tx: Tx, company_id: str, group_id: str) -> list[ColumnElement[bool]]:
    group = groups_.find(tx, company_id, group_id)
    if group is not None and group.kind == "everyone":
        return _presence(archived=False)
    return [table.c.id.in_(_members().where(group_members.c.company_id == company_id, groups.c.id == group_id))]


def _members() -> Select[Any]:
    """Who is in a group as it counts now: members of the version that is switched on."""
    return select(group_members.c.user_id).join_from(group_members, groups, COUNTING)


def _managed(company_id: str, manager_id: str) -> ColumnElement[bool]:
    theirs = (
        _members()
        .join(
            group_managers,
            and_(group_managers.c.company_id == groups.c.company_id, group_managers.c.group_id == groups.c.id),
        )
        .where(
            group_members.c.company_id == company_id,
            group_managers.c.user_id == manager_id,
            groups.c.archived_at.is_(None),
        )
    )
    return table.c.id.in_(theirs)


def _has(company_id: str, field: Field, value: str) -> Exists:
    return exists().where(
        field_values.c.company_id == company_id,
        field_values.c.user_id == table.c.id,
        field_values.c.field_id == field.id,
        field_values.c.value_key == fold(value)[:KEY_LENGTH],
    )

"""Whose rows a report shows: the one place where reports find people, and they find them in the view `active_users`.

Whoever is archived is not in the view, so that they leave every report with the commit that archived them (promise P5).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select

from rollbook.database import Row, Tx
from rollbook.database.tables import active_users, field_values, group_managers, group_members, groups
from rollbook.learning.reports.shape import Column, Key, Question, column, cut
from rollbook.people.record import display_name

PERSON: list[Column] = [
    column("user_id", "Id"),
    column("name", "Name"),
    column("email", "E-mail"),
    column("location", "Location"),
    column("business_unit", "Business Unit"),
    column("department", "Department"),
    column("manager", "Manager"),
]
OF_PERSON = (
    active_users.c.id,
    active_users.c.given_name,
    active_users.c.family_name,
    active_users.c.email,
    active_users.c.location,
    active_users.c.business_unit,
    active_users.c.department,
    active_users.c.manager_name,
)


def shown(row: Row) -> list[Any]:
    """The values of PERSON, from the first columns of a row, which are OF_PERSON."""
    user_id, given, family, *others = row[: len(OF_PERSON)]
    return [user_id, display_name(given, family), *others]


def chosen(ask: Question) -> list[ColumnElement[bool]]:
    """The conditions, over `active_users`, that choose whom the question is about."""
    user, filters = active_users.c, ask.filters
    conditions = [user.company_id == ask.company_id]
    texts = (
        (user.location, filters.location),
        (user.business_unit, filters.business_unit),
        (user.department, filters.department),
        (user.manager_name, filters.manager),
    )
    conditions += [of_user == text for of_user, text in texts if text is not None]
    if filters.group_id is not None and not filters.everyone:
        conditions.append(user.id.in_(members_of(ask.company_id, groups.c.id == filters.group_id)))
    for field_id, value_key in filters.custom:
        conditions.append(user.id.in_(_having(ask.company_id, field_id, value_key)))
    if filters.managed_by is not None:
        conditions.append(user.id.in_(members_of(ask.company_id, managed(ask.company_id, filters.managed_by))))
    return conditions


def ids(ask: Question) -> Select[Any]:
    """The ids of whom the question is about: what an assignment's person must be among."""
    return select(active_users.c.id).where(*chosen(ask))


def members_of(company_id: str, *of_groups: ColumnElement[bool]) -> Select[Any]:
    """The ids of the people in groups that meet these conditions, archived people among them."""
    return (
        select(group_members.c.user_id)
        .join_from(group_members, groups, is_membership())
        .where(groups.c.company_id == company_id, *of_groups)
    )


def is_membership() -> ColumnElement[bool]:
    """That a row of the group's members counts: of the version that is switched on."""
    return (
        (groups.c.company_id == group_members.c.company_id)
        & (groups.c.id == group_members.c.group_id)
        & (groups.c.version == group_members.c.version)
    )


def managed(company_id: str, user_id: str) -> ColumnElement[bool]:
    """That a group is one that this person manages."""
    theirs = select(group_managers.c.group_id).where(
        group_managers.c.company_id == company_id, group_managers.c.user_id == user_id
    )
    return groups.c.archived_at.is_(None) & groups.c.id.in_(theirs)


def page(tx: Tx, ask: Question, *also: ColumnElement[bool]) -> tuple[list[Row], str | None]:
    """A page of the people, by name: rows that begin with OF_PERSON, and where the next page begins."""
    user = active_users.c
    query = select(*OF_PERSON, user.name_key).where(*chosen(ask), *also)
    if ask.after is not None:
        query = query.where(after((user.name_key, user.id), ask.after))
    rows = tx.search(query.order_by(user.name_key, user.id).limit(ask.one_more))
    return cut(rows, ask.limit, lambda row: (row[-1], row[0]))


def after(columns: tuple[Any, ...], key: Key) -> ColumnElement[bool]:
    """That a row comes after the one with this key, in the order of these two columns; an index serves the first."""
    first: ColumnElement[str]
    second: ColumnElement[str]
    first, second = columns
    return (first >= key[0]) & or_(first > key[0], second > key[1])


def _having(company_id: str, field_id: str, value_key: str) -> Select[Any]:
    return select(field_values.c.user_id).where(
        field_values.c.company_id == company_id,
        field_values.c.field_id == field_id,
        field_values.c.value_key == value_key,
    )

"""The people of a group, as the lists of its members and of its managers show them. Who becomes one of them is
memberships.py's and group_managers.py's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, bindparam, select

from rollbook.database.tables import active_users, groups


@dataclass(frozen=True, slots=True)
class Member:
    """An active person in a group, or its manager; `since` is when they joined or were appointed."""

    id: str
    user_name: str
    given_name: str
    family_name: str
    email: str
    role: str
    since: str


WHO = (
    active_users.c.id,
    active_users.c.user_name,
    active_users.c.given_name,
    active_users.c.family_name,
    active_users.c.email,
    active_users.c.role,
)


def listed(table: Table, since: ColumnElement[Any], counting: ColumnElement[bool]) -> Select[Any]:
    """The active people of the group `group`, in the order of ids, as Member has them. `counting` joins the rows of the
    table with their groups, as far as they count.
    """
    return (
        select(*WHO, since)
        .join_from(
            table,
            active_users,
            (active_users.c.company_id == table.c.company_id) & (active_users.c.id == table.c.user_id),
        )
        .join(groups, counting)
        .where(table.c.company_id == bindparam("company"), table.c.group_id == bindparam("group"))
        .order_by(table.c.user_id)
    )


def groups_of(table: Table, counting: ColumnElement[bool]) -> Select[Any]:
    """The groups, not archived, that the user `user` has a row for: id and name, in the order of names."""
    return (
        select(groups.c.id, groups.c.name)
        .join_from(table, groups, counting)
        .where(
            table.c.company_id == bindparam("company"),
            table.c.user_id == bindparam("user"),
            groups.c.archived_at.is_(None),
        )
        .order_by(groups.c.name_key, groups.c.id)
    )

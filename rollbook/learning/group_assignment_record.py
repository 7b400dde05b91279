"""The record of what a group was assigned, and looking one up. The verbs are in group_assignments.py."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy import bindparam, select

from rollbook.database import Row, Tx
from rollbook.database.tables import group_assignments as table
from rollbook.errors import NotFound
from rollbook.learning.content_record import Content
from rollbook.people.groups import Group

State = Literal["assigning", "open", "withdrawing", "withdrawn"]


@dataclass(frozen=True, slots=True)
class GroupAssignment:
    """What a group was assigned, and how far that is: `done` of `total` people, while the state ends in -ing.

    Members are due on `due_on`, newcomers `due_days` after they join where that is given; without `due_on` members are
    due so many days after the act.
    """

    id: str
    company_id: str
    group_id: str
    content_id: str
    due_on: str | None
    due_days: int | None
    notify: bool
    newcomers: bool
    reassign: bool
    state: State
    cursor: str
    total: int
    done: int
    assigned_by: str
    created_at: str
    ended_at: str | None

    @property
    def under_way(self) -> bool:
        return self.state in ("assigning", "withdrawing")


_NAMES = tuple(GroupAssignment.__dataclass_fields__)
_SELECT = select(*(table.c[name] for name in _NAMES))
_OF_COMPANY = table.c.company_id == bindparam("company")
_ONE = _SELECT.where(_OF_COMPANY, table.c.id == bindparam("group_assignment"))
_ONE_LOCKED = _ONE.with_for_update()
_LIVE = _SELECT.where(_OF_COMPANY, table.c.ended_at.is_(None)).order_by(table.c.id)
_ALL = _SELECT.where(_OF_COMPANY).order_by(table.c.id)
_OF_GROUP = _LIVE.where(table.c.group_id == bindparam("group"))
_OF_CONTENT = _LIVE.where(table.c.content_id == bindparam("content"))


def find(tx: Tx, company_id: str, group_assignment_id: str, *, lock: bool = False) -> GroupAssignment | None:
    """The group's assignment with this id, ended or not."""
    row = tx.one(_ONE_LOCKED if lock else _ONE, {"company": company_id, "group_assignment": group_assignment_id})
    return _of_row(row) if row else None


def get(tx: Tx, company_id: str, group_assignment_id: str, *, lock: bool = False) -> GroupAssignment:
    """As `find`; raises NotFound."""
    act = find(tx, company_id, group_assignment_id, lock=lock)
    if act is None:
        raise NotFound(f"There is no assignment {group_assignment_id!r} of a group in this company.")
    return act


def of_company(tx: Tx, company_id: str, *, ended: bool = False) -> list[GroupAssignment]:
    """What the groups of a company are assigned, oldest first; with `ended` what they were assigned as well."""
    return [_of_row(row) for row in tx.all(_ALL if ended else _LIVE, {"company": company_id})]


def of_group(tx: Tx, group: Group) -> list[GroupAssignment]:
    """What a group is assigned, oldest first."""
    return [_of_row(row) for row in tx.all(_OF_GROUP, {"company": group.company_id, "group": group.id})]


def of_pair(tx: Tx, group: Group, content: Content) -> GroupAssignment:
    """The open assignment of a content to a group; raises NotFound."""
    for act in of_group(tx, group):
        if act.content_id == content.id:
            return act
    raise NotFound(f"{content.title} is not assigned to the group {group.name}.")


def of_content(tx: Tx, company_id: str, content_id: str) -> list[GroupAssignment]:
    """The groups' open assignments of a content, oldest first."""
    return [_of_row(row) for row in tx.all(_OF_CONTENT, {"company": company_id, "content": content_id})]


def _of_row(row: Row) -> GroupAssignment:
    act = GroupAssignment(*row)
    return replace(act, notify=bool(act.notify), newcomers=bool(act.newcomers), reassign=bool(act.reassign))

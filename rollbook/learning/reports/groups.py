"""*Groups*: how far the people of each group are, by name. Everyone is one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, literal, select, union_all

from rollbook.database import Tx
from rollbook.database.tables import active_users, assignments, group_members
from rollbook.database.tables import groups as table
from rollbook.learning.reports import counting, people
from rollbook.learning.reports.filters import OF_ASSIGNMENTS, OF_PEOPLE
from rollbook.learning.reports.shape import Page, Question, Report, column, cut

COLUMNS = [
    column("group_id", "Id"),
    column("name", "Name"),
    column("kind", "Kind"),
    column("members", "Members", "number"),
    *counting.TOTALS,
]


def _page(tx: Tx, ask: Question) -> Page:
    query = select(table.c.id, table.c.name, table.c.kind, table.c.name_key).where(
        table.c.company_id == ask.company_id, table.c.archived_at.is_(None)
    )
    if ask.filters.group_id is not None:
        query = query.where(table.c.id == ask.filters.group_id)
    if ask.filters.managed_by is not None:
        query = query.where(people.managed(ask.company_id, ask.filters.managed_by))
    if ask.after is not None:
        query = query.where(people.after((table.c.name_key, table.c.id), ask.after))
    listed = tx.search(query.order_by(table.c.name_key, table.c.id).limit(ask.one_more))
    found, after = cut(listed, ask.limit, lambda row: (row[-1], row[0]))
    everyone = [group_id for group_id, _, kind, _ in found if kind == "everyone"]
    filled = [group_id for group_id, _, kind, _ in found if kind != "everyone"]
    members: dict[str, int] = dict(tx.search(_members(ask, everyone, filled))) if found else {}
    counts = {row[0]: row[1:] for row in tx.search(_counts(ask, everyone, filled))} if found else {}
    rows = []
    for group_id, name, kind, _ in found:
        assigned, completed, overdue = (int(number or 0) for number in counts.get(group_id, (0, 0, 0)))
        numbers = counting.numbers(assigned, completed, overdue)
        rows.append([group_id, name, kind, members.get(group_id, 0), *numbers])
    return Page(COLUMNS, rows, after)


def _members(ask: Question, everyone: Sequence[str], filled: Sequence[str]) -> Any:
    """How many of the people are in each group."""
    chosen = people.chosen(ask)
    of_all = select(func.count()).select_from(active_users).where(*chosen).scalar_subquery()
    of_each = (
        select(group_members.c.group_id, func.count())
        .join_from(group_members, table, people.is_membership())
        .join(active_users, _is_member())
        .where(table.c.company_id == ask.company_id, table.c.id.in_(filled), *chosen)
        .group_by(group_members.c.group_id)
    )
    parts: list[Any] = [select(literal(group_id), of_all) for group_id in everyone]
    return _together([*parts, of_each] if filled else parts)


def _counts(ask: Question, everyone: Sequence[str], filled: Sequence[str]) -> Any:
    """Each person's numbers once, however many of the groups they are in; then their sums."""
    row = assignments.c
    assigned, completed, overdue = counting.totals(ask)
    whose = people.ids(ask)
    if not everyone:
        whose = whose.where(active_users.c.id.in_(people.members_of(ask.company_id, table.c.id.in_(filled))))
    each = (
        select(row.user_id, assigned.label("assigned"), completed.label("completed"), overdue.label("overdue"))
        .where(*counting.counted(ask), row.user_id.in_(whose))
        .group_by(row.user_id)
        .cte("each_person")
    )
    sums = [func.sum(each.c[name]) for name in ("assigned", "completed", "overdue")]
    of_each = (
        select(group_members.c.group_id, *sums)
        .join_from(group_members, table, people.is_membership())
        .join(each, each.c.user_id == group_members.c.user_id)
        .where(table.c.company_id == ask.company_id, table.c.id.in_(filled))
        .group_by(group_members.c.group_id)
    )
    parts: list[Any] = [select(literal(group_id), *sums).select_from(each) for group_id in everyone]
    return _together([*parts, of_each] if filled else parts)


def _is_member() -> ColumnElement[bool]:
    return (active_users.c.company_id == group_members.c.company_id) & (active_users.c.id == group_members.c.user_id)


def _together(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else union_all(*parts)


REPORT = Report(
    "groups",
    "each group: members, assigned, completed, incomplete, overdue",
    OF_PEOPLE | OF_ASSIGNMENTS,
    _page,
)

"""Who is in which group, and who manages it. Groups themselves are groups.py's.

An archived person keeps their memberships, and is in no list and no count of a group until they are restored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Insert, Select, Table, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Row, Tx
from rollbook.database.tables import active_users, group_managers, group_members, groups
from rollbook.errors import Conflict, InvalidValue
from rollbook.people import following, group_moves, record
from rollbook.people import groups as groups_
from rollbook.people.groups import EVERYONE, Group, refuse_archived
from rollbook.people.readings import COUNTING
from rollbook.people.record import User
from rollbook.people.roles import MANAGING
from rollbook.people.rulebook import group_key


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


def _take_in(table: Table) -> Insert:
    return insert(table).on_conflict_do_nothing().returning(table.c.user_id)


def _take_out(table: Table) -> Any:
    return (
        delete(table)
        .where(
            table.c.company_id == bindparam("company"),
            table.c.group_id == bindparam("group"),
            table.c.user_id == bindparam("user"),
            *([table.c.version == 0] if "version" in table.c else []),
        )
        .returning(table.c.user_id)
    )


_WHO = (
    active_users.c.id,
    active_users.c.user_name,
    active_users.c.given_name,
    active_users.c.family_name,
    active_users.c.email,
    active_users.c.role,
)
_ACTIVE_OF_COMPANY = active_users.c.company_id == bindparam("company")


def _listed(table: Table, since: Any) -> Select[Any]:
    return (
        select(*_WHO, since)
        .join_from(
            table,
            active_users,
            (active_users.c.company_id == table.c.company_id) & (active_users.c.id == table.c.user_id),
        )
        .join(groups, _counting(table))
        .where(table.c.company_id == bindparam("company"), table.c.group_id == bindparam("group"))
        .order_by(table.c.user_id)
    )


def _counting(table: Table) -> ColumnElement[bool]:
    """The rows that count: in a smart group those of the version that its rule has now."""
    if table is group_members:
        return COUNTING
    return (groups.c.company_id == table.c.company_id) & (groups.c.id == table.c.group_id)


_JOIN, _LEAVE = _take_in(group_members), _take_out(group_members)
_APPOINT, _DISMISS = _take_in(group_managers), _take_out(group_managers)
_MEMBERS = (
    _listed(group_members, group_members.c.joined_at)
    .where(group_members.c.user_id > bindparam("after"))
    .limit(bindparam("limit"))
)
_MANAGERS = _listed(group_managers, group_managers.c.appointed_at)
_EVERYONE = (
    select(*_WHO, active_users.c.created_at)
    .where(_ACTIVE_OF_COMPANY, active_users.c.id > bindparam("after"))
    .order_by(active_users.c.id)
    .limit(bindparam("limit"))
)
_SIZES = (
    select(group_members.c.group_id, func.count())
    .join_from(
        group_members,
        active_users,
        (active_users.c.company_id == group_members.c.company_id) & (active_users.c.id == group_members.c.user_id),
    )
    .join(groups, COUNTING)
    .where(group_members.c.company_id == bindparam("company"))
    .group_by(group_members.c.group_id)
)
_SIZE = select(func.count()).select_from(_listed(group_members, group_members.c.joined_at).order_by(None).subquery())
_ALL_ACTIVE = select(func.count()).select_from(active_users).where(_ACTIVE_OF_COMPANY)


def _names(table: Table) -> Select[Any]:
    return (
        select(groups.c.id, groups.c.name)
        .join_from(table, groups, _counting(table))
        .where(
            table.c.company_id == bindparam("company"),
            table.c.user_id == bindparam("user"),
            groups.c.archived_at.is_(None),
        )
        .order_by(groups.c.name_key, groups.c.id)
    )


_FOLLOWED = (
    select(group_members.c.group_id, group_members.c.joined_at)
    .join_from(group_members, groups, COUNTING)
    .where(
        group_members.c.company_id == bindparam("company"),
        group_members.c.user_id == bindparam("user"),
        groups.c.archived_at.is_(None),
        groups.c.followed == 1,
    )
    .order_by(group_members.c.group_id)
)
_GROUPS_OF, _MANAGED_BY = _names(group_members), _names(group_managers)
# Whether somebody manages a group that somebody else is in.
_REACHES = (
    select(group_managers.c.group_id)
    .join_from(
        group_managers,
        group_members,
        (group_members.c.company_id == group_managers.c.company_id)
        & (group_members.c.group_id == group_managers.c.group_id),
    )
    .join(groups, COUNTING)
    .where(
        group_managers.c.company_id == bindparam("company"),
        group_managers.c.user_id == bindparam("manager"),
        group_members.c.user_id == bindparam("user"),
        groups.c.archived_at.is_(None),
    )
    .limit(1)
)
_MANAGES = select(group_managers.c.group_id).where(
    group_managers.c.company_id == bindparam("company"),
    group_managers.c.group_id == bindparam("group"),
    group_managers.c.user_id == bindparam("user"),
)
_ALL_OF_USER = [
    delete(table).where(table.c.company_id == bindparam("company"), table.c.user_id == bindparam("user"))
    for table in (group_members, group_managers)
]


def join(tx: Tx, group: Group, user: User, *, actor: Actor, now: datetime) -> bool:
    """Puts a person into a custom group; False where they are in it. Raises Conflict where nobody can be put in."""
    if not _put_in(tx, group, user, actor=actor, now=now):
        return False
    following.moved(tx, user.company_id, user.id, (group_key(group.id),), actor=actor, now=now)
    return True


def leave(tx: Tx, group: Group, user: User, *, actor: Actor, now: datetime) -> bool:
    """Takes a person out of a custom group; False where they are not in it."""
    _refuse_made_by_itself(group)
    if tx.one(_LEAVE, {"company": group.company_id, "group": group.id, "user": user.id}) is None:
        return False
    group_moves.left(tx, user.company_id, user.id, group.id, group.name, actor=actor, now=now)
    following.moved(tx, user.company_id, user.id, (group_key(group.id),), actor=actor, now=now)
    return True


def appoint(tx: Tx, group: Group, user: User, *, actor: Actor, now: datetime) -> bool:
    """Makes a person the group's manager; False where they are. Raises InvalidValue for a role that manages nobody."""
    refuse_archived(group)
    record.refuse_deleted(user)
    if group.kind == "everyone":
        raise Conflict(f"{EVERYONE} has no managers; administrators act on everybody.", field="kind")
    if user.role not in MANAGING:
        raise InvalidValue(
            f"{user.display_name} is a {user.role}; make them a manager first: rollbook user role", field="role"
        )
    at = clock.text(now)
    values = {"company_id": group.company_id, "group_id": group.id, "user_id": user.id, "appointed_at": at}
    if tx.one(_APPOINT, values) is None:
        return False
    _tell(tx, "GroupManagerAppointed", user, [None, group.name], group, actor=actor, now=now)
    return True


def dismiss(tx: Tx, group: Group, user: User, *, actor: Actor, now: datetime) -> bool:
    """Ends a person's management of the group; False where they do not manage it."""
    if tx.one(_DISMISS, {"company": group.company_id, "group": group.id, "user": user.id}) is None:
        return False
    _tell(tx, "GroupManagerDismissed", user, [group.name, None], group, actor=actor, now=now)
    return True


def members(tx: Tx, group: Group, *, after: str = "", limit: int = 1000) -> list[Member]:
    """The active members in the order of ids, those after the id `after`."""
    values = {"company": group.company_id, "after": after, "limit": limit}
    if group.kind == "everyone":
        return [_member(row) for row in tx.all(_EVERYONE, values)]
    return [_member(row) for row in tx.all(_MEMBERS, {**values, "group": group.id})]


def managers(tx: Tx, group: Group) -> list[Member]:
    """The active managers of a group; whoever lost the role manages nobody until they have it again."""
    rows = tx.all(_MANAGERS, {"company": group.company_id, "group": group.id})
    return [member for member in map(_member, rows) if member.role in MANAGING]


def sizes(tx: Tx, company_id: str, of: Sequence[Group]) -> dict[str, int]:
    """How many active members each group has, by its id."""
    counted: dict[str, int] = dict(tx.all(_SIZES, {"company": company_id}))
    (everybody,) = tx.one(_ALL_ACTIVE, {"company": company_id}) or (0,)
    return {group.id: everybody if group.kind == "everyone" else counted.get(group.id, 0) for group in of}


def size(tx: Tx, group: Group) -> int:
    """How many active members one group has."""
    values = {"company": group.company_id}
    statement = _ALL_ACTIVE if group.kind == "everyone" else _SIZE
    (count,) = tx.one(statement, values if group.kind == "everyone" else {**values, "group": group.id}) or (0,)
    return int(count)


def holds(tx: Tx, group: Group, user: User) -> bool:
    """Whether a person, archived or not, is in a group; in everyone is whoever is active."""
    return user.active if group.kind == "everyone" else group.id in groups_of(tx, user)


def groups_of(tx: Tx, user: User) -> dict[str, str]:
    """The groups that a person is in, name by id; everyone is not among them."""
    return dict(tx.all(_GROUPS_OF, {"company": user.company_id, "user": user.id}))


def followed_of(tx: Tx, user: User) -> dict[str, str]:
    """Those of a person's groups in which something is assigned to whoever joins, with when they joined each, without
    *Everyone*.
    """
    return dict(tx.all(_FOLLOWED, {"company": user.company_id, "user": user.id}))


def managed_by(tx: Tx, company_id: str, user_id: str) -> dict[str, str]:
    """The groups that a person manages, name by id."""
    return dict(tx.all(_MANAGED_BY, {"company": company_id, "user": user_id}))


def manages(tx: Tx, company_id: str, manager_id: str, *, group_id: str) -> bool:
    """Whether a person manages this group."""
    return tx.one(_MANAGES, {"company": company_id, "group": group_id, "user": manager_id}) is not None


def reaches(tx: Tx, company_id: str, manager_id: str, *, user_id: str) -> bool:
    """Whether a person manages a group that the user is in."""
    return tx.one(_REACHES, {"company": company_id, "manager": manager_id, "user": user_id}) is not None


def inherit(tx: Tx, old: User, new: User, *, actor: Actor, now: datetime) -> list[str]:
    """Puts a person into the groups of the record that ended and was theirs, those that are filled by hand; managing is
    for a person to give again. Returns what changed, for `following.moved`, which is the caller's.
    """
    theirs = [groups_.get(tx, new.company_id, group_id) for group_id in groups_of(tx, old)]
    by_hand = [group for group in theirs if group.kind == "custom"]
    return [group_key(group.id) for group in by_hand if _put_in(tx, group, new, actor=actor, now=now)]


def forget(tx: Tx, user: User) -> None:
    """Takes an erased person out of every group."""
    for statement in _ALL_OF_USER:
        tx.run(statement, {"company": user.company_id, "user": user.id})


def _member(row: Row) -> Member:
    return Member(*row)


def _put_in(tx: Tx, group: Group, user: User, *, actor: Actor, now: datetime) -> bool:
    """As `join`, without what follows."""
    _refuse_made_by_itself(group)
    refuse_archived(group)
    record.refuse_deleted(user)
    ids = {"company_id": group.company_id, "group_id": group.id, "version": 0, "user_id": user.id}
    if tx.one(_JOIN, ids | {"joined_at": clock.text(now)}) is None:
        return False
    whom = (tx, user.company_id, user.id, group.id, group.name)
    group_moves.joined(*whom, followed=group.followed, actor=actor, now=now)
    return True


def _refuse_made_by_itself(group: Group) -> None:
    if group.kind == "smart":
        raise Conflict(
            f"A rule fills {group.name}: change the rule (rollbook group rule), or what it reads of the person.",
            field="kind",
        )
    if group.kind != "custom":
        raise Conflict(f"Nobody is put into {group.name} or taken out by hand.", field="kind")


def _tell(tx: Tx, kind: str, user: User, named: list[str | None], group: Group, *, actor: Actor, now: datetime) -> None:
    ids = [group.id if name else None for name in named]
    changes = {"group": named, "group_id": ids}
    events.record(tx, user.company_id, kind, user.id, changes, actor=actor, now=now)

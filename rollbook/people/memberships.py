"""Who is in which group. Groups themselves are groups.py's, and who manages them group_managers.py's.

An archived person keeps their memberships, and is in no list and no count of a group until they are restored.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import active_users, group_members, groups
from rollbook.errors import Conflict
from rollbook.people import following, group_moves, group_people, record
from rollbook.people import groups as groups_
from rollbook.people.group_people import Member
from rollbook.people.groups import Group, refuse_archived
from rollbook.people.readings import COUNTING
from rollbook.people.record import User
from rollbook.people.rulebook import group_key

_ACTIVE_OF_COMPANY = active_users.c.company_id == bindparam("company")
_JOIN = insert(group_members).on_conflict_do_nothing().returning(group_members.c.user_id)
_LEAVE = (
    delete(group_members)
    .where(
        group_members.c.company_id == bindparam("company"),
        group_members.c.group_id == bindparam("group"),
        group_members.c.user_id == bindparam("user"),
        group_members.c.version == 0,
    )
    .returning(group_members.c.user_id)
)
_LISTED = group_people.listed(group_members, group_members.c.joined_at, COUNTING)
_MEMBERS = _LISTED.where(group_members.c.user_id > bindparam("after")).limit(bindparam("limit"))
_EVERYONE = (
    select(*group_people.WHO, active_users.c.created_at)
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
_SIZE = select(func.count()).select_from(_LISTED.order_by(None).subquery())
_ALL_ACTIVE = select(func.count()).select_from(active_users).where(_ACTIVE_OF_COMPANY)
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
_GROUPS_OF = group_people.groups_of(group_members, COUNTING)
_FORGET = delete(group_members).where(
    group_members.c.company_id == bindparam("company"), group_members.c.user_id == bindparam("user")
)


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


def members(tx: Tx, group: Group, *, after: str = "", limit: int = 1000) -> list[Member]:
    """The active members in the order of ids, those after the id `after`."""
    values = {"company": group.company_id, "after": after, "limit": limit}
    if group.kind == "everyone":
        return [Member(*row) for row in tx.all(_EVERYONE, values)]
    return [Member(*row) for row in tx.all(_MEMBERS, {**values, "group": group.id})]


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


def inherit(tx: Tx, old: User, new: User, *, actor: Actor, now: datetime) -> list[str]:
    """Puts a person into the groups of the record that ended and was theirs, those that are filled by hand; managing is
    for a person to give again. Returns what changed, for `following.moved`, which is the caller's.
    """
    theirs = [groups_.get(tx, new.company_id, group_id) for group_id in groups_of(tx, old)]
    by_hand = [group for group in theirs if group.kind == "custom"]
    return [group_key(group.id) for group in by_hand if _put_in(tx, group, new, actor=actor, now=now)]


def forget(tx: Tx, user: User) -> None:
    """Takes an erased person out of every group."""
    tx.run(_FORGET, {"company": user.company_id, "user": user.id})


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

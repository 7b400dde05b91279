"""Who manages which group. Who is in it is memberships.py's; who somebody's own manager is, managers.py's.

An archived manager, and whoever lost the role, keeps the groups and manages nobody until they are back.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import group_managers, group_members, groups
from rollbook.errors import Conflict, InvalidValue
from rollbook.people import group_people, record
from rollbook.people.group_people import Member
from rollbook.people.groups import EVERYONE, Group, refuse_archived
from rollbook.people.readings import COUNTING
from rollbook.people.record import User
from rollbook.people.roles import MANAGING

_OF_GROUP = (groups.c.company_id == group_managers.c.company_id) & (groups.c.id == group_managers.c.group_id)
_ONE = (
    group_managers.c.company_id == bindparam("company"),
    group_managers.c.group_id == bindparam("group"),
    group_managers.c.user_id == bindparam("user"),
)
_APPOINT = insert(group_managers).on_conflict_do_nothing().returning(group_managers.c.user_id)
_DISMISS = delete(group_managers).where(*_ONE).returning(group_managers.c.user_id)
_MANAGERS = group_people.listed(group_managers, group_managers.c.appointed_at, _OF_GROUP)
_MANAGED_BY = group_people.groups_of(group_managers, _OF_GROUP)
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
_MANAGES = select(group_managers.c.group_id).where(*_ONE)
_FORGET = delete(group_managers).where(
    group_managers.c.company_id == bindparam("company"), group_managers.c.user_id == bindparam("user")
)


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


def managers(tx: Tx, group: Group) -> list[Member]:
    """The active managers of a group; whoever lost the role manages nobody until they have it again."""
    rows = tx.all(_MANAGERS, {"company": group.company_id, "group": group.id})
    return [member for member in (Member(*row) for row in rows) if member.role in MANAGING]


def managed_by(tx: Tx, company_id: str, user_id: str) -> dict[str, str]:
    """The groups that a person manages, name by id."""
    return dict(tx.all(_MANAGED_BY, {"company": company_id, "user": user_id}))


def manages(tx: Tx, company_id: str, manager_id: str, *, group_id: str) -> bool:
    """Whether a person manages this group."""
    return tx.one(_MANAGES, {"company": company_id, "group": group_id, "user": manager_id}) is not None


def reaches(tx: Tx, company_id: str, manager_id: str, *, user_id: str) -> bool:
    """Whether a person manages a group that the user is in."""
    return tx.one(_REACHES, {"company": company_id, "manager": manager_id, "user": user_id}) is not None


def forget(tx: Tx, user: User) -> None:
    """Takes every group from an erased person that they managed."""
    tx.run(_FORGET, {"company": user.company_id, "user": user.id})


def _tell(tx: Tx, kind: str, user: User, named: list[str | None], group: Group, *, actor: Actor, now: datetime) -> None:
    ids = [group.id if name else None for name in named]
    changes = {"group": named, "group_id": ids}
    events.record(tx, user.company_id, kind, user.id, changes, actor=actor, now=now)

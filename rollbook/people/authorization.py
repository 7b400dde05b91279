"""Who may do what to whom: the one function that every door asks. What each role carries is in roles.py.

Denied by default: an unknown permission, a role without it, a target out of reach, another company's target. SCIM is
not asked here: what it may do is the mapping's and arrivals.py's to say.
"""

from __future__ import annotations

import msgspec

from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.errors import Forbidden
from rollbook.people import group_managers, roles
from rollbook.people.groups import Group
from rollbook.people.record import User
from rollbook.people.roles import Permission, Reach, Role


class Who(msgspec.Struct, frozen=True):
    """On whose behalf a door asks: a signed-in person, the holder of an API key (role admin), or the operator."""

    company_id: str
    actor: Actor
    role: Role

    @property
    def user_id(self) -> str | None:
        """Of a signed-in person."""
        return self.actor.id if self.actor.kind == "user" else None


class Target(msgspec.Struct, frozen=True):
    """What something is done to; a lesson or a path is known by its author alone."""

    user: User | None = None
    group: Group | None = None
    author_id: str | None = None


_NOTHING = Target()
_SELF = "Nobody archives themselves; ask another administrator."


def authorize(tx: Tx, who: Who, permission: Permission, target: Target = _NOTHING) -> None:
    """Returns where this may be done. Raises Forbidden with a sentence for the person who tried."""
    if permission == "archive_people" and target.user is not None and target.user.id == who.user_id:
        raise Forbidden(_SELF)
    if not allowed(tx, who, permission, target):
        raise Forbidden(_sentence(who, permission, target))


def allowed(tx: Tx, who: Who, permission: Permission, target: Target = _NOTHING) -> bool:
    """Whether this may be done. Without a target: whether it may be done to everything there is."""
    if who.actor.kind == "operator":
        return True
    if not carries(who, permission):
        return False
    if any(thing is not None and thing.company_id != who.company_id for thing in (target.user, target.group)):
        return False
    if permission == "archive_people" and target.user is not None and target.user.id == who.user_id:
        return False
    reach = roles.reach(who.role, permission)
    if reach == "all":
        return True
    return _is_own(who, target) if reach == "own" else _is_managed(tx, who, permission, target)


def carries(who: Who, permission: Permission) -> bool:
    """Whether there is anything to which they may do this: enough to show the way, not to let them through."""
    if who.actor.kind == "api":
        return who.role == "admin" and permission not in roles.NOT_FOR_KEYS and roles.permits(who.role, permission)
    return who.actor.kind == "operator" or (who.user_id is not None and roles.permits(who.role, permission))


def reach(who: Who, permission: Permission) -> Reach:
    """How far a permission reaches for somebody, for lists that show as much as they may see. Raises Forbidden where it
    is not theirs at all.
    """
    if not carries(who, permission):
        raise Forbidden(_sentence(who, permission, _NOTHING))
    found = roles.reach(who.role, permission)
    return "all" if who.actor.kind == "operator" or found is None else found


def _is_own(who: Who, target: Target) -> bool:
    owner = target.user.id if target.user is not None else target.author_id
    return owner is not None and owner == who.user_id


def _is_managed(tx: Tx, who: Who, permission: Permission, target: Target) -> bool:
    """A manager acts on learners of the groups that they manage, and sees whoever else is in them."""
    if who.user_id is None:
        return False
    if target.group is not None:
        return target.group.archived_at is None and group_managers.manages(
            tx, who.company_id, who.user_id, group_id=target.group.id
        )
    if target.user is None or (target.user.privileged and permission not in ("see_people", "see_reports")):
        return False
    return group_managers.reaches(tx, who.company_id, who.user_id, user_id=target.user.id)


def _sentence(who: Who, permission: Permission, target: Target) -> str:
    what = permission.replace("_", " ")
    if who.actor.kind == "api" and permission in roles.NOT_FOR_KEYS:
        return f"An API key may not do this ({what}); an administrator does it in the console, or the operator."
    reach = roles.reach(who.role, permission)
    if reach == "managed":
        return f"A {who.role} may do this ({what}) to learners of the groups that they manage; this is not one of them."
    if reach == "own":
        return f"A {who.role} may do this ({what}) with what is their own; this is somebody else's."
    allowed_to = [role for role in roles.ROLES if roles.permits(role, permission)]
    return f"A {who.role} may not do this ({what}); that needs the role {' or '.join(allowed_to) or 'of nobody'}."

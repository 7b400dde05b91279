"""Roles: what a person may do in Learning. SCIM never raises or lowers one; they are set here.

Whether somebody may do something to somebody is authorization.py's to say.
"""

from __future__ import annotations

from typing import Literal, get_args

from rollbook.errors import InvalidValue

Role = Literal["learner", "creator", "manager", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
PRIVILEGED = frozenset(ROLES) - {"learner"}
MANAGING = frozenset({"manager", "admin"})  # those who can manage a group

# How far a permission reaches: everything in the company; the learners in groups that one manages, and those groups;
# or what is one's own (oneself, content that one wrote).
Reach = Literal["all", "managed", "own"]

Permission = Literal[
    "do_assignments",
    "see_people",
    "create_people",
    "edit_people",
    "archive_people",
    "set_roles",
    "make_admins",
    "see_groups",
    "edit_groups",
    "fill_groups",
    "edit_fields",
    "see_content",
    "edit_content",
    "assign",
    "complete_for_others",
    "see_reports",
    "see_audit",
    "see_outbox",
    "see_provisioning",
    "resolve_alarms",
    "link_people",
    "see_keys",
    "revoke_keys",
    "issue_keys",
    "exchange_people",
    "run_okta",
    "edit_okta",
    "set_okta_token",
    "see_okta_token",
]

# Who has which permission, and how far it reaches; whatever is not listed is allowed to nobody.
PERMISSIONS: dict[Permission, dict[Role, Reach]] = {
    "do_assignments": {"learner": "own", "creator": "own", "manager": "own", "admin": "own"},
    "see_people": {"manager": "managed", "admin": "all"},
    "create_people": {"manager": "managed", "admin": "all"},
    "edit_people": {"manager": "managed", "admin": "all"},
    "archive_people": {"manager": "managed", "admin": "all"},
    "set_roles": {"admin": "all"},
    "make_admins": {"admin": "all"},
    "see_groups": {"manager": "managed", "admin": "all"},
    "edit_groups": {"admin": "all"},
    "fill_groups": {"admin": "all"},
    "edit_fields": {"admin": "all"},
    "see_content": {"creator": "all", "manager": "all", "admin": "all"},
    "edit_content": {"creator": "own", "manager": "own", "admin": "all"},
    "assign": {"manager": "managed", "admin": "all"},
    "complete_for_others": {"manager": "managed", "admin": "all"},
    "see_reports": {"manager": "managed", "admin": "all"},
    "see_audit": {"admin": "all"},
    "see_outbox": {"admin": "all"},
    "see_provisioning": {"admin": "all"},
    "resolve_alarms": {"admin": "all"},
    "link_people": {"admin": "all"},
    "see_keys": {"admin": "all"},
    "revoke_keys": {"admin": "all"},
    "issue_keys": {"admin": "all"},
    "exchange_people": {"admin": "all"},
    "run_okta": {"admin": "all"},
    "edit_okta": {"admin": "all"},
    "set_okta_token": {"admin": "all"},
    "see_okta_token": {},
}
# An API key acts as an administrator, except for what would let it outlive or outgrow itself.
NOT_FOR_KEYS: frozenset[Permission] = frozenset({"issue_keys", "make_admins", "set_okta_token", "see_okta_token"})


def reach(role: Role, permission: Permission) -> Reach | None:
    """How far a permission reaches for a role; None where the role does not carry it."""
    return PERMISSIONS.get(permission, {}).get(role)


def permits(role: Role, permission: Permission) -> bool:
    """Whether a role carries a permission, however far it reaches; an unknown permission is carried by none."""
    return reach(role, permission) is not None


def read(text: str) -> Role:
    """The role of that name; raises InvalidValue listing them."""
    for role in ROLES:
        if role == text.strip().lower():
            return role
    raise InvalidValue(f"{text!r} is no role; use one of {', '.join(ROLES)}.", field="role")

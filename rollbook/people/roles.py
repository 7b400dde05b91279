"""Roles: what a person may do in Learning. SCIM never raises or lowers one; they are set here."""

from __future__ import annotations

from typing import Literal, get_args

from rollbook.errors import InvalidValue

Role = Literal["learner", "creator", "manager", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
PRIVILEGED = frozenset(ROLES) - {"learner"}

# What each permission needs; whatever is not listed is allowed to nobody.
PERMISSIONS: dict[str, frozenset[str]] = {
    "see_provisioning": frozenset({"admin"}),
    "resolve_alarms": frozenset({"admin"}),
}


def permits(role: str, permission: str) -> bool:
    """Whether a role carries a permission; an unknown permission is carried by none."""
    return role in PERMISSIONS.get(permission, frozenset())


def read(text: str) -> Role:
    """The role of that name; raises InvalidValue listing them."""
    for role in ROLES:
        if role == text.strip().lower():
            return role
    raise InvalidValue(f"{text!r} is no role; use one of {', '.join(ROLES)}.", field="role")

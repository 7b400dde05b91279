"""One person, as every command about people takes a name for them and shows their record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from rollbook.cli.output import card, show, write
from rollbook.database import Tx
from rollbook.people import companies, field_values, managers, search
from rollbook.people.record import User

UserName = Annotated[str, typer.Argument(metavar="USER", help="An id, a user name or an e-mail.")]


def as_json(user: User, manager_name: str | None = None, custom: dict[str, str] | None = None) -> dict[str, Any]:
    """A user as every command shows one."""
    return {
        "id": user.id,
        "user_name": user.user_name,
        "email": user.email,
        "given_name": user.given_name,
        "family_name": user.family_name,
        "role": user.role,
        "location": user.location,
        "business_unit": user.business_unit,
        "department": user.department,
        "job_title": user.job_title,
        "manager_name": manager_name or user.manager_name or user.manager_value,
        "hire_date": user.hire_date,
        "external_id": user.external_id,
        "link": user.link,
        "archived_at": user.archived_at,
        "custom": custom or {},
    }


def change(subdomain: str, user: str, work: Callable[[Tx, User], User]) -> dict[str, Any]:
    """Does something to one person, and returns them as every command shows one."""
    return write(lambda tx: shown(tx, work(tx, search.named(tx, companies.get(tx, subdomain).id, user, lock=True))))


def shown(tx: Tx, user: User) -> dict[str, Any]:
    """As `as_json`, with what is looked up for it."""
    return as_json(user, managers.name(tx, user), field_values.custom_of(tx, user))


def show_one(row: dict[str, Any], json: bool) -> None:
    """Prints one person."""
    show(row, as_json=json, human=card(row))

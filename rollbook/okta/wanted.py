"""What a company's standard integration is to be, as somebody types it: checked before anything is asked or saved."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from rollbook.errors import InvalidValue

Mode = Literal["complement", "full"]

MODES: tuple[Mode, ...] = get_args(Mode)
MOST_PEOPLE = 50
MOST_PERCENT = 5
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a connection is to be, but for its token."""

    org_url: str
    group_id: str | None
    app_id: str | None = None
    mode: Mode = "complement"
    role_variable: str | None = None
    most_people: int = MOST_PEOPLE
    most_percent: int = MOST_PERCENT


def checked(wanted: Wanted) -> Wanted:
    """The same; raises InvalidValue for what cannot be."""
    for name, value in (("group", wanted.group_id), ("app", wanted.app_id)):
        if value is not None and not _ID.fullmatch(value):
            raise InvalidValue(
                f"{value[:60]!r} is no id of a {name}: copy it from the end of the {name}'s address in Okta's admin "
                f"console, as in 00g1abcd2EFGH3ijk4l5.",
                field=f"{name}_id",
            )
    if wanted.mode not in MODES:
        raise InvalidValue(f"{wanted.mode!r} is no mode; use complement or full.", field="mode")
    if wanted.role_variable is not None:
        check_variable(wanted.role_variable, field="role_variable")
        if wanted.mode != "full":
            raise InvalidValue("Only in full mode may Okta say somebody's role.", field="role_variable")
    if not 0 <= wanted.most_people <= 1_000_000:
        raise InvalidValue("The most people to archive unasked is a number from 0 to 1,000,000.", field="most_people")
    if not 0 <= wanted.most_percent <= 100:
        raise InvalidValue("The most per cent to archive unasked is a number from 0 to 100.", field="most_percent")
    return wanted


def check_variable(name: str, *, field: str = "variable") -> None:
    """Raises InvalidValue where this cannot be a variable of Okta's profile."""
    if not _VARIABLE.fullmatch(name):
        raise InvalidValue(
            f"{name[:60]!r} is no variable name; copy it from Okta's Profile Editor, as in hireDate.", field=field
        )

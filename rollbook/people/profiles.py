"""What a person's record says about them: the fields that doors may write, and what those may hold."""

from __future__ import annotations

import re
from datetime import date
from operator import attrgetter
from typing import Any

import msgspec

from rollbook.errors import InvalidValue

LONGEST = 1024
LONGEST_EMAIL = 254

_EMAIL = re.compile(r"[^\s@<>(),;:\\\"\[\]]+@[^\s@<>(),;:\\\"\[\]]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Bidirectional marks and zero-width characters make two names look alike; no real user name or e-mail holds them.
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\u00ad]")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Profile(msgspec.Struct, frozen=True):
    """The whole of what a provisioning client owns. `kept` holds what has no field of ours, as it was sent."""

    user_name: str
    email: str
    given_name: str
    family_name: str
    location: str | None = None
    business_unit: str | None = None
    department: str | None = None
    job_title: str | None = None
    manager_value: str | None = None
    manager_name: str | None = None
    locale: str | None = None
    preferred_language: str | None = None
    time_zone: str | None = None
    hire_date: str | None = None
    external_id: str | None = None
    kept: dict[str, Any] = msgspec.field(default_factory=dict)


FIELDS = Profile.__struct_fields__
TEXT_FIELDS = tuple(name for name in FIELDS if name != "kept")
texts = attrgetter(*TEXT_FIELDS)  # of a profile or a user, in this order
REQUIRED = ("user_name", "email", "given_name", "family_name")
_WITH_RULES = (*REQUIRED, "hire_date")


def check(profile: Profile) -> None:
    """Raises InvalidValue naming the first field that holds what it cannot."""
    together = "".join([value for value in texts(profile) if value is not None])
    if len(together) <= LONGEST and together.isprintable():  # then only these five can be wrong
        for name in _WITH_RULES:
            value = getattr(profile, name)
            if value is not None:
                check_field(name, value)
        return
    for name, value in zip(TEXT_FIELDS, texts(profile), strict=True):
        if value is not None:
            check_field(name, value)


def check_field(name: str, value: str | None) -> None:
    """Raises InvalidValue where `value` cannot be the named field's."""
    if value is None or not value.strip():
        if name in REQUIRED:
            raise InvalidValue(f"{_words(name)} must not be empty.", field=name)
        return
    if len(value) > LONGEST:
        raise InvalidValue(
            f"{_words(name)} is {len(value):,} characters long; at most {LONGEST:,} can be kept.", field=name
        )
    if not value.isprintable():
        _refuse_hidden(name, value)
    if name == "email" and (len(value) > LONGEST_EMAIL or not _EMAIL.fullmatch(value.strip())):
        raise InvalidValue("The e-mail is no address of the form name@domain.", field=name)
    if name == "hire_date" and not _is_date(value):
        raise InvalidValue("The hire date must be written as YYYY-MM-DD.", field=name)


def _is_date(text: str) -> bool:
    try:
        return _DATE.fullmatch(text) is not None and date.fromisoformat(text) is not None
    except ValueError:  # the 31st of February
        return False


def _refuse_hidden(name: str, value: str) -> None:
    if _CONTROL.search(value):
        raise InvalidValue(f"{_words(name)} holds a control character or line break; remove it.", field=name)
    if name in ("user_name", "email") and _INVISIBLE.search(value):
        raise InvalidValue(f"{_words(name)} holds an invisible character; type it again by hand.", field=name)


def _words(name: str) -> str:
    return "The " + {"user_name": "user name", "email": "e-mail"}.get(name, name.replace("_", " "))

"""What Okta's profile says otherwise than a user has it, field by field: pure. What is to be done about it is
planning.py's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollbook.errors import InvalidValue
from rollbook.okta.grounds import Grounds, Target
from rollbook.people import fields, profiles
from rollbook.people.fields import Field
from rollbook.people.record import User


@dataclass(frozen=True, slots=True)
class Differences:
    """`changes` tell them: field -> [before, after]; `columns` and `own` do them. `withheld` are the variables that
    would have cleared a value although nobody listed has them.
    """

    changes: dict[str, list[Any]]
    columns: dict[str, str | None]
    own: dict[Field, str | None]
    withheld: tuple[str, ...]


def between(grounds: Grounds, profile: Mapping[str, str], user: User | None, held: Mapping[str, str]) -> Differences:
    """In the fields that Okta fills. `user` is None where one is to be created, `held` what they have in the company's
    own fields, by the field's id. Raises InvalidValue where Okta says something that a field cannot hold.
    """
    changes: dict[str, list[Any]] = {}
    columns: dict[str, str | None] = {}
    own: dict[Field, str | None] = {}
    withheld: list[str] = []
    for target in grounds.targets:
        before = _before(target, user, held)
        if target.variable in grounds.missing:
            withheld += [target.variable] if before is not None else []
            continue
        after = _value(target, profile)
        if after == before:
            continue
        changes[target.name] = [before, after]
        if target.column is not None:
            columns[target.column] = after
        elif target.field is not None:
            own[target.field] = after
    return Differences(changes, columns, own, tuple(dict.fromkeys(withheld)))


def of_others(grounds: Grounds, profile: Mapping[str, str], user: User, held: Mapping[str, str]) -> tuple[str, ...]:
    """The fields of another source of which Okta says something else than they hold."""
    found = []
    for target in grounds.others:
        try:
            said = _value(target, profile)
        except InvalidValue:
            continue  # nobody asks Okta to fill it
        if said is not None and said != _before(target, user, held):
            found.append(target.key)
    return tuple(found)


def _before(target: Target, user: User | None, held: Mapping[str, str]) -> str | None:
    if user is None:
        return None
    if target.column is not None:
        kept: str | None = getattr(user, target.column)
        return kept
    return held.get(target.field.id) if target.field else None


def _value(target: Target, profile: Mapping[str, str]) -> str | None:
    """What Okta says, as the field keeps it. Raises InvalidValue."""
    text = profile.get(target.variable)
    if target.field is not None:
        return fields.checked(target.field, text)
    assert target.column is not None
    profiles.check_field(target.column, text or "")
    return text

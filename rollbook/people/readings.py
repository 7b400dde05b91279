"""What rules read of people: of one, while something of theirs changes, or of a page of them, for building and preview.

Their own fields and groups are asked for only where a rule reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Select, bindparam, select

from rollbook.database import Tx
from rollbook.database.tables import field_values, group_members, groups, users
from rollbook.people.record import User
from rollbook.people.rules import tree
from rollbook.people.rules.evaluation import Person
from rollbook.people.rules.tree import CUSTOM, Rule


class Facts(msgspec.Struct, frozen=True):
    """The columns of a user's record that rules read, and whether they are here."""

    id: str
    given_name: str
    family_name: str
    email: str
    role: str
    job_title: str | None
    business_unit: str | None
    department: str | None
    location: str | None
    manager_name: str | None
    hire_date: str | None
    created_at: str
    archived_at: str | None
    deleted_at: str | None

    @property
    def here(self) -> bool:
        return self.archived_at is None and self.deleted_at is None


class Groups:
    """The groups that somebody is in, asked for once, with what this transaction is about to change."""

    __slots__ = ("_asked", "_base", "_changed")

    def __init__(self, base: Mapping[str, None] | None = None, asked: Any = None) -> None:
        self._base = base
        self._asked = asked
        self._changed: dict[str, bool] = {}

    def __contains__(self, group_id: object) -> bool:
        changed = self._changed.get(group_id)  # type: ignore[call-overload]  # what is no text is no key either
        if changed is not None:
            return bool(changed)
        return group_id in self.base()

    def base(self) -> Mapping[str, None]:
        """Those in the database."""
        if self._base is None:
            self._base = self._asked()
        return self._base

    def know(self, group_ids: Iterable[str], everyone_id: str) -> None:
        """Says them, so that nobody need ask."""
        self._base = dict.fromkeys([everyone_id, *group_ids])

    def change(self, group_id: str, member: bool) -> None:
        """From here on they are in this group, or are not."""
        self._changed[group_id] = member


@dataclass(frozen=True, slots=True)
class Page:
    """People in the order of ids, as rules read them, and which of them are in the version that was told of."""

    people: list[tuple[Facts, Person]]
    members: frozenset[str]

    @property
    def last(self) -> str | None:
        """The id of the last one; None where there was nobody."""
        return self.people[-1][0].id if self.people else None


_FACTS = tuple(users.c[name] for name in Facts.__struct_fields__)
_OF_COMPANY = users.c.company_id == bindparam("company")
_PAGE = (
    select(*_FACTS).where(_OF_COMPANY, users.c.id > bindparam("after")).order_by(users.c.id).limit(bindparam("limit"))
)
# Nobody of the page changes until it was written what they meet.
_PAGE_HELD = _PAGE.with_for_update(read=True)
_VALUES_OF_USER = select(field_values.c.field_id, field_values.c.value).where(
    field_values.c.company_id == bindparam("company"), field_values.c.user_id == bindparam("user")
)
_VALUES = select(field_values.c.user_id, field_values.c.field_id, field_values.c.value).where(
    field_values.c.company_id == bindparam("company"),
    field_values.c.user_id > bindparam("after"),
    field_values.c.user_id <= bindparam("last"),
)
COUNTING = (
    (groups.c.company_id == group_members.c.company_id)
    & (groups.c.id == group_members.c.group_id)
    & (groups.c.version == group_members.c.version)
)
_GROUPS_OF_USER = (
    select(group_members.c.group_id)
    .join_from(group_members, groups, COUNTING)
    .where(
        group_members.c.company_id == bindparam("company"),
        group_members.c.user_id == bindparam("user"),
        groups.c.archived_at.is_(None),
    )
)
# With whether the version is the one that counts.
_MEMBERSHIPS = select(
    group_members.c.user_id,
    group_members.c.group_id,
    group_members.c.version,
    (groups.c.version == group_members.c.version) & groups.c.archived_at.is_(None),
).join_from(
    group_members,
    groups,
    (groups.c.company_id == group_members.c.company_id) & (groups.c.id == group_members.c.group_id),
)
_OF_USER = _MEMBERSHIPS.where(
    group_members.c.company_id == bindparam("company"), group_members.c.user_id == bindparam("user")
)
_IN_GROUP = (
    select(group_members.c.user_id)
    .join_from(group_members, groups, COUNTING)
    .where(
        groups.c.company_id == bindparam("company"),
        groups.c.id == bindparam("group"),
        groups.c.archived_at.is_(None),
        group_members.c.user_id > bindparam("after"),
        group_members.c.user_id <= bindparam("last"),
    )
)
_IN_VERSION = select(group_members.c.user_id).where(
    group_members.c.company_id == bindparam("company"),
    group_members.c.group_id == bindparam("group"),
    group_members.c.version == bindparam("of"),
    group_members.c.user_id > bindparam("after"),
    group_members.c.user_id <= bindparam("last"),
)


def person(tx: Tx, user: User | Facts, company_id: str, everyone_id: str) -> tuple[Person, Groups]:
    """Somebody who is here, as rules read them; what is asked for is the database's present state."""

    def custom() -> dict[str, str]:
        return dict(tx.all(_VALUES_OF_USER, {"company": company_id, "user": user.id}))

    def member_of() -> dict[str, None]:
        rows = tx.all(_GROUPS_OF_USER, {"company": company_id, "user": user.id})
        return dict.fromkeys([everyone_id, *(row[0] for row in rows)])

    groups_ = Groups(asked=member_of)
    return Person(user, custom, lambda: groups_), groups_


def newcomer(user: User, everyone_id: str, own: Mapping[str, str | None]) -> tuple[Person, Groups]:
    """Somebody who has only just been made: in no group, and with these values in the company's own fields, by id."""
    groups_ = Groups({everyone_id: None})
    values = {field_id: value for field_id, value in own.items() if value is not None} if own else {}
    return Person(user, lambda: values, lambda: groups_), groups_


def as_before(before: User, now: Person, groups_: Groups) -> Person:
    """The same person with the record of before."""
    return Person(before, lambda: now.values, groups_.base)


def page(
    tx: Tx,
    company_id: str,
    rule: Rule,
    everyone_id: str,
    *,
    group_id: str | None = None,
    version: int | None = None,
    after: str,
    limit: int,
    hold: bool = False,
) -> Page:
    """The next people after an id; with `version`, who of them is in that version of the group. `hold` keeps everybody
    of the page as they are until the transaction ends.
    """
    wanted = {"company": company_id, "after": after}
    found = [Facts(*row) for row in tx.all(_PAGE_HELD if hold else _PAGE, {**wanted, "limit": limit})]
    if not found:
        return Page([], frozenset())
    part = {**wanted, "last": found[-1].id}
    values = _values(tx, part) if any(key.startswith(CUSTOM) for key in tree.reads(rule)) else {}
    read = {
        read_id: frozenset([row[0] for row in tx.all(_IN_GROUP, {**part, "group": read_id})])
        for read_id in tree.groups_read(rule) - {everyone_id}
    }
    members: Sequence[Any] = ()
    if version is not None:
        members = tx.all(_IN_VERSION, {**part, "group": group_id, "of": version})
    return Page(
        [(facts, _read_person(facts, values, read, everyone_id)) for facts in found],
        frozenset([row[0] for row in members]),
    )


def _read_person(
    facts: Facts, values: Mapping[str, dict[str, str]], read: Mapping[str, frozenset[str]], everyone_id: str
) -> Person:
    return Person(facts, partial(_own, values, facts.id), partial(_read_groups, read, facts.id, everyone_id))


def _own(values: Mapping[str, dict[str, str]], user_id: str) -> dict[str, str]:
    return values.get(user_id, {})


def _read_groups(read: Mapping[str, frozenset[str]], user_id: str, everyone_id: str) -> set[str]:
    return {everyone_id, *(group_id for group_id, members in read.items() if user_id in members)}


def _values(tx: Tx, part: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    values: dict[str, dict[str, str]] = {}
    for user_id, field_id, value in tx.all(_VALUES, part):
        values.setdefault(user_id, {})[field_id] = value
    return values


def memberships(tx: Tx, company_id: str, user_ids: Sequence[str]) -> dict[str, list[tuple[str, int, bool]]]:
    """The groups with the versions in which people are, and whether that version counts, by user id."""
    if len(user_ids) == 1:
        rows = tx.all(_OF_USER, {"company": company_id, "user": user_ids[0]})
    else:
        whose = (group_members.c.company_id == company_id, group_members.c.user_id.in_(user_ids))
        rows = tx.search(_MEMBERSHIPS.where(*whose)) if user_ids else []
    found: dict[str, list[tuple[str, int, bool]]] = {}
    for user_id, group_id, version, counts in rows:
        found.setdefault(user_id, []).append((group_id, version, bool(counts)))
    return found


def locked(tx: Tx, company_id: str, user_ids: Sequence[str]) -> list[Facts]:
    """These people, whom nobody else changes until the transaction ends; locked in the order of ids."""
    return [Facts(*row) for row in tx.search(_these(company_id, user_ids))] if user_ids else []


def _these(company_id: str, user_ids: Sequence[str]) -> Select[Any]:
    mine = (users.c.company_id == company_id, users.c.id.in_(user_ids))
    return select(*_FACTS).where(*mine).order_by(users.c.id).with_for_update(key_share=True)

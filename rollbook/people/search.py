"""Finding people: conditions in the field names of people become SQL. Doors translate their own names into these.

Deleted users are found by nobody here but by their id (`users.find`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, select

from rollbook.database import Tx
from rollbook.database.tables import field_values
from rollbook.database.tables import users as table
from rollbook.errors import Conflict, NotFound
from rollbook.people import record, users
from rollbook.people.credentials import LookUp
from rollbook.people.field_values import KEY_LENGTH
from rollbook.people.fields import Field
from rollbook.people.folding import fold
from rollbook.people.record import User

_OF_EXTERNAL_IDS = record.SELECT.where(  # in no order: SQLite would walk everybody for it
    record.OF_COMPANY, table.c.external_id.in_(bindparam("external_ids", expanding=True)), table.c.deleted_at.is_(None)
)
_LOCKED_OF_EXTERNAL_IDS = _OF_EXTERNAL_IDS.with_for_update()


@dataclass(frozen=True, slots=True)
class Equals:
    """A field of FIELDS has this value; names and addresses are compared folded."""

    field: str
    value: str | bool


@dataclass(frozen=True, slots=True)
class All:
    """Every one of these is met."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Holds:
    """A field of the company's (fields.py) holds this value, compared folded; at most LONGEST_HELD characters."""

    field: Field
    value: str


Condition = Equals | All | Holds


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list, in the order of ids (which is that of creation), and how many there are in all."""

    users: list[User]
    total: int


_FOLDED = {"user_name": table.c.user_name_key, "email": table.c.email_key, "display_name": table.c.name_key}
_EXACT = {"id": table.c.id, "external_id": table.c.external_id}
FIELDS = frozenset(_FOLDED) | frozenset(_EXACT) | {"active"}
UNIQUE = frozenset({"id", "external_id", "user_name"})
LONGEST_HELD = KEY_LENGTH - 1  # folded; of a longer value the index has only the beginning

_LIVING = (table.c.company_id == bindparam("company"), table.c.deleted_at.is_(None))
_UNIQUE_COLUMNS = {**_EXACT, "user_name": table.c.user_name_key}
_BY_UNIQUE = {
    field: record.SELECT.where(*_LIVING, column == bindparam("value")).order_by(table.c.id)
    for field, column in _UNIQUE_COLUMNS.items()
}
# The same for a request whose key is examined in the same statement.
_LOOK_UPS = {field: LookUp(and_(*_LIVING, column == bindparam("value"))) for field, column in _UNIQUE_COLUMNS.items()}
_PAGE = record.SELECT.where(*_LIVING).order_by(table.c.id).limit(bindparam("limit")).offset(bindparam("offset"))
# Two counts that an index alone answers; one with both conditions would walk the rows.
_COUNT = select(func.count()).where(table.c.company_id == bindparam("company"))
_COUNT_DELETED = _COUNT.where(table.c.deleted_at.is_not(None))


def page(tx: Tx, company_id: str, condition: Condition | None, *, offset: int, limit: int) -> Page:
    """The users that meet the condition (None: everybody), archived ones too."""
    if condition is None:
        everybody = tx.send(_COUNT, {"company": company_id})
        deleted = tx.send(_COUNT_DELETED, {"company": company_id})
        rows = tx.send(_PAGE, {"company": company_id, "limit": limit, "offset": offset}) if limit else None
        total = _number(everybody.one()) - _number(deleted.one())
        return Page([record.of_row(row) for row in rows.all()] if rows else [], total)
    if isinstance(condition, Equals) and condition.field in UNIQUE:
        found = tx.all(_BY_UNIQUE[condition.field], {"company": company_id, "value": _key(condition)})
        return page_of([record.of_row(row) for row in found], offset=offset, limit=limit)
    matching = (table.c.company_id == company_id, table.c.deleted_at.is_(None), sql(condition))
    total = _number(tx.search(select(func.count()).where(*matching))[0])
    query = record.SELECT.where(*matching).order_by(table.c.id).limit(limit).offset(offset)
    return Page(users.search(tx, query) if limit else [], total)


def look_up(condition: Equals) -> tuple[LookUp, dict[str, str]]:
    """The look-up by a field that is UNIQUE, and its values; what it finds is a page by `page_of`."""
    return _LOOK_UPS[condition.field], {"value": _key(condition)}


def page_of(found: list[User], *, offset: int, limit: int) -> Page:
    """The page of a look-up that found nobody or one."""
    return Page(found[offset : offset + limit], len(found))


def _key(condition: Equals) -> str:
    value = str(condition.value)
    return fold(value) if condition.field == "user_name" else value


def sql(condition: Condition) -> ColumnElement[bool]:
    """The condition as an expression over the table of users; raises KeyError for an unknown field."""
    if isinstance(condition, All):
        expression = sql(condition.terms[0])
        for term in condition.terms[1:]:
            expression = expression & sql(term)
        return expression
    if isinstance(condition, Holds):
        field = condition.field
        holders = select(field_values.c.user_id).where(
            field_values.c.company_id == field.company_id,
            field_values.c.field_id == field.id,
            field_values.c.value_key == fold(condition.value),
        )
        return table.c.id.in_(holders)
    if condition.field == "active":
        column = table.c.archived_at
        return column.is_(None) if condition.value else column.is_not(None)
    if condition.field in _FOLDED:
        return _FOLDED[condition.field] == fold(str(condition.value))
    return _EXACT[condition.field] == str(condition.value)


def named(tx: Tx, company_id: str, text: str, *, lock: bool = False) -> User:
    """The user that a person means by an id, a user name or an e-mail. Raises NotFound, or Conflict where two match."""
    user = users.find(tx, company_id, text)
    matches = [user] if user else page(tx, company_id, Equals("user_name", text), offset=0, limit=2).users
    if not matches:
        matches = page(tx, company_id, Equals("email", text), offset=0, limit=10).users
        active = [match for match in matches if match.active]
        matches = active or matches
    if not matches:
        raise NotFound(f"Nobody in this company has the id, user name or e-mail {text!r}.")
    if len(matches) > 1:
        ids = ", ".join(match.id for match in matches)
        raise Conflict(f"More than one user has the e-mail {text!r}; name one by its id: {ids}.", field="email")
    return users.get(tx, company_id, matches[0].id, lock=lock)


def everybody(tx: Tx, company_id: str, *, archived: bool) -> list[User]:
    """Everybody who is active, or everybody who is archived, by name: for the operator's lists."""
    state = table.c.archived_at.is_not(None) if archived else table.c.archived_at.is_(None)
    mine = (table.c.company_id == company_id, table.c.deleted_at.is_(None), state)
    return users.search(tx, record.SELECT.where(*mine).order_by(table.c.name_key, table.c.id))


def _number(row: Any) -> int:
    return int(row[0])


def by_external_ids(tx: Tx, company_id: str, external_ids: Collection[str], *, lock: bool = False) -> dict[str, User]:
    """Whoever has one of these external ids, by it, archived people too. With `lock` nobody else changes them until
    this transaction ends.
    """
    if not external_ids:
        return {}
    statement = _LOCKED_OF_EXTERNAL_IDS if lock else _OF_EXTERNAL_IDS
    found = [User(*row) for row in tx.among(statement, {"company": company_id}, external_ids=external_ids)]
    return {user.external_id: user for user in found if user.external_id is not None}

"""Fields that a company adds to its people, and who may write which. What is in them is field_values.py's.

Each field has one owner: Okta by SCIM, the standard integration (the pull from Okta's API), or Learning. Nobody else
writes to it, so that two sources never fight over a value; the operator may, on request. *Hire date* is a field of
every company, and its value stands in the person's record as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import bindparam, insert, or_, select, update

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Row, Tx
from rollbook.database.tables import fields as table
from rollbook.errors import Conflict, InvalidValue, NotFound
from rollbook.people import attribute_names
from rollbook.people.folding import fold

Type = Literal["text", "number", "date", "choice"]
Owner = Literal["scim", "okta", "learning"]

TYPES: tuple[Type, ...] = get_args(Type)
OWNERS: tuple[Owner, ...] = get_args(Owner)
OWNER_WORDS: dict[str, str] = {"scim": "Okta SCIM", "okta": "the standard integration", "learning": "Learning"}
HIRE_DATE = "hire_date"
PREFIX = "custom."  # before the name where a field of a company's own stands among the others

LONGEST_NAME = 100
LONGEST_VALUE = 1024
MOST_FIELDS = 200
MOST_CHOICES = 500
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ][0-9:.,+Zz-]{1,30}", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,30})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Field:
    """A field; `user_column` says where in the user's record the value stands, None for a company's own.

    `attribute` is its name in SCIM, for as long as Okta SCIM owns it; the name stays its own also meanwhile.
    """

    id: str
    company_id: str
    name: str
    type: Type
    choices: tuple[str, ...]
    owner: Owner
    user_column: str | None
    attribute: str

    @property
    def external_name(self) -> str | None:
        """What to type into Okta as its external name, None where Okta SCIM does not own the field. The external
        namespace is ROLLBOOK_USER (attribute_mapping.py).
        """
        return self.attribute if self.owner == "scim" else None


_COLUMNS = (
    table.c.id,
    table.c.company_id,
    table.c.name,
    table.c.type,
    table.c.choices,
    table.c.owner,
    table.c.user_column,
    table.c.attribute,
)
_OF_COMPANY = table.c.company_id == bindparam("company")
_ONE = select(*_COLUMNS).where(_OF_COMPANY, table.c.id == bindparam("field"))
_ONE_LOCKED = _ONE.with_for_update()
_NAMED = select(*_COLUMNS).where(_OF_COMPANY, table.c.name_key == bindparam("key"))
_BY_COLUMN = select(*_COLUMNS).where(_OF_COMPANY, table.c.user_column == bindparam("column"))
_ALL = select(*_COLUMNS).where(_OF_COMPANY).order_by(table.c.name_key)
_SEEN_BY_SCIM = _ALL.where(or_(table.c.owner == "scim", table.c.user_column.is_not(None)))
_INSERT = insert(table)
_UPDATE = update(table).where(_OF_COMPANY, table.c.id == bindparam("field"))


def create(
    tx: Tx,
    company_id: str,
    name: str,
    type_: Type = "text",
    *,
    choices: Sequence[str] = (),
    owner: Owner = "learning",
    user_column: str | None = None,
    actor: Actor,
    now: datetime,
) -> Field:
    """A new field. Raises InvalidValue for what is no name or no choice, Conflict where another field has the name."""
    name, kept = _name(name), _choices(type_, choices)
    existing = all_of(tx, company_id)
    _refuse_taken(existing, name, None)
    if len(existing) >= MOST_FIELDS:
        raise Conflict(f"A company has at most {MOST_FIELDS} fields.", field="name")
    attribute = attribute_names.make(name, {other.attribute.lower() for other in existing})
    field = Field(clock.new_id(), company_id, name, type_, kept, owner, user_column, attribute)
    at = clock.text(now)
    values: dict[str, Any] = {
        "company_id": company_id,
        "id": field.id,
        "name": name,
        "name_key": fold(name),
        "type": type_,
    }
    values |= {"choices": _encode(kept), "owner": owner, "user_column": user_column}
    values |= {"attribute": attribute, "attribute_key": attribute.lower()}
    tx.run(_INSERT, values | {"created_at": at, "updated_at": at})
    changes: dict[str, list[Any]] = {"name": [None, name], "type": [None, type_], "owner": [None, owner]}
    if kept:
        changes["choices"] = [None, list(kept)]
    events.record(tx, company_id, "FieldCreated", field.id, changes, actor=actor, now=now)
    return field


def find(tx: Tx, company_id: str, field_id: str, *, lock: bool = False) -> Field | None:
    """The field with this id."""
    row = tx.one(_ONE_LOCKED if lock else _ONE, {"company": company_id, "field": field_id})
    return _field(row) if row else None


def named(tx: Tx, company_id: str, text: str, *, lock: bool = False) -> Field:
    """The field that a person means: an id, a name, `custom.NAME` or `hire_date`. Raises NotFound."""
    if text == HIRE_DATE:
        return hire_date(tx, company_id)
    field = find(tx, company_id, text, lock=lock)
    if field is None:
        row = tx.one(_NAMED, {"company": company_id, "key": fold(text.removeprefix(PREFIX))})
        field = find(tx, company_id, row[0], lock=lock) if row else None
    if field is None:
        raise NotFound(f"There is no field {text!r} in this company; `rollbook field list` shows those there are.")
    return field


def hire_date(tx: Tx, company_id: str) -> Field:
    """The field that every company has."""
    row = tx.one(_BY_COLUMN, {"company": company_id, "column": HIRE_DATE})
    if row is None:
        raise NotFound("This company has no field for the hire date; run: rollbook migrate")
    return _field(row)


def all_of(tx: Tx, company_id: str) -> list[Field]:
    """The fields of a company, by name."""
    return [_field(row) for row in tx.all(_ALL, {"company": company_id})]


def seen_by_scim(tx: Tx, company_id: str) -> list[Field]:
    """Those that provisioning clients are shown: what Okta SCIM owns, and the hire date whoever owns it; by name."""
    return [_field(row) for row in tx.all(_SEEN_BY_SCIM, {"company": company_id})]


def change(
    tx: Tx,
    field: Field,
    *,
    name: str | None = None,
    owner: Owner | None = None,
    choices: Sequence[str] | None = None,
    actor: Actor,
    now: datetime,
) -> Field:
    """Gives a field another name, owner or list of choices; None leaves it. Idempotent. Values stay as they are, those
    that are no choice any more too, and so does the name that the field has in SCIM. Raises InvalidValue, and Conflict
    where another field has the name.
    """
    wanted: dict[str, Any] = {}
    if name is not None and _name(name) != field.name:
        if field.user_column is not None:
            raise Conflict(f"{field.name} is a field of every company and keeps its name.", field="name")
        _refuse_taken(all_of(tx, field.company_id), name, field)
        wanted["name"] = _name(name)
    if owner is not None and owner != field.owner:
        wanted["owner"] = owner
    if choices is not None and _choices(field.type, choices) != field.choices:
        wanted["choices"] = _choices(field.type, choices)
    if not wanted:
        return field
    row = {key: _encode(value) if key == "choices" else value for key, value in wanted.items()}
    if "name" in wanted:
        row["name_key"] = fold(wanted["name"])
    row["updated_at"] = clock.text(now)
    tx.run(_UPDATE, {"company": field.company_id, "field": field.id, **row})
    changes = {key: [getattr(field, key), value] for key, value in wanted.items()}
    events.record(tx, field.company_id, "FieldChanged", field.id, changes, actor=actor, now=now)
    after = find(tx, field.company_id, field.id)
    assert after is not None
    return after


def may_write(field: Field, actor: Actor) -> bool:
    """Whether this source owns the field; the operator may always."""
    owners = {"scim": "scim", "okta": "okta", "user": "learning", "api": "learning"}
    return actor.kind == "operator" or owners.get(actor.kind) == field.owner


def checked(field: Field, text: str | None) -> str | None:
    """The text as the field keeps it, None for none. Raises InvalidValue, naming field and form.

    A number is kept without what says nothing (`007.50` is `7.5`), an instant as its date, a choice as it is spelt in
    the list.
    """
    text = (text or "").strip()
    if not text:
        return None
    if len(text) > LONGEST_VALUE or not text.isprintable():
        raise _wrong(field, f"a text of at most {LONGEST_VALUE:,} characters, without line breaks")
    if field.type == "number":
        return _number(field, text)
    if field.type == "date":
        return _date(field, text)
    if field.type == "choice":
        spelt = {fold(choice): choice for choice in field.choices}
        if fold(text) not in spelt:
            raise _wrong(field, f"one of {', '.join(field.choices[:20])}{', …' if len(field.choices) > 20 else ''}")
        return spelt[fold(text)]
    return text


def _number(field: Field, text: str) -> str:
    try:
        number = Decimal(text) if _NUMBER.fullmatch(text) else None
    except InvalidOperation:
        number = None
    if number is None:
        raise _wrong(field, "a number, such as 7 or 7.5")
    plain = f"{number:f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain in ("-0", "") else plain


def _date(field: Field, text: str) -> str:
    instant = _INSTANT.fullmatch(text)
    text = instant[1] if instant else text
    try:
        return date.fromisoformat(text).isoformat() if _DATE.fullmatch(text) else _refuse(field)
    except ValueError:
        return _refuse(field)


def _refuse(field: Field) -> str:
    raise _wrong(field, "a date written as YYYY-MM-DD")


def _wrong(field: Field, form: str) -> InvalidValue:
    return InvalidValue(f"{field.name} takes {form}.", field=f"{PREFIX}{field.name}")


def _name(name: str) -> str:
    name = name.strip().removeprefix(PREFIX)
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidValue(
            f"A field's name is a text of 1 to {LONGEST_NAME} characters, without line breaks.", field="name"
        )
    return name


def _choices(type_: Type, choices: Sequence[str]) -> tuple[str, ...]:
    kept = tuple(dict.fromkeys(choice.strip() for choice in choices if choice.strip()))
    if (type_ == "choice") != bool(kept):
        raise InvalidValue("A field of type choice needs its choices, and no other has any.", field="choices")
    if len(kept) > MOST_CHOICES or any(len(choice) > LONGEST_VALUE or not choice.isprintable() for choice in kept):
        raise InvalidValue(f"At most {MOST_CHOICES} choices, each a text without line breaks.", field="choices")
    if len({fold(choice) for choice in kept}) != len(kept):
        raise InvalidValue("Two of the choices differ in case only.", field="choices")
    return kept


def _refuse_taken(existing: Sequence[Field], name: str, mine: Field | None) -> None:
    for other in existing:
        if fold(other.name) == fold(_name(name)) and (mine is None or other.id != mine.id):
            raise Conflict(f"The field {other.name} has this name already.", field="name", holder_id=other.id)


def _encode(choices: Sequence[str]) -> str:
    return msgspec.json.encode(choices).decode()


def _field(row: Row) -> Field:
    id_, company_id, name, type_, choices, owner, user_column, attribute = row
    return Field(id_, company_id, name, type_, tuple(msgspec.json.decode(choices)), owner, user_column, attribute)

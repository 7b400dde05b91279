"""What people have in the company's fields, by whom and when it was written. The fields are fields.py's.

What provisioning clients sent stands in the user's kept attributes as well, exactly as sent, so that it is given back
without another statement. Where it stands there it says what stands here: whoever writes a value writes both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import field_values, users
from rollbook.errors import Conflict, Forbidden
from rollbook.people import fields, following, record
from rollbook.people.attribute_mapping import ROLLBOOK_USER
from rollbook.people.fields import OWNER_WORDS, PREFIX, Field
from rollbook.people.folding import fold
from rollbook.people.record import User
from rollbook.people.rules.tree import CUSTOM

KEY_LENGTH = 300  # characters of a value in its index: PostgreSQL takes 2,704 bytes a row, with the ids


@dataclass(frozen=True, slots=True)
class Value:
    """What a person has in a field, by whom and when it was written."""

    field_id: str
    value: str
    written_by: str
    written_at: str


_OF_USER = (field_values.c.company_id == bindparam("company"), field_values.c.user_id == bindparam("user"))
_VALUES = select(
    field_values.c.field_id, field_values.c.value, field_values.c.written_by, field_values.c.written_at
).where(*_OF_USER)
_ALL_VALUES = select(field_values.c.user_id, field_values.c.field_id, field_values.c.value).where(
    field_values.c.company_id == bindparam("company")
)
_VALUE = _VALUES.where(field_values.c.field_id == bindparam("field"))
_PUT = insert(field_values)
_PUT = _PUT.on_conflict_do_update(
    index_elements=["company_id", "user_id", "field_id"],
    set_={name: _PUT.excluded[name] for name in ("value", "value_key", "written_by", "written_at")},
)
_CLEAR = delete(field_values).where(*_OF_USER, field_values.c.field_id == bindparam("field"))
_FORGET = delete(field_values).where(*_OF_USER)
_THE_USER = (users.c.company_id == bindparam("company"), users.c.id == bindparam("user"))
_KEPT = select(users.c.kept, users.c.version).where(*_THE_USER).with_for_update()
_KEEP = update(users).where(*_THE_USER)


def set_value(tx: Tx, user: User, field: Field, text: str | None, *, actor: Actor, now: datetime) -> bool:
    """Writes what a person has in a field of the company's own; None or "" clears it. False where it is so already.

    Raises Forbidden where the field belongs to another source, InvalidValue for what it cannot hold, Conflict for a
    deleted user. The hire date is written by `users.set_field`, which tells this room (`note_hire_date`).
    What SCIM shows of the user follows, with a version more: read the user again before it is changed further.
    """
    if field.user_column is not None:
        raise Conflict(f"{field.name} is written as {field.user_column}.", field=field.user_column)
    record.refuse_deleted(user)
    refuse_others(field, actor)
    value = fields.checked(field, text)
    row = tx.one(_VALUE, {"company": user.company_id, "user": user.id, "field": field.id})
    before = row[1] if row else None
    if value == before:
        return False
    _put(tx, user, field, before, value, actor=actor, now=now)
    _show(tx, user, field, value, now=now)
    return True


def set_sent(
    tx: Tx,
    user: User,
    texts: Mapping[Field, str | None],
    before: Mapping[str, Value],
    *,
    actor: Actor,
    now: datetime,
) -> bool:
    """Writes what a provisioning client sent for fields of the company's own, where the user's record keeps it as sent
    already. `before` are the `values_of` the user, asked for before anything was written. False where all is so
    already. Raises Forbidden, InvalidValue.
    """
    changed = False
    for field, text in texts.items():
        refuse_others(field, actor)
        value = fields.checked(field, text)
        old = before[field.id].value if field.id in before else None
        if value != old:
            _put(tx, user, field, old, value, actor=actor, now=now)
            changed = True
    return changed


def writable_hire_date(tx: Tx, company_id: str, current: str | None, wanted: str | None, *, actor: Actor) -> str | None:
    """The hire date that this source may leave behind: the wanted one, or the current where another source owns it.

    Raises Forbidden where a person or a key asks for what belongs to Okta; a provisioning client, which sends whole
    records, is only not followed.
    """
    if wanted == current:
        return current
    field = fields.hire_date(tx, company_id)
    if actor.kind == "scim" and not fields.may_write(field, actor):
        return current
    refuse_others(field, actor)
    return wanted


def note_hire_date(tx: Tx, user: User, value: str | None, *, actor: Actor, now: datetime) -> None:
    """Remembers who wrote the hire date and when; `users.change` has written the date itself and told of it."""
    _write(tx, user, fields.hire_date(tx, user.company_id), value, actor=actor, now=now)


def values_of(tx: Tx, user: User) -> dict[str, Value]:
    """What a person has in each field, by the field's id; the hire date too."""
    rows = tx.all(_VALUES, {"company": user.company_id, "user": user.id})
    return {row[0]: Value(*row) for row in rows}


def custom_of(tx: Tx, user: User) -> dict[str, str]:
    """What a person has in the company's own fields, by name."""
    values = values_of(tx, user)
    if not values:
        return {}
    own = [field for field in fields.all_of(tx, user.company_id) if field.user_column is None]
    return {field.name: values[field.id].value for field in own if field.id in values}


def custom_of_all(tx: Tx, company_id: str) -> dict[str, dict[str, str]]:
    """The same for everybody who has any, by the user's id: for the operator's lists."""
    names = {field.id: field.name for field in fields.all_of(tx, company_id) if field.user_column is None}
    found: dict[str, dict[str, str]] = {}
    for user_id, field_id, value in tx.all(_ALL_VALUES, {"company": company_id}) if names else ():
        if field_id in names:
            found.setdefault(user_id, {})[names[field_id]] = value
    return found


def of_people(tx: Tx, company_id: str, user_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """What these people have in the company's fields: by their id, by the field's id."""
    answers = [(id_, tx.send(_VALUES, {"company": company_id, "user": id_})) for id_ in user_ids]
    found = ((id_, {row[0]: row[1] for row in answer.all()}) for id_, answer in answers)
    return {id_: values for id_, values in found if values}


def inherit(tx: Tx, old: User, new: User, *, actor: Actor, now: datetime) -> None:
    """Gives a person what their ended record had in the company's own fields, where the new one has nothing."""
    theirs = values_of(tx, new)
    before = {field_id: value for field_id, value in values_of(tx, old).items() if field_id not in theirs}
    for field in fields.all_of(tx, new.company_id) if before else ():
        if field.user_column is None and field.id in before:
            _put(tx, new, field, None, before[field.id].value, actor=actor, now=now)
            _show(tx, new, field, before[field.id].value, now=now)


def forget(tx: Tx, user: User) -> None:
    """Takes every value of an erased person away."""
    tx.run(_FORGET, {"company": user.company_id, "user": user.id})


def refuse_others(field: Field, actor: Actor) -> None:
    """Raises Forbidden where the field belongs to another source."""
    if not fields.may_write(field, actor):
        raise Forbidden(
            f"{field.name} belongs to {OWNER_WORDS[field.owner]}, which would write over it. To change it here, first "
            f"make Learning its owner: rollbook field change SUBDOMAIN '{field.name}' --owner learning"
        )


def _put(
    tx: Tx, user: User, field: Field, before: str | None, value: str | None, *, actor: Actor, now: datetime
) -> None:
    _write(tx, user, field, value, actor=actor, now=now)
    changes = {f"{PREFIX}{field.name}": [before, value]}
    events.record(tx, user.company_id, "UserFieldChanged", user.id, changes, actor=actor, now=now)
    following.moved(tx, user.company_id, user.id, CUSTOM + field.id, actor=actor, now=now)


def _show(tx: Tx, user: User, field: Field, value: str | None, *, now: datetime) -> None:
    """Lets the kept attributes say what the field holds by now: in SCIM's own fields, and where one was its own."""
    owned = field.owner == "scim"
    if not owned and field.attribute not in user.own_attributes:
        return
    key = {"company": user.company_id, "user": user.id}
    row = tx.one(_KEPT, key)
    assert row is not None
    kept = msgspec.json.decode(row[0])
    ours = {name: item for name, item in kept.pop(ROLLBOOK_USER, {}).items() if name != field.attribute}
    if owned and value is not None:
        ours[field.attribute] = _as_json(field, value)
    if ours:
        kept[ROLLBOOK_USER] = ours
    text = msgspec.json.encode(kept).decode()
    tx.run(_KEEP, {**key, "kept": text, "version": row[1] + 1, "updated_at": clock.text(now)})


def _as_json(field: Field, value: str) -> Any:
    if field.type != "number":
        return value
    return float(value) if "." in value or len(value) > 18 else int(value)


def _write(tx: Tx, user: User, field: Field, value: str | None, *, actor: Actor, now: datetime) -> None:
    key = {"company": user.company_id, "user": user.id, "field": field.id}
    if value is None:
        tx.run(_CLEAR, key)
        return
    row = {"company_id": user.company_id, "user_id": user.id, "field_id": field.id}
    row |= {"value": value, "value_key": fold(value)[:KEY_LENGTH]}
    tx.run(_PUT, row | {"written_by": str(actor), "written_at": clock.text(now)})

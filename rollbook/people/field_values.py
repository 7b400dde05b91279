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


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of a value; None is none."""

    field: Field
    before: str | None
    value: str | None


_OF_USER = (field_values.c.company_id == bindparam("company"), field_values.c.user_id == bindparam("user"))
_VALUES = select(
    field_values.c.field_id, field_values.c.value, field_values.c.written_by, field_values.c.written_at
).where(*_OF_USER)
_ALL_VALUES = select(field_values.c.user_id, field_values.c.field_id, field_values.c.value).where(
    field_values.c.company_id == bindparam("company")
)
_OF_MANY = _ALL_VALUES.where(
    field_values.c.user_id.in_(bindparam("users", expanding=True)),
    field_values.c.field_id.in_(bindparam("fields", expanding=True)),
)
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
    """Writes what a person has in one field of the company's own, by itself; False where it is so already.

    Raises as `changes`. What else changes of the person in the same act goes with it through `users.update`, so that
    rules never see them half written. What SCIM shows of the user follows, with a version more: read the user again
    before it is changed further.
    """
    own = changes(tx, user, {field: text}, actor=actor)
    put_alone(tx, user, own, actor=actor, now=now)
    return bool(own)


def changes(tx: Tx, user: User | None, texts: Mapping[Field, str | None], *, actor: Actor) -> list[Change]:
    """What differs between what a person has in fields of the company's own and these texts, None or "" for cleared;
    None is whoever is only about to be made. For `users.create` and `users.update`, which write it.

    Raises Forbidden where a field belongs to another source, InvalidValue for what it cannot hold, Conflict for a
    deleted user, and for the hire date, which is a field of the record.
    """
    if not texts:
        return []
    if user is not None:
        record.refuse_deleted(user)
    held = values_of(tx, user) if user is not None else {}
    found = []
    for field, text in texts.items():
        if field.user_column is not None:
            raise Conflict(f"{field.name} is written as {field.user_column}.", field=field.user_column)
        refuse_others(field, actor)
        value = fields.checked(field, text)
        before = held[field.id].value if field.id in held else None
        if value != before:
            found.append(Change(field, before, value))
    return found


def put(tx: Tx, user: User, own: Sequence[Change], *, actor: Actor, now: datetime) -> dict[str, str | None]:
    """Writes and tells what changes in a person's own fields, and returns it by the field's id for `following`, which
    is the caller's. What a provisioning client sent stands in the record already, exactly as sent.
    """
    for change in own:
        _write(tx, user, change.field, change.value, actor=actor, now=now)
        told = {f"{PREFIX}{change.field.name}": [change.before, change.value]}
        events.record(tx, user.company_id, "UserFieldChanged", user.id, told, actor=actor, now=now)
    if own and actor.kind != "scim":
        _show(tx, user, own, now=now)
    return {change.field.id: change.value for change in own}


def put_alone(tx: Tx, user: User, own: Sequence[Change], *, actor: Actor, now: datetime) -> None:
    """As `put`, where nothing else of the person changes: the rules follow."""
    if own:
        keys = [CUSTOM + field_id for field_id in put(tx, user, own, actor=actor, now=now)]
        following.moved(tx, user.company_id, user.id, keys, actor=actor, now=now)


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


def of_many(tx: Tx, company_id: str, user_ids: Sequence[str], field_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """What many people have in some of the fields, in one statement: by their id, by the field's id."""
    if not user_ids or not field_ids:
        return {}
    found: dict[str, dict[str, str]] = {}
    for user_id, field_id, value in tx.among(_OF_MANY, {"company": company_id}, users=user_ids, fields=field_ids):
        found.setdefault(user_id, {})[field_id] = value
    return found


def inherit(tx: Tx, old: User, new: User, *, actor: Actor, now: datetime) -> list[str]:
    """Gives a person what their ended record had in the company's own fields, where the new one has nothing. Returns
    what changed, for `following.moved`, which is the caller's.
    """
    theirs = values_of(tx, new)
    before = {field_id: value for field_id, value in values_of(tx, old).items() if field_id not in theirs}
    own = [field for field in fields.all_of(tx, new.company_id) if field.user_column is None] if before else []
    inherited = [Change(field, None, before[field.id].value) for field in own if field.id in before]
    return [CUSTOM + field_id for field_id in put(tx, new, inherited, actor=actor, now=now)]


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


def _show(tx: Tx, user: User, own: Sequence[Change], *, now: datetime) -> None:
    """Lets the kept attributes say what the fields hold by now: SCIM's own fields, and any that once was its own."""
    sent = user.own_attributes
    shown = [change for change in own if change.field.owner == "scim" or change.field.attribute in sent]
    if not shown:
        return
    key = {"company": user.company_id, "user": user.id}
    row = tx.one(_KEPT, key)
    assert row is not None
    kept = msgspec.json.decode(row[0])
    ours = kept.pop(ROLLBOOK_USER, {})
    for change in shown:
        ours.pop(change.field.attribute, None)
        if change.field.owner == "scim" and change.value is not None:
            ours[change.field.attribute] = _as_json(change.field, change.value)
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

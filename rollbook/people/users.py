"""Users and their life: created, updated, archived, restored. Every verb is idempotent: asked for the state that is
there already, it writes nothing. Who a POST is about is decided in arrivals.py, links in identity_links.py; how a
record ends is deletion.py's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import bindparam, select

from rollbook import clock
from rollbook.activity import events, outbox
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.statements import Answer
from rollbook.database.tables import users
from rollbook.errors import Conflict, InvalidValue, NotFound
from rollbook.people import addresses, claims, field_values, following, profiles, record, sign_in, watches
from rollbook.people.credentials import LookUp
from rollbook.people.profiles import Profile
from rollbook.people.record import NOT_SHOWN, OF_COMPANY, SELECT, User, kept_changes, profile_of
from rollbook.people.roles import Role

ONE = (OF_COMPANY, users.c.id == bindparam("user"))

_ONE = SELECT.where(*ONE)
_ONE_LOCKED = _ONE.with_for_update()
_INSERT = sa.insert(users)
_UPDATE = sa.update(users).where(*ONE)
# One user by id, for a request whose key is examined in the same statement.
BY_ID = LookUp(sa.and_(*ONE))
BY_ID_LOCKED = LookUp(sa.and_(*ONE), lock=True)
_BACK_SINCE = select(users.c.away_until).where(*ONE)


def ask(tx: Tx, company_id: str, user_id: str, *, lock: bool = False) -> Answer:
    """Sends the look-up of one user and does not wait; read it with `found`."""
    return tx.send(_ONE_LOCKED if lock else _ONE, {"company": company_id, "user": user_id})


def found(answer: Answer) -> User | None:
    """The user that `ask` asked for."""
    row = answer.one()
    return User(*row) if row else None


def find(tx: Tx, company_id: str, user_id: str) -> User | None:
    """The user with this id in this company, archived and deleted ones too."""
    return found(ask(tx, company_id, user_id))


def get(tx: Tx, company_id: str, user_id: str, *, lock: bool = False) -> User:
    """As `find`; with `lock` nobody else changes the user until this transaction ends. Raises NotFound."""
    user = found(ask(tx, company_id, user_id, lock=lock))
    if user is None:
        raise NotFound(f"There is no user {user_id!r} in this company.")
    return user


def back_since(tx: Tx, company_id: str, user_id: str) -> str | None:
    """When somebody last came back: was restored, or made anew after a record that was joined to this one; None where
    they never were away.
    """
    row = tx.one(_BACK_SINCE, {"company": company_id, "user": user_id})
    return row[0] if row else None


def search(tx: Tx, query: sa.Select[Any]) -> list[User]:
    """The users of a query made from SELECT."""
    return [User(*row) for row in tx.search(query)]


def create(
    tx: Tx,
    company_id: str,
    profile: Profile,
    *,
    role: Role = "learner",
    active: bool = True,
    linked: bool = False,
    vetted: bool = False,
    own: Sequence[field_values.Change] = (),
    actor: Actor,
    now: datetime,
) -> User:
    """A new user, silently. Raises Conflict naming the field and its holder, InvalidValue for what a field cannot hold.

    `linked` says that a provisioning client created them, `vetted` that the caller has checked the profile and found
    nobody with one of its names; `own` is what they have in the company's own fields (`field_values.changes`).
    """
    if not vetted:
        profiles.check(profile)
    date = field_values.writable_hire_date(tx, company_id, None, profile.hire_date, actor=actor)
    if date != profile.hire_date:
        profile = msgspec.structs.replace(profile, hire_date=date)
    at = clock.text(now)
    texts = profiles.texts(profile)
    link = "linked" if linked else "known" if profile.external_id else "unlinked"
    state: dict[str, Any] = {"role": role, "link": link, "version": 1, "created_at": at, "updated_at": at}
    if linked:
        state["linked_at"] = at
    if not active:
        state |= archiving(actor, now)
    user = User(*[clock.new_id(), company_id, *texts, _encode(profile.kept)], **state)
    keys = claims.keys_of(user)
    if tx.careful and not vetted:
        claims.refuse_taken(tx, company_id, None, keys["user_name_key"], profile.external_id, keys["email_claim"])
    if active and not vetted:
        claims.refuse_held(tx, company_id, keys["email_claim"])
    tx.run(_INSERT, msgspec.structs.asdict(user) | keys)
    changes: dict[str, list[Any]] = {"role": [None, role], "link": [None, link]}
    changes |= {name: [None, text] for name, text in zip(profiles.TEXT_FIELDS, texts, strict=True) if text is not None}
    if not active:
        changes["archived_at"] = [None, at]
    changes |= {name: [None, NOT_SHOWN] for name in sorted(profile.kept)}
    about = following.about_everyone(tx, company_id) if active else None
    events.record(tx, company_id, "UserCreated", user.id, changes, about=about, actor=actor, now=now)
    values = field_values.put(tx, user, own, actor=actor, now=now) if own else _NO_VALUES
    following.follow(tx, None, user, (), values, actor=actor, now=now)
    if user.hire_date is not None:
        field_values.note_hire_date(tx, user, user.hire_date, actor=actor, now=now)
    return user


def update(
    tx: Tx,
    user: User,
    profile: Profile,
    *,
    active: bool | None = None,
    role: Role | None = None,
    own: Sequence[field_values.Change] = (),
    actor: Actor,
    now: datetime,
) -> User:
    """Makes the user say what the profile says, and archives or restores them where `active` says so; a `role` is given
    by a person or the operator, never by SCIM; `own` is what changes in the company's own fields
    (`field_values.changes`).

    One row, one version more, and an event for each kind of change, all or nothing. Where `own` is written by another
    than a provisioning client, read the user again before it is changed further. Raises Conflict, InvalidValue.
    """
    date = field_values.writable_hire_date(tx, user.company_id, user.hire_date, profile.hire_date, actor=actor)
    if date != profile.hire_date:
        profile = msgspec.structs.replace(profile, hire_date=date)
    kept_before = user.kept_attributes
    values: dict[str, Any] = {}
    changes: dict[str, list[Any]] = {}
    for name, old, new in zip(profiles.TEXT_FIELDS, profiles.texts(user), profiles.texts(profile), strict=True):
        if new != old:
            profiles.check_field(name, new)
            values[name], changes[name] = new, [old, new]
    if profile.kept != kept_before:
        values["kept"] = _encode(profile.kept)
        changes |= kept_changes(kept_before, profile.kept)
    kinds = [("UserUpdated", changes)] if changes else []
    if role is not None and role != user.role:
        values["role"] = role
        kinds.append(("UserRoleChanged", {"role": [user.role, role]}))
    if active is not None and active != user.active:
        activation = _restored(user, now) if active else archiving(actor, now)
        values |= activation
        kinds.append(
            (
                "UserRestored" if active else "UserArchived",
                {"archived_at": [user.archived_at, activation["archived_at"]]},
            )
        )
    return change(tx, user, values, kinds, own=own, actor=actor, now=now)


def archive(tx: Tx, user: User, *, actor: Actor, now: datetime) -> User:
    """Out at once: sessions and links end with it, and the person is in no report from the same moment."""
    if not user.active:
        return user
    activation = archiving(actor, now)
    kinds = [("UserArchived", {"archived_at": [None, activation["archived_at"]]})]
    return change(tx, user, activation, kinds, actor=actor, now=now)


def restore(tx: Tx, user: User, *, actor: Actor, now: datetime) -> User:
    """The same user again. Raises Conflict where an active user has the e-mail by now, or the user was deleted."""
    if user.active:
        return user
    if user.deleted_at:
        raise Conflict(
            f"{user.display_name} was deleted by the provisioning client and gave the user name up; "
            "a new hire makes a new user, and `rollbook user join` gives it the old one's history.",
            field="deleted_at",
            holder_id=user.id,
        )
    kinds = [("UserRestored", {"archived_at": [user.archived_at, None]})]
    return change(tx, user, _restored(user, now), kinds, actor=actor, now=now)


def set_role(tx: Tx, user: User, role: Role, *, actor: Actor, now: datetime) -> User:
    """Sets the role; a person or the operator does, SCIM never."""
    if user.role == role:
        return user
    kinds = [("UserRoleChanged", {"role": [user.role, role]})]
    return change(tx, user, {"role": role}, kinds, actor=actor, now=now)


def set_fields(
    tx: Tx,
    user: User,
    values: Mapping[str, str | None],
    *,
    own: Sequence[field_values.Change] = (),
    actor: Actor,
    now: datetime,
) -> User:
    """Sets fields in Learning, all or nothing; `own` as for `update`. Raises InvalidValue for one that is not there, or
    not to be set by hand, and Conflict for a user who was deleted.
    """
    for field in values:
        if field not in profiles.TEXT_FIELDS or field == "external_id":
            settable = ", ".join(name for name in profiles.TEXT_FIELDS if name != "external_id")
            raise InvalidValue(f"{field!r} is no field that can be set; use one of {settable}.", field=field)
    record.refuse_deleted(user)
    profile = msgspec.structs.replace(profile_of(user), **{field: value or None for field, value in values.items()})
    for name in profiles.REQUIRED:
        profiles.check_field(name, getattr(profile, name) or "")
    return update(tx, user, profile, own=own, actor=actor, now=now)


def change(
    tx: Tx,
    user: User,
    values: dict[str, Any],
    kinds: list[tuple[str, dict[str, list[Any]]]],
    *,
    own: Sequence[field_values.Change] = (),
    actor: Actor,
    now: datetime,
) -> User:
    """The one place where a user's row changes: what differs, what follows from it, and its events.

    For the verbs of this package; `values` are columns with their new values, `kinds` the events to record, `own` what
    changes in the company's own fields besides.
    """
    if not values:
        field_values.put_alone(tx, user, own, actor=actor, now=now)
        return user
    held = addresses.follow_change(user, values, actor=actor)
    written = values | held | {"version": user.version + 1, "updated_at": clock.text(now)}
    shown = written if written.keys() <= _OF_USER else {name: written[name] for name in written.keys() & _OF_USER}
    after = msgspec.structs.replace(user, **shown)
    keys = claims.changed_keys(user, after, values)
    if tx.careful:
        names = keys.get("user_name_key"), values.get("external_id"), keys.get("email_claim")
        claims.refuse_taken(tx, user.company_id, user, *names)
    claims.refuse_shared_address(tx, user, after)
    tx.run(_UPDATE, {"company": user.company_id, "user": user.id, **written, **keys})
    if held:
        tx.holds = None
    about = following.about_return(tx, user) if after.active and not user.active else None
    for kind, changes in kinds:
        of_kind = about if kind == "UserRestored" else None
        events.record(tx, user.company_id, kind, user.id, changes, about=of_kind, actor=actor, now=now)
    theirs = field_values.put(tx, after, own, actor=actor, now=now) if own else _NO_VALUES
    following.follow(tx, user, after, values, theirs, actor=actor, now=now)
    if "hire_date" in values:
        field_values.note_hire_date(tx, after, after.hire_date, actor=actor, now=now)
    if user.active and not after.active:
        sign_in.end_all(tx, user.company_id, user.id, now=now)
        outbox.cancel_all(tx, user.company_id, user.id, reason="The person was archived.", now=now)
    if after.email != user.email or after.user_name != user.user_name:
        addresses.settle_change(tx, user, after, actor=actor, now=now)
    watches.changed(tx, user, after, actor=actor, now=now)
    return after


def archiving(actor: Actor, now: datetime) -> dict[str, Any]:
    """What the record says of somebody who is archived, for `change`."""
    return {"archived_at": clock.text(now), "archived_by": str(actor)}


_OF_USER = frozenset(User.__struct_fields__)
_NO_VALUES: Mapping[str, str | None] = {}


def _restored(user: User, now: datetime) -> dict[str, Any]:
    """Back, with the time away: what fell due in it is listed as returned and no mail tells of it."""
    away = {"away_from": user.archived_at, "away_until": clock.text(now)}
    return {"archived_at": None, "archived_by": None, **away}


def _encode(kept: Mapping[str, Any]) -> str:
    return msgspec.json.encode(kept).decode()

"""API keys: issued and shown once, listed with their last use, expiring, revoked; two may live during a rotation.

A SCIM key opens /scim and nothing else, an api key never opens /scim. Only a digest is stored (tokens.py); whoever
presents one is examined in credentials.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import api_keys, failed_sign_ins
from rollbook.errors import NotFound
from rollbook.people import tokens
from rollbook.people.tokens import Pepper

Scope = Literal["scim", "api"]


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it may be shown: everything but the secret."""

    id: str
    scope: str
    label: str
    prefix: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None


_COLUMNS = (
    api_keys.c.id,
    api_keys.c.scope,
    api_keys.c.label,
    api_keys.c.prefix,
    api_keys.c.created_at,
    api_keys.c.expires_at,
    api_keys.c.last_used_at,
    api_keys.c.revoked_at,
)
_OF_COMPANY = api_keys.c.company_id == bindparam("company")
_INSERT = insert(api_keys)
_ALL = select(*_COLUMNS).where(_OF_COMPANY).order_by(api_keys.c.id)
_ONE = select(*_COLUMNS).where(_OF_COMPANY, api_keys.c.id == bindparam("key"))
_UPDATE = update(api_keys).where(_OF_COMPANY, api_keys.c.id == bindparam("key"))
_COUNT_FAILED = upsert(failed_sign_ins)
_COUNT_FAILED = _COUNT_FAILED.on_conflict_do_update(
    index_elements=["company_id", "minute"],
    set_={"count": failed_sign_ins.c.count + _COUNT_FAILED.excluded.count},
)
_FAILED = (
    select(failed_sign_ins.c.minute, failed_sign_ins.c.count)
    .where(failed_sign_ins.c.company_id == bindparam("company"))
    .order_by(failed_sign_ins.c.minute.desc())
    .limit(60)
)


def issue(
    tx: Tx,
    company_id: str,
    scope: Scope,
    *,
    label: str = "",
    expires_at: datetime | None = None,
    pepper: Pepper,
    actor: Actor,
    now: datetime,
) -> tuple[Key, str]:
    """A new key and its text, which is never to be had again. Others live on: revoke the old one after a rotation."""
    token = tokens.make(scope, company_id)
    key = Key(
        clock.new_id(),
        scope,
        label.strip(),
        token.prefix,
        clock.text(now),
        clock.text(expires_at) if expires_at else None,
        None,
        None,
    )
    tx.run(
        _INSERT,
        {
            "company_id": company_id,
            "id": key.id,
            "scope": scope,
            "label": key.label,
            "prefix": key.prefix,
            "digest": pepper.digest(token.text),
            "created_at": key.created_at,
            "expires_at": key.expires_at,
        },
    )
    changes: dict[str, list[str | None]] = {
        "scope": [None, scope],
        "label": [None, key.label],
        "expires_at": [None, key.expires_at],
    }
    events.record(tx, company_id, "KeyIssued", key.id, changes, actor=actor, now=now)
    return key, token.text


def search(tx: Tx, company_id: str) -> list[Key]:
    """Every key of a company, oldest first, revoked ones too."""
    return [Key(*row) for row in tx.all(_ALL, {"company": company_id})]


def revoke(tx: Tx, company_id: str, key_id: str, *, actor: Actor, now: datetime) -> Key:
    """Ends a key at once; a revoked one stays as it is. Raises NotFound."""
    row = tx.one(_ONE, {"company": company_id, "key": key_id})
    if row is None:
        raise NotFound(f"There is no key {key_id!r} in this company; see: rollbook key list SUBDOMAIN")
    key = Key(*row)
    if key.revoked_at:
        return key
    at = clock.text(now)
    tx.run(_UPDATE, {"company": company_id, "key": key_id, "revoked_at": at})
    events.record(tx, company_id, "KeyRevoked", key_id, {"revoked_at": [None, at]}, actor=actor, now=now)
    return replace(key, revoked_at=at)


def note_use(tx: Tx, company_id: str, used: Mapping[str, tuple[datetime, str | None]]) -> None:
    """Stores last uses, at most once a minute: key id -> (instant, digest made anew or None)."""
    for key_id, (at, digest) in sorted(used.items()):
        values = {"last_used_at": clock.text(at)}
        if digest is not None:
            values["digest"] = digest
        tx.run(_UPDATE, {"company": company_id, "key": key_id, **values})


def note_failures(tx: Tx, company_id: str, per_minute: Mapping[str, int]) -> None:
    """Counts failed sign-ins: minute (`2026-11-24T06:00`) -> how many more."""
    for minute, count in sorted(per_minute.items()):
        tx.run(_COUNT_FAILED, {"company_id": company_id, "minute": minute, "count": count})


def failures(tx: Tx, company_id: str) -> list[tuple[str, int]]:
    """The newest sixty minutes in which keys of this company failed to sign in, with their counts."""
    return [(minute, count) for minute, count in tx.all(_FAILED, {"company": company_id})]

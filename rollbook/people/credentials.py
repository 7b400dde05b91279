"""A key under examination: whose is it, and may it come in. Keys themselves are issued and revoked in keys.py.

A request asks for its key and for the users it is about in one statement (`LookUp`): every statement costs a request
more than anything that it does with the answer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, bindparam, null, select

from rollbook import clock
from rollbook.database import Row, Tx
from rollbook.database.statements import Answer, Parameters
from rollbook.database.tables import api_keys, companies, users
from rollbook.errors import Unauthorized
from rollbook.people import claims, tokens
from rollbook.people.keys import Scope
from rollbook.people.record import COLUMNS, User
from rollbook.people.tokens import Pepper, Token

_REFUSED = (
    "The user name or the key is wrong, expired or revoked. Check in Okta under Provisioning, Integration: the user "
    "name is your subdomain, the password your SCIM API key."
)
_NO_TOKEN = Token("none", "00000000-0000-0000-0000-000000000000", "00000000", "rb_none")


class Holder(msgspec.Struct, frozen=True):
    """Whose key it is. `stale_digest` asks for the digest to be made anew under the current secret."""

    company_id: str
    subdomain: str
    key_id: str
    scope: str
    stale_digest: bool


_KEY = (
    api_keys.c.id,
    api_keys.c.digest,
    api_keys.c.scope,
    api_keys.c.expires_at,
    api_keys.c.revoked_at,
    companies.c.subdomain,
    companies.c.rules_version,  # what follows a change of people would have to ask for it
)
_OF_KEY = len(_KEY) + 1
# Whoever is locked is to be changed, and what they sign in with may be asked for: then this is known already.
_HELD, _NOT_ASKED = claims.any_held(companies.c.id), null()
_KEYS = api_keys.join(companies, companies.c.id == api_keys.c.company_id)
_THE_KEY = (api_keys.c.company_id == bindparam("company"), api_keys.c.prefix == bindparam("prefix"))
_ALONE = select(*_KEY, _NOT_ASKED).select_from(_KEYS).where(*_THE_KEY)


class LookUp:
    """The users that meet the condition, which names their company, with the key in front of each.

    Nobody else changes users found with `lock` until the transaction ends. Without it the key comes back also where no
    user meets the condition; with it another statement has to ask for the key then (PostgreSQL locks no missing row).
    """

    __slots__ = ("finds_key", "statement")

    def __init__(self, condition: ColumnElement[bool], *, lock: bool = False) -> None:
        together = _KEYS.join(users, condition, isouter=not lock)
        query = select(*_KEY, _HELD if lock else _NOT_ASKED, *COLUMNS).select_from(together).where(*_THE_KEY)
        self.statement = query.with_for_update(of=users) if lock else query
        self.finds_key = not lock


class Claim:
    """A credential under examination: the look-up is sent, `holder` waits for it and decides.

    Whatever is wrong, the digest is compared and the same answer given, so that neither tells which part was wrong.
    """

    __slots__ = ("_answer", "_look_up", "_rows", "_subdomain", "_token", "_tx")

    def __init__(self, tx: Tx, token: Token, subdomain: str | None, look_up: LookUp | None, answer: Answer) -> None:
        self._tx = tx
        self._token = token
        self._subdomain = subdomain
        self._look_up = look_up
        self._answer = answer
        self._rows: list[Row] = []

    @property
    def company_id(self) -> str:
        """The company that the key says it is of; true only once `holder` has returned."""
        return self._token.company_id

    def holder(self, scope: Scope, *, pepper: Pepper, now: datetime) -> Holder:
        """Whose key it is. Raises Unauthorized."""
        self._rows = self._answer.all()
        row: Any = self._rows[0] if self._rows else self._key_alone()
        key_id, digest, kept_scope, expires_at, revoked_at, subdomain, rules, held = row[:_OF_KEY] if row else _NO_KEY
        matches = pepper.matches(self._token.text, digest)
        expired = expires_at is not None and expires_at <= clock.text(now)
        named = self._subdomain is None or self._subdomain.strip().lower() == subdomain
        if not (matches and row and kept_scope == scope and named) or expired or revoked_at:
            raise Unauthorized(_REFUSED)
        self._tx.rules_version = (self._token.company_id, rules)
        if held is not None:
            self._tx.holds = (self._token.company_id, bool(held))
        stale = pepper.previous is not None and digest != pepper.digest(self._token.text)
        return Holder(self._token.company_id, subdomain, key_id, scope, stale)

    def users(self) -> list[User]:
        """Whom the look-up found; nobody before `holder` has returned."""
        return [User(*row[_OF_KEY:]) for row in self._rows if row[_OF_KEY] is not None]

    def user(self) -> User | None:
        """The one user that the look-up found, or None."""
        found = self.users()
        return found[0] if found else None

    def _key_alone(self) -> Row | None:
        if self._look_up is None or self._look_up.finds_key:
            return None
        return self._tx.one(_ALONE, {"company": self._token.company_id, "prefix": self._token.prefix})


_NO_KEY = ("", "", "", None, None, "", None, None)


def claim(
    tx: Tx, text: str, *, subdomain: str | None, look_up: LookUp | None = None, values: Parameters | None = None
) -> Claim:
    """Sends the look-up of a key's text, and with it that of the users whom `look_up` means with these values.

    `subdomain` is the Basic user name where there is one.
    """
    token = tokens.read(text) or _NO_TOKEN
    parameters = {"company": token.company_id, "prefix": token.prefix}
    if look_up is None:
        return Claim(tx, token, subdomain, None, tx.send(_ALONE, parameters))
    return Claim(tx, token, subdomain, look_up, tx.send(look_up.statement, {**parameters, **(values or {})}))

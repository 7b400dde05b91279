"""One request and its answer at the SCIM door, between the socket (app.py) and the resources (users.py)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.activity.log import Entry
from rollbook.database import Database, Tx
from rollbook.database.statements import Parameters
from rollbook.key_use import KeyUse
from rollbook.people import credentials
from rollbook.people.credentials import Claim, Holder, LookUp
from rollbook.people.tokens import Pepper


@dataclass(frozen=True, slots=True)
class Service:
    """What every request needs: the database, the secret, and where we are seen from."""

    database: Database
    pepper: Pepper
    base_url: str
    key_use: KeyUse


class Request(msgspec.Struct):
    """A request whose limits were checked; `document` is the decoded body of POST, PUT and PATCH.

    `holder` is known once the key was found right, inside the transaction that does the work.
    """

    service: Service
    method: str
    path: str
    resource_id: str
    query: dict[str, str]
    if_match: str | None
    if_none_match: str | None
    key: str
    subdomain: str | None
    id: str
    now: datetime
    document: dict[str, Any] = msgspec.field(default_factory=dict)
    holder: Holder | None = None

    @property
    def user_id(self) -> str | None:
        """The id in the address, where it can be a user's; anything else never reaches the database."""
        return self.resource_id if clock.ID.fullmatch(self.resource_id) else None

    def claim(self, tx: Tx, look_up: LookUp | None = None, values: Parameters | None = None) -> Claim:
        """Sends the look-up of the key, and of users with it; `admit` decides about it."""
        return credentials.claim(tx, self.key, subdomain=self.subdomain, look_up=look_up, values=values)

    def admit(self, claim: Claim) -> Actor:
        """Lets the key's holder in. Raises Unauthorized."""
        self.holder = claim.holder("scim", pepper=self.service.pepper, now=self.now)
        return Actor("scim", self.holder.key_id, self.id)

    def entry(
        self,
        status: int,
        decision: str,
        *,
        user_id: str | None = None,
        ignored: tuple[str, ...] = (),
        hint: str | None = None,
    ) -> Entry:
        """A line of the provisioning log about this request."""
        assert self.holder is not None
        return Entry(
            method=self.method,
            path=self.path,
            status=status,
            decision=decision,
            request_id=self.id,
            key_id=self.holder.key_id,
            user_id=user_id,
            ignored=ignored,
            hint=hint,
        )


class Answer(msgspec.Struct, frozen=True):
    """Status, body (None: none) and headers beyond the content type."""

    status: int
    body: dict[str, Any] | None
    headers: tuple[tuple[bytes, bytes], ...] = ()

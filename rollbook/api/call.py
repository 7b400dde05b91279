"""One request under way at the API door: whose key it is, and the transaction that does the work.

The key is looked up in that very transaction, so that a key revoked meanwhile does nothing more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.api.problems import Problem
from rollbook.database import Database, Tx
from rollbook.people import authorization, credentials
from rollbook.people.authorization import Who
from rollbook.people.credentials import Holder
from rollbook.people.roles import Permission
from rollbook.people.tokens import Pepper
from rollbook.rate_limit import RateLimit

T = TypeVar("T")

KEY = "rollbook.call"  # where the door leaves it in the ASGI scope


class Call:
    """The request's key, id and instant; `holder` is known once the key was found right."""

    def __init__(
        self,
        database: Database,
        pepper: Pepper,
        rate_limit: RateLimit,
        *,
        key: str,
        subdomain: str | None,
        id: str,
        now: datetime,
    ) -> None:
        self._database = database
        self._pepper = pepper
        self._rate_limit = rate_limit
        self.key = key
        self.subdomain = subdomain
        self.id = id
        self.now = now
        self.holder: Holder | None = None
        self._counted = False

    async def read(self, permission: Permission, work: Callable[[Tx, Who], T]) -> T:
        """Runs `work` where the key lets its holder do this. Raises Unauthorized, Forbidden, and 429."""
        return await self._run(self._database.read, permission, work)

    async def write(self, permission: Permission, work: Callable[[Tx, Who], T]) -> T:
        """As `read`, for work that writes; it is durable when this returns."""
        return await self._run(self._database.write, permission, work)

    async def admit(self) -> None:
        """Only looks at the key: what is wrong with a request is told to whoever holds one."""

        def look(tx: Tx) -> None:
            self._who(tx)

        await self._counted_once(lambda: self._database.read(look))

    async def _run(self, run: Callable[..., Awaitable[T]], permission: Permission, work: Callable[[Tx, Who], T]) -> T:
        def permitted(tx: Tx) -> T:
            who = self._who(tx)
            authorization.authorize(tx, who, permission)
            return work(tx, who)

        return await self._counted_once(lambda: run(permitted))

    async def _counted_once(self, run: Callable[[], Awaitable[T]]) -> T:
        """A request counts once, before its work where the key is known, and else when it was found right."""
        if not self._counted and self._rate_limit.knows(self.key):
            self._counted = True
            wait = self._rate_limit.take(self.key, self.now)
            if wait:
                raise self._too_many(wait)
        try:
            return await run()
        finally:
            if not self._counted and self.holder is not None:
                self._counted = True
                self._rate_limit.take(self.key, self.now)

    def _too_many(self, wait: int) -> Problem:
        most = f"{self._rate_limit.per_minute} times a minute, {self._rate_limit.burst} of them at once"
        headers = {"Retry-After": str(wait)}
        return Problem(429, f"A key may ask {most}; this one goes on in {wait} s.", headers=headers)

    def _who(self, tx: Tx) -> Who:
        self.holder = None
        claim = credentials.claim(tx, self.key, subdomain=self.subdomain)
        self.holder = claim.holder("api", pepper=self._pepper, now=clock.now())  # a download may outlast its key
        return Who(self.holder.company_id, Actor("api", self.holder.key_id, self.id), "admin")


def _under_way(request: Request) -> Call:
    call: Call = request.scope[KEY]
    return call


TheCall = Annotated[Call, Depends(_under_way)]

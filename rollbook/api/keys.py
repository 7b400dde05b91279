"""/keys: which keys there are, when they were last used, and ending one. A key issues no keys."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import Field

from rollbook.api.call import TheCall
from rollbook.api.operation import router
from rollbook.api.paging import Page, Paging
from rollbook.api.shapes import Id, Instant, Shape
from rollbook.database import Tx
from rollbook.people import keys
from rollbook.people.authorization import Who
from rollbook.people.keys import Scope

routes = router("keys")


class Key(Shape):
    """A key, without its secret, which is shown to nobody twice."""

    id: Id
    scope: Scope = Field(description="scim opens /scim, api opens /api.", examples=["scim"])
    label: str = Field(examples=["Okta production"])
    prefix: str = Field(description="Its public part, by which it is recognized.", examples=["0c1d2e3f"])
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None = Field(description="Stored at most once a minute.")
    revoked_at: Instant | None


class Keys(Page[Key]):
    """A page of keys."""


@routes.get("", operation_id="list_keys", summary="List keys")
async def list_(call: TheCall, asked: Annotated[Paging, Query()]) -> Keys:
    """Oldest first, revoked ones too."""

    def work(tx: Tx, who: Who) -> Keys:
        page, following = asked.slice("keys", keys.search(tx, who.company_id), lambda key: key.id)
        return Keys(items=[Key.show(key) for key in page], next=following)

    return await call.read("see_keys", work)


@routes.post("/{key_id}/revoke", operation_id="revoke_key", summary="Revoke a key")
async def revoke(call: TheCall, key_id: str) -> Key:
    """At once: whoever holds it is refused from the next request on. A key may revoke itself."""

    def work(tx: Tx, who: Who) -> Key:
        return Key.show(keys.revoke(tx, who.company_id, key_id, actor=who.actor, now=call.now))

    return await call.write("revoke_keys", work)

"""/links: whom Okta's de-provisioning does not reach, why, and what to click."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import Field

from rollbook.api.call import TheCall
from rollbook.api.operation import router
from rollbook.api.paging import Page, Paging
from rollbook.api.shapes import Instant, Shape
from rollbook.api.users import User, shown
from rollbook.database import Tx
from rollbook.people import identity_links
from rollbook.people.authorization import Who

routes = router("links")


class Link(Shape):
    """An active person who is not linked."""

    user: User
    link: str = Field(examples=["unlinked"])
    since: Instant
    reason: str
    what_to_do: str = Field(description="The click in Okta that mends it.")
    okta_status: str | None = Field(description="What Okta says of the person, where that is known.", examples=[None])


class Links(Page[Link]):
    """A page of people who are not linked."""


@routes.get("", operation_id="list_links", summary="List who is not linked")
async def list_(call: TheCall, asked: Annotated[Paging, Query()]) -> Links:
    """Oldest first."""

    def work(tx: Tx, who: Who) -> Links:
        found = identity_links.not_linked(tx, who.company_id, after=asked.after("links"), limit=asked.one_more)
        page, following = asked.cut("links", found, lambda entry: entry.user.id)
        people = shown(tx, who.company_id, [entry.user for entry in page])
        pairs = zip(page, people, strict=True)
        items = [Link.show(entry, user=person, okta_status=None) for entry, person in pairs]
        return Links(items=items, next=following)

    return await call.read("link_people", work)

"""/links: whom Okta's de-provisioning does not reach, why, and what to click."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from rollbook.api.call import TheCall
from rollbook.api.operation import router
from rollbook.api.paging import Page, Paging
from rollbook.api.shapes import Instant, Shape
from rollbook.api.user_record import User, shown
from rollbook.database import Tx
from rollbook.people import link_health
from rollbook.people.authorization import Who
from rollbook.people.okta_view import Status

routes = router("links")


class Link(Shape):
    """An active person who is not linked."""

    user: User
    link: Literal["known", "unlinked", "exempt"] = Field(examples=["unlinked"])
    since: Instant
    reason: str = Field(description="Why, and what Okta was last seen to say of the person.")
    what_to_do: str = Field(description="The click in Okta that mends it.")
    okta_status: Status = Field(
        description="What Okta says of the person; unknown where the standard integration has not seen it.",
        examples=["assigned without an id"],
    )


class Links(Page[Link]):
    """A page of people who are not linked."""


class Filters(Paging):
    """Which people."""

    exempt: Literal["false", "true"] = Field("false", description="Those who are meant to have no link.")


@routes.get("", operation_id="list_links", summary="List who is not linked")
async def list_(call: TheCall, asked: Annotated[Filters, Query()]) -> Links:
    """Whoever is unlinked or known, oldest first; who is exempt is not among them unless asked for."""

    def work(tx: Tx, who: Who) -> Links:
        found = link_health.search(
            tx,
            who.company_id,
            which="exempt" if asked.exempt == "true" else "not_linked",
            after=asked.after("links"),
            limit=asked.one_more,
            now=call.now,
        )
        page, following = asked.cut("links", found, lambda entry: entry.user.id)
        people = shown(tx, who.company_id, [entry.user for entry in page])
        items = [Link.show(entry, user=person) for entry, person in zip(page, people, strict=True)]
        return Links(items=items, next=following)

    return await call.read("link_people", work)

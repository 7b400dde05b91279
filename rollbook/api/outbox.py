"""/outbox: which mails were sent, wait or were withheld, and why. Neither address nor text is kept."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import Field

from rollbook.activity import outbox
from rollbook.activity.outbox import Kind, State
from rollbook.api.call import TheCall
from rollbook.api.operation import router
from rollbook.api.paging import Page, Paging
from rollbook.api.shapes import Id, Instant, Shape
from rollbook.database import Tx
from rollbook.people.authorization import Who

routes = router("outbox")


class Mail(Shape):
    """A mail."""

    id: Id
    user_id: Id
    kind: Kind = Field(examples=["assigned"])
    subject: str | None = Field(description="As it was sent.", examples=["Food safety was assigned to you"])
    state: State = Field(examples=["sent"])
    reason: str | None = Field(description="Why it was withheld, cancelled or failed.", examples=[None])
    at: Instant = Field(description="When it came into its state.")
    created_at: Instant
    attempts: int = Field(examples=[1])


class Outbox(Page[Mail]):
    """A page of mails."""


class Filters(Paging):
    """Which of them."""

    user_id: Id | None = None
    state: State | None = None


@routes.get("", operation_id="list_outbox", summary="List mails")
async def list_(call: TheCall, asked: Annotated[Filters, Query()]) -> Outbox:
    """Newest first."""

    def work(tx: Tx, who: Who) -> Outbox:
        found = outbox.search(
            tx,
            who.company_id,
            state=asked.state,
            user_id=asked.user_id,
            before=asked.after("outbox") or None,
            limit=asked.one_more,
        )
        page, following = asked.cut("outbox", found, lambda mail: mail.id)
        return Outbox(items=[Mail.show(mail) for mail in page], next=following)

    return await call.read("see_outbox", work)

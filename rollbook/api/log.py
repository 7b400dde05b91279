"""/log: the provisioning log, newest first."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field

from rollbook import clock
from rollbook.activity import log
from rollbook.api.call import TheCall
from rollbook.api.operation import router
from rollbook.api.paging import Page, Paging
from rollbook.api.shapes import Id, Instant, Shape
from rollbook.database import Tx
from rollbook.people.authorization import Who

routes = router("log")


class Line(Shape):
    """One request of a provisioning client, and what became of it."""

    id: Id
    at: Instant
    key_id: Id | None
    method: str = Field(examples=["PATCH"])
    path: str = Field(examples=["/scim/v2/Users/0199c0de-1e00-7000-8000-000000000001"])
    status: int = Field(examples=[200])
    decision: str = Field(examples=["archived"])
    user_id: Id | None
    changes: dict[str, list[Any]] = Field(description="Field: [before, after].", examples=[{}])
    ignored: list[str] = Field(description="Attributes that were sent and mean nothing here.", examples=[["roles"]])
    hint: str | None
    request_id: str | None


class Log(Page[Line]):
    """A page of the provisioning log."""


class Filters(Paging):
    """Which lines."""

    user_id: str | None = Field(None, pattern=f"^{clock.ID.pattern}$", description="Only about this person.")
    refused: Literal["false", "true"] = Field("false", description="Only what was refused.")


@routes.get("", operation_id="list_log", summary="Read the provisioning log")
async def list_(call: TheCall, asked: Annotated[Filters, Query()]) -> Log:
    """Every write of a provisioning client and every refusal of one, newest first."""

    def work(tx: Tx, who: Who) -> Log:
        found = log.search(
            tx,
            who.company_id,
            user_id=asked.user_id,
            refused=asked.refused == "true",
            before=asked.after("log") or None,
            limit=asked.one_more,
        )
        page, following = asked.cut("log", found, lambda entry: entry.id)
        return Log(items=[Line.show(entry, ignored=list(entry.ignored)) for entry in page], next=following)

    return await call.read("see_provisioning", work)

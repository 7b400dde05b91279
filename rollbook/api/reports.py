"""/reports: what an administrator wants to know of everybody, a page at a time as JSON, or all of it as CSV.

Nobody who is archived is in one, but for the audit report, and that it was read is put on record.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from rollbook import spreadsheet
from rollbook.api.call import Call, TheCall
from rollbook.api.operation import router
from rollbook.api.paging import MOST, USUAL
from rollbook.api.paging import Page as ListPage
from rollbook.api.shapes import Date, Id, Shape
from rollbook.api.users import CustomFilter
from rollbook.database import Tx
from rollbook.errors import InvalidValue
from rollbook.learning import reports
from rollbook.learning.reports import audit, filters
from rollbook.learning.reports.filters import Status, Step
from rollbook.learning.reports.shape import Page
from rollbook.people.authorization import Who

routes = router("reports")

AUDIT = "audit"
CSV_ROWS = 500  # read at once
_OWN = ("format", "limit", "cursor", "as_of")
_CSV = "text/csv; charset=utf-8"


class Column(Shape):
    """A column."""

    key: str = Field(examples=["user_name"])
    title: str = Field(examples=["User name"])
    type: Literal["text", "number", "percent", "date", "instant", "yes_no", "status"]


class Report(Shape):
    """A page of a report: its columns, and a value a column in each row."""

    columns: list[Column]
    rows: list[list[Any]] = Field(examples=[[["leo@acme.example", 3, 1]]])
    next: str | None = Field(description="Send it as `cursor` to get what follows; null: there is no more.")


class Offer(Shape):
    """A report that there is."""

    name: str = Field(examples=["overdue"])
    says: str
    takes: list[str] = Field(description="The filters that narrow it.", examples=[["group_id", "location"]])


class Offers(ListPage[Offer]):
    """The reports that there are."""


class Filters(BaseModel):
    """What narrows a report; each takes the filters that GET /reports lists."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["json", "csv"] = Field("json", description="csv: all of it, without paging.")
    limit: Annotated[int, Field(ge=1, le=MOST, description="At most so many rows; of audit so many people.")] = USUAL
    cursor: str | None = Field(None, max_length=2000, description="`next` of the page before, unchanged.")
    group_id: Id | None = None
    location: str | None = Field(None, max_length=1024)
    business_unit: str | None = Field(None, max_length=1024)
    department: str | None = Field(None, max_length=1024)
    manager: str | None = Field(None, max_length=1024, description="As it is written in people's records.")
    custom: list[CustomFilter] = Field([], max_length=20, description="A field of the company's own; once for each.")
    content_id: Id | None = None
    status: Status | None = None
    since: Date | None = Field(None, description="This day and later: when assigned; in overdue when due.")
    until: Date | None = Field(None, description="Up to this day, which is included.")
    by: Step = Field("day", description="In activity and provisioning.")
    archived_content: Literal["false", "true"] = "false"
    as_of: Date | None = Field(None, description="The day that the audit report is about.")


@routes.get("", operation_id="list_reports", summary="List the reports")
async def list_(call: TheCall) -> Offers:
    """And which filters each takes."""

    def work(tx: Tx, who: Who) -> Offers:
        every = [*reports.REPORTS.values(), *reports.EXPORTS.values()]
        items = [Offer(name=one.name, says=one.says, takes=sorted(map(_parameter, one.takes))) for one in every]
        says = "Who was in the company on a day, leavers included, and what they had to do."
        return Offers(items=[*items, Offer(name=AUDIT, says=says, takes=["as_of"])], next=None)

    return await call.read("see_reports", work)


@routes.get(
    "/{name}",
    operation_id="get_report",
    summary="Read a report",
    response_model=Report,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "A page, or all as CSV."}},
)
async def get(call: TheCall, name: str, asked: Annotated[Filters, Query()]) -> Any:
    """Each page is as of its own moment: whoever is archived meanwhile is in no page after that."""
    if asked.format == "csv" and asked.cursor is not None:
        raise InvalidValue("CSV is all of a report; leave the cursor out.", field="cursor")
    read = await _audit(call, asked) if name == AUDIT else await _report(call, name, asked)
    if asked.format == "json":
        page = await read(asked.cursor, asked.limit)
        return Report(columns=[Column(**column) for column in page.columns], rows=page.rows, next=page.next)
    first = await read(None, CSV_ROWS)  # what is wrong is said before the answer begins
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(_lines(first, read), media_type=_CSV, headers=headers)


Read = Callable[[str | None, int], Awaitable[Page]]


async def _report(call: Call, name: str, asked: Filters) -> Read:
    report = reports.named(name)
    if asked.as_of is not None:
        raise InvalidValue("Only the audit report is as of a day; the others say what is now.", field="as_of")
    given = asked.model_dump(exclude={*_OWN, "group_id", "content_id", "custom", "archived_content"})
    given |= {"group": asked.group_id, "content": asked.content_id, "custom": filters.pairs(asked.custom)}
    given["archived_content"] = asked.archived_content == "true"

    async def read(after: str | None, limit: int) -> Page:
        def work(tx: Tx, who: Who) -> Page:
            try:
                chosen = filters.read(tx, who.company_id, **given)
            except InvalidValue as wrong:
                raise InvalidValue(wrong.message, field=_parameter(wrong.field)) from None
            return reports.run(tx, who, name, chosen, after=after, limit=limit, today=call.now.date())

        return await call.read(report.permission, work)

    return read


async def _audit(call: Call, asked: Filters) -> Read:
    if asked.model_fields_set - {*_OWN}:
        raise InvalidValue("The audit report takes no filter: it is about everybody.", field="as_of")
    day = filters.day(asked.as_of, "as_of")
    if day is None:
        raise InvalidValue("Say which day the audit report is about: as_of=YYYY-MM-DD.", field="as_of")
    reading = await call.write("see_audit", partial(_begin, day=day, asked=asked, call=call))

    async def read(after: str | None, limit: int) -> Page:
        return await call.read("see_audit", lambda tx, _: audit.page(tx, reading, after=after, limit=limit))

    return read


def _begin(tx: Tx, who: Who, *, day: date, asked: Filters, call: Call) -> audit.Reading:
    return audit.begin(tx, who, day, after=asked.cursor, now=call.now)


async def _lines(first: Page, read: Read) -> AsyncIterator[str]:
    """The CSV, a page of rows at a time: it takes the memory of one, however long the report is."""
    yield "".join(spreadsheet.write([[column["title"] for column in first.columns], *first.rows]))
    after = first.next
    while after is not None:
        page = await read(after, CSV_ROWS)
        yield "".join(spreadsheet.write(page.rows))
        after = page.next


def _parameter(name: str) -> str:
    return {"group": "group_id", "content": "content_id"}.get(name, name)

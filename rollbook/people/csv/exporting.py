"""Exporting people: everybody's row, page by page, in the columns that an import takes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from rollbook.database import Tx
from rollbook.people import directory, field_values
from rollbook.people.csv import columns as columns_
from rollbook.people.csv.columns import Columns

T = TypeVar("T")

PAGE = 500
Row = Sequence[Any]


class Reader(Protocol):
    """The database, as far as an export needs it."""

    def read(self, fn: Callable[[Tx], T]) -> T: ...


def rows(reader: Reader, company_id: str, *, archived: bool = False) -> Iterator[Row]:
    """The headings, then a row for every active person, in the order of ids; archived ones among them where asked.

    Each page is as of its own moment, so that the longest export keeps nobody waiting.
    """
    columns = reader.read(partial(columns_.of_company, company_id=company_id))
    yield columns.exported
    page_of = partial(_page, company_id=company_id, columns=columns, archived=None if archived else False)
    after = ""
    while page := reader.read(partial(page_of, after=after)):
        yield from page
        after = page[-1][0]  # the id


def _page(tx: Tx, *, company_id: str, columns: Columns, archived: bool | None, after: str) -> list[Row]:
    people = directory.list_people(tx, company_id, archived=archived, after=after, limit=PAGE)
    custom = field_values.of_people(tx, company_id, [user.id for user in people]) if columns.own else {}
    return [columns_.row_of(columns, user, custom.get(user.id, {})) for user in people]

"""All of a report, page by page: what is downloaded needs the memory of a page, however long it is.

Each page is as of its own moment, so that the longest download keeps nobody waiting, and whoever is archived meanwhile
is in no page after that. `rollbook.spreadsheet.write` makes CSV of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from typing import Any, Protocol, TypeVar

from rollbook.database import Tx
from rollbook.learning.reports import registry
from rollbook.learning.reports.filters import Filters
from rollbook.learning.reports.shape import Page
from rollbook.people.authorization import Who

T = TypeVar("T")

PAGE = 500


class Reader(Protocol):
    """The database, as far as a download needs it."""

    def read(self, fn: Callable[[Tx], T]) -> T: ...


def pages(
    reader: Reader, who: Who, name: str, filters: Filters | None = None, *, limit: int | None = None, today: date
) -> Iterator[Page]:
    """The pages of a report, or of its first `limit` rows; at least one, which may be empty. Raises as `run` does."""
    after: str | None = None
    left = limit
    while True:
        size = PAGE if left is None else min(PAGE, left)
        page = reader.read(
            partial(registry.run, who=who, name=name, filters=filters, after=after, limit=size, today=today)
        )
        yield page
        after = page.next
        left = None if left is None else left - len(page.rows)
        if after is None or left == 0:
            return


def rows(
    reader: Reader, who: Who, name: str, filters: Filters | None = None, *, limit: int | None = None, today: date
) -> Iterator[Sequence[Any]]:
    """The titles of the columns, then each row."""
    for number, page in enumerate(pages(reader, who, name, filters, limit=limit, today=today)):
        if number == 0:
            yield [column["title"] for column in page.columns]
        yield from page.rows

"""What a report is, and a page of one: columns and rows in the order of a key, and where the next page begins."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypedDict

import msgspec
from sqlalchemy import BindParameter, bindparam

from rollbook.database import Tx
from rollbook.errors import InvalidValue
from rollbook.learning.reports.filters import Filters
from rollbook.people.roles import Permission

Type = Literal["text", "number", "percent", "date", "instant", "yes_no", "status"]
Key = tuple[str, ...]  # of the last row of a page, in the report's order

MOST_ROWS = 1000


class Column(TypedDict):
    """A column as every door shows it."""

    key: str
    title: str
    type: Type


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a report, a value a column; `next` is where the following page begins, None after the last."""

    columns: list[Column]
    rows: list[list[Any]]
    next: str | None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a report: about whom and what, from which row on, and which day it is.

    `hidden` are the ids of the archived lessons and paths, None where they are too many to name.
    """

    company_id: str
    filters: Filters
    after: Key | None
    limit: int
    today: date
    hidden: tuple[str, ...] | None

    @property
    def day(self) -> str:
        """Today, as dates are stored."""
        return self.today.isoformat()

    @property
    def one_more(self) -> BindParameter[int]:
        """How many rows are asked for, so that it shows whether there is another page."""
        return known(self.limit + 1)


@dataclass(frozen=True, slots=True)
class Report:
    """A report: its name, what it says, which filters it takes, what answers a question, of how many parts its key is,
    and who may read it.
    """

    name: str
    says: str
    takes: frozenset[str]
    page: Callable[[Tx, Question], Page]
    parts: int = 2
    permission: Permission = "see_reports"


def known(value: Any) -> BindParameter[Any]:
    """A value that stands in the statement's own text: PostgreSQL plans badly for a limit or a period that it does not
    know, and uses no partial index. For what Rollbook itself works out.
    """
    return bindparam(None, value, literal_execute=True)


def column(key: str, title: str, type_: Type = "text") -> Column:
    """A column."""
    return {"key": key, "title": title, "type": type_}


def cut(rows: Sequence[Any], limit: int, key: Callable[[Any], Key]) -> tuple[list[Any], str | None]:
    """The rows of a page, of which one more than `limit` was asked for, and where the next one begins."""
    kept = list(rows[:limit])
    return kept, cursor(key(kept[-1])) if len(rows) > limit else None


def cursor(key: Key) -> str:
    """The key as a text that travels in an address."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode()


def key_of(text: str, size: int) -> Key:
    """What `cursor` was given, of so many parts. Raises InvalidValue for any other text."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        key = msgspec.json.decode(base64.b64decode(padded, b"-_", validate=True), type=tuple[str, ...])
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        key = ()
    if len(key) != size:
        raise InvalidValue("The cursor is none of this report's; begin again without one.", field="cursor")
    return key

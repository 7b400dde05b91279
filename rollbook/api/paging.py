"""Lists in pages. A page goes on behind the last item that was seen, so that what is written meanwhile moves nothing:
whatever was there from the first page to the last is seen exactly once.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from rollbook.api.problems import Problem, invalid, wrong
from rollbook.api.shapes import Shape

T = TypeVar("T")

MOST = 200
USUAL = 50
_POSITION = re.compile(r"[0-9a-f-]{36}")


class Page(Shape, Generic[T]):
    """Part of a list; the same question with `cursor` goes on behind it."""

    items: list[T]
    next: str | None = Field(description="Send it as `cursor` to get what follows; null: there is no more.")


class Paging(BaseModel):
    """The parameters of every list. A list with filters has a model of its own that inherits from this one."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=MOST, description="At most so many items.")] = USUAL
    cursor: Annotated[
        str | None, Field(max_length=200, description="Where to go on: `next` of the page before, unchanged.")
    ] = None

    @property
    def one_more(self) -> int:
        """How many to ask for: one beyond the page says whether there is another."""
        return self.limit + 1

    def after(self, of: str) -> str:
        """The id behind which to go on, "" at the beginning; `of` names the list. Raises a Problem."""
        if self.cursor is None:
            return ""
        try:
            position, _, check = base64.urlsafe_b64decode(self.cursor.encode("ascii")).decode("ascii").partition(".")
        except (binascii.Error, ValueError):
            raise _wrong_cursor() from None
        if not _POSITION.fullmatch(position) or check != self._check(of, position):
            raise _wrong_cursor()
        return position

    def cut(self, of: str, found: Sequence[T], id_of: Callable[[T], str]) -> tuple[list[T], str | None]:
        """The items of this page, and the cursor of the next."""
        page = list(found[: self.limit])
        if len(found) <= self.limit:
            return page, None
        position = id_of(page[-1])
        return page, base64.urlsafe_b64encode(f"{position}.{self._check(of, position)}".encode()).decode()

    def slice(self, of: str, everything: Sequence[T], id_of: Callable[[T], str]) -> tuple[list[T], str | None]:
        """The same of a short list that is at hand whole; its order is that of ids."""
        after = self.after(of)
        return self.cut(of, sorted((item for item in everything if id_of(item) > after), key=id_of), id_of)

    def _check(self, of: str, position: str) -> str:
        """A cursor goes with its list and its filters; that it does not is a mistake, and no secret would hide more."""
        filters = sorted(self.model_dump(exclude={"limit", "cursor"}, exclude_none=True).items())
        return f"{zlib.crc32(repr((of, filters, position)).encode()):08x}"


def _wrong_cursor() -> Problem:
    message = "This is not the `next` of a page of this list with these filters."
    return invalid("The cursor cannot be used; begin without one.", wrong("query", "cursor", message))

"""What lessons and paths have in common at this door."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field, StringConstraints

from rollbook.api.call import Call
from rollbook.api.paging import Paging
from rollbook.api.shapes import Id, Instant, Shape
from rollbook.database import Tx
from rollbook.learning import content_record
from rollbook.learning.content import LONGEST_DESCRIPTION
from rollbook.learning.content_record import Content, Kind, State
from rollbook.people.authorization import Who

# Several lines; no control character besides line ends and tabs.
Prose = Annotated[str, StringConstraints(pattern=r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$")]
Description = Annotated[Prose, Field(max_length=LONGEST_DESCRIPTION, examples=["Before you touch the dough."])]


class Piece(Shape):
    """A lesson or a path."""

    id: Id
    title: str = Field(examples=["Food safety"])
    description: str = Field(examples=["Before you touch the dough."])
    state: State = Field(examples=["published"])
    author_id: Id | None = Field(description="Who wrote it; null: it came by a key or the operator.")
    version: int = Field(examples=[1])
    created_at: Instant
    updated_at: Instant
    published_at: Instant | None
    archived_at: Instant | None


class Filters(Paging):
    """Which of them."""

    state: State | None = None
    title: str | None = Field(None, max_length=200, description="Stands anywhere in the title, whatever the case.")


def found(tx: Tx, who: Who, asked: Filters, kind: Kind) -> tuple[Sequence[Content], str | None]:
    """A page of lessons or of paths, and the cursor of the next."""
    of = f"{kind}s"
    everything = content_record.search(
        tx,
        who.company_id,
        kind=kind,
        state=asked.state,
        text=asked.title,
        after=asked.after(of),
        limit=asked.one_more,
    )
    return asked.cut(of, everything, lambda one: one.id)


async def turned(call: Call, content_id: str, kind: Kind, verb: Callable[..., Content]) -> Content:
    """Published, archived or restored."""

    def work(tx: Tx, who: Who) -> Content:
        one = content_record.of_kind(tx, who.company_id, content_id, kind, lock=True)
        return verb(tx, one, actor=who.actor, now=call.now)

    return await call.write("edit_content", work)

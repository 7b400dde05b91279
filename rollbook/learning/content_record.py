"""The record of content: what a row of a lesson or a path holds, and looking one up. The verbs are in content.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import bindparam, null, select

from rollbook.database import Tx
from rollbook.database.tables import content as table
from rollbook.errors import Conflict, NotFound
from rollbook.people.folding import fold

Kind = Literal["lesson", "path"]
State = Literal["draft", "published", "archived"]


@dataclass(frozen=True, slots=True)
class Content:
    """A lesson or a path as stored; instants are text (`clock.text`). `body` is a lesson's Markdown, None in lists."""

    id: str
    company_id: str
    kind: Kind
    title: str
    description: str
    body: str | None
    enforced_order: bool
    certification: bool
    state: State
    author_id: str | None
    version: int
    created_at: str
    updated_at: str
    published_at: str | None
    archived_at: str | None


_NAMES = tuple(Content.__dataclass_fields__)
_OF_COMPANY = table.c.company_id == bindparam("company")
SELECT = select(*(table.c[name] for name in _NAMES))
_ONE = SELECT.where(_OF_COMPANY, table.c.id == bindparam("content"))
_ONE_LOCKED = _ONE.with_for_update()
_TITLED = (
    select(table.c.id, table.c.kind, table.c.state)
    .where(_OF_COMPANY, table.c.title_key == bindparam("key"))
    .order_by(table.c.id)
)
_LISTED = select(*(null().label("body") if name == "body" else table.c[name] for name in _NAMES))


def find(tx: Tx, company_id: str, content_id: str, *, lock: bool = False) -> Content | None:
    """The content with this id, whatever its state; with `lock` nobody else changes it until this transaction ends."""
    row = tx.one(_ONE_LOCKED if lock else _ONE, {"company": company_id, "content": content_id})
    return of_row(row) if row else None


def get(tx: Tx, company_id: str, content_id: str, *, lock: bool = False) -> Content:
    """As `find`; raises NotFound."""
    found = find(tx, company_id, content_id, lock=lock)
    if found is None:
        raise NotFound(f"There is no lesson or path {content_id!r} in this company.")
    return found


def of_kind(tx: Tx, company_id: str, content_id: str, kind: Kind, *, lock: bool = False) -> Content:
    """The lesson, or the path, with this id; raises NotFound."""
    found = find(tx, company_id, content_id, lock=lock)
    if found is None or found.kind != kind:
        raise NotFound(f"There is no {kind} {content_id!r} in this company.")
    return found


def named(tx: Tx, company_id: str, text: str, *, kind: Kind | None = None, lock: bool = False) -> Content:
    """The content that a person means by an id or a title, without regard to case; what is archived only where nothing
    else has the title. Raises NotFound, and Conflict where two have it.
    """
    what = kind or "lesson or path"
    found = find(tx, company_id, text, lock=lock)
    if found is None:
        titled = [row for row in tx.all(_TITLED, {"company": company_id, "key": fold(text)}) if kind in (None, row[1])]
        matches = [row[0] for row in titled if row[2] != "archived"] or [row[0] for row in titled]
        if len(matches) > 1:
            raise Conflict(
                f"More than one {what} is titled {text!r}; name one by its id: {', '.join(matches)}.", field="title"
            )
        found = get(tx, company_id, matches[0], lock=lock) if matches else None
    if found is None or kind not in (None, found.kind):
        raise NotFound(
            f"There is no {what} {text!r} in this company; `rollbook {kind or 'lesson'} list` shows those there are."
        )
    return found


def search(
    tx: Tx,
    company_id: str,
    *,
    kind: Kind | None = None,
    state: State | None = None,
    text: str | None = None,
    author_id: str | None = None,
    after: str = "",
    limit: int = 100,
) -> list[Content]:
    """Content in the order of ids, after the id `after`, without bodies; `text` stands anywhere in the title."""
    conditions = [table.c.company_id == company_id, table.c.id > after]
    if kind is not None:
        conditions.append(table.c.kind == kind)
    if state is not None:
        conditions.append(table.c.state == state)
    if text:
        conditions.append(table.c.title_key.contains(fold(text), autoescape=True))
    if author_id is not None:
        conditions.append(table.c.author_id == author_id)
    return [of_row(row) for row in tx.search(_LISTED.where(*conditions).order_by(table.c.id).limit(limit))]


def refuse_archived(content: Content) -> None:
    """Raises Conflict where it is archived."""
    if content.state == "archived":
        raise Conflict(f"{content.title} is archived; restore it first.", field="state")


def refuse_unpublished(content: Content) -> None:
    """Raises Conflict where it cannot be assigned."""
    refuse_archived(content)
    if content.state != "published":
        raise Conflict(f"{content.title} is a draft; publish it before it is assigned.", field="state")


def of_row(row: Any) -> Content:
    """A row of SELECT as content."""
    values = dict(zip(_NAMES, row, strict=True))
    values["enforced_order"], values["certification"] = bool(values["enforced_order"]), bool(values["certification"])
    return Content(**values)

"""Content: what people can be assigned, a lesson or a path. Making and changing it is lessons.py's and paths.py's, its
record content_record.py's.

Only published content is assigned. Archived content takes no new assignments; those it has stay as they are, and are in
no learner's list until it is restored. It outlives its author's time in the company.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import content as table
from rollbook.database.tables import path_lessons
from rollbook.errors import Conflict, InvalidValue
from rollbook.learning import content_record
from rollbook.learning.content_record import Content, Kind
from rollbook.people import users
from rollbook.people.folding import fold
from rollbook.people.record import NOT_SHOWN

LONGEST_TITLE = 200
LONGEST_DESCRIPTION = 2_000
LONGEST_BODY = 200_000

_OF_COMPANY = table.c.company_id == bindparam("company")
_INSERT = insert(table)
_UPDATE = update(table).where(_OF_COMPANY, table.c.id == bindparam("content"))
_LESSONS_LOCKED = (
    select(table.c.title, table.c.state)
    .join_from(
        path_lessons,
        table,
        (table.c.company_id == path_lessons.c.company_id) & (table.c.id == path_lessons.c.lesson_id),
    )
    .where(path_lessons.c.company_id == bindparam("company"), path_lessons.c.path_id == bindparam("content"))
    .order_by(table.c.id)
    .with_for_update(of=table)
)
_PATHS_WITH = (
    select(table.c.title)
    .join_from(
        path_lessons, table, (table.c.company_id == path_lessons.c.company_id) & (table.c.id == path_lessons.c.path_id)
    )
    .where(
        path_lessons.c.company_id == bindparam("company"),
        path_lessons.c.lesson_id == bindparam("content"),
        table.c.state == "published",
    )
    .order_by(table.c.id)
)
# What a text must not hold: PostgreSQL keeps no NUL and no half of a pair, and nobody sees the others.
_HIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def publish(tx: Tx, content: Content, *, actor: Actor, now: datetime) -> Content:
    """Makes it assignable. Idempotent. Raises Conflict where it is archived, or a path with a lesson that is not."""
    content = content_record.get(tx, content.company_id, content.id, lock=True)
    if content.state == "published":
        return content
    content_record.refuse_archived(content)
    _refuse_unready(tx, content)
    values = {"state": "published", "published_at": content.published_at or clock.text(now)}
    return change(tx, content, values, "Published", actor=actor, now=now)


def archive(tx: Tx, content: Content, *, actor: Actor, now: datetime) -> Content:
    """Out of every list; its assignments stay as they are. Idempotent.

    Raises Conflict for a lesson of a published path, which nobody could complete any more.
    """
    content = content_record.get(tx, content.company_id, content.id, lock=True)
    if content.state == "archived":
        return content
    holder = tx.one(_PATHS_WITH, {"company": content.company_id, "content": content.id})
    if holder is not None:
        raise Conflict(
            f"{content.title} is a lesson of the path {holder[0]}; take it out there, or archive the path first.",
            field="state",
        )
    values = {"state": "archived", "archived_at": clock.text(now)}
    return change(tx, content, values, "Archived", actor=actor, now=now)


def restore(tx: Tx, content: Content, *, actor: Actor, now: datetime) -> Content:
    """As it was before it was archived, published or a draft, with its assignments. Idempotent.

    Raises Conflict for a path that was published and has a lesson that is not.
    """
    content = content_record.get(tx, content.company_id, content.id, lock=True)
    if content.state != "archived":
        return content
    if content.published_at:
        _refuse_unready(tx, content)
    values = {"state": "published" if content.published_at else "draft", "archived_at": None}
    return change(tx, content, values, "Restored", actor=actor, now=now)


def add(
    tx: Tx,
    company_id: str,
    kind: Kind,
    values: Mapping[str, Any],
    *,
    author_id: str | None,
    actor: Actor,
    now: datetime,
) -> Content:
    """A new draft, for lessons.py and paths.py. The author is the signed-in person where none is named."""
    if author_id is not None:
        users.get(tx, company_id, author_id)
    elif actor.kind == "user":
        author_id = actor.id
    at = clock.text(now)
    row = {"body": None, "enforced_order": False, "certification": False, **values, "author_id": author_id}
    made = Content(
        id=clock.new_id(),
        company_id=company_id,
        kind=kind,
        state="draft",
        version=1,
        created_at=at,
        updated_at=at,
        published_at=None,
        archived_at=None,
        **row,
    )
    tx.run(_INSERT, asdict(made) | _stored(made) | {"title_key": fold(made.title)})
    changes = {name: _shown(name, None, value) for name, value in values.items()}
    events.record(tx, company_id, f"{kind.title()}Created", made.id, changes, actor=actor, now=now)
    return made


def change(
    tx: Tx,
    content: Content,
    values: Mapping[str, Any],
    verb: str,
    *,
    also: Mapping[str, list[Any]] | None = None,
    actor: Actor,
    now: datetime,
) -> Content:
    """Writes what differs, one version more, and the event (LessonChanged, PathPublished …); for the verbs of this
    room. `content` was locked; `also` is what changed beside its row.
    """
    changes = dict(also or {}) | {
        name: _shown(name, getattr(content, name), value)
        for name, value in values.items()
        if getattr(content, name) != value
    }
    if not changes:
        return content
    after = replace(content, **values, version=content.version + 1, updated_at=clock.text(now))
    written = {name: getattr(after, name) for name in (*values, "version", "updated_at")}
    written |= {name: value for name, value in _stored(after).items() if name in values}
    if "title" in changes:
        written["title_key"] = fold(after.title)
    tx.run(_UPDATE, {"company": content.company_id, "content": content.id, **written})
    kind = f"{content.kind.title()}{verb}"
    events.record(tx, content.company_id, kind, content.id, changes, actor=actor, now=now)
    return after


def checked_title(text: str) -> str:
    """Raises InvalidValue for what is no title."""
    text = text.strip()
    if not text or len(text) > LONGEST_TITLE or not text.isprintable():
        raise InvalidValue(f"A title is a text of 1 to {LONGEST_TITLE} characters, without line breaks.", field="title")
    return text


def checked_text(text: str, field: str, longest: int) -> str:
    """The text with plain line ends. Raises InvalidValue where it is too long or holds what nobody sees."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > longest:
        raise InvalidValue(
            f"The {field} is {len(text):,} characters long; at most {longest:,} can be kept.", field=field
        )
    if _HIDDEN.search(text):
        raise InvalidValue(f"The {field} holds a control character; remove it.", field=field)
    return text


def _refuse_unready(tx: Tx, content: Content) -> None:
    if content.kind != "path":
        return
    for title, state in tx.all(_LESSONS_LOCKED, {"company": content.company_id, "content": content.id}):
        if state != "published":
            raise Conflict(
                f"The lesson {title} of this path is {'a draft' if state == 'draft' else 'archived'}; "
                f"{'publish' if state == 'draft' else 'restore'} it first.",
                field="lessons",
            )


def _shown(name: str, before: Any, after: Any) -> list[Any]:
    """Values before and after; long texts by name only."""
    if name in ("body", "description"):
        return [NOT_SHOWN if before else None, NOT_SHOWN if after else None]
    return [before, after]


def _stored(content: Content) -> dict[str, int]:
    return {"enforced_order": int(content.enforced_order), "certification": int(content.certification)}

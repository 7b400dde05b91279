"""The audit report: who was in the company on a day, leavers included, and what they had to do. It looks at everybody,
archived and deleted (promise P5 excepts it), for administrators alone, and that it was read stands on record.

What the records say now is taken back, event by event, to the end of that day (UTC). Not to be had again: what was
erased, and a due date that was changed within a round.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import select

from rollbook.activity import events as events_
from rollbook.database import Row, Tx
from rollbook.database.tables import assignment_rounds, assignments, content, events, users
from rollbook.errors import InvalidValue
from rollbook.learning.assignment_record import status_of
from rollbook.learning.reports import counting
from rollbook.learning.reports.export import Reader
from rollbook.learning.reports.shape import MOST_ROWS, Page, column, cursor, key_of
from rollbook.people import authorization
from rollbook.people.authorization import Who
from rollbook.people.record import display_name

COLUMNS = [
    column("user_id", "Id"),
    column("name", "Name"),
    column("user_name", "User name"),
    column("email", "E-mail"),
    column("role", "Role"),
    column("location", "Location"),
    column("business_unit", "Business Unit"),
    column("department", "Department"),
    column("manager", "Manager"),
    column("groups", "Groups"),
    column("created_at", "Since", "instant"),
    column("archived_at", "Archived by now", "instant"),
    column("content_id", "Content id"),
    column("title", "Lesson or path"),
    column("assigned_at", "Assigned", "instant"),
    column("due_on", "Due", "date"),
    column("status", "Status", "status"),
    column("completed_at", "Completed", "instant"),
    column("score", "Score", "number"),
]
_FIELDS = (
    *("given_name", "family_name", "user_name", "email", "role", "location", "business_unit", "department"),
    *("manager_name", "archived_at"),
)
_AT_A_TIME = 200  # people, where all of it is read
_WITHOUT = [None] * 7  # in place of an assignment

State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """Leave to read the report of one company and day; `begin` gives it, and has written that it did."""

    company_id: str
    as_of: date

    @property
    def end(self) -> str:
        """The first instant after the day, as text that compares with instants."""
        return (self.as_of + timedelta(days=1)).isoformat()


@dataclass(frozen=True, slots=True)
class _Round:
    opened_at: str
    withdrawn_at: str | None
    due_on: str | None
    completed_at: str | None
    score: int | None


def begin(tx: Tx, who: Who, as_of: date, *, after: str | None = None, now: datetime) -> Reading:
    """Records that the report is read, by whom and of which day. Raises Forbidden; InvalidValue for a day to come, and
    for a cursor `after` that no page could follow.
    """
    authorization.authorize(tx, who, "see_audit")
    if after is not None:
        key_of(after, 1)
    if as_of > now.date():
        raise InvalidValue(f"{as_of} is still to come; name a day that has begun.", field="as_of")
    changes = {"as_of": [None, as_of.isoformat()]}
    events_.record(tx, who.company_id, "AuditReportRead", who.company_id, changes, actor=who.actor, now=now)
    return Reading(who.company_id, as_of)


def page(tx: Tx, reading: Reading, *, after: str | None = None, limit: int = 50) -> Page:
    """A page with all rows of at most `limit` people, in the order in which they were made; a row an assignment, and
    one for whoever had none. Raises InvalidValue.
    """
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidValue(f"A page has 1 to {MOST_ROWS} people.", field="limit")
    last = "" if after is None else key_of(after, 1)[0]
    rows: list[list[Any]] = []
    while not rows:
        found = _people(tx, reading, last, limit + 1)
        here = found[:limit]
        rows += _rows(tx, reading, here)
        if len(found) <= limit:
            return Page(COLUMNS, rows, None)
        last = here[-1]["id"]
    return Page(COLUMNS, rows, cursor((last,)))


def pages(reader: Reader, reading: Reading, *, limit: int | None = None) -> Iterator[Page]:
    """All of it, or the rows of the first people, as of the reading's day."""
    after: str | None = None
    left = limit
    while True:
        size = _AT_A_TIME if left is None else min(_AT_A_TIME, left)
        found = reader.read(partial(page, reading=reading, after=after, limit=size))
        yield found
        after = found.next
        left = None if left is None else left - size
        if after is None or left == 0:
            return


def _people(tx: Tx, reading: Reading, last: str, limit: int) -> list[State]:
    names = ("id", "created_at", "joined_into", *_FIELDS)
    query = select(*(users.c[name] for name in names)).where(
        users.c.company_id == reading.company_id, users.c.id > last, users.c.created_at < reading.end
    )
    found = tx.search(query.order_by(users.c.id).limit(limit))
    return [dict(zip(names, row, strict=True)) for row in found]


def _rows(tx: Tx, reading: Reading, people: Sequence[State]) -> list[list[Any]]:
    ids = [person["id"] for person in people]
    by_now = {person["id"]: person["archived_at"] for person in people}
    groups = _take_back(tx, reading, {person["id"]: person for person in people}) if ids else {}
    present = [person for person in people if _was_here(person, reading)]
    had = _assignments(tx, reading, present)
    rows = []
    for person in present:
        about = [person["id"], display_name(person["given_name"], person["family_name"])]
        about += [person[name] for name in _FIELDS[2:-1]]
        about += [", ".join(sorted(groups.get(person["id"], {}).values())) or None]
        about += [person["created_at"], by_now[person["id"]]]
        rows += [[*about, *assignment] for assignment in had.get(person["id"]) or [_WITHOUT]]
    return rows


def _take_back(tx: Tx, reading: Reading, people: dict[str, State]) -> dict[str, dict[str, str]]:
    """Makes each record say what it said at the end of the day; returns the groups of each person then, by id."""
    query = (
        select(events.c.subject_id, events.c.kind, events.c.at, events.c.changes)
        .where(events.c.company_id == reading.company_id, events.c.subject_id.in_(list(people)))
        .where(events.c.kind.is_not(None))
        .order_by(events.c.id)
    )
    told = [(subject, kind, at, msgspec.json.decode(changes)) for subject, kind, at, changes in tx.search(query)]
    groups: dict[str, dict[str, str]] = {}
    for subject, kind, at, changes in told:
        if at < reading.end and kind in ("GroupJoined", "GroupLeft") and changes:
            (left, joined), (name_before, name_after) = changes["group_id"], changes["group"]
            mine = groups.setdefault(subject, {})
            if joined is not None:
                mine[joined] = name_after
            elif left is not None:
                mine.pop(left, name_before)
    for subject, kind, at, changes in reversed(told):
        if at >= reading.end:
            _undo(people[subject], kind, changes)
    return groups


def _undo(person: State, kind: str, changes: dict[str, list[Any]]) -> None:
    for name, (before, _) in changes.items():
        if name in _FIELDS:
            person[name] = before
    if kind == "UserArchived" and "archived_at" not in changes:  # erased: its kind still says that they were here
        person["archived_at"] = None


def _was_here(person: State, reading: Reading) -> bool:
    """Whether there was a moment of the day at which the person was active."""
    archived_at = person["archived_at"]
    if archived_at is None:
        return True
    return bool(archived_at >= reading.as_of.isoformat() and archived_at != person["created_at"])


def _assignments(tx: Tx, reading: Reading, people: Sequence[State]) -> dict[str, list[list[Any]]]:
    """What each had to do on that day and how far they were: the values of the last columns."""
    row = assignments.c
    mine = {person["id"] for person in people}
    holders = sorted(mine | _heirs(tx, reading, [person["joined_into"] for person in people]))
    moved = _moved(tx, reading, holders)
    query = (
        select(
            *(row.id, row.user_id, row.content_id, content.c.title, row.opened_at, row.state, row.updated_at),
            *(row.due_on, row.completed_at, row.score),
        )
        .join_from(assignments, content, counting.is_content())
        .where(row.company_id == reading.company_id, row.user_id.in_(holders), row.assigned_at < reading.end)
        .order_by(row.id)
    )
    found = tx.search(query) if holders else []
    rounds = _rounds(tx, reading, [line[0] for line in found if line[4] >= reading.end])
    had: dict[str, list[list[Any]]] = {}
    for id_, user_id, content_id, title, opened_at, *ended in found:
        while (user_id, content_id) in moved:
            user_id = moved[user_id, content_id]
        if user_id not in mine:
            continue
        then = rounds.get(id_) if opened_at >= reading.end else _round(opened_at, *ended)
        status = _status(then, reading) if then is not None else None
        if then is None or status is None:
            continue
        done = status == "completed"
        of_round = [then.completed_at if done else None, then.score if done else None]
        about = [content_id, title, then.opened_at, then.due_on, status, *of_round]
        had.setdefault(user_id, []).append(about)
    return had


def _heirs(tx: Tx, reading: Reading, joined_into: Sequence[str | None]) -> set[str]:
    """The records into which these were joined, and those into which they were: they have the assignments by now."""
    heirs: set[str] = set()
    waiting = {id_ for id_ in joined_into if id_ is not None}
    while waiting:
        heirs |= waiting
        query = select(users.c.joined_into).where(
            users.c.company_id == reading.company_id, users.c.id.in_(sorted(waiting)), users.c.joined_into.is_not(None)
        )
        waiting = {row[0] for row in tx.search(query)} - heirs
    return heirs


def _moved(tx: Tx, reading: Reading, holders: Sequence[str]) -> dict[tuple[str, str], str]:
    """Of what went over to another record after the day: whose it was then, by its holder and content now."""
    query = select(events.c.changes).where(
        events.c.company_id == reading.company_id,
        events.c.subject_id.in_(holders),
        events.c.kind == "AssignmentInherited",
        events.c.at >= reading.end,
    )
    moved = {}
    for (text,) in tx.search(query) if holders else ():
        changes = msgspec.json.decode(text)
        if changes and changes.get("state", [""])[0] is None:  # it moved whole; otherwise only what was done counted
            before, after = changes["user_id"]
            moved[after, changes["content_id"][1]] = before
    return moved


def _rounds(tx: Tx, reading: Reading, ids: Sequence[str]) -> dict[str, _Round]:
    """Of assignments whose present round began later: the last round that had begun by the end of the day."""
    row = assignment_rounds.c
    query = select(
        *(row.assignment_id, row.opened_at, row.state, row.ended_at, row.due_on, row.completed_at, row.score)
    ).where(row.company_id == reading.company_id, row.assignment_id.in_(ids), row.opened_at < reading.end)
    found: list[Row] = tx.search(query.order_by(row.round)) if ids else []
    return {id_: _round(*of_round) for id_, *of_round in found}  # the last one stays


def _round(
    opened_at: str, state: str, ended_at: str, due_on: str | None, completed_at: str | None, score: int | None
) -> _Round:
    return _Round(opened_at, ended_at if state == "withdrawn" else None, due_on, completed_at, score)


def _status(then: _Round, reading: Reading) -> str | None:
    """The status on that day; None where the assignment had been withdrawn."""
    if then.completed_at is not None and then.completed_at < reading.end:
        return "completed"
    if then.withdrawn_at is not None and then.withdrawn_at < reading.end:
        return None
    return status_of("incomplete", then.due_on, reading.as_of.isoformat())

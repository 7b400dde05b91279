"""What the rows of a company must say together: every change of a person has its event and its line in the log, written
in one transaction, and both explain the person's row. The checks return sentences; none means that all is well.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Select, Table, bindparam, select

from rollbook.activity.log import Entry
from rollbook.database import Tx
from rollbook.database.tables import events, users
from rollbook.people import profiles

Row = dict[str, Any]

SHOWN = (*profiles.TEXT_FIELDS, "role", "link", "archived_at", "deleted_at")
# What happens around a person without changing their record.
BESIDE = frozenset({"SignInLinkIssued", "SignedIn", "AlarmResolved", "UserFlapped", "GroupJoined", "GroupLeft"})
WITHOUT_CHANGE = frozenset({"refused", "unchanged"})


def rows(tx: Tx, table: Table, company_id: str) -> list[Row]:
    """Every row of a company, in the order of ids."""
    names = table.columns.keys()
    return [dict(zip(names, row, strict=True)) for row in tx.all(_everything(table), {"company": company_id})]


@cache
def _everything(table: Table) -> Select[Any]:
    return select(table).where(table.c.company_id == bindparam("company")).order_by(table.c.id)


def events_of(tx: Tx, company_id: str) -> list[Row]:
    """The rows that are events, oldest first."""
    return [row for row in rows(tx, events, company_id) if row["kind"] is not None]


def lines_of(tx: Tx, company_id: str) -> list[Row]:
    """The rows that are lines of the provisioning log, oldest first."""
    return [row for row in rows(tx, events, company_id) if row["method"] is not None]


def contradictions(tx: Tx, company_id: str) -> list[str]:
    """Where users, events and log of a company disagree."""
    people = {row["id"]: row for row in rows(tx, users, company_id)}
    told = [row for row in events_of(tx, company_id) if row["kind"] not in BESIDE]
    lines = lines_of(tx, company_id)
    return [
        *_unlogged(told, lines, people),
        *_unrecorded(told, lines),
        *_wrong_versions(told, people),
        *_unexplained(told, people),
    ]


def _unlogged(told: list[Row], lines: list[Row], people: dict[str, Row]) -> list[str]:
    """Each request of a provisioning client has one line, and its events are about the line's person."""
    found = []
    by_request = Counter(line["request_id"] for line in lines)
    found += [f"request {request} is logged {times} times" for request, times in by_request.items() if times > 1]
    user_of = {line["request_id"]: line["subject_id"] for line in lines}
    for event in told:
        if event["actor"].startswith("scim") and event["subject_id"] in people:
            if event["request_id"] not in user_of:
                found.append(f"{event['kind']} of {event['subject_id']} is not in the log")
            elif user_of[event["request_id"]] != event["subject_id"]:
                found.append(f"{event['kind']} of {event['subject_id']} is logged for somebody else")
    return found


def _unrecorded(told: list[Row], lines: list[Row]) -> list[str]:
    """A line that tells of a change has its events, one that tells of none has none."""
    by_request = Counter(event["request_id"] for event in told)
    found = []
    for line in lines:
        changed = line["decision"] not in WITHOUT_CHANGE and line["changes"] != "{}"
        if changed != (by_request[line["request_id"]] > 0):
            found.append(f"{line['method']} {line['path']} ({line['decision']}) and its events disagree")
    return found


def _wrong_versions(told: list[Row], people: dict[str, Row]) -> list[str]:
    """One version for each change of the row; a change of several kinds at once has several events.

    A value of a company's own field is no change of the row, but what SCIM shows of it is; a record that goes on for
    another one takes over the time away, unless it has its own.
    """
    changes: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
    beside: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
    for event in told:
        goes_on = event["kind"] == "UserJoined" and "joined_from" in event["changes"]
        linked = event["kind"] in ("UserLinked", "ExemptionLifted")  # one change, before what else a request makes
        of = beside if goes_on or event["kind"] == "UserFieldChanged" else changes
        of[event["subject_id"]].add((event["at"], event["request_id"], linked))
    return [
        f"user {user_id} has version {row['version']} after {len(changes[user_id])} changes"
        for user_id, row in people.items()
        if not len(changes[user_id]) <= row["version"] <= len(changes[user_id] | beside[user_id])
    ]


def _unexplained(told: list[Row], people: dict[str, Row]) -> list[str]:
    found = []
    states: dict[str, Row] = {user_id: dict.fromkeys(SHOWN) for user_id in people}
    for event in told:
        state = states.get(event["subject_id"])
        if state is not None:
            found += _step(state, msgspec.json.decode(event["changes"]), event["kind"])
    for user_id, state in states.items():
        row = people[user_id]
        found += [
            f"{name} of {user_id} is {row[name]!r}, its events say {state[name]!r}"
            for name in SHOWN
            if state[name] != row[name]
        ]
    return found


def _step(state: Row, changes: dict[str, list[Any]], what: str) -> list[str]:
    found = []
    for name, (before, after) in changes.items():
        if name in state and not (what == "UserFreed" and name == "user_name"):  # whose text stays in the record
            if state[name] != before:
                found.append(f"{what}: {name} was {state[name]!r}, the event says {before!r}")
            state[name] = after
    return found


def replayed(entries: list[Entry]) -> dict[str, Row]:
    """What the log alone, read from the oldest line to the newest, says of each person. Raises where a line begins
    with another value than the line before it ended with."""
    people: dict[str, Row] = {}
    for entry in entries:
        if entry.user_id is None or entry.decision in WITHOUT_CHANGE:
            continue
        state = people.setdefault(entry.user_id, dict.fromkeys(SHOWN))
        broken = _step(state, entry.changes, f"{entry.method} {entry.path}")
        assert not broken
    return people

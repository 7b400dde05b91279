"""A second look at whoever changed while a rule was built: a transaction that began before the rule was given, or
before the switch, followed the rules of then. And how one person is told that they came into a group or left it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import bindparam, select

from rollbook import clock
from rollbook.activity import queue
from rollbook.database import Tx
from rollbook.database.tables import events as events_table
from rollbook.database.tables import group_members
from rollbook.people import following, group_moves, groups, readings, rule_versions, rulebook
from rollbook.people.groups import Group
from rollbook.people.readings import Facts
from rollbook.people.rule_versions import Version
from rollbook.people.rulebook import group_key
from rollbook.people.rules import evaluation

READ = 1000  # events read for one write
LOOK = 100  # people looked at in one write
OVERLAP = timedelta(seconds=60)  # longer than any transaction lasts

_MOVES = ("GroupJoined", "GroupLeft")
_SUBJECTS = (
    select(events_table.c.id, events_table.c.subject_id, events_table.c.kind, events_table.c.changes)
    .where(
        events_table.c.company_id == bindparam("company"),
        events_table.c.id > bindparam("after"),
        events_table.c.id <= bindparam("until"),
    )
    .order_by(events_table.c.id)
    .limit(bindparam("limit"))
)


def ask(tx: Tx, group: Group, version: Version, *, now: datetime) -> None:
    """Asks for it once the last transaction that may have followed the rules of before has ended."""
    payload = {
        "group_id": group.id,
        "version": version.version,
        "after": clock.first_id_at(clock.moment(version.made_at) - OVERLAP),
        "until": clock.first_id_at(now + OVERLAP),
    }
    queue.enqueue(tx, group.company_id, "look_back", payload, due_at=now + OVERLAP, now=now)


def look_back(
    tx: Tx, company_id: str, group_id: str, version: int, *, after: str, until: str, now: datetime
) -> str | None:
    """Looks again at the subjects of the next events between two ids; the last id looked at, None at the end."""
    found = rule_versions.find(tx, company_id, group_id, version)
    group = groups.get(tx, company_id, group_id)
    if found is None or found.state != "live" or group.archived_at:
        return None
    subjects, last = _subjects(tx, company_id, after, until)
    people = [facts for facts in readings.locked(tx, company_id, subjects) if facts.here]
    ids = [facts.id for facts in people]
    members = in_versions(tx, group, (version,), ids)
    told = _told_by_events(tx, group, ids)
    meets, everyone = evaluation.compiled(found.rule), rulebook.everyone_id(tx, company_id)
    moved = []
    for facts in people:
        member = meets(readings.person(tx, facts, company_id, everyone)[0])
        if member != ((facts.id, version) in members):
            following.put(tx, company_id, group_id, version, facts.id, member, clock.text(now))
            moved.append(facts)
        if member != (facts.id in told):
            tell(tx, group, found, facts, member, now=now)
    follow_on(tx, group, found, moved, now=now)
    return last


def _subjects(tx: Tx, company_id: str, after: str, until: str) -> tuple[list[str], str | None]:
    """Whom the next events are about, and the last of these. That a rule moved somebody is no news: what moved them has
    an event of its own, and a build tells of everybody.
    """
    ruled = {version.group_id for version in rule_versions.open_ones(tx, company_id)}
    subjects: set[str] = set()
    last: str | None = None
    rows = tx.all(_SUBJECTS, {"company": company_id, "after": after, "until": until, "limit": READ})
    for event_id, subject, kind, changes in rows:
        last = event_id
        if kind not in _MOVES or ruled.isdisjoint(msgspec.json.decode(changes).get("group_id", ())):
            subjects.add(subject)
            if len(subjects) == LOOK:
                break
    return sorted(subjects), last


def _told_by_events(tx: Tx, group: Group, user_ids: Collection[str]) -> set[str]:
    """Who of these was last told that they are in the group."""
    if not user_ids:
        return set()
    query = (
        select(events_table.c.subject_id, events_table.c.kind, events_table.c.changes)
        .where(
            events_table.c.company_id == group.company_id,
            events_table.c.subject_id.in_(user_ids),
            events_table.c.kind.in_(_MOVES),
        )
        .order_by(events_table.c.id)
    )
    told: set[str] = set()
    for user_id, kind, changes in tx.search(query):
        if group.id in msgspec.json.decode(changes).get("group_id", ()):
            (told.add if kind == "GroupJoined" else told.discard)(user_id)
    return told


def tell(tx: Tx, group: Group, version: Version, facts: Facts, member: bool, *, now: datetime) -> None:
    """Tells one person, who is locked."""
    whom = (tx, group.company_id, facts.id, group.id, group.name)
    if member:
        group_moves.joined(*whom, followed=group.followed, actor=version.maker, now=now)
    else:
        group_moves.left(*whom, actor=version.maker, now=now)


def follow_on(tx: Tx, group: Group, version: Version, people: Sequence[Facts], *, now: datetime) -> None:
    """Lets the rules follow that read the group, of people who are locked."""
    book = rulebook.of(tx, group.company_id)
    readers = book.readers_of((group_key(group.id),)) if book is not None else ()
    if book is not None and readers and people:
        following.look_again(tx, group.company_id, people, book, readers, actor=version.maker, now=now)


def in_versions(tx: Tx, group: Group, versions: Sequence[int], user_ids: Collection[str]) -> set[tuple[str, int]]:
    """Who of these is in which of these versions."""
    query = select(group_members.c.user_id, group_members.c.version).where(
        group_members.c.company_id == group.company_id,
        group_members.c.group_id == group.id,
        group_members.c.version.in_(versions),
        group_members.c.user_id.in_(user_ids),
    )
    return {(row[0], row[1]) for row in tx.search(query)} if user_ids else set()

"""Membership of smart groups follows the data: in the transaction that changed somebody, only the rules that read what
changed are evaluated, and only differences are written. Rules are made in smart_groups.py, built in rule_builds.py.

An archived person's memberships are left as they are; whoever is restored is looked at as a whole.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete
from sqlalchemy.dialects.postgresql import insert

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.statements import Answer
from rollbook.database.tables import group_members
from rollbook.people import group_moves, readings, rulebook
from rollbook.people.readings import Facts, Groups
from rollbook.people.record import User
from rollbook.people.rulebook import Entry, Rulebook, group_key
from rollbook.people.rules.evaluation import Person
from rollbook.people.rules.tree import CUSTOM, FIELD_OF_COLUMN

Held = frozenset[tuple[str, int]]  # groups with the versions in which somebody is
Difference = tuple[Entry, bool]  # the version of a group, and whether somebody comes into it
Sent = tuple[Entry, bool, Answer]

_NOTHING: Mapping[str, str | None] = {}

_PUT = insert(group_members).on_conflict_do_nothing()
_JOIN = _PUT.returning(group_members.c.user_id)
_LEAVE = (
    delete(group_members)
    .where(
        group_members.c.company_id == bindparam("company"),
        group_members.c.group_id == bindparam("group"),
        group_members.c.version == bindparam("of"),
        group_members.c.user_id == bindparam("user"),
    )
    .returning(group_members.c.user_id)
)


def follow(
    tx: Tx,
    before: User | None,
    after: User,
    columns: Iterable[str],
    own: Mapping[str, str | None] = _NOTHING,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Somebody was made (`before` None), or these columns of their record changed, and in the same act what they have
    in `own`, fields of the company's own by id. Once everything is written: a rule that sees half of it would make
    them join or leave for nothing. The record's row is this transaction's until it ends, so nobody else decides about
    the same person meanwhile.
    """
    if not after.active or after.deleted_at is not None:
        return
    book = rulebook.of(tx, after.company_id)
    if book is None or not book.entries:
        return
    if before is None:
        person, groups = readings.newcomer(after, book.everyone_id, own)
        differences = _differences(book, book.entries, person, groups, held=frozenset())
        _write_newcomer(tx, after, differences, actor=actor, now=now)
        return
    affected: Sequence[Entry] = book.entries
    if before.active:
        keys = {FIELD_OF_COLUMN[column] for column in columns if column in FIELD_OF_COLUMN}
        if own:
            keys |= {CUSTOM + field_id for field_id in own}
        affected = book.readers_of(keys) if keys else ()
        if not affected:
            return
    person, groups = readings.person(tx, after, after.company_id, book.everyone_id)
    if before.active and not own:
        was = readings.as_before(before, person, groups)
        differences = _differences(book, affected, person, groups, was=was)
    else:  # what they were cannot be asked any more, so the groups that they are in say it
        mine = readings.memberships(tx, after.company_id, [after.id]).get(after.id, ())
        groups.know([group_id for group_id, _, counts in mine if counts], book.everyone_id)
        held = frozenset([(group_id, version) for group_id, version, _ in mine])
        differences = _differences(book, affected, person, groups, held=held)
    _tell_news(
        tx, after.company_id, after.id, _send(tx, after.company_id, after.id, differences, now), actor=actor, now=now
    )


def about_everyone(tx: Tx, company_id: str) -> dict[str, Any] | None:
    """What the event of a newcomer says of *Everyone*, where something is assigned to whoever comes."""
    book = rulebook.of(tx, company_id)
    return {"group_id": book.everyone_id, "followed": True} if book is not None and book.everyone_followed else None


def about_return(tx: Tx, user: User) -> dict[str, Any] | None:
    """What the event of somebody's restore says, where something is assigned to whoever joins a group."""
    book = rulebook.of(tx, user.company_id)
    if book is None or not book.any_followed:
        return None
    return {"followed": True}


def moved(tx: Tx, company_id: str, user_id: str, keys: Collection[str], *, actor: Actor, now: datetime) -> None:
    """What somebody has in fields of the company's own, or whether they are in groups, has changed by now, all of it;
    `keys` are the names of these in `tree.reads`.
    """
    book = rulebook.of(tx, company_id)
    affected = book.readers_of(keys) if book is not None else ()
    if book is None or not affected:
        return
    people = readings.locked(tx, company_id, [user_id])
    look_again(tx, company_id, people, book, affected, actor=actor, now=now)


def look_again(
    tx: Tx,
    company_id: str,
    people: Sequence[Facts],
    book: Rulebook,
    affected: Sequence[Entry],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Evaluates these rules for people who are locked, and writes where their memberships are otherwise."""
    here = [facts for facts in people if facts.here]
    held = readings.memberships(tx, company_id, [facts.id for facts in here])
    sent: list[tuple[str, list[Sent]]] = []
    for facts in here:
        mine = held.get(facts.id, ())
        person, groups = readings.person(tx, facts, company_id, book.everyone_id)
        groups.know([group_id for group_id, _, counts in mine if counts], book.everyone_id)
        versions = frozenset([(group_id, version) for group_id, version, _ in mine])
        differences = _differences(book, affected, person, groups, held=versions)
        sent.append((facts.id, _send(tx, company_id, facts.id, differences, now)))
    for user_id, of_user in sent:
        _tell_news(tx, company_id, user_id, of_user, actor=actor, now=now)


def _differences(
    book: Rulebook,
    affected: Iterable[Entry],
    person: Person,
    groups: Groups,
    *,
    held: Held | None = None,
    was: Person | None = None,
) -> list[Difference]:
    """Where membership changes: against what is `held`, or against what the person was. Rules that read a group which
    they come into or leave are looked at after it.
    """
    differences: list[Difference] = []
    waiting = {entry.rank: entry for entry in affected}
    ranks = sorted(waiting)
    while ranks:
        entry = waiting[heapq.heappop(ranks)]
        member = entry.meets(person)
        if held is not None:
            before = (entry.group_id, entry.version) in held
        else:
            assert was is not None
            before = entry.meets(was)
        if member == before:
            continue
        differences.append((entry, member))
        if entry.live:
            groups.change(entry.group_id, member)
            for reader in book.readers.get(group_key(entry.group_id), ()):
                if reader.rank not in waiting:
                    waiting[reader.rank] = reader
                    heapq.heappush(ranks, reader.rank)
    return differences


def _send(tx: Tx, company_id: str, user_id: str, differences: list[Difference], now: datetime) -> list[Sent]:
    """Sends the differences; each answer says whether it is news. While others are still told of a switch, what was
    told stands in another version.
    """
    at = clock.text(now)
    sent = []
    for entry, member in differences:
        answer = put(tx, company_id, entry.group_id, entry.version, user_id, member, at)
        if entry.told is not None:
            answer = put(tx, company_id, entry.group_id, entry.told, user_id, member, at)
        sent.append((entry, member, answer))
    return sent


def _tell_news(tx: Tx, company_id: str, user_id: str, sent: list[Sent], *, actor: Actor, now: datetime) -> None:
    """A difference that was none by now (another transaction was first) is not told of."""
    for entry, member, answer in sent:
        if answer.one() is not None and entry.live:
            _tell(tx, company_id, user_id, entry, member, actor=actor, now=now)


def put(tx: Tx, company_id: str, group_id: str, version: int, user_id: str, member: bool, at: str) -> Answer:
    """Somebody into a version of a group, or out of it; a row comes back where that was not so before."""
    if member:
        ids = {"company_id": company_id, "group_id": group_id, "version": version, "user_id": user_id}
        return tx.send(_JOIN, {**ids, "joined_at": at})
    return tx.send(_LEAVE, {"company": company_id, "group": group_id, "of": version, "user": user_id})


def _write_newcomer(tx: Tx, user: User, differences: list[Difference], *, actor: Actor, now: datetime) -> None:
    """Nobody knows them before this transaction ends, so there is nothing to wait for."""
    at = clock.text(now)
    for entry, member in differences:
        for version in (entry.version, entry.told):
            if version is not None:
                ids = {"company_id": user.company_id, "group_id": entry.group_id, "version": version}
                tx.run(_PUT, {**ids, "user_id": user.id, "joined_at": at})
        if entry.live:
            _tell(tx, user.company_id, user.id, entry, member, actor=actor, now=now)


def _tell(tx: Tx, company_id: str, user_id: str, entry: Entry, member: bool, *, actor: Actor, now: datetime) -> None:
    if member:
        group_moves.joined(
            tx, company_id, user_id, entry.group_id, entry.name, followed=entry.followed, actor=actor, now=now
        )
    else:
        group_moves.left(tx, company_id, user_id, entry.group_id, entry.name, actor=actor, now=now)

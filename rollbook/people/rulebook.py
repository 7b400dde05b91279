"""A company's rulebook: the rules that count or are being built, compiled, and which groups have followers.

Kept in the process under `companies.rules_version`, which is new at every change of a rule or a follower. It is an id,
never a number: a version whose transaction was undone must not be met again. NULL says that there never was one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import bindparam, or_, select, update

from rollbook import clock
from rollbook.database import Row, Tx
from rollbook.database.tables import companies, group_rules, groups
from rollbook.people.rules import evaluation, tree
from rollbook.people.rules.evaluation import Meets
from rollbook.people.rules.tree import GROUP

MOST_KEPT = 256


@dataclass(frozen=True, slots=True)
class Entry:
    """A version of a smart group's rule, which says who is in it. `live`: its members count.

    `told` is another version while people are still being told of a switch: its members were told that they are in.
    Rules come after those of the groups that they read, in the order of `rank`.
    """

    group_id: str
    name: str
    version: int
    live: bool
    followed: bool
    told: int | None
    meets: Meets
    rank: int


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The rules of a company, and those that read a field, a group (by the names of `tree.reads`)."""

    everyone_id: str
    everyone_followed: bool
    any_followed: bool  # whatever its kind
    entries: tuple[Entry, ...]
    readers: dict[str, tuple[Entry, ...]]

    def readers_of(self, keys: Iterable[str]) -> tuple[Entry, ...]:
        """The rules that read one of these."""
        found = {key: self.readers[key] for key in keys if key in self.readers}
        if len(found) < 2:
            return next(iter(found.values()), ())
        return tuple({entry.rank: entry for entries in found.values() for entry in entries}.values())


_VERSION = select(companies.c.rules_version).where(companies.c.id == bindparam("company"))
_RENEW = update(companies).where(companies.c.id == bindparam("company"))
_RENEW_IF_ANY = _RENEW.where(companies.c.rules_version.is_not(None))
_RULES = (
    select(
        groups.c.id,
        groups.c.name,
        groups.c.kind,
        groups.c.followed,
        group_rules.c.version,
        group_rules.c.state,
        group_rules.c.told,
        group_rules.c.rule,
    )
    .join_from(
        groups,
        group_rules,
        (group_rules.c.company_id == groups.c.company_id)
        & (group_rules.c.group_id == groups.c.id)
        & (group_rules.c.state != "replaced"),
        isouter=True,
    )
    .where(
        groups.c.company_id == bindparam("company"),
        groups.c.archived_at.is_(None),
        or_(groups.c.kind != "custom", groups.c.followed == 1),
    )
    .order_by(groups.c.id, group_rules.c.version)
)

_EVERYONE = select(groups.c.id).where(groups.c.company_id == bindparam("company"), groups.c.kind == "everyone")

_kept: OrderedDict[tuple[str, str], Rulebook] = OrderedDict()
_lock = threading.Lock()


def of(tx: Tx, company_id: str) -> Rulebook | None:
    """The rulebook of a company, None where there never was a rule or a follower: then nothing is asked for."""
    known = tx.rules_version
    if known is None or known[0] != company_id:
        row = tx.one(_VERSION, {"company": company_id})
        known = tx.rules_version = (company_id, row[0] if row else None)
    version = known[1]
    if version is None:
        return None
    key = (company_id, version)
    with _lock:
        book = _kept.get(key)
        if book is not None:
            _kept.move_to_end(key)
            return book
    book = _read(tx.all(_RULES, {"company": company_id}))
    with _lock:
        _kept[key] = book
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return book


def renew(tx: Tx, company_id: str) -> None:
    """Leaves every kept rulebook of the company behind; whoever changes a rule or a follower calls it, and waits here
    for whoever else does.
    """
    version = clock.new_id()
    tx.run(_RENEW, {"company": company_id, "rules_version": version})
    tx.rules_version = (company_id, version)


def renew_if_any(tx: Tx, company_id: str) -> None:
    """As `renew`, where there is a rulebook at all: what stands in it has another name, or went."""
    tx.run(_RENEW_IF_ANY, {"company": company_id, "rules_version": clock.new_id()})
    tx.rules_version = None


def _read(rows: list[Row]) -> Rulebook:
    everyone = next((row for row in rows if row[2] == "everyone"), None)
    rules = {(row[0], row[4]): tree.decode(row[7]) for row in rows if row[4] is not None}
    reads: dict[str, set[str]] = {}
    for (group_id, _), rule in rules.items():
        reads.setdefault(group_id, set()).update(tree.groups_read(rule))
    place = {group_id: number for number, group_id in enumerate(_ordered(reads))}
    entries: list[Entry] = []
    readers: dict[str, list[Entry]] = {}
    for row in sorted((row for row in rows if row[4] is not None), key=lambda row: (place[row[0]], row[4])):
        group_id, name, _, followed, version, state, told, _ = row
        rule = rules[(group_id, version)]
        entry = Entry(
            group_id, name, version, state == "live", bool(followed), told, evaluation.compiled(rule), len(entries)
        )
        entries.append(entry)
        for key in tree.reads(rule):
            readers.setdefault(key, []).append(entry)
    return Rulebook(
        everyone[0] if everyone else "",
        bool(everyone and everyone[3]),
        any(row[3] for row in rows),
        tuple(entries),
        {key: tuple(of_key) for key, of_key in readers.items()},
    )


def _ordered(reads: dict[str, set[str]]) -> list[str]:
    """The groups, each after those that it reads; there is no cycle among them (smart_groups.py)."""
    done: dict[str, None] = {}
    for start in reads:
        waiting = [start]
        seen = set()
        while waiting:
            group_id = waiting[-1]
            before = [other for other in reads[group_id] if other in reads and other not in done and other not in seen]
            seen.add(group_id)
            if before:
                waiting += before
            else:
                done[group_id] = None
                waiting.pop()
    return list(done)


def everyone_id(tx: Tx, company_id: str) -> str:
    """The id of *Everyone*; asked for only where there is no rulebook."""
    book = of(tx, company_id)
    if book is not None:
        return book.everyone_id
    row = tx.one(_EVERYONE, {"company": company_id})
    return row[0] if row else ""


def group_key(group_id: str) -> str:
    """How a rulebook names what follows from being in a group."""
    return GROUP + group_id

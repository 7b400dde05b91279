"""The versions of smart groups' rules as stored: which one counts, which one is being built, who made it.

What a version does is rulebook.py's and following.py's; how one is built, rule_builds.py's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import bindparam, exists, func, insert, select, update

from rollbook import clock
from rollbook.activity import queue
from rollbook.activity.events import Actor
from rollbook.database import Row, Tx
from rollbook.database.tables import group_rules, groups
from rollbook.people import rulebook
from rollbook.people.rules import tree
from rollbook.people.rules.tree import Rule

State = Literal["building", "live", "replaced"]


@dataclass(frozen=True, slots=True)
class Version:
    """A rule that a group had, has, or is to have; `cursor` is how far its building came, or the telling after it."""

    group_id: str
    version: int
    rule: Rule
    state: State
    cursor: str
    told: int | None
    made_by: str
    made_at: str

    @property
    def maker(self) -> Actor:
        """Whoever made it, as the actor of what follows from it."""
        kind, _, id_ = self.made_by.partition(":")
        return Actor(kind, id_ or None)  # type: ignore[arg-type]  # it was written from an actor


_COLUMNS = (
    group_rules.c.group_id,
    group_rules.c.version,
    group_rules.c.rule,
    group_rules.c.state,
    group_rules.c.cursor,
    group_rules.c.told,
    group_rules.c.made_by,
    group_rules.c.made_at,
)
_OF_COMPANY = group_rules.c.company_id == bindparam("company")
_OF_GROUP = (_OF_COMPANY, group_rules.c.group_id == bindparam("group"))
_ONE = select(*_COLUMNS).where(*_OF_GROUP, group_rules.c.version == bindparam("of"))
_ONE_LOCKED = _ONE.with_for_update()
_NEWEST = select(*_COLUMNS).where(*_OF_GROUP).order_by(group_rules.c.version.desc()).limit(1)
_BY_STATE = select(*_COLUMNS).where(*_OF_GROUP, group_rules.c.state == bindparam("wanted"))
_REPLACED = select(group_rules.c.version).where(*_OF_GROUP, group_rules.c.state == "replaced")
_OPEN = (
    select(*_COLUMNS)
    .where(_OF_COMPANY, group_rules.c.state != "replaced")
    .order_by(group_rules.c.group_id, group_rules.c.version)
)
_newer = group_rules.alias("newer")
_LAST_OF_ARCHIVED = (
    select(*_COLUMNS)
    .join_from(
        group_rules,
        groups,
        (groups.c.company_id == group_rules.c.company_id) & (groups.c.id == group_rules.c.group_id),
    )
    .where(
        _OF_COMPANY,
        groups.c.archived_at.is_not(None),
        ~exists().where(
            _newer.c.company_id == group_rules.c.company_id,
            _newer.c.group_id == group_rules.c.group_id,
            _newer.c.version > group_rules.c.version,
        ),
    )
    .order_by(group_rules.c.group_id)
)
_HERE = select(groups.c.id).where(
    groups.c.company_id == bindparam("company"), groups.c.kind == "smart", groups.c.archived_at.is_(None)
)
_HIGHEST = select(func.max(group_rules.c.version)).where(*_OF_GROUP)
_INSERT = insert(group_rules)
_CHANGE = (
    update(group_rules)
    .where(*_OF_GROUP, group_rules.c.version == bindparam("of"), group_rules.c.state == bindparam("was"))
    .returning(group_rules.c.version)
)
_GIVE_UP = update(group_rules).where(*_OF_GROUP, group_rules.c.state == "building")


def find(tx: Tx, company_id: str, group_id: str, version: int, *, lock: bool = False) -> Version | None:
    """One version; with `lock` nobody else changes it until this transaction ends."""
    row = tx.one(_ONE_LOCKED if lock else _ONE, {"company": company_id, "group": group_id, "of": version})
    return _version(row) if row else None


def newest(tx: Tx, company_id: str, group_id: str) -> Version | None:
    """The rule that was last asked for."""
    row = tx.one(_NEWEST, {"company": company_id, "group": group_id})
    return _version(row) if row else None


def in_state(tx: Tx, company_id: str, group_id: str, state: State) -> Version | None:
    """The one version that counts (live), or that is being built."""
    row = tx.one(_BY_STATE, {"company": company_id, "group": group_id, "wanted": state})
    return _version(row) if row else None


def replaced(tx: Tx, company_id: str, group_id: str) -> list[int]:
    """The versions that count no more."""
    return [row[0] for row in tx.all(_REPLACED, {"company": company_id, "group": group_id})]


def open_ones(tx: Tx, company_id: str) -> list[Version]:
    """What counts or is being built in a company, of archived groups too, by group."""
    return [_version(row) for row in tx.all(_OPEN, {"company": company_id})]


def to_be_built_again(tx: Tx, company_id: str) -> list[Version]:
    """Of each archived group the rule that counts once it is restored, by group."""
    return [_version(row) for row in tx.all(_LAST_OF_ARCHIVED, {"company": company_id})]


def not_archived(tx: Tx, company_id: str) -> set[str]:
    """The ids of the smart groups that are not archived."""
    return {row[0] for row in tx.all(_HERE, {"company": company_id})}


def start(tx: Tx, company_id: str, group_id: str, rule: Rule, *, actor: Actor, now: datetime) -> int:
    """A new version, and the task that builds it; one that is being built already is given up. The group is locked."""
    rulebook.renew(tx, company_id)
    give_up(tx, company_id, group_id)
    row = tx.one(_HIGHEST, {"company": company_id, "group": group_id})
    version = ((row[0] if row else None) or 0) + 1
    values: dict[str, Any] = {"company_id": company_id, "group_id": group_id, "version": version}
    values |= {"rule": tree.encode(rule), "state": "building", "cursor": "", "told": None}
    tx.run(_INSERT, values | {"made_by": str(actor), "made_at": clock.text(now)})
    queue.enqueue(tx, company_id, "build_rule", {"group_id": group_id, "version": version}, now=now)
    return version


def give_up(tx: Tx, company_id: str, group_id: str) -> None:
    """Ends the building of a version; whoever changes this renews the rulebook."""
    tx.run(_GIVE_UP, {"company": company_id, "group": group_id, "state": "replaced"})


def start_again(tx: Tx, company_id: str, group_id: str, *, actor: Actor, now: datetime) -> None:
    """Builds the rule that a group was last given anew."""
    last = newest(tx, company_id, group_id)
    if last is not None:
        start(tx, company_id, group_id, last.rule, actor=actor, now=now)


def start_readers(tx: Tx, company_id: str, group_id: str, *, actor: Actor, now: datetime) -> None:
    """Builds the rules that read a group anew: it was archived, and counts as empty, or it is back."""
    if rulebook.of(tx, company_id) is None:
        return
    here = not_archived(tx, company_id)
    last = {version.group_id: version for version in open_ones(tx, company_id) if version.group_id in here}
    for reader_id, version in last.items():
        if group_id in tree.groups_read(version.rule):
            start(tx, company_id, reader_id, version.rule, actor=actor, now=now)


def change(tx: Tx, company_id: str, version: Version, **values: Any) -> bool:
    """Writes columns of a version that is still in the state in which it was read; False where it is not."""
    whom = {"company": company_id, "group": version.group_id, "of": version.version, "was": version.state}
    return tx.one(_CHANGE, {**whom, **values}) is not None


def _version(row: Row) -> Version:
    group_id, version, rule, state, cursor, told, made_by, made_at = row
    return Version(group_id, version, tree.decode(rule), state, cursor, told, made_by, made_at)

"""Building a rule, in small writes: everybody is looked at, one write switches the new version on, then people are told
who came or went, then the rows of the version before go. Where it stands is in the rows, so it goes on after a kill.

Meanwhile people change: following.py keeps the version that is being built as exact as the one that counts. While
people are told, the members of the version before are those who were told that they are in, whoever tells them. What
such a change may miss, second_looks.py finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from rollbook import clock
from rollbook.activity import events
from rollbook.database import Tx
from rollbook.database.tables import group_members, users
from rollbook.people import groups, readings, rule_versions, rulebook, second_looks, smart_groups
from rollbook.people.groups import Group
from rollbook.people.readings import Facts
from rollbook.people.rule_versions import Version
from rollbook.people.rules import evaluation, text

LOOK = 150  # people looked at in one write
SCAN = 1000  # rows of either version compared in one write
TELL = 60  # people told in one write: each has an event, and what follows it
REMOVE = 500

_OF_VERSION = (
    group_members.c.company_id == bindparam("company"),
    group_members.c.group_id == bindparam("group"),
    group_members.c.version == bindparam("of"),
)
_ROWS = (
    select(group_members.c.user_id)
    .where(*_OF_VERSION, group_members.c.user_id > bindparam("after"))
    .order_by(group_members.c.user_id)
    .limit(bindparam("limit"))
)
_REMOVE = delete(group_members).where(*_OF_VERSION, group_members.c.user_id <= bindparam("last"))


def pending(tx: Tx, company_id: str) -> list[tuple[str, int]]:
    """The versions of a company that are not done, as (group id, version); an archived group has none."""
    here = rule_versions.not_archived(tx, company_id)
    return [
        (version.group_id, version.version)
        for version in rule_versions.open_ones(tx, company_id)
        if version.group_id in here and (version.state == "building" or version.told is not None)
    ]


def step(tx: Tx, company_id: str, group_id: str, version: int, *, now: datetime) -> bool:
    """The next small write; False where nothing is left to do for this version."""
    found = rule_versions.find(tx, company_id, group_id, version)
    if found is None:
        return False
    group = groups.get(tx, company_id, group_id)
    if group.archived_at:  # its restore builds a new version, and tells of both switches together
        return _clear(tx, group)
    if found.state == "building":
        return _look(tx, group, found, now=now)
    if found.state == "live" and found.told is not None:
        return _tell(tx, group, found, now=now)
    return _clear(tx, group)


def _look(tx: Tx, group: Group, version: Version, *, now: datetime) -> bool:
    """Looks at the next people. Whoever is archived keeps what they had; being restored, they are looked at anew."""
    told = _told_before(tx, group)
    page = readings.page(
        tx,
        group.company_id,
        version.rule,
        rulebook.everyone_id(tx, group.company_id),
        group_id=group.id,
        version=told,
        after=version.cursor,
        limit=LOOK,
        hold=True,
    )
    if page.last is None:
        return _switch(tx, group, version, now=now)
    meets = evaluation.compiled(version.rule)
    members = [facts.id for facts, person in page.people if (meets(person) if facts.here else facts.id in page.members)]
    _put(tx, group, version.version, members, since=told, now=now)
    rule_versions.change(tx, group.company_id, version, cursor=page.last)
    return True


def _switch(tx: Tx, group: Group, version: Version, *, now: datetime) -> bool:
    """From here on the new version counts."""
    group = groups.get(tx, group.company_id, group.id, lock=True)
    rulebook.renew(tx, group.company_id)
    told, before = _told_before(tx, group), rule_versions.in_state(tx, group.company_id, group.id, "live")
    if not rule_versions.change(tx, group.company_id, version, state="live", cursor="", told=told):
        return True  # given up meanwhile, or somebody else was faster
    if before is not None:
        rule_versions.change(tx, group.company_id, before, state="replaced", told=None)
    groups.count(tx, group, version.version, now=now)
    names = smart_groups.names(tx, group.company_id)
    rules = [text.write(one.rule, names) if one is not None else None for one in (before, version)]
    changes: dict[str, list[Any]] = {"rule": rules, "version": [group.version or None, version.version]}
    events.record(tx, group.company_id, "GroupRuleSwitched", group.id, changes, actor=version.maker, now=now)
    return True


def _tell(tx: Tx, group: Group, version: Version, *, now: datetime) -> bool:
    """Tells the next people who came or went with the switch; archived people are told when they are restored."""
    assert version.told is not None
    versions = (version.version, version.told, *_untold(tx, group, version))
    rows = [_rows(tx, group, one, version.cursor) for one in versions]
    ends = [page[-1] for page in rows if len(page) == SCAN]
    last = min(ends) if ends else None
    in_all = set.intersection(*map(set, rows))
    different = sorted(id_ for id_ in set().union(*rows) - in_all if last is None or id_ <= last)
    if len(different) > TELL:
        different = different[:TELL]
        last = different[-1]
    if different:
        _tell_these(tx, group, version, different, now=now)
    if last is not None:
        rule_versions.change(tx, group.company_id, version, cursor=last)
        return True
    rulebook.renew(tx, group.company_id)
    if rule_versions.change(tx, group.company_id, version, told=None):
        second_looks.ask(tx, group, version, now=now)
    return True


def _tell_these(tx: Tx, group: Group, version: Version, different: Sequence[str], *, now: datetime) -> None:
    assert version.told is not None
    people = readings.locked(tx, group.company_id, different)
    present = rule_versions.find(tx, group.company_id, group.id, version.version, lock=True)
    if present is None or (present.state, present.told) != (version.state, version.told):
        return  # another worker was faster: everybody was told, and what says so may be removed by now
    rows = second_looks.in_versions(tx, group, (version.version, version.told), different)
    joined: list[Facts] = []
    left: list[Facts] = []
    passed: list[Facts] = []  # in or out meanwhile, and as they were told they are: only rules that read the group know
    kept: list[str] = []
    not_kept: list[str] = []
    for facts in people:
        now_in, was_in = (facts.id, version.version) in rows, (facts.id, version.told) in rows
        if now_in == was_in:
            passed.append(facts)
            continue
        if facts.here:
            (joined if now_in else left).append(facts)
        else:
            (kept if was_in else not_kept).append(facts.id)
    _put(tx, group, version.told, [facts.id for facts in joined], since=version.version, now=now)
    _take_out(tx, group, version.told, [facts.id for facts in left])
    _put(tx, group, version.version, kept, since=version.told, now=now)
    _take_out(tx, group, version.version, not_kept)
    for facts in people:
        if facts in joined or facts in left:
            second_looks.tell(tx, group, version, facts, facts in joined, now=now)
    second_looks.follow_on(tx, group, version, [*joined, *left, *passed], now=now)


def _clear(tx: Tx, group: Group) -> bool:
    """Removes rows of versions that count no more; False where there are none left."""
    live = rule_versions.in_state(tx, group.company_id, group.id, "live")
    needed = {group.version, live.told, *_untold(tx, group, live)} if live is not None else {group.version}
    for old in [0, *rule_versions.replaced(tx, group.company_id, group.id)]:
        if old in needed:
            continue
        whose = {"company": group.company_id, "group": group.id, "of": old}
        rows = tx.all(_ROWS, {**whose, "after": "", "limit": REMOVE})
        if rows:
            tx.run(_REMOVE, {**whose, "last": rows[-1][0]})
            return True
    return False


def _told_before(tx: Tx, group: Group) -> int:
    """The version whose members were told: the present one, or one before it where the telling is not done."""
    live = rule_versions.in_state(tx, group.company_id, group.id, "live")
    return live.told if live is not None and live.told is not None else group.version


def _untold(tx: Tx, group: Group, live: Version) -> list[int]:
    """The versions that were switched on since the one that people were told of last: rules that read the group may
    have counted whom they held. Those that were given up before are among them, and do no harm.
    """
    if live.told is None:
        return []
    replaced = rule_versions.replaced(tx, group.company_id, group.id)
    return [version for version in replaced if live.told < version < live.version]


def _rows(tx: Tx, group: Group, version: int, after: str) -> list[str]:
    whose = {"company": group.company_id, "group": group.id, "of": version, "after": after, "limit": SCAN}
    return [row[0] for row in tx.all(_ROWS, whose)]


def _put(tx: Tx, group: Group, version: int, user_ids: Sequence[str], *, since: int, now: datetime) -> None:
    """These people into a version, each since when they are in the version `since`, or since now."""
    if not user_ids:
        return
    before: Any = group_members.alias("before")
    rows = (
        select(
            users.c.company_id,
            literal(group.id),
            literal(version),
            users.c.id,
            func.coalesce(before.c.joined_at, clock.text(now)),
        )
        .join_from(
            users,
            before,
            (before.c.company_id == users.c.company_id)
            & (before.c.group_id == group.id)
            & (before.c.version == since)
            & (before.c.user_id == users.c.id),
            isouter=True,
        )
        .where(users.c.company_id == group.company_id, users.c.id.in_(user_ids))
    )
    columns = ["company_id", "group_id", "version", "user_id", "joined_at"]
    tx.search(
        insert(group_members).from_select(columns, rows).on_conflict_do_nothing().returning(group_members.c.user_id)
    )


def _take_out(tx: Tx, group: Group, version: int, user_ids: Sequence[str]) -> None:
    if user_ids:
        tx.search(
            delete(group_members)
            .where(
                group_members.c.company_id == group.company_id,
                group_members.c.group_id == group.id,
                group_members.c.version == version,
                group_members.c.user_id.in_(user_ids),
            )
            .returning(group_members.c.user_id)
        )

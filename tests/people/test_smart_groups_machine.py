"""A company with rules lives at random: people come, change, leave and return, fields and groups and rules change, and
rules are built a step at a time. After each step every group holds whom a plain reading of its rule means, and every
timeline tells of each coming and going once.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from rollbook import clock
from rollbook.database import Tx
from rollbook.database.tables import field_values as values_table
from rollbook.database.tables import group_members
from rollbook.database.tables import groups as groups_table
from rollbook.database.tables import users as users_table
from rollbook.errors import InvalidValue
from rollbook.people import (
    companies,
    deletion,
    groups,
    memberships,
    record,
    rule_builds,
    rule_previews,
    rule_versions,
    second_looks,
    smart_groups,
    users,
)
from rollbook.people.groups import Group
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from rollbook.people.rules import text, tree
from rollbook.people.rules.tree import Rule
from tests import history
from tests.conftest import OPERATOR, House
from tests.people import plain_rules
from tests.people.smart_company import Company

LONG = bool(os.environ.get("ROLLBOOK_LONG"))
TEXT_FIELDS = ("location", "job_title", "department", "business_unit", "manager_name")
WHO = st.integers(0, 30)
DATA = st.data()


@dataclass
class Seen:
    """Who is active, what they have in the company's own fields, where they are; the rules, and the groups that are
    not archived.
    """

    active: list[User]
    custom: dict[str, dict[str, str]]
    groups: dict[str, set[str]]
    versions: list[rule_versions.Version]
    here: set[str]


class Rules(RuleBasedStateMachine):
    """What may happen, and what must hold."""

    house: House

    def __init__(self) -> None:
        super().__init__()
        name = f"acme-{clock.new_id()[-12:]}"
        new = self.house.write(lambda tx: companies.create(tx, name, "Acme", actor=OPERATOR, now=clock.now()))
        self.company = Company(self.house, new.id)
        self.fields = {
            "number": self.company.field("Shoe size", "number"),
            "text": self.company.field("Region"),
            "choice": self.company.field("Shirt", "choice", choices=plain_rules.SIZES),
        }
        self.people: list[str] = []
        self.hands = [self.company.group("Bakers").id, self.company.group("Contractors").id]
        self.smart: list[str] = []
        self.stale: set[str] = set()  # what they read was archived or came back, and they wait to be built anew
        self.everyone = self.company.ask(groups.named, new.id, "Everyone").id

    @initialize(towns=st.lists(st.sampled_from(plain_rules.TEXTS[:5]), min_size=4, max_size=4), data=DATA)
    def begin(self, towns: list[str], data: st.DataObject) -> None:
        for town in towns:
            self.hire(plain_rules.Somebody(location=town), True)
        self.make(data)
        self.make(data)

    # People.

    @rule(somebody=plain_rules.people(), active=st.sampled_from((True, True, True, False)))
    def hire(self, somebody: plain_rules.Somebody, active: bool) -> None:
        name = f"{clock.new_id()}@acme.example"
        said = {field: getattr(somebody, field) for field in (*TEXT_FIELDS, "hire_date")}
        profile = Profile(name, name, somebody.given_name, somebody.family_name, **said)
        self.people.append(self.company.hire(profile, role=somebody.role, active=active).id)

    @precondition(lambda self: self.people)
    @rule(who=WHO, field=st.sampled_from(TEXT_FIELDS), value=st.none() | st.sampled_from(plain_rules.TEXTS))
    def change(self, who: int, field: str, value: str | None) -> None:
        user = self._user(who)
        if not user.deleted_at:
            self.company.set(user, field, value)

    @precondition(lambda self: self.people)
    @rule(who=WHO, role=st.sampled_from(plain_rules.ROLES))
    def promote(self, who: int, role: Any) -> None:
        self.company.do(users.set_role, self._user(who), role)

    @precondition(lambda self: self.people)
    @rule(who=WHO, type_=st.sampled_from(("number", "text", "choice")), at=WHO, clear=st.booleans())
    def write(self, who: int, type_: str, at: int, clear: bool) -> None:
        values = plain_rules.VALUES.get(type_, plain_rules.SIZES)
        user = self._user(who)
        if not user.deleted_at:
            self.company.put(user, self.fields[type_], None if clear else values[at % len(values)])

    @precondition(lambda self: self.people)
    @rule(who=WHO, verb=st.sampled_from((users.archive, users.restore, users.restore, deletion.delete)))
    def leave_or_return(self, who: int, verb: Any) -> None:
        user = self._user(who)
        if not user.deleted_at:
            self.company.do(verb, user)

    # Groups and rules.

    @precondition(lambda self: self.people)
    @rule(who=WHO, which=WHO, verb=st.sampled_from((memberships.join, memberships.leave)))
    def move_by_hand(self, who: int, which: int, verb: Any) -> None:
        group, user = self._group(self.hands[which % len(self.hands)]), self._user(who)
        if not group.archived_at and not user.deleted_at:
            self.company.do(verb, group, user)

    @rule(data=DATA)
    def make(self, data: st.DataObject) -> None:
        if len(self.smart) < 6:
            words = self._words(self._rule(data))
            self.smart.append(self.company.smart(f"Smart {len(self.smart)}", words, built=False).id)

    @precondition(lambda self: self.smart)
    @rule(which=WHO, data=DATA)
    def give(self, which: int, data: st.DataObject) -> None:
        group = self._group(self.smart[which % len(self.smart)])
        if group.archived_at:
            return
        given = self._rule(data)
        if self._reaches(given, group.id):
            with pytest.raises(InvalidValue, match="would read itself"):
                self.company.rule(group, self._words(given), built=False)
            return
        self.company.rule(group, self._words(given), built=False)

    @rule(which=WHO, again=st.booleans())
    def archive_or_restore_a_group(self, which: int, again: bool) -> None:
        every = [*self.hands, *self.smart]
        group = self._group(every[which % len(every)])
        if bool(group.archived_at) != again:
            return
        self.company.do(groups.restore if again else groups.archive, group)
        readers = [v.group_id for v in self._versions() if group.id in tree.groups_read(v.rule)]
        self.stale |= {group.id, *readers}

    @rule(which=WHO)
    def rename_a_group(self, which: int) -> None:
        every = [*self.hands, *self.smart]
        group = self._group(every[which % len(every)])
        self.company.do(groups.rename, group, f"{group.name.split('·')[0]}·{clock.new_id()[-6:]}")

    # Building.

    @rule(which=WHO, steps=st.integers(1, 4))
    def build_some(self, which: int, steps: int) -> None:
        waiting = self.company.ask(rule_builds.pending, self.company.id)
        if waiting:
            for _ in range(steps):
                self.company.step(*waiting[which % len(waiting)])

    @precondition(lambda self: self.smart and self.people)
    @rule(
        which=WHO,
        data=DATA,
        who=st.lists(WHO, min_size=2, max_size=3, unique=True),
        towns=st.lists(st.sampled_from(plain_rules.TEXTS[:4]), min_size=4, max_size=4),
        verb=st.sampled_from((users.archive, users.restore)),
        steps=st.integers(0, 2),
    )
    def change_while_people_are_told(
        self, which: int, data: st.DataObject, who: list[int], towns: list[str], verb: Any, steps: int
    ) -> None:
        """By chance alone it seldom happens that the same few people change just then."""
        group_id = self.smart[which % len(self.smart)]
        self.give(which, data)
        waiting = dict(self.company.ask(rule_builds.pending, self.company.id))
        while group_id in waiting and self._group(group_id).version != waiting[group_id]:
            self.company.step(group_id, waiting[group_id])
        for number, town in zip(who, towns, strict=False):
            for _ in range(steps if group_id in waiting else 0):
                self.company.step(group_id, waiting[group_id])
            user = self._user(number)
            if not user.deleted_at:
                self.company.set(user, "location", town)
        self.leave_or_return(who[0], verb)
        self.hire(plain_rules.Somebody(location=towns[-1]), True)
        self.give(which, data)

    @rule()
    def build_everything(self) -> None:
        self.company.build()

    @precondition(lambda self: self.smart)
    @rule(which=WHO)
    def look_back(self, which: int) -> None:
        """Nobody overlapped, so a second look finds nothing and says nothing."""
        waiting = {group_id for group_id, _ in self.company.ask(rule_builds.pending, self.company.id)}
        group = self._group(self.smart[which % len(self.smart)])
        if group.version == 0 or waiting or group.id in self.stale:
            return

        def look(tx: Tx) -> None:
            after: str | None = ""
            while after is not None:
                after = second_looks.look_back(
                    tx, self.company.id, group.id, group.version, after=after, until="g", now=clock.now()
                )

        before = self._events()
        self.house.write(look)
        assert self._events() == before

    @precondition(lambda self: self.smart)
    @rule(which=WHO, data=DATA)
    def preview_and_give(self, which: int, data: st.DataObject) -> None:
        """What a preview says is what then happens."""
        self.company.build()
        group = self._group(self.smart[which % len(self.smart)])
        given = self._rule(data)
        if group.archived_at or self._reaches(given, group.id):
            return
        before = self.company.members(group)
        seen = rule_previews.whole(self.house.read, self.company.id, self._words(given), group)
        self.company.rule(group, self._words(given))
        after = self.company.members(group)
        for found, happened in ((seen.members, after), (seen.joining, after - before), (seen.leaving, before - after)):
            assert found.count == len(happened)
            assert {user_id for user_id, _ in found.first} == happened

    # What holds.

    @invariant()
    def every_group_holds_whom_its_rule_means(self) -> None:
        seen = self.house.read(self._look)
        pending = {one.group_id for one in seen.versions if one.state == "building" or one.told is not None}
        self.stale -= {group_id for group_id in self.stale if group_id not in pending and group_id in seen.here}
        telling = {version.group_id for version in seen.versions if version.told is not None}
        for version in seen.versions:
            reads = tree.groups_read(version.rule)
            if version.state != "live" or version.group_id not in seen.here:
                continue
            if version.group_id in self.stale or reads & (telling | self.stale):
                continue
            expected = {
                user.id
                for user in seen.active
                if plain_rules.meets(version.rule, user, seen.custom[user.id], {*seen.groups[user.id], self.everyone})
            }
            assert {user.id for user in seen.active if version.group_id in seen.groups[user.id]} == expected

    @invariant()
    def every_coming_and_going_is_told_once(self) -> None:
        seen = self.house.read(self._look)
        told: dict[tuple[str, str], list[str]] = defaultdict(list)
        for event in self.house.read(lambda tx: history.events_of(tx, self.company.id)):
            if event["kind"] in ("GroupJoined", "GroupLeft"):
                (group_id,) = [id_ for id_ in json.loads(event["changes"])["group_id"] if id_]
                told[event["subject_id"], group_id].append(event["kind"])
        for kinds in told.values():
            assert kinds == ["GroupJoined", "GroupLeft"] * (len(kinds) // 2) + ["GroupJoined"] * (len(kinds) % 2)
        pending = {one.group_id for one in seen.versions if one.state == "building" or one.told is not None}
        for group_id in ({*self.hands, *self.smart} & seen.here) - pending:
            for user in seen.active:
                assert (len(told[user.id, group_id]) % 2 == 1) == (group_id in seen.groups[user.id])

    def teardown(self) -> None:
        self.company.build()
        for group_id in self.smart:  # and as people read it
            if self._here(group_id):
                seen = self.house.read(self._look)
                expected = {user.id for user in seen.active if group_id in seen.groups[user.id]}
                assert self.company.members(self._group(group_id)) == expected
        self.every_group_holds_whom_its_rule_means()
        self.every_coming_and_going_is_told_once()
        for task in self.company.tasks("build_rule"):  # those of versions that were given up, too
            of = json.loads(task["payload"])
            while self.company.step(of["group_id"], of["version"]):
                pass
        rows = self.house.read(lambda tx: rows_by_version(tx, self.company.id))
        for group_id, version in rows:
            group = self._group(group_id)
            assert version == group.version or group.archived_at, "a row of a version that counts no more"

    def _user(self, who: int) -> User:
        return self.company.ask(users.get, self.company.id, self.people[who % len(self.people)])

    def _group(self, group_id: str) -> Group:
        return self.company.ask(groups.get, self.company.id, group_id)

    def _here(self, group_id: str) -> bool:
        return self._group(group_id).archived_at is None

    def _look(self, tx: Tx) -> Seen:
        """Everything that is compared, in one moment."""
        here = {group.id for group in groups.all_of(tx, self.company.id)}
        mine = record.SELECT.where(users_table.c.company_id == self.company.id)
        seen = Seen([], defaultdict(dict), defaultdict(set), rule_versions.open_ones(tx, self.company.id), here)
        seen.active = [user for user in users.search(tx, mine) if user.active and not user.deleted_at]
        values = select(values_table.c.user_id, values_table.c.field_id, values_table.c.value)
        for user_id, field_id, value in tx.search(values.where(values_table.c.company_id == self.company.id)):
            seen.custom[user_id][field_id] = value
        counting = (
            select(group_members.c.user_id, group_members.c.group_id)
            .join(
                groups_table,
                (groups_table.c.company_id == group_members.c.company_id)
                & (groups_table.c.id == group_members.c.group_id)
                & (groups_table.c.version == group_members.c.version),
            )
            .where(group_members.c.company_id == self.company.id)
        )
        for user_id, group_id in tx.search(counting):
            if group_id in here:  # an archived group is empty for rules
                seen.groups[user_id].add(group_id)
        return seen

    def _versions(self) -> list[rule_versions.Version]:
        return self.company.ask(rule_versions.open_ones, self.company.id)

    def _events(self) -> Counter[str]:
        return Counter(event["kind"] for event in self.house.read(lambda tx: history.events_of(tx, self.company.id)))

    def _rule(self, data: st.DataObject) -> Rule:
        own = {f"{tree.CUSTOM}{field.id}": type_ for type_, field in self.fields.items()}
        choices = {f"{tree.CUSTOM}{self.fields['choice'].id}": plain_rules.SIZES}
        readable = tuple(g for g in (*self.hands, *self.smart) if self._here(g)) or (self.everyone,)
        anything = plain_rules.rules(plain_rules.BUILT_IN | own, choices, (*readable, self.everyone), leaves=4)
        of_a_town = plain_rules.tests({"location": "text"}, {})
        return data.draw(st.one_of(anything, of_a_town, of_a_town, st.sampled_from(readable).map(tree.InGroup)))

    def _words(self, rule_: Rule) -> str:
        return text.write(rule_, self.company.ask(smart_groups.names, self.company.id))

    def _reaches(self, rule_: Rule, group_id: str) -> bool:
        """Whether the rule would make the group read itself, by way of whatever counts or is being built."""
        reads: dict[str, set[str]] = defaultdict(set)
        for version in self._versions():
            reads[version.group_id] |= tree.groups_read(version.rule)
        reads[group_id] |= tree.groups_read(rule_)
        reached: set[str] = set()
        more = set(tree.groups_read(rule_))
        while more - reached:
            reached |= more
            more = {other for one in reached for other in reads[one]}
        return group_id in reached


def rows_by_version(tx: Tx, company_id: str) -> Counter[tuple[str, int]]:
    query = select(group_members.c.group_id, group_members.c.version).where(group_members.c.company_id == company_id)
    return Counter((row[0], row[1]) for row in tx.search(query))


@pytest.mark.long
@pytest.mark.timeout(7200 if LONG else 300)
def test_whatever_happens_groups_hold_whom_their_rules_mean(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("LOOK", 2), ("SCAN", 3), ("TELL", 2), ("REMOVE", 3)):
        monkeypatch.setattr(rule_builds, name, size)
    monkeypatch.setattr(rule_previews, "PAGE", 3)
    Rules.house = house
    run_state_machine_as_test(
        Rules,
        settings=settings(
            max_examples=500 if LONG else 10,
            stateful_step_count=40,
            deadline=None,
            derandomize=not LONG,
            database=None,
            phases=(Phase.generate, Phase.shrink) if LONG else (Phase.generate,),
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )

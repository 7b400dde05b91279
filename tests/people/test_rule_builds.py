"""Building a rule: in small writes that may be cut anywhere and done twice, while people change beside it."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from rollbook import clock
from rollbook.activity import events, queue
from rollbook.database import Tx
from rollbook.database.tables import group_members
from rollbook.jobs.tasks import TASKS
from rollbook.people import groups, memberships, readings, rule_builds, rulebook, second_looks, smart_groups, users
from rollbook.people.groups import Group
from rollbook.people.record import User
from tests import history
from tests.cast import LEO, MONA
from tests.conftest import OPERATOR, House
from tests.people.smart_company import Company

TOWNS = ("Lyon", "Turin", "Paris")


@pytest.fixture
def company(house: House, company_id: str, monkeypatch: pytest.MonkeyPatch) -> Company:
    for name, size in (("LOOK", 3), ("SCAN", 3), ("TELL", 2), ("REMOVE", 3)):
        monkeypatch.setattr(rule_builds, name, size)
    return Company(house, company_id)


class Killed(Exception):
    pass


def towns(company: Company, each: int) -> dict[str, set[str]]:
    return {town: {user.id for user in company.many(each, location=town)} for town in TOWNS}


def moves(company: Company) -> list[tuple[str, str, str | None]]:
    """Who came and went, as (event, person, group)."""
    return [
        (event["kind"], event["subject_id"], next(filter(None, msgspec.json.decode(event["changes"])["group"])))
        for event in company.house.read(lambda tx: history.events_of(tx, company.id))
        if event["kind"] in ("GroupJoined", "GroupLeft")
    ]


def test_a_build_cut_at_every_step_is_done_once(company: Company) -> None:
    people = towns(company, 4)
    town = company.smart("Town", "location = Lyon", built=False)
    reader = company.smart("Reader", "group Town", built=False)

    def cut(tx: Tx, group: Group, version: int) -> None:
        rule_builds.step(tx, company.id, group.id, version, now=clock.now())
        raise Killed

    def build_with_kills(group: Group, version: int) -> int:
        steps = 0
        more = True
        while more:
            with pytest.raises(Killed):
                company.house.write(lambda tx: cut(tx, group, version))
            more = company.step(group.id, version)
            steps += 1
        return steps

    for group in (town, reader):
        assert build_with_kills(group, 1) > 5
    company.rule(town, "location = Turin", built=False)
    assert build_with_kills(town, 2) > 10
    assert company.members(town) == company.members(reader) == people["Turin"]
    expected = [(kind, user, group) for group in ("Town", "Reader") for kind, user in _expected(people)]
    assert sorted(moves(company)) == sorted(expected)
    assert {row["version"] for row in rows(company) if row["group_id"] == town.id} == {2}


def _expected(people: dict[str, set[str]]) -> list[tuple[str, str]]:
    lyon = [(kind, user) for user in people["Lyon"] for kind in ("GroupJoined", "GroupLeft")]
    return lyon + [("GroupJoined", user) for user in people["Turin"]]


def rows(company: Company) -> list[dict[str, object]]:
    query = select(group_members).where(group_members.c.company_id == company.id)
    names = group_members.columns.keys()
    return company.house.read(lambda tx: [dict(zip(names, row, strict=True)) for row in tx.search(query)])


def test_the_task_builds_and_running_it_again_changes_nothing(company: Company) -> None:
    people = towns(company, 3)
    town = company.smart("Town", "location = Lyon", built=False)
    task = company.house.write(lambda tx: queue.claim(tx, company.id, now=clock.now()))
    assert task is not None
    assert (task.name, task.payload) == ("build_rule", {"group_id": town.id, "version": 1})
    for _ in range(2):
        asyncio.run(TASKS[task.name](company.house.installation.database, task))
        assert company.members(town) == people["Lyon"]
        assert len(moves(company)) == 3
    switched = company.ask(events.of_subject, company.id, town.id)[-1]
    assert (switched.kind, switched.changes) == (
        "GroupRuleSwitched",
        {"rule": [None, 'location = "Lyon"'], "version": [None, 1]},
    )
    (look_back,) = company.tasks("look_back")
    assert look_back["due_at"] > clock.later(clock.now(), seconds=30)


@pytest.mark.parametrize("again", [False, True])
def test_a_rule_that_was_replaced_before_all_were_told_reaches_the_rules_that_read_it(
    company: Company, again: bool
) -> None:
    """Whoever it held was counted by a rule that was built meanwhile, and nobody tells them: they are as they were."""
    company.many(7, location="Lyon")
    town = company.smart("Town", "location = Paris")
    reader = company.smart("Reader", "location = Paris")

    def switch(group: Group, rule: str) -> int:
        company.rule(group, rule, built=False)
        version = dict(company.ask(rule_builds.pending, company.id))[group.id]
        while company.ask(groups.get, company.id, group.id).version != version:
            company.step(group.id, version)
        return version

    counted = switch(town, "location = Lyon")
    company.rule(reader, "group Town", built=False)
    run_to_the_end(company, reader.id, 2)
    assert len(company.members(reader)) == 7
    if again:
        switch(town, "location = Rome")
        company.step(town.id, counted)  # its task is run once more, and removes nothing that is needed
    switch(town, "location = Turin")
    company.build()
    assert company.members(town) == company.members(reader) == set()
    assert [move for move in moves(company) if move[2] == "Town"] == []
    assert {row["version"] for row in rows(company) if row["group_id"] == town.id} == set()


def test_two_workers_at_the_same_build_are_as_good_as_one(company: Company) -> None:
    people = towns(company, 20)
    town = company.smart("Town", "location = Lyon", built=False)
    company.rule(town, "location != Paris", built=False)
    in_threads([lambda: run_to_the_end(company, town.id, 2)] * 3)
    assert company.members(town) == people["Lyon"] | people["Turin"]
    assert sorted(moves(company)) == sorted(("GroupJoined", user, "Town") for user in company.members(town))


def test_a_worker_that_was_overtaken_tells_nobody_again(
    company: Company, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    """It had seen whom to tell; once it holds them, another one has told them and removed the old version."""
    if engine == "sqlite":
        pytest.skip("there is one writer at a time")
    people = towns(company, 4)
    town = company.smart("Town", "location = Lyon", built=False)
    company.rule(town, "location != Paris", built=False)
    locked, overtaken = readings.locked, threading.Event()

    def overtake(*of: Any, **how: Any) -> Any:
        if threading.current_thread() is slow and not overtaken.is_set():
            overtaken.set()
            run_to_the_end(company, town.id, 2)
        return locked(*of, **how)

    monkeypatch.setattr(readings, "locked", overtake)
    slow = threading.Thread(target=run_to_the_end, args=(company, town.id, 2))
    slow.start()
    slow.join(timeout=120)
    assert overtaken.is_set()
    assert company.members(town) == people["Lyon"] | people["Turin"]
    assert sorted(moves(company)) == sorted(("GroupJoined", user, "Town") for user in company.members(town))


def run_to_the_end(company: Company, group_id: str, version: int) -> None:
    while company.step(group_id, version):
        pass


def in_threads(works: list[Callable[[], None]]) -> None:
    """Runs them at once; what one raises is raised here."""
    errors: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    if errors:
        raise errors[0]


def test_people_change_while_rules_are_built_and_switched(company: Company) -> None:
    """Changes as requests make them: the version of the rules is known before the person is locked."""
    chance = random.Random(7)
    bakers = company.group("Bakers")
    people = [user.id for town in TOWNS for user in company.many(8, location=town)]
    town = company.smart("Town", "location = Lyon")
    reader = company.smart("Reader", "group Town and not group Bakers")
    done = threading.Event()

    def change(seed: int) -> Callable[[], None]:
        mine = random.Random(seed)

        def one(tx: Tx) -> None:
            now = clock.now()
            rulebook.of(tx, company.id)
            user = users.get(tx, company.id, mine.choice(people), lock=True)
            kind = mine.randrange(8)
            if kind < 4:
                users.set_fields(tx, user, {"location": mine.choice(TOWNS)}, actor=OPERATOR, now=now)
            elif kind == 4:
                users.archive(tx, user, actor=OPERATOR, now=now)
            elif kind == 5:
                users.restore(tx, user, actor=OPERATOR, now=now)
            else:
                verb = memberships.join if kind == 6 else memberships.leave
                verb(tx, bakers, user, actor=OPERATOR, now=now)

        def hire(tx: Tx) -> None:
            name = f"{clock.new_id()}@acme.example"
            profile = msgspec.structs.replace(LEO, user_name=name, email=name, external_id=None)
            users.create(tx, company.id, profile, actor=OPERATOR, now=clock.now())

        def run() -> None:
            while not done.is_set():
                company.house.write(hire if mine.random() < 0.05 else one)

        return run

    def build() -> None:
        try:
            for _ in range(6):
                for group, rule in ((town, f"location != {chance.choice(TOWNS)}"), (reader, _of_the_reader(chance))):
                    company.rule(group, rule, built=False)
                for _ in range(chance.randrange(4)):
                    for group_id, version in company.ask(rule_builds.pending, company.id):
                        company.step(group_id, version)
                if chance.random() < 0.6:
                    company.build()
        finally:
            done.set()

    in_threads([build, *(change(seed) for seed in range(4))])
    company.build()
    for group in (town, reader):
        look_back(company, group)
    everybody = {user.id: user for user in everyone(company)}
    inside = {group.id: company.members(group) for group in (bakers, town, reader)}
    for group in (town, reader):
        rule = company.ask(smart_groups.rule_text, group)
        assert rule is not None
        expected = {user.id for user in everybody.values() if means(rule, user, inside, bakers, town)}
        assert inside[group.id] == expected, rule
    told: dict[str, set[str]] = {"Town": set(), "Reader": set()}
    for kind, user_id, name in moves(company):
        if name in told:
            (told[name].add if kind == "GroupJoined" else told[name].discard)(user_id)
    assert {name: ids & everybody.keys() for name, ids in told.items()} == {
        "Town": inside[town.id],
        "Reader": inside[reader.id],
    }


def _of_the_reader(chance: random.Random) -> str:
    return chance.choice(("group Town", "not group Town", "group Town and not group Bakers"))


def means(rule: str, user: User, inside: dict[str, set[str]], bakers: Group, town: Group) -> bool:
    """The five rules of the test above, said by hand."""
    in_town, in_bakers = user.id in inside[town.id], user.id in inside[bakers.id]
    if rule.startswith("location"):
        return user.location != rule.split('"')[1]
    return {
        'group "Town"': in_town,
        'not group "Town"': not in_town,
        'group "Town" and not group "Bakers"': in_town and not in_bakers,
    }[rule]


def everyone(company: Company) -> list[User]:
    group = company.ask(groups.named, company.id, "Everyone")
    return [
        company.ask(users.get, company.id, member.id) for member in company.ask(memberships.members, group, limit=9999)
    ]


def look_back(company: Company, group: Group) -> None:
    version = company.ask(groups.get, company.id, group.id).version
    after: str | None = ""
    while after is not None:
        after = company.house.write(
            lambda tx, after=after: second_looks.look_back(  # type: ignore[misc]  # a lambda with a default
                tx, company.id, group.id, version, after=after, until="g", now=clock.now()
            )
        )


def test_a_second_look_finds_what_a_change_of_before_the_rule_missed(company: Company) -> None:
    """As a transaction that began before the rule was given, and was committed after everybody was looked at."""
    town = company.smart("Town", "location = Paris")
    company.smart("Reader", "group Town")
    stale = company.house.read(lambda tx: rulebook_of(tx, company.id))
    leo = company.hire()
    company.rule(town, "location = Lyon or location = Turin")

    def hire_as_before(tx: Tx) -> User:
        tx.rules_version = (company.id, stale)
        profile = msgspec.structs.replace(MONA, location="Turin")
        return users.create(tx, company.id, profile, actor=OPERATOR, now=clock.now())

    mona = company.house.write(hire_as_before)
    assert company.members(town) == {leo.id}
    for _ in range(2):
        asyncio.run(_look_back_task(company))
        assert company.members(town) == {leo.id, mona.id}
        assert company.told(mona) == ["+Town", "+Reader"]
        assert company.told(leo) == ["+Town", "+Reader"]


def rulebook_of(tx: Tx, company_id: str) -> str | None:
    assert rulebook.of(tx, company_id) is not None
    assert tx.rules_version is not None
    return tx.rules_version[1]


async def _look_back_task(company: Company) -> None:
    database = company.house.installation.database
    later = clock.moment(clock.later(clock.now(), seconds=90))
    while task := await database.write(lambda tx: queue.claim(tx, company.id, now=later)):
        await TASKS[task.name](database, task)
        await database.write(lambda tx, task=task: queue.finish(tx, task, now=later))  # type: ignore[misc]  # a lambda with a default


def test_how_far_a_build_is_can_be_read(company: Company) -> None:
    towns(company, 3)
    town = company.smart("Town", "location = Lyon", built=False)
    seen = []
    while True:
        done = company.ask(smart_groups.progress, town)
        assert done is not None
        seen.append((done.state, done.looked_at, done.of))
        if not company.step(town.id, 1):
            break
    assert seen[:5] == [
        ("building", 0, 9),
        ("building", 3, 9),
        ("building", 6, 9),
        ("building", 9, 9),
        ("telling", 1, 1),
    ]
    assert seen[-1] == ("live", 1, 1)

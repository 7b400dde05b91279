"""Disconnecting: a source is switched off at once, its people follow in steps that may be cut and run again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from rollbook import clock
from rollbook.activity import events, queue
from rollbook.database import Tx
from rollbook.database.tables import okta_connections, okta_people, okta_runs
from rollbook.database.tables import users as table
from rollbook.errors import InvalidValue
from rollbook.jobs.tasks import TASKS
from rollbook.people import alarms, disconnecting, fields, identity_links, keys, users
from rollbook.people.disconnecting import Choice, Source
from rollbook.people.roles import Role
from tests import history
from tests.cast import LEO, scim_user
from tests.conftest import OPERATOR, House, Tenant
from tests.people import okta_rows

SIZE = 7


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disconnecting, "STEP", 3)
    monkeypatch.setattr(disconnecting, "DIRECTORY_STEP", 2)


@pytest.fixture
def filled(house: House, acme: Tenant) -> dict[str, list[str]]:
    """People by link, the last of each a manager, and one of each archived; and what the pull has."""
    made: dict[str, list[str]] = {"linked": [], "known": [], "unlinked": [], "archived": []}

    def hire(tx: Tx, link: str, number: int, role: Role) -> str:
        name = f"{link}{number}@acme.example"
        profile = msgspec.structs.replace(
            LEO, user_name=name, email=name, external_id=None if link == "unlinked" else f"00u{link}{number}"
        )
        user = users.create(tx, acme.id, profile, linked=link == "linked", role=role, actor=OPERATOR, now=clock.now())
        if number == 0:
            users.archive(tx, user, actor=OPERATOR, now=clock.now())
            made["archived"].append(user.id)
        return user.id

    def work(tx: Tx) -> None:
        for link in ("linked", "known", "unlinked"):
            for number in range(SIZE + 1):
                role: Role = "manager" if number == SIZE else "learner"
                made[link].append(hire(tx, link, number, role))
        okta_rows.connect(tx, acme.id)
        for number in range(5):
            okta_rows.person(tx, acme.id, f"00uknown{number}")
        okta_rows.run(tx, acme.id, state="held", ended_at=None, slot="2026-11-24T06:00:00.000000Z")
        fields.create(tx, acme.id, "Region", owner="okta", actor=OPERATOR, now=clock.now())
        fields.create(tx, acme.id, "Badge", owner="scim", actor=OPERATOR, now=clock.now())

    house.write(work)
    return made


def begin(house: House, company_id: str, source: Source, choice: Choice) -> None:
    house.write(lambda tx: disconnecting.begin(tx, company_id, source, choice, actor=OPERATOR, now=clock.now()))


def work_off(house: House, company_id: str) -> None:
    """The task, as a worker does it."""

    async def work() -> None:
        database = house.installation.database
        claim = partial(queue.claim, company_id=company_id, only="disconnect_people", now=clock.now())
        while task := await database.write(claim):
            await TASKS[task.name](database, task)
            await database.write(partial(queue.finish, task=task, now=clock.now()))

    asyncio.run(work())


def states(house: House, company_id: str) -> dict[str, tuple[str, bool, Any]]:
    rows = house.read(lambda tx: history.rows(tx, table, company_id))
    return {row["id"]: (row["link"], row["archived_at"] is None, row["external_id"]) for row in rows}


def owners(house: House, company_id: str) -> dict[str, str]:
    return {field.name: field.owner for field in house.read(lambda tx: fields.all_of(tx, company_id))}


LINK: dict[Source, str] = {"scim": "linked", "okta": "known"}
OTHER: dict[Source, str] = {"scim": "known", "okta": "linked"}


@pytest.mark.parametrize("source", disconnecting.SOURCES)
def test_the_preview_counts_and_changes_nothing(
    house: House, acme: Tenant, filled: dict[str, list[str]], source: Source
) -> None:
    before = states(house, acme.id)
    found = house.read(lambda tx: disconnecting.preview(tx, acme.id, source))
    assert (found.people, found.archived, found.connected) == (SIZE, 1, True)
    assert [user.id for user in found.privileged] == [filled[LINK[source]][-1]]
    assert found.fields == {"scim": ["Badge", "Hire date"], "okta": ["Region"]}[source]
    assert found.keys == {"scim": 1, "okta": 0}[source]
    assert states(house, acme.id) == before


@pytest.mark.parametrize("choice", disconnecting.CHOICES)
@pytest.mark.parametrize("source", disconnecting.SOURCES)
def test_what_becomes_of_people(
    house: House, acme: Tenant, filled: dict[str, list[str]], source: Source, choice: Choice
) -> None:
    before = states(house, acme.id)
    begin(house, acme.id, source, choice)
    work_off(house, acme.id)
    after = states(house, acme.id)
    mine = set(filled[LINK[source]])
    assert {id_: after[id_] for id_ in after.keys() - mine} == {id_: before[id_] for id_ in before.keys() - mine}
    for id_ in mine:
        link, was_active, external_id = before[id_]
        if choice == "hand-over":
            assert after[id_] == ("unlinked", was_active, None)
        else:
            is_manager = id_ == filled[LINK[source]][-1]
            assert after[id_] == (link, was_active and (choice == "keep" or is_manager), external_id)
    assert owners(house, acme.id)["Region"] == ("learning" if (source, choice) == ("okta", "hand-over") else "okta")
    assert owners(house, acme.id)["Badge"] == ("learning" if (source, choice) == ("scim", "hand-over") else "scim")
    assert house.read(lambda tx: history.contradictions(tx, acme.id)) == []
    told = house.read(lambda tx: events.of_subject(tx, acme.id, acme.id))
    assert [event.changes for event in told if event.kind == "SourceDisconnected"] == [
        {"source": [source, None], "people": [None, choice]}
    ]
    again = states(house, acme.id)
    work_off(house, acme.id)
    assert states(house, acme.id) == again


@pytest.mark.parametrize("choice", disconnecting.CHOICES)
def test_scim_is_refused_from_the_same_moment(
    house: House, acme: Tenant, filled: dict[str, list[str]], choice: Choice
) -> None:
    assert acme.scim.get("/Users?count=0").status_code == 200
    begin(house, acme.id, "scim", choice)
    assert acme.scim.get("/Users?count=0").status_code == 401
    assert all(key.revoked_at for key in house.read(lambda tx: keys.search(tx, acme.id)))
    (connection,) = rows(house, okta_connections, acme.id)
    assert (connection["state"], connection["sealed_token"]) == ("on", "sealed")


@pytest.mark.parametrize("choice", disconnecting.CHOICES)
def test_the_pull_loses_its_token_its_run_and_what_it_read(
    house: House, acme: Tenant, umbra: Tenant, filled: dict[str, list[str]], choice: Choice
) -> None:
    house.write(lambda tx: okta_rows.connect(tx, umbra.id))
    house.write(lambda tx: okta_rows.person(tx, umbra.id, "00uotto"))
    begin(house, acme.id, "okta", choice)
    (connection,) = rows(house, okta_connections, acme.id)
    assert (connection["state"], connection["sealed_token"]) == ("off", None)
    (run,) = house.read(lambda tx: history.rows(tx, okta_runs, acme.id))
    assert (run["state"], run["reason"], run["ended_at"] is not None) == ("dropped", disconnecting.DROPPED, True)
    work_off(house, acme.id)
    assert rows(house, okta_people, acme.id) == []
    assert acme.scim.get("/Users?count=0").status_code == 200
    assert len(rows(house, okta_people, umbra.id)) == 1
    assert rows(house, okta_connections, umbra.id)[0]["state"] == "on"


def rows(house: House, of: Any, company_id: str) -> list[dict[str, Any]]:
    found = house.read(lambda tx: tx.search(select(of).where(of.c.company_id == company_id)))
    return [dict(zip(of.columns.keys(), row, strict=True)) for row in found]


@pytest.mark.parametrize("choice", ["archive", "hand-over"])
def test_a_step_cut_off_leaves_nothing_and_the_next_goes_on(
    house: House, acme: Tenant, filled: dict[str, list[str]], choice: Choice
) -> None:
    class Killed(Exception):
        pass

    def following() -> list[str]:
        return house.read(lambda tx: disconnecting.following(tx, acme.id, "scim", choice))

    def step(tx: Tx, ids: list[str]) -> int:
        return disconnecting.step(tx, acme.id, "scim", choice, ids, actor=OPERATOR, now=clock.now())

    def cut(tx: Tx, ids: list[str]) -> None:
        assert step(tx, ids) > 0
        raise Killed

    begin(house, acme.id, "scim", choice)
    done = 0
    while True:
        before = states(house, acme.id)
        if choice == "archive" and not any(before[id_][1] for id_ in filled["linked"][:-1]):
            break
        if choice == "hand-over" and not any(before[id_][0] == "linked" for id_ in filled["linked"]):
            break
        with pytest.raises(Killed):
            house.write(partial(cut, ids=following()))
        assert states(house, acme.id) == before
        done += house.write(partial(step, ids=following()))
    assert done == {"archive": SIZE - 1, "hand-over": SIZE + 1}[choice]
    assert following() == []
    assert house.write(partial(step, ids=[])) == 0
    kind = {"archive": "UserArchived", "hand-over": "UserHandedOver"}[choice]
    told = [
        event["subject_id"] for event in house.read(lambda tx: history.events_of(tx, acme.id)) if event["kind"] == kind
    ]
    assert len(told) == len(set(told) | set(filled["archived"] if choice == "archive" else ()))


def test_a_source_that_is_on_again_loses_nobody_to_a_late_task(
    house: House, acme: Tenant, filled: dict[str, list[str]]
) -> None:
    """The worker was down for a week, and Okta was connected again meanwhile."""
    begin(house, acme.id, "scim", "archive")
    begin(house, acme.id, "okta", "hand-over")

    def connect(tx: Tx) -> None:
        pepper = house.installation.pepper
        keys.issue(tx, acme.id, "scim", pepper=pepper, actor=OPERATOR, now=clock.now())

    house.write(connect)
    before = states(house, acme.id)
    work_off(house, acme.id)
    after = states(house, acme.id)
    assert {id_: after[id_] for id_ in filled["linked"]} == {id_: before[id_] for id_ in filled["linked"]}
    assert {after[id_][0] for id_ in filled["known"]} == {"unlinked"}


def test_who_was_handed_over_is_found_again_when_okta_comes_back(
    house: House, acme: Tenant, tenant: Callable[[str], Tenant]
) -> None:
    leo = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    begin(house, acme.id, "scim", "hand-over")
    work_off(house, acme.id)
    handed = house.read(lambda tx: users.get(tx, acme.id, leo))
    assert (handed.link, handed.external_id, handed.linked_at, handed.active) == ("unlinked", None, None, True)

    def issue(tx: Tx) -> str:
        return keys.issue(tx, acme.id, "scim", pepper=house.installation.pepper, actor=OPERATOR, now=clock.now())[1]

    acme.scim.auth = (acme.company.subdomain, house.write(issue))
    back = acme.scim.post("/Users", json=scim_user(LEO))
    assert (back.status_code, back.json()["id"]) == (201, leo)
    after = house.read(lambda tx: users.get(tx, acme.id, leo))
    assert (after.link, after.external_id) == ("linked", "00uleo")


def test_a_match_of_a_handed_over_user_is_not_undone(house: House, acme: Tenant) -> None:
    leo = house.write(
        lambda tx: users.create(
            tx, acme.id, msgspec.structs.replace(LEO, external_id=None), actor=OPERATOR, now=clock.now()
        )
    )
    house.write(
        lambda tx: identity_links.link(
            tx, leo, external_id="00uleo", by_client=False, rule="e-mail", actor=OPERATOR, now=clock.now()
        )
    )
    begin(house, acme.id, "okta", "hand-over")
    work_off(house, acme.id)
    user = house.read(lambda tx: users.get(tx, acme.id, leo.id))
    assert (user.link, user.external_id) == ("unlinked", None)
    assert identity_links.rule_match(house.read(lambda tx: events.of_subject(tx, acme.id, leo.id)), user) is None


@pytest.mark.parametrize("choice", ["archive", "hand-over"])
def test_whoever_is_no_longer_concerned_is_passed_over(
    house: House, acme: Tenant, filled: dict[str, list[str]], choice: Choice
) -> None:
    """People are looked up before the write, and may have changed until then."""
    begin(house, acme.id, "scim", choice)
    ids = house.read(lambda tx: disconnecting.following(tx, acme.id, "scim", choice))
    step = partial(
        disconnecting.step,
        company_id=acme.id,
        source="scim",
        choice=choice,
        ids=ids,
        actor=OPERATOR,
        now=clock.now(),
    )
    if choice == "archive":  # all of them were promoted
        for id_ in ids:
            house.write(
                lambda tx, i=id_: users.set_role(
                    tx, users.get(tx, acme.id, i, lock=True), "manager", actor=OPERATOR, now=clock.now()
                )
            )
    else:  # another worker was first
        house.write(step)
    before = states(house, acme.id)
    assert house.write(step) == len(ids) == 3
    assert states(house, acme.id) == before
    kinds = [event["kind"] for event in house.read(lambda tx: history.events_of(tx, acme.id))]
    assert kinds.count("UserHandedOver") == (0 if choice == "archive" else 3)


@pytest.mark.parametrize("choice", ["archive", "hand-over"])
def test_no_write_walks_over_those_who_are_done(
    house: House, acme: Tenant, filled: dict[str, list[str]], choice: Choice
) -> None:
    """Each look goes on after the last one, and a write names the people it is about."""
    begin(house, acme.id, "scim", choice)
    met: list[str] = []
    look = partial(disconnecting.following, company_id=acme.id, source="scim", choice=choice)
    while ids := house.read(partial(look, after=met[-1] if met else "")):
        assert len(ids) <= 3
        met += ids
    assert met == sorted(set(met))
    wanted = filled["linked"][1:-1] if choice == "archive" else filled["linked"]
    assert met == sorted(wanted)


def test_a_held_run_ends_with_its_alarms_and_is_told_of(
    house: House, acme: Tenant, filled: dict[str, list[str]]
) -> None:
    (run,) = house.read(lambda tx: history.rows(tx, okta_runs, acme.id))
    for kind in ("okta_held", "okta_attention"):
        house.write(lambda tx, k=kind: alarms.sound(tx, acme.id, k, acme.id, {"run_id": run["id"]}, now=clock.now()))
    begin(house, acme.id, "okta", "keep")
    assert house.read(lambda tx: alarms.open_ones(tx, acme.id)) == []
    told = house.read(lambda tx: events.of_subject(tx, acme.id, run["id"]))
    assert [(event.kind, event.changes) for event in told] == [("OktaRunDropped", {"state": ["held", "dropped"]})]
    begin(house, acme.id, "okta", "hand-over")
    assert len(house.read(lambda tx: events.of_subject(tx, acme.id, run["id"]))) == 1


@pytest.mark.parametrize("text", ["", "saml", "SCIM2"])
def test_an_unknown_source_or_choice_is_named(text: str) -> None:
    with pytest.raises(InvalidValue, match="scim, okta"):
        disconnecting.read_source(text)
    with pytest.raises(InvalidValue, match="keep, archive, hand-over"):
        disconnecting.read_choice(text)
    assert disconnecting.read_choice(" Hand_Over ") == "hand-over"


@pytest.mark.parametrize("then", ["keep", "hand-over"])
def test_what_is_chosen_last_is_done(house: House, acme: Tenant, filled: dict[str, list[str]], then: Choice) -> None:
    """Also where the choice before waits still, or is being done."""
    before = states(house, acme.id)
    begin(house, acme.id, "okta", "archive")
    begin(house, acme.id, "okta", then)
    work_off(house, acme.id)
    after = states(house, acme.id)
    assert all(after[user_id][1] == before[user_id][1] for user_id in before)
    if then == "keep":
        assert after == before
    else:
        assert {after[user_id][0] for user_id in filled["known"]} == {"unlinked"}
    ids = house.read(lambda tx: disconnecting.following(tx, acme.id, "okta", "archive"))
    step = partial(disconnecting.step, actor=OPERATOR, now=clock.now())
    assert house.write(lambda tx: step(tx, acme.id, "okta", "archive", ids)) == 0
    begin(house, acme.id, "okta", "archive")
    work_off(house, acme.id)
    assert states(house, acme.id)[filled["known"][1]][1] is (then != "keep")

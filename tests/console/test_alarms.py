"""Alarms: each in words, each action does what it says, as the person who pressed it; other companies' stay unseen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
import time_machine

from rollbook import clock
from rollbook.activity import events, queue
from rollbook.jobs.tasks import TASKS
from rollbook.okta import runs
from rollbook.okta.runs import Run
from rollbook.people import alarms, users
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from tests.cast import ADA, CLEO, DEACTIVATE, LEO, MONA, REACTIVATE, scim_user
from tests.conftest import OPERATOR, House, Tenant
from tests.console.desk import Desk, open_alarms, person


def _again(house: House, user: User) -> User:
    return house.read(lambda tx: users.get(tx, user.company_id, user.id))


def _work(house: House, company_id: str) -> None:
    """The company's tasks that are due."""

    async def work() -> None:
        database = house.installation.database
        while task := await database.write(lambda tx: queue.claim(tx, company_id, now=clock.now())):
            await TASKS[task.name](database, task)
            await database.write(partial(queue.finish, task=task, now=clock.now()))

    asyncio.run(work())


def _actors(house: House, company_id: str, subject_id: str, kind: str) -> list[str]:
    timeline = house.read(lambda tx: events.of_subject(tx, company_id, subject_id))
    return [event.actor for event in timeline if event.kind == kind]


def test_a_held_address_is_confirmed(house: House, acme: Tenant, ada: Desk) -> None:
    mona = person(house, acme.id, MONA, "manager")
    moved = scim_user(MONA, emails=[{"value": "mona@new.example", "primary": True}])
    assert acme.scim.put(f"/Users/{mona.id}", json=moved).status_code == 200
    page = ada.open("/provisioning")
    assert "Okta changed the e-mail of Mona Marigold" in page.text
    assert "Sign-in links keep going to mona@acme.example" in page.text
    path = f"/provisioning/alarms/{next(open_alarms(house, acme.id)).id}/confirm"
    assert path in page.links
    assert "whoever reads its mail can sign in" in ada.open(path).text
    answer = ada.press(path, on=path)
    assert answer.headers["location"] == "/provisioning?done=confirm"
    assert _again(house, mona).sign_in_email == "mona@new.example"
    assert _actors(house, acme.id, mona.id, "AddressConfirmed") == [f"user:{ada.user.id}"]
    after = ada.open("/provisioning?done=confirm")
    assert "sign-in links go there from now on" in after.text
    assert "Okta changed the e-mail" not in after.text


def test_a_held_user_name_says_where_links_go(house: House, acme: Tenant, ada: Desk) -> None:
    mona = person(house, acme.id, MONA, "manager")
    renamed = scim_user(MONA, userName="m.marigold@acme.example")
    assert acme.scim.put(f"/Users/{mona.id}", json=renamed).status_code == 200
    assert "Okta changed the user name of Mona Marigold" in ada.open("/provisioning").text
    path = f"/provisioning/alarms/{next(open_alarms(house, acme.id)).id}/confirm"
    assert ada.press(path, on=path).status_code == 303
    assert list(open_alarms(house, acme.id)) == []


def test_a_deleted_manager_gives_up_the_names_when_an_admin_says_so(house: House, acme: Tenant, ada: Desk) -> None:
    mona = person(house, acme.id, MONA, "manager")
    assert acme.scim.delete(f"/Users/{mona.id}").status_code == 204
    assert acme.scim.post("/Users", json=scim_user(MONA)).status_code == 409
    path = f"/provisioning/alarms/{next(open_alarms(house, acme.id)).id}/free"
    assert "Okta deleted Mona Marigold, manager" in ada.open("/provisioning").text
    assert ada.press(path, on=path).status_code == 303
    assert _actors(house, acme.id, mona.id, "UserFreed") == [f"user:{ada.user.id}"]
    assert acme.scim.post("/Users", json=scim_user(MONA)).status_code == 201
    assert list(open_alarms(house, acme.id)) == []


def test_a_restored_creator_is_understood_without_a_second_page(house: House, acme: Tenant, ada: Desk) -> None:
    cleo = person(house, acme.id, CLEO, "creator")
    for body in (DEACTIVATE, REACTIVATE):
        assert acme.scim.patch(f"/Users/{cleo.id}", json=body).status_code == 200
    page = ada.open("/provisioning")
    assert "Okta restored Cleo Clover, creator" in page.text
    path = f"/provisioning/alarms/{next(open_alarms(house, acme.id)).id}/understood"
    assert ada.press(path, on="/provisioning").status_code == 303
    assert list(open_alarms(house, acme.id)) == []
    assert _again(house, cleo).role == "creator"


def test_the_last_admin_archived_is_told_to_the_next_one(house: House, acme: Tenant, sit: Callable[..., Desk]) -> None:
    ada = person(house, acme.id, ADA, "admin")
    assert acme.scim.patch(f"/Users/{ada.id}", json=DEACTIVATE).status_code == 200
    mona = sit(acme, MONA, "admin")
    assert "Ada Lovage, the last administrator, was archived" in mona.open("/provisioning").text
    path = f"/provisioning/alarms/{next(open_alarms(house, acme.id)).id}/understood"
    assert mona.press(path, on="/provisioning").status_code == 303
    assert list(open_alarms(house, acme.id)) == []
    assert not _again(house, ada).active


@pytest.fixture
def left(house: House, acme: Tenant) -> list[str]:
    """Twelve people whom Okta archived together."""
    ids = []
    for number in range(12):
        name = f"p{number}@acme.example"
        created = acme.scim.post("/Users", json=scim_user(Profile(name, name, f"P{number}", "Poppy")))
        ids.append(created.json()["id"])
    for user_id in ids:
        assert acme.scim.patch(f"/Users/{user_id}", json=DEACTIVATE).status_code == 200
    _work(house, acme.id)
    return ids


def test_one_click_restores_everybody_whom_okta_archived_together(
    house: House, acme: Tenant, ada: Desk, left: list[str]
) -> None:
    page = ada.open("/provisioning")
    assert "Okta archived 12 people within an hour" in page.text
    assert "Restore all 12" in page.text
    path = f"/provisioning/alarms/{next(open_alarms(house, acme.id)).id}/restore"
    assert ada.press(path, on=path).status_code == 303
    waiting = ada.open("/provisioning?done=restore")
    assert "Being restored since" in waiting.text
    assert path not in waiting.links
    _work(house, acme.id)
    assert all(acme.scim.get(f"/Users/{user_id}").json()["active"] for user_id in left)
    assert _actors(house, acme.id, left[0], "UserRestored") == [f"user:{ada.user.id}"]
    assert "Okta archived 12 people" not in ada.open("/provisioning").text
    assert ada.open(path).status == 409


def test_leavers_who_were_meant_to_leave_stay_archived(house: House, acme: Tenant, ada: Desk, left: list[str]) -> None:
    path = f"/provisioning/alarms/{next(open_alarms(house, acme.id)).id}/leave"
    assert ada.press(path, on=path).status_code == 303
    _work(house, acme.id)
    assert list(open_alarms(house, acme.id)) == []
    assert not any(acme.scim.get(f"/Users/{user_id}").json()["active"] for user_id in left)


def test_who_was_left_archived_is_not_counted_again(house: House, acme: Tenant, ada: Desk, left: list[str]) -> None:
    path = f"/provisioning/alarms/{next(open_alarms(house, acme.id)).id}/leave"
    assert ada.press(path, on=path).status_code == 303
    leo = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    acme.scim.patch(f"/Users/{leo}", json=DEACTIVATE)
    _work(house, acme.id)
    assert list(open_alarms(house, acme.id)) == []


def test_a_leaver_of_the_next_day_does_not_join_an_open_alarm(
    house: House, acme: Tenant, ada: Desk, left: list[str]
) -> None:
    before = next(open_alarms(house, acme.id))
    leo = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    with time_machine.travel(clock.now() + timedelta(days=1)):
        acme.scim.patch(f"/Users/{leo}", json=DEACTIVATE)
        _work(house, acme.id)
    assert list(open_alarms(house, acme.id)) == [before]


def test_what_is_settled_cannot_be_settled_again(house: House, acme: Tenant, ada: Desk) -> None:
    cleo = person(house, acme.id, CLEO, "creator")
    for body in (DEACTIVATE, REACTIVATE):
        acme.scim.patch(f"/Users/{cleo.id}", json=body)
    path = f"/provisioning/alarms/{next(open_alarms(house, acme.id)).id}/understood"
    token = ada.token()
    assert ada.http.post(path, data={"form_token": token}).status_code == 303
    again = ada.http.post(path, data={"form_token": token})
    assert again.status_code == 409
    assert "settled already" in again.text
    assert len(_actors(house, acme.id, cleo.id, "AlarmResolved")) == 1


def test_another_companys_alarm_is_no_different_from_none(house: House, acme: Tenant, umbra: Tenant, ada: Desk) -> None:
    cleo = person(house, umbra.id, CLEO, "creator")
    for body in (DEACTIVATE, REACTIVATE):
        assert umbra.scim.patch(f"/Users/{cleo.id}", json=body).status_code == 200
    alarm = next(open_alarms(house, umbra.id))
    token, nobody = ada.token(), "01a00000-0000-7000-8000-000000000000"
    answers = [
        (
            ada.http.get(f"/provisioning/alarms/{id_}/understood"),
            ada.http.post(f"/provisioning/alarms/{id_}/understood", data={"form_token": token}),
        )
        for id_ in (alarm.id, nobody)
    ]
    assert {answer.status_code for pair in answers for answer in pair} == {404}
    assert answers[0][0].text == answers[1][0].text
    assert [open_.id for open_ in open_alarms(house, umbra.id)] == [alarm.id]


def test_an_action_of_another_kind_of_alarm_is_not_there(house: House, acme: Tenant, ada: Desk) -> None:
    cleo = person(house, acme.id, CLEO, "creator")
    for body in (DEACTIVATE, REACTIVATE):
        acme.scim.patch(f"/Users/{cleo.id}", json=body)
    alarm = next(open_alarms(house, acme.id))
    for action in ("free", "confirm", "restore", "leave", "anything"):
        path = f"/provisioning/alarms/{alarm.id}/{action}"
        assert ada.http.get(path).status_code == 404
        assert ada.http.post(path, data={"form_token": ada.token()}).status_code == 404
    assert ada.http.get("/provisioning/alarms/%00/understood").status_code == 404


def test_a_learner_settles_nothing(house: House, acme: Tenant, sit: Callable[..., Desk]) -> None:
    leo = sit(acme, LEO, "learner")
    cleo = person(house, acme.id, CLEO, "creator")
    for body in (DEACTIVATE, REACTIVATE):
        acme.scim.patch(f"/Users/{cleo.id}", json=body)
    path = f"/provisioning/alarms/{next(open_alarms(house, acme.id)).id}/understood"
    assert leo.http.get(path).status_code == 403
    assert leo.http.post(path, data={"form_token": leo.token()}).status_code == 403
    assert len(list(open_alarms(house, acme.id))) == 1


def test_the_two_records_of_a_returner_are_joined(house: House, acme: Tenant, umbra: Tenant, ada: Desk) -> None:
    old = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    assert acme.scim.delete(f"/Users/{old}").status_code == 204
    new = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    assert old != new
    page = ada.open("/provisioning")
    path = f"/provisioning/returners/{old}/{new}"
    assert path in page.links
    assert "Joining cannot be undone" in ada.open(path).text
    assert ada.open(f"/provisioning/returners/{new}/{old}").status == 404
    assert ada.press(path, on=path).headers["location"] == "/provisioning?done=joined"
    joined = house.read(lambda tx: users.get(tx, acme.id, old))
    assert joined.joined_into == new
    assert path not in ada.open("/provisioning").links
    assert ada.open(path).status == 404


def _held(house: House, company_id: str) -> Run:
    run = house.write(lambda tx: runs.create_by_hand(tx, company_id, "sync", actor=OPERATOR, now=clock.now()))
    counts = {"archive": 60, "change": 1}
    return house.write(lambda tx: runs.hold(tx, run, "60 people would be archived.", counts=counts, now=clock.now()))


def test_a_held_run_leads_to_its_page_where_it_is_answered(house: House, acme: Tenant, ada: Desk) -> None:
    run = _held(house, acme.id)
    page = ada.open("/provisioning")
    assert "A run of the standard integration waits for your yes" in page.text
    assert f"/provisioning/standard/runs/{run.id}" in page.html
    alarm = next(open_alarms(house, acme.id))
    assert not [form.action for form in page.forms if alarm.id in form.action]
    assert house.read(lambda tx: runs.get(tx, acme.id, run.id)).state == "held"


def test_an_org_that_cannot_be_read_is_told_of(house: House, acme: Tenant, ada: Desk) -> None:
    detail = {"run_id": "r", "reason": "Okta does not accept the API token (401)."}
    house.write(lambda tx: alarms.sound(tx, acme.id, "okta_attention", acme.id, detail, now=clock.now()))
    page = ada.open("/provisioning").text
    assert "The standard integration cannot read Okta" in page
    assert "Okta does not accept the API token (401). Nobody was changed" in page
    path = f"/provisioning/alarms/{next(open_alarms(house, acme.id)).id}/understood"
    assert ada.press(path, on="/provisioning").status_code == 303
    assert list(open_alarms(house, acme.id)) == []

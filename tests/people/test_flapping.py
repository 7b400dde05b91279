"""Flapping: an archive on the heels of a restore is honoured and flagged, and Okta's answer settles it."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import time_machine

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import tasks
from rollbook.people import alarms, flapping, users
from rollbook.people.alarms import Alarm
from rollbook.people.flapping import WITHIN_SECONDS, Outcome
from rollbook.people.record import User
from tests import history
from tests.cast import DEACTIVATE, LEO, MONA, REACTIVATE, scim_user
from tests.conftest import OPERATOR, House, Tenant

OKTA = Actor("task", "ask_okta")


def hire(acme: Tenant) -> str:
    return str(acme.scim.post("/Users", json=scim_user(LEO)).json()["id"])


def off(acme: Tenant, user_id: str, how: str = "PATCH") -> None:
    if how == "PATCH":
        answer = acme.scim.patch(f"/Users/{user_id}", json=DEACTIVATE)
    else:
        answer = acme.scim.put(f"/Users/{user_id}", json=scim_user(LEO, active=False))
    assert (answer.status_code, answer.json()["active"]) == (200, False)


def on(acme: Tenant, user_id: str, how: str = "PATCH") -> None:
    if how == "PATCH":
        answer = acme.scim.patch(f"/Users/{user_id}", json=REACTIVATE)
    elif how == "PUT":
        answer = acme.scim.put(f"/Users/{user_id}", json=scim_user(LEO))
    else:
        answer = acme.scim.post("/Users", json=scim_user(LEO))
    assert (answer.status_code in (200, 201), answer.json()["active"]) == (True, True)


def flagged(house: House, company_id: str, user_id: str) -> Alarm | None:
    return house.read(lambda tx: alarms.find_open(tx, company_id, "flapping", user_id))


def told(house: House, company_id: str, user_id: str) -> list[str]:
    return [event.kind for event in house.read(lambda tx: events.of_subject(tx, company_id, user_id))]


@pytest.mark.parametrize(("back", "away"), list(itertools.product(("PATCH", "PUT", "POST"), ("PATCH", "PUT"))))
def test_a_late_deactivation_is_honoured_and_flagged(house: House, acme: Tenant, back: str, away: str) -> None:
    leo = hire(acme)
    off(acme, leo)
    on(acme, leo, back)
    assert flagged(house, acme.id, leo) is None
    off(acme, leo, away)
    alarm = flagged(house, acme.id, leo)
    assert alarm is not None
    user = house.read(lambda tx: users.get(tx, acme.id, leo))
    assert user.archived_at is not None
    assert user.archived_at == alarm.detail["archived_at"] > alarm.detail["restored_at"]
    assert told(house, acme.id, leo)[-2:] == ["UserArchived", "UserFlapped"]
    asked = [row for row in house.read(lambda tx: history.rows(tx, tasks, acme.id)) if row["name"] == "ask_okta"]
    assert [msgspec.json.decode(row["payload"])["user_id"] for row in asked] == [leo]
    assert house.read(lambda tx: history.contradictions(tx, acme.id)) == []
    lines = house.read(lambda tx: history.lines_of(tx, acme.id))
    assert msgspec.json.decode(lines[-1]["changes"]) == {"archived_at": [None, user.archived_at]}


@pytest.mark.parametrize(("later", "is_flagged"), [(WITHIN_SECONDS - 1, True), (WITHIN_SECONDS + 1, False)])
def test_two_minutes_are_the_measure(house: House, acme: Tenant, later: float, is_flagged: bool) -> None:
    leo = hire(acme)
    start = clock.now() + timedelta(hours=1)
    with time_machine.travel(start, tick=False) as clock_:
        off(acme, leo)
        on(acme, leo)
        clock_.shift(later)
        off(acme, leo)
    assert (flagged(house, acme.id, leo) is not None) == is_flagged


def test_who_was_restored_by_a_person_is_not_flagged(house: House, acme: Tenant) -> None:
    leo = hire(acme)
    off(acme, leo)
    on(acme, leo)
    off(acme, leo)
    assert flagged(house, acme.id, leo) is not None
    house.write(lambda tx: alarms.resolve(tx, acme.id, "flapping", leo, actor=OPERATOR, now=clock.now()))
    house.write(lambda tx: users.restore(tx, users.get(tx, acme.id, leo), actor=OPERATOR, now=clock.now()))
    off(acme, leo)
    assert flagged(house, acme.id, leo) is None


def test_who_is_archived_by_a_person_or_for_the_first_time_is_not_flagged(house: House, acme: Tenant) -> None:
    leo = hire(acme)
    off(acme, leo)
    assert flagged(house, acme.id, leo) is None
    on(acme, leo)
    house.write(lambda tx: users.archive(tx, users.get(tx, acme.id, leo), actor=OPERATOR, now=clock.now()))
    assert flagged(house, acme.id, leo) is None
    off(acme, leo)  # again the same
    assert flagged(house, acme.id, leo) is None


def test_an_archive_that_is_sent_again_is_flagged_once(house: House, acme: Tenant) -> None:
    leo = hire(acme)
    off(acme, leo)
    on(acme, leo)
    for _ in range(3):
        off(acme, leo)
    assert told(house, acme.id, leo).count("UserFlapped") == 1


def flap(house: House, acme: Tenant, role: Any = "learner") -> User:
    leo = hire(acme)
    house.write(lambda tx: users.set_role(tx, users.get(tx, acme.id, leo), role, actor=OPERATOR, now=clock.now()))
    for step in (off, on, off):
        step(acme, leo)
    return house.read(lambda tx: users.get(tx, acme.id, leo))


def settle(house: House, user: User, answer: bool | None) -> Outcome:
    def work(tx: Tx) -> Outcome:
        locked = users.get(tx, user.company_id, user.id, lock=True)
        return flapping.settle(tx, locked, answer, actor=OKTA, now=clock.now())

    return house.write(work)


def test_whom_okta_calls_active_is_restored(house: House, acme: Tenant) -> None:
    leo = flap(house, acme)
    assert settle(house, leo, True) == "restored"
    after = house.read(lambda tx: users.get(tx, acme.id, leo.id))
    assert (after.active, after.id, after.role, after.link) == (True, leo.id, leo.role, "linked")
    assert flagged(house, acme.id, leo.id) is None
    assert told(house, acme.id, leo.id)[-2:] == ["UserRestored", "AlarmResolved"]
    assert settle(house, leo, True) == "settled"
    assert house.read(lambda tx: users.get(tx, acme.id, leo.id)) == after


def test_whom_okta_calls_gone_stays_archived(house: House, acme: Tenant) -> None:
    leo = flap(house, acme)
    assert settle(house, leo, False) == "confirmed"
    assert flagged(house, acme.id, leo.id) is None
    assert house.read(lambda tx: users.get(tx, acme.id, leo.id)) == leo
    assert settle(house, leo, True) == "settled"
    assert house.read(lambda tx: users.get(tx, acme.id, leo.id)) == leo


def test_without_an_answer_the_alarm_waits(house: House, acme: Tenant) -> None:
    leo = flap(house, acme)
    assert settle(house, leo, None) == "unknown"
    assert flagged(house, acme.id, leo.id) is not None
    assert house.read(lambda tx: flapping.waiting(tx, acme.id, leo.id)) == leo


def test_a_privileged_person_waits_for_a_person_s_yes(house: House, acme: Tenant) -> None:
    leo = flap(house, acme, "manager")
    assert settle(house, leo, True) == "held"
    assert house.read(lambda tx: users.get(tx, acme.id, leo.id)) == leo
    alarm = flagged(house, acme.id, leo.id)
    assert alarm is not None
    assert alarm.detail["okta"] == "active"


def test_whose_e_mail_somebody_has_by_now_waits_too(house: House, acme: Tenant) -> None:
    leo = flap(house, acme)
    taker = msgspec.structs.replace(MONA, email=LEO.email)
    house.write(lambda tx: users.create(tx, acme.id, taker, actor=OPERATOR, now=clock.now()))
    assert settle(house, leo, True) == "held"
    assert house.read(lambda tx: users.get(tx, acme.id, leo.id)) == leo


@pytest.mark.parametrize("end", ["restored by Okta", "restored by a person", "deleted"])
@pytest.mark.parametrize("answer", [True, False])
def test_what_happened_meanwhile_settles_it(house: House, acme: Tenant, end: str, answer: bool) -> None:
    leo = flap(house, acme)
    if end == "restored by Okta":
        on(acme, leo.id)
    elif end == "deleted":
        assert acme.scim.delete(f"/Users/{leo.id}").status_code == 204
    else:
        house.write(lambda tx: users.restore(tx, leo, actor=OPERATOR, now=clock.now()))
    before = house.read(lambda tx: users.get(tx, acme.id, leo.id))
    assert settle(house, leo, answer) == "settled"
    assert house.read(lambda tx: users.get(tx, acme.id, leo.id)) == before
    assert flagged(house, acme.id, leo.id) is None

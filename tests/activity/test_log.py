"""The provisioning log as it is stored: given back whole, searched, and forgotten after its time."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace
from sqlalchemy import bindparam, update

from rollbook import clock
from rollbook.activity import events, log
from rollbook.activity.events import Actor
from rollbook.activity.log import Entry
from rollbook.database import Tx
from rollbook.database.tables import events as table
from rollbook.people import companies
from rollbook.people.record import NOT_SHOWN
from tests import history
from tests.conftest import OPERATOR, House

ENTRY = Entry(
    method="PATCH",
    path="/scim/v2/Users/leo",
    status=200,
    decision="updated",
    request_id="request",
    key_id="key",
    user_id="leo",
    changes={"location": ["Lyon", "Turin"]},
    ignored=("nickname", "costCentre"),
    hint=None,
)


_RENAME = update(table).where(table.c.company_id == bindparam("company"), table.c.id == bindparam("entry"))


def write(house: House, company_id: str, *entries: Entry, at: datetime | None = None) -> None:
    def work(tx: Tx) -> None:
        for entry in entries:
            log.begin(tx)
            if entry.changes and entry.user_id:
                client, now = Actor("scim", entry.key_id, entry.request_id), clock.now()
                events.record(tx, company_id, "UserUpdated", entry.user_id, entry.changes, actor=client, now=now)
            log.write(tx, company_id, entry, now=at or clock.now())

    house.write(work)


def test_a_line_is_given_back_as_it_was_written(house: House, company_id: str) -> None:
    write(house, company_id, ENTRY)
    (found,) = house.read(lambda tx: log.search(tx, company_id))
    assert replace(found, id="", at="") == ENTRY
    assert house.read(lambda tx: log.last(tx, company_id)) == found


def test_lines_come_newest_first_and_page_by_page(house: House, company_id: str) -> None:
    write(house, company_id, *(replace(ENTRY, request_id=str(number)) for number in range(5)))
    first = house.read(lambda tx: log.search(tx, company_id, limit=2))
    second = house.read(lambda tx: log.search(tx, company_id, limit=2, before=first[-1].id))
    newer = house.read(lambda tx: log.search(tx, company_id, limit=2, after=second[-1].id))
    assert [entry.request_id for entry in (*first, *second)] == ["4", "3", "2", "1"]
    assert [entry.request_id for entry in newer] == ["3", "2"]


def test_lines_are_found_by_person_and_by_refusal(house: House, company_id: str) -> None:
    refused = replace(ENTRY, user_id="mona", decision="refused", status=409, hint="The user name is taken.")
    write(house, company_id, ENTRY, refused)
    of_mona = house.read(lambda tx: log.search(tx, company_id, user_id="mona"))
    refusals = house.read(lambda tx: log.search(tx, company_id, refused=True))
    assert [entry.hint for entry in of_mona] == [entry.hint for entry in refusals] == ["The user name is taken."]


def test_one_company_finds_nothing_of_another(house: House, company_id: str) -> None:
    write(house, company_id, ENTRY)
    assert house.read(lambda tx: log.search(tx, clock.new_id(), user_id="leo")) == []


def test_a_line_is_forgotten_after_its_time_in_small_steps(house: House, company_id: str) -> None:
    now = clock.now()
    old_id = clock.first_id_at(now - timedelta(days=log.KEEP_DAYS, hours=1))
    fresh = now - timedelta(days=log.KEEP_DAYS - 1)
    for number in range(5):
        write_with_id(house, company_id, f"{old_id[:-1]}{number}", now - timedelta(days=log.KEEP_DAYS, hours=1))
    write_with_id(house, company_id, clock.first_id_at(fresh)[:-1] + "1", fresh)
    write(house, company_id, ENTRY)
    before = now - timedelta(days=log.KEEP_DAYS)
    other = house.write(lambda tx: companies.create(tx, clock.new_id(), "Umbra", actor=OPERATOR, now=now)).id
    write_with_id(house, other, f"{old_id[:-1]}9", now - timedelta(days=log.KEEP_DAYS, hours=1))
    steps = []
    while step := house.write(lambda tx: log.prune(tx, company_id, before=before, limit=2)):
        steps.append(step)
    assert steps == [2, 2, 1]
    assert len(house.read(lambda tx: log.search(tx, company_id))) == 2
    assert len(house.read(lambda tx: log.search(tx, other))) == 1


def write_with_id(house: House, company_id: str, id_: str, at: datetime) -> None:
    def work(tx: Tx) -> None:
        log.write(tx, company_id, ENTRY, now=at)
        written = log.last(tx, company_id)
        assert written is not None
        tx.run(_RENAME, {"company": company_id, "entry": written.id, "id": id_})

    house.write(work)


def test_a_person_s_values_are_forgotten_and_what_happened_stays(house: House, company_id: str) -> None:
    write(house, company_id, ENTRY, replace(ENTRY, user_id="mona"))
    house.write(lambda tx: log.forget_user(tx, company_id, "leo"))
    of_mona, of_leo = house.read(lambda tx: log.search(tx, company_id))
    assert (of_leo.changes, of_leo.decision, of_leo.ignored) == ({}, "updated", ENTRY.ignored)
    assert of_mona.changes == ENTRY.changes


CLIENT = Actor("scim", "key", "request")


def request(tx: Tx, company_id: str, *told: tuple[str, str, dict[str, list[str | None]]], at: datetime) -> None:
    """A request that makes these events, then its line."""
    log.begin(tx)
    for kind, subject, changes in told:
        events.record(tx, company_id, kind, subject, changes, actor=CLIENT, now=at)
    log.write(tx, company_id, replace(ENTRY, changes={}), now=at)


def test_one_event_and_its_line_are_one_row(house: House, company_id: str) -> None:
    told = ("UserUpdated", "leo", {"location": ["Lyon", "Turin"]})
    house.write(lambda tx: request(tx, company_id, told, at=clock.now()))
    (line,) = house.read(lambda tx: log.search(tx, company_id))
    (event,) = house.read(lambda tx: events.of_subject(tx, company_id, "leo"))
    assert replace(line, id="", at="") == ENTRY
    assert (event.id, event.at, event.changes, event.request_id) == (line.id, line.at, line.changes, "request")


def test_a_line_tells_what_several_events_changed_in_its_person(house: House, company_id: str) -> None:
    told: list[tuple[str, str, dict[str, list[str | None]]]] = [
        ("UserLinked", "leo", {"external_id": [None, "00u1"], "link": ["known", "linked"]}),
        ("UserUpdated", "leo", {"external_id": ["00u1", "00u2"], "location": ["Lyon", "Turin"]}),
        ("UserUpdated", "leo", {"location": ["Turin", "Lyon"], "nickName": [NOT_SHOWN, NOT_SHOWN]}),
        ("AddressConfirmed", "mona", {"email": [None, "mona@acme.example"]}),
    ]
    house.write(lambda tx: request(tx, company_id, *told, at=clock.now()))
    (line,) = house.read(lambda tx: log.search(tx, company_id))
    assert line.changes == {
        "external_id": [None, "00u2"],
        "link": ["known", "linked"],
        "nickName": [NOT_SHOWN, NOT_SHOWN],  # changed, and kept by name only
    }
    timeline = house.read(lambda tx: events.of_subject(tx, company_id, "leo"))
    assert [(event.kind, event.changes) for event in timeline] == [(kind, changes) for kind, _, changes in told[:3]]
    assert len(house.read(lambda tx: events.of_subject(tx, company_id, "mona"))) == 1


def test_what_is_recorded_without_a_line_is_none(house: House, company_id: str) -> None:
    house.write(lambda tx: events.record(tx, company_id, "UserUpdated", "leo", actor=OPERATOR, now=clock.now()))
    assert house.read(lambda tx: log.search(tx, company_id)) == []
    assert house.read(lambda tx: log.search(tx, company_id, user_id="leo")) == []


def test_the_event_stays_when_its_line_is_forgotten(house: House, company_id: str) -> None:
    told = ("UserUpdated", "leo", {"location": ["Lyon", "Turin"]})
    house.write(lambda tx: request(tx, company_id, told, at=clock.now()))
    house.write(lambda tx: request(tx, company_id, at=clock.now()))
    (before,) = house.read(lambda tx: events.of_subject(tx, company_id, "leo"))
    tomorrow = clock.now() + timedelta(days=1)
    assert house.write(lambda tx: log.prune(tx, company_id, before=tomorrow)) == 2
    assert house.write(lambda tx: log.prune(tx, company_id, before=tomorrow)) == 0
    assert house.read(lambda tx: log.search(tx, company_id)) == []
    assert house.read(lambda tx: events.of_subject(tx, company_id, "leo")) == [before]
    row = house.read(lambda tx: history.events_of(tx, company_id))[-1]
    assert {row[name] for name in ("method", "path", "status", "decision", "ignored", "hint")} == {None}

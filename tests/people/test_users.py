"""The verbs of people: each does one thing, whole or not at all, tells of it once, and nothing when asked again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import users as table
from rollbook.errors import Conflict, InvalidValue, NotFound
from rollbook.people import addresses, alarms, companies, deletion, profiles, search, users
from rollbook.people.profiles import Profile
from rollbook.people.record import User, profile_of
from rollbook.people.search import Equals
from tests import history
from tests.cast import ADA, LEO, MONA
from tests.conftest import OPERATOR, House

CLIENT = Actor("scim", "key", "request")


@dataclass
class Staff:
    """A company's people, by the verbs."""

    house: House
    company_id: str

    def hire(self, profile: Profile = LEO, **how: Any) -> User:
        options: dict[str, Any] = {"actor": OPERATOR, "now": clock.now()} | how
        return self.house.write(lambda tx: users.create(tx, self.company_id, profile, **options))

    def do(self, verb: Callable[..., User], user: User, *of: Any, **how: Any) -> User:
        options = {"actor": OPERATOR, "now": clock.now()} | how
        return self.house.write(lambda tx: verb(tx, users.get(tx, self.company_id, user.id), *of, **options))

    def now(self, user: User) -> User:
        return self.house.read(lambda tx: users.get(tx, self.company_id, user.id))

    def kinds(self, user: User) -> list[str]:
        told = self.house.read(lambda tx: events.of_subject(tx, self.company_id, user.id))
        return [event.kind for event in told if event.kind not in history.BESIDE]

    def alarms(self) -> set[str]:
        return {alarm.kind for alarm in self.house.read(lambda tx: alarms.open_ones(tx, self.company_id))}


@pytest.fixture
def staff(house: House, company_id: str) -> Staff:
    return Staff(house, company_id)


def say(user: User | Profile, **fields: Any) -> Profile:
    return msgspec.structs.replace(user if isinstance(user, Profile) else profile_of(user), **fields)


def test_a_created_user_says_what_was_given(staff: Staff) -> None:
    leo = staff.hire(say(LEO, kept={"nickName": "Ly"}))
    found = staff.now(leo)
    assert msgspec.structs.replace(found, kept=leo.kept) == leo  # JSON's spaces are the database's own
    assert profile_of(found) == say(LEO, kept={"nickName": "Ly"})
    assert (found.role, found.link, found.version, found.active) == ("learner", "known", 1, True)
    (created,) = staff.house.read(lambda tx: events.of_subject(tx, staff.company_id, leo.id))
    assert created.changes["location"] == [None, "Lyon"]
    assert created.changes["nickName"] == [None, "(not shown)"]


def test_updating_changes_what_differs_and_tells_before_and_after(staff: Staff) -> None:
    leo = staff.hire()
    after = staff.do(users.update, leo, say(leo, location="Turin", job_title="Baker"))
    assert (after.location, after.job_title, after.version) == ("Turin", "Baker", 2)
    event = staff.house.read(lambda tx: events.of_subject(tx, staff.company_id, leo.id))[-1]
    assert (event.kind, event.changes) == (
        "UserUpdated",
        {"location": ["Lyon", "Turin"], "job_title": [None, "Baker"]},
    )


def test_the_same_again_writes_nothing(staff: Staff) -> None:
    leo = staff.hire()
    before = staff.house.read(lambda tx: history.rows(tx, table, staff.company_id))
    for verb, of in (
        (users.update, [profile_of(leo)]),
        (users.restore, []),
        (users.set_role, ["learner"]),
        (users.set_fields, [{"location": "Lyon"}]),
    ):
        assert staff.do(verb, leo, *of) == leo
    assert staff.house.read(lambda tx: history.rows(tx, table, staff.company_id)) == before
    assert staff.kinds(leo) == ["UserCreated"]
    archived = staff.do(users.archive, leo)
    assert staff.do(users.archive, leo) == archived
    deleted = staff.do(deletion.delete, leo)
    assert staff.do(deletion.delete, leo) == deleted
    assert staff.do(deletion.free, leo) == deleted
    assert staff.kinds(leo) == ["UserCreated", "UserArchived", "UserDeleted"]


def test_an_update_that_is_refused_changes_nothing(staff: Staff) -> None:
    leo, mona = staff.hire(), staff.hire(MONA)
    for fields in (
        {"location": "Turin", "user_name": "MONA@acme.example"},
        {"location": "Turin", "email": "Mona@Acme.example"},
        {"location": "Turin", "email": "no address"},
        {"location": "T\u0000rin"},
        {"location": "Turin", "user_name": " "},
        {"location": "x" * (profiles.LONGEST + 1)},
        {"hire_date": "24.11.2026"},
        {"user_name": "le\u200bo@acme.example"},
    ):
        with pytest.raises((Conflict, InvalidValue)):
            staff.do(users.update, leo, say(leo, **fields))
    assert (staff.now(leo), staff.now(mona)) == (leo, mona)
    assert staff.kinds(leo) == ["UserCreated"]


def test_archived_and_restored_any_number_of_times_is_the_same_user(staff: Staff) -> None:
    leo = staff.do(users.set_role, staff.hire(say(LEO, kept={"nickName": "Ly"}, hire_date="2026-11-24")), "manager")
    for _ in range(5):
        staff.do(users.archive, leo)
        back = staff.do(users.restore, leo)
    changing = {"version": leo.version, "updated_at": leo.updated_at, "away_until": None}
    assert msgspec.structs.replace(back, **changing) == leo
    assert back.away_until == back.updated_at
    assert back.version == leo.version + 10


def test_an_archived_user_blocks_no_address_and_returns_only_where_it_is_free(staff: Staff) -> None:
    leo = staff.do(users.archive, staff.hire())
    newcomer = staff.hire(say(LEO, user_name="new@acme.example", external_id=None))
    assert staff.now(leo).email == newcomer.email
    with pytest.raises(Conflict) as conflict:
        staff.do(users.restore, leo)
    assert (conflict.value.field, conflict.value.holder_id) == ("email", newcomer.id)
    assert leo.id in conflict.value.message
    assert newcomer.id in conflict.value.message
    staff.do(users.archive, newcomer)
    assert staff.do(users.restore, leo).active


def test_an_archived_user_keeps_the_user_name_and_the_external_id(staff: Staff) -> None:
    staff.do(users.archive, staff.hire())
    for fields, field in (
        ({"email": "new@acme.example", "external_id": None}, "user_name"),
        ({"email": "new@acme.example", "user_name": "new@acme.example"}, "external_id"),
    ):
        with pytest.raises(Conflict) as conflict:
            staff.hire(say(LEO, **fields))
        assert conflict.value.field == field


def test_external_ids_are_compared_exactly(staff: Staff) -> None:
    staff.hire()
    other = staff.hire(say(MONA, external_id="00uLEO"))
    assert other.external_id == "00uLEO"


@pytest.mark.parametrize("value", ["1", "0", "-1", "1e3", "x" * 1024, "'; --", "../..", "00u leo"])
def test_an_external_id_is_opaque(staff: Staff, value: str) -> None:
    leo = staff.hire(say(LEO, external_id=value))
    assert leo.id != value
    found = staff.house.read(
        lambda tx: search.page(tx, staff.company_id, Equals("external_id", value), offset=0, limit=2)
    )
    assert [user.id for user in found.users] == [leo.id]
    with pytest.raises(NotFound):
        staff.house.read(lambda tx: users.get(tx, staff.company_id, value))


def test_deleting_frees_the_names_and_remembers_them(staff: Staff) -> None:
    leo = staff.hire()
    staff.do(deletion.delete, leo)
    (row,) = staff.house.read(lambda tx: history.rows(tx, table, staff.company_id))
    assert (row["former_user_name"], row["former_email"], row["former_external_id"]) == (
        "leo@acme.example",
        "leo@acme.example",
        "00uleo",
    )
    assert (row["user_name_key"], row["email_key"], row["email_claim"], row["external_id"]) == (None, None, None, None)
    again = staff.hire()
    assert again.id != leo.id
    with pytest.raises(Conflict, match="deleted"):
        staff.do(users.restore, leo)


def test_a_deleted_privileged_user_s_names_are_freed_once(staff: Staff) -> None:
    ada = staff.hire(say(ADA, external_id="00uada"), role="admin")
    staff.do(deletion.delete, ada, actor=CLIENT)
    assert "privileged_deleted" in staff.alarms()
    with pytest.raises(Conflict):
        staff.hire(ADA)
    for _ in range(2):
        freed = staff.do(deletion.free, ada)
    assert staff.kinds(ada) == ["UserCreated", "UserArchived", "UserDeleted", "UserFreed"]
    (row,) = staff.house.read(lambda tx: history.rows(tx, table, staff.company_id))
    assert (row["former_external_id"], row["version"]) == ("00uada", freed.version)
    assert "privileged_deleted" not in staff.alarms()
    with pytest.raises(Conflict, match="not deleted"):
        staff.do(deletion.free, staff.hire(ADA))


def test_a_deleted_record_takes_no_name_again(staff: Staff) -> None:
    leo = staff.hire()
    staff.do(deletion.delete, leo)
    for field, value in (("user_name", "new@acme.example"), ("email", "new@acme.example"), ("location", "Turin")):
        with pytest.raises(Conflict, match="was deleted"):
            staff.do(users.set_fields, leo, {field: value})
    assert staff.hire(say(LEO, user_name="new@acme.example", email="new@acme.example")).active


def test_a_field_is_set_by_hand_and_cleared(staff: Staff) -> None:
    leo = staff.hire()
    assert staff.do(users.set_fields, leo, {"hire_date": "2026-11-24"}).hire_date == "2026-11-24"
    assert staff.do(users.set_fields, leo, {"hire_date": ""}).hire_date is None
    for field, value in (
        ("role", "admin"),
        ("external_id", "00u"),
        ("version", "9"),
        ("user_name", ""),
        ("email", "x"),
    ):
        with pytest.raises(InvalidValue):
            staff.do(users.set_fields, leo, {field: value})
    assert staff.now(leo).role == "learner"


def test_the_last_admin_s_archive_is_honoured_and_told_until_one_is_back(staff: Staff) -> None:
    ada, mona = staff.hire(ADA, role="admin"), staff.hire(MONA, role="admin")
    staff.do(users.archive, ada, actor=CLIENT)
    assert "last_admin_archived" not in staff.alarms()
    assert not staff.do(users.archive, mona, actor=CLIENT).active
    assert "last_admin_archived" in staff.alarms()
    staff.do(users.restore, ada)
    assert "last_admin_archived" not in staff.alarms()


def test_the_last_admin_s_other_role_is_honoured_and_told_to_the_next_one(staff: Staff) -> None:
    ada, mona = staff.hire(ADA, role="admin"), staff.hire(MONA, role="admin")
    staff.do(users.set_role, ada, "manager")
    assert "last_admin_archived" not in staff.alarms()
    staff.do(users.set_role, mona, "learner")
    assert "last_admin_archived" in staff.alarms()
    staff.do(users.set_role, ada, "admin")  # who is to read of it
    assert "last_admin_archived" in staff.alarms()


def test_a_privileged_user_restored_by_a_client_is_told(staff: Staff) -> None:
    mona = staff.do(users.archive, staff.hire(MONA, role="manager"))
    staff.do(users.restore, mona)
    assert staff.alarms() == set()
    staff.do(users.archive, mona)
    staff.do(users.restore, mona, actor=CLIENT)
    assert staff.alarms() == {"privileged_restored"}


def test_only_a_client_s_change_of_a_privileged_address_is_held(staff: Staff) -> None:
    mona = staff.hire(MONA, role="manager")
    by_hand = staff.do(users.set_fields, mona, {"email": "first@acme.example"})
    assert (by_hand.sign_in_email, by_hand.confirmed_email) == ("first@acme.example", None)
    held = staff.do(users.update, mona, say(by_hand, email="second@acme.example"), actor=CLIENT)
    assert (held.email, held.sign_in_email) == ("second@acme.example", "first@acme.example")
    assert staff.alarms() == {"address_held"}
    found = staff.house.read(lambda tx: addresses.held_for(tx, staff.company_id, "FIRST@acme.example"))
    assert found == [mona.id]
    settled = staff.do(users.set_fields, mona, {"email": "third@acme.example"})
    assert settled.sign_in_email == "third@acme.example"


def test_an_address_changed_with_the_archive_is_held_and_told_as_well(staff: Staff) -> None:
    mona = staff.hire(MONA, role="manager")
    staff.do(users.update, mona, say(mona, email="evil@evil.example"), active=False, actor=CLIENT)
    assert staff.alarms() == {"address_held"}
    assert staff.do(users.restore, mona).sign_in_email == MONA.email


def test_several_changes_at_once_are_one_version_and_an_event_each(staff: Staff) -> None:
    leo = staff.hire()
    after = staff.do(users.update, leo, say(leo, location="Turin"), active=False)
    assert after.version == 2
    assert staff.kinds(leo) == ["UserCreated", "UserUpdated", "UserArchived"]


def test_events_name_kept_attributes_without_their_values(staff: Staff) -> None:
    leo = staff.hire(say(LEO, kept={"nickName": "Ly", "userType": "Employee"}))
    staff.do(users.update, leo, say(leo, kept={"nickName": "Leo", "userType": "Employee"}, location=None))
    *_, told = staff.house.read(lambda tx: events.of_subject(tx, staff.company_id, leo.id))
    assert told.changes == {"location": ["Lyon", None], "nickName": ["(not shown)", "(not shown)"]}


def test_nobody_is_found_by_a_look_up_in_another_company(staff: Staff, house: House) -> None:
    leo = staff.hire()
    assert house.read(lambda tx: users.find(tx, clock.new_id(), leo.id)) is None
    with pytest.raises(NotFound):
        house.read(lambda tx: search.named(tx, clock.new_id(), LEO.email))


def test_the_operator_s_lists_hold_one_company_s_people(staff: Staff, house: House) -> None:
    other = house.write(lambda tx: companies.create(tx, clock.new_id(), "Umbra", actor=OPERATOR, now=clock.now()))
    for profile in (LEO, MONA):
        house.write(lambda tx, p=profile: users.create(tx, other.id, p, actor=OPERATOR, now=clock.now()))  # type: ignore[misc]  # a lambda with a default
    leo, mona = staff.hire(), staff.do(users.archive, staff.hire(MONA))
    staff.do(deletion.delete, staff.hire(ADA))
    lists = [house.read(lambda tx, a=a: search.everybody(tx, staff.company_id, archived=a)) for a in (False, True)]  # type: ignore[misc]  # a lambda with a default
    assert lists == [[leo], [mona]]


def test_a_person_is_named_by_id_user_name_or_e_mail(staff: Staff) -> None:
    leo = staff.hire(say(LEO, user_name="ll"))
    for name in (leo.id, "LL", "Leo@acme.example"):
        assert staff.house.read(lambda tx, name=name: search.named(tx, staff.company_id, name)) == leo  # type: ignore[misc]  # a lambda with a default
    archived = staff.do(users.archive, leo)
    newcomer = staff.hire(say(LEO, user_name="new", external_id=None))
    assert staff.house.read(lambda tx: search.named(tx, staff.company_id, LEO.email)) == newcomer
    staff.do(users.archive, newcomer)
    with pytest.raises(Conflict, match=archived.id):
        staff.house.read(lambda tx: search.named(tx, staff.company_id, LEO.email))


def test_instants_are_those_of_the_act(staff: Staff) -> None:
    then = clock.now() - timedelta(days=3)
    leo = staff.hire(now=then)
    later = then + timedelta(days=1)
    archived = staff.do(users.archive, leo, now=later)
    assert (archived.created_at, archived.archived_at, archived.updated_at) == (
        clock.text(then),
        clock.text(later),
        clock.text(later),
    )


def test_two_at_once_take_one_name_once(staff: Staff) -> None:
    """The look before the write sees no row of a transaction that has not ended; the constraint does."""
    outcomes: list[str] = []
    start = threading.Barrier(8, timeout=20)

    def hire(number: int) -> None:
        profile = say(LEO, email=f"leo{number}@acme.example", external_id=f"00u{number}")

        def work(tx: Tx) -> User:
            return users.create(tx, staff.company_id, profile, actor=OPERATOR, now=clock.now())

        start.wait()
        try:
            staff.house.write(work)
            outcomes.append("created")
        except Conflict as conflict:
            outcomes.append(conflict.field)

    threads = [threading.Thread(target=hire, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["created", *["user_name"] * 7]

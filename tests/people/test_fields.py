"""Fields of a company's own: what each type keeps, who may write which, and by whom and when a value was written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook import clock
from rollbook.activity import events, log
from rollbook.activity.events import Actor
from rollbook.errors import Conflict, Forbidden, InvalidValue, NotFound
from rollbook.people import companies, erasure, field_values, fields, users
from rollbook.people.fields import Field
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from rollbook.scim.mapping import ROLLBOOK_USER
from tests.cast import LEO, scim_user
from tests.conftest import OPERATOR, House, Tenant

T = TypeVar("T")

ACTORS = {
    "scim": Actor("scim", "key"),
    "okta": Actor("okta", "run"),
    "learning": Actor("user", "ada"),
    "a key": Actor("api", "key"),
}


@dataclass
class Company:
    """A company's fields, by the verbs."""

    house: House
    id: str

    def do(self, verb: Callable[..., T], *of: Any, actor: Actor = OPERATOR, **how: Any) -> T:
        return self.house.write(lambda tx: verb(tx, *of, actor=actor, now=clock.now(), **how))

    def ask(self, question: Callable[..., T], *of: Any) -> T:
        return self.house.read(lambda tx: question(tx, *of))

    def field(self, name: str = "Region", type_: str = "text", **how: Any) -> Field:
        return self.do(fields.create, self.id, name, type_, **how)

    def put(self, user: User, field: Field, text: str | None, *, actor: Actor = OPERATOR) -> bool:
        return self.do(field_values.set_value, user, field, text, actor=actor)

    def custom(self, user: User) -> dict[str, str]:
        return self.ask(field_values.custom_of, user)

    def hire(self, profile: Profile = LEO) -> User:
        return self.do(users.create, self.id, profile)


@pytest.fixture
def company(house: House, company_id: str) -> Company:
    return Company(house, company_id)


def a_field(type_: Any, *choices: str) -> Field:
    return Field("f", "c", "Region", type_, choices, "learning", None, "region")


def test_every_company_has_a_hire_date_and_no_other_field(company: Company) -> None:
    (hire_date,) = company.ask(fields.all_of, company.id)
    assert (hire_date.name, hire_date.type, hire_date.owner, hire_date.user_column) == (
        "Hire date",
        "date",
        "scim",
        "hire_date",
    )
    for text in ("hire_date", "hire DATE", "custom.Hire date", hire_date.id):
        assert company.ask(fields.named, company.id, text) == hire_date


def test_a_field_s_name_is_its_own_whatever_the_case(company: Company) -> None:
    region = company.field()
    for name in ("region", " REGION ", "custom.Region", "hire date"):
        with pytest.raises(Conflict, match="has this name already"):
            company.field(name)
    assert company.ask(fields.named, company.id, "custom.REGION") == region
    with pytest.raises(NotFound):
        company.ask(fields.named, company.id, "custom.Shoe size")
    other = company.do(companies.create, f"umbra-{clock.new_id()[:18]}", "Umbra")
    with pytest.raises(NotFound):
        company.ask(fields.named, other.id, region.id)


@pytest.mark.parametrize(
    ("type_", "given", "kept"),
    [
        ("text", " North ", "North"),
        ("text", "\u00e9t\u00e9", "\u00e9t\u00e9"),
        ("number", "007.50", "7.5"),
        ("number", "-0.0", "0"),
        ("number", "+3", "3"),
        ("number", "1200", "1200"),
        ("date", "2026-02-28", "2026-02-28"),
        ("date", "2026-02-28T06:00:00Z", "2026-02-28"),
        ("choice", "north", "North"),
    ],
)
def test_each_type_keeps_its_own_form(type_: str, given: str, kept: str) -> None:
    assert fields.checked(a_field(type_, *(("North", "South") if type_ == "choice" else ())), given) == kept


@pytest.mark.parametrize(
    ("type_", "given", "words"),
    [
        ("text", "a\nb", "without line breaks"),
        ("text", "x" * 1025, "at most 1,024 characters"),
        ("number", "seven", "a number"),
        ("number", "1e9", "a number"),
        ("number", "\u0663", "a number"),
        ("number", "NaN", "a number"),
        ("date", "2026-02-30", "YYYY-MM-DD"),
        ("date", "28.2.2026", "YYYY-MM-DD"),
        ("date", "20260228", "YYYY-MM-DD"),
        ("choice", "West", "one of North, South"),
    ],
)
def test_what_a_type_cannot_hold_is_refused_by_name(type_: str, given: str, words: str) -> None:
    with pytest.raises(InvalidValue, match=words) as refused:
        fields.checked(a_field(type_, *(("North", "South") if type_ == "choice" else ())), given)
    assert refused.value.field == "custom.Region"


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=6), st.dates())
def test_numbers_and_dates_keep_their_value_and_are_kept_as_they_are(number: Decimal, day: date) -> None:
    kept = fields.checked(a_field("number"), f"{number:f}")
    assert kept is not None
    assert Decimal(kept) == number
    assert fields.checked(a_field("number"), kept) == kept
    assert fields.checked(a_field("date"), day.isoformat()) == day.isoformat()


def test_choices_belong_to_choices_alone(company: Company) -> None:
    for how in (
        {"type_": "choice"},
        {"type_": "text", "choices": ["North"]},
        {"type_": "choice", "choices": ["North", "NORTH"]},
        {"type_": "choice", "choices": ["a\nb"]},
    ):
        with pytest.raises(InvalidValue):
            company.field(**how)
    assert company.field(type_="choice", choices=["North", " ", "South", "North"]).choices == ("North", "South")


def test_a_value_is_written_once_told_once_and_cleared(company: Company) -> None:
    region, leo = company.field(), company.hire()
    assert [company.put(leo, region, "North") for _ in range(2)] == [True, False]
    value = company.ask(field_values.values_of, leo)[region.id]
    assert (value.value, value.written_by) == ("North", "operator")
    assert clock.moment(value.written_at) <= clock.now()
    assert company.custom(leo) == {"Region": "North"}
    assert company.ask(field_values.custom_of_all, company.id) == {leo.id: {"Region": "North"}}
    assert [company.put(leo, region, text) for text in ("South", "", None)] == [True, True, False]
    assert company.custom(leo) == {}
    told = company.ask(events.of_subject, company.id, leo.id)[1:]
    assert [(event.kind, event.changes) for event in told] == [
        ("UserFieldChanged", {"custom.Region": [None, "North"]}),
        ("UserFieldChanged", {"custom.Region": ["North", "South"]}),
        ("UserFieldChanged", {"custom.Region": ["South", None]}),
    ]


def test_the_longest_value_is_kept_whole(company: Company) -> None:
    """Whatever its letters: the index takes only its beginning."""
    region, leo = company.field(), company.hire()
    longest = "".join(chr(0x20000 + 7919 * n % 40_000) for n in range(fields.LONGEST_VALUE))
    assert company.put(leo, region, longest)
    assert company.custom(leo) == {"Region": longest}


@pytest.mark.parametrize("owner", fields.OWNERS)
@pytest.mark.parametrize("source", ACTORS)
def test_only_its_owner_writes_a_field(company: Company, owner: str, source: str) -> None:
    region, leo = company.field(owner=owner), company.hire()
    if source == owner or (source, owner) == ("a key", "learning"):
        assert company.put(leo, region, "North", actor=ACTORS[source])
        return
    with pytest.raises(Forbidden, match="Region belongs to"):
        company.put(leo, region, "North", actor=ACTORS[source])
    assert company.custom(leo) == {}
    assert company.put(leo, region, "North")  # the operator may


def test_a_field_is_changed_and_its_values_stay(company: Company) -> None:
    region, leo = company.field(type_="choice", choices=["North", "South"]), company.hire()
    company.put(leo, region, "South")
    after = company.do(fields.change, region, name="Area", owner="okta", choices=["North"])
    assert (after.id, after.name, after.owner, after.choices) == (region.id, "Area", "okta", ("North",))
    assert company.do(fields.change, after, name="Area", owner="okta", choices=["North"]) == after
    assert company.custom(leo) == {"Area": "South"}
    with pytest.raises(InvalidValue):
        company.put(leo, after, "South ")
    told = company.ask(events.of_subject, company.id, region.id)
    assert [event.kind for event in told] == ["FieldCreated", "FieldChanged"]
    assert told[1].changes == {
        "name": ["Region", "Area"],
        "owner": ["learning", "okta"],
        "choices": [["North", "South"], ["North"]],
    }
    company.field("Region")
    with pytest.raises(Conflict):
        company.do(fields.change, after, name="REGION")
    with pytest.raises(Conflict, match="keeps its name"):
        company.do(fields.change, company.ask(fields.hire_date, company.id), name="Start")


def test_who_wrote_the_hire_date_is_known(company: Company) -> None:
    leo = company.hire()
    field = company.ask(fields.hire_date, company.id)
    leo = company.do(users.set_fields, leo, {"hire_date": "2026-11-24"})
    assert company.ask(field_values.values_of, leo)[field.id].written_by == "operator"
    assert company.custom(leo) == {}
    with pytest.raises(Conflict, match="is written as hire_date"):
        company.put(leo, field, "2026-11-25")
    with pytest.raises(Forbidden, match="Hire date belongs to Okta SCIM"):
        company.do(users.set_fields, leo, {"hire_date": "2026-11-25"}, actor=ACTORS["learning"])
    company.do(fields.change, field, owner="learning")
    leo = company.do(users.set_fields, leo, {"hire_date": "2026-11-25"}, actor=ACTORS["learning"])
    assert (leo.hire_date, company.ask(field_values.values_of, leo)[field.id].written_by) == ("2026-11-25", "user:ada")
    leo = company.do(users.set_fields, leo, {"hire_date": None}, actor=ACTORS["learning"])
    assert (leo.hire_date, company.ask(field_values.values_of, leo)) == (None, {})


def test_scim_leaves_a_hire_date_that_is_not_its_own_and_says_so(acme: Tenant, house: House) -> None:
    """A provisioning client sends whole records; that field of it is passed over and named in the log."""
    sent = {ROLLBOOK_USER: {"hireDate": "2026-11-24"}}

    def say(user_id: str, hire_date: str) -> str | None:
        answer = acme.scim.put(f"/Users/{user_id}", json=scim_user(LEO, **{ROLLBOOK_USER: {"hireDate": hire_date}}))
        assert answer.status_code == 200
        return answer.json().get(ROLLBOOK_USER, {}).get("hireDate")

    def ignored() -> tuple[str, ...]:
        line = house.read(lambda tx: log.last(tx, acme.id))
        assert line is not None
        return line.ignored

    leo = acme.scim.post("/Users", json=scim_user(LEO, **sent)).json()
    assert (leo[ROLLBOOK_USER], ignored()) == (sent[ROLLBOOK_USER], ())
    house.write(
        lambda tx: fields.change(tx, fields.hire_date(tx, acme.id), owner="okta", actor=OPERATOR, now=clock.now())
    )
    assert (say(leo["id"], "2026-12-01"), ignored()) == ("2026-11-24", (f"{ROLLBOOK_USER}:hireDate",))
    assert (say(leo["id"], "2026-11-24"), ignored()) == ("2026-11-24", ())
    mona = scim_user(Profile("mona", "mona@acme.example", "Mona", "Marigold"), **sent)
    answer = acme.scim.post("/Users", json=mona)
    assert answer.status_code == 201
    assert ROLLBOOK_USER not in answer.json()
    assert ignored() == (f"{ROLLBOOK_USER}:hireDate",)


def test_an_erased_person_has_no_value_left(company: Company) -> None:
    region, leo = company.field(), company.hire()
    company.put(leo, region, "North")
    company.do(users.set_fields, leo, {"hire_date": "2026-11-24"})
    leo = company.do(erasure.erase, company.ask(users.get, company.id, leo.id))
    assert company.ask(field_values.values_of, leo) == {}
    with pytest.raises(Conflict):
        company.put(leo, region, "North")


def test_the_fields_of_a_company_are_bounded(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "MOST_FIELDS", 2)
    company.field()
    with pytest.raises(Conflict, match="at most 2 fields"):
        company.field("Shoe size")

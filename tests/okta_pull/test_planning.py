"""What is to become of one person, as a table: mode, status, list, user and fields decide, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from rollbook.okta import field_map, grounds, planning
from rollbook.okta.grounds import Grounds
from rollbook.okta.matching import Match, Undecided
from rollbook.okta.planning import Outcome, Plan, Situation
from rollbook.okta.terms import Terms
from rollbook.people.fields import Field
from rollbook.people.record import User
from tests.okta_pull.test_matching import archived, user

HIRE_DATE = Field("f0", "c", "Hire date", "date", (), "okta", "hire_date", "hireDate")
REGION = Field("f1", "c", "Region", "choice", ("North", "South"), "okta", None, "region")
SCIMS = Field("f2", "c", "Shoe size", "number", (), "scim", None, "shoeSize")
OWN = {"hire_date": "hireDate", "custom:f1": "region", "custom:f2": "shoe"}
PROFILE = {
    "login": "leo@acme.example",
    "email": "leo@acme.example",
    "firstName": "Leo",
    "lastName": "Linden",
    "title": "Cook",
    "hireDate": "2024-02-01T09:00:00Z",
    "region": "south",
    "shoe": "43",
}
KNOWN = {"external_id": "00uleo", "link": "known"}
EVERYTHING = dict.fromkeys([*PROFILE, *field_map.STANDARD.values(), "role"], 1)


def rests_on(
    mode: Any = "complement", *, present: dict[str, int] | None = None, listed: int = 1, **how: Any
) -> Grounds:
    how = {"group_id": "00g", **how}
    terms = Terms(mode, fields=field_map.effective(mode, OWN), **how)
    present = EVERYTHING if present is None else present
    return grounds.of_company(terms, [HIRE_DATE, REGION, SCIMS], listed=listed, present=present)


def situation(known: User | None = None, **other: Any) -> Situation:
    usual: dict[str, Any] = {
        "okta_id": "00uleo",
        "status": "ACTIVE",
        "profile": PROFILE,
        "refused": None,
        "fresh": True,
        "listed": True,
        "away": 0,
        "known": known,
    }
    return Situation(**{**usual, **other})


def plans(grounds_: Grounds, person: Situation) -> tuple[Plan, ...]:
    return planning.plan(grounds_, person).plans


def kinds(grounds_: Grounds, person: Situation) -> list[str]:
    return [plan.kind for plan in plans(grounds_, person)]


COMPLEMENT, FULL = rests_on("complement"), rests_on("full")
AS_OKTA_SAYS = user(
    **KNOWN,
    job_title="Cook",
    hire_date="2024-02-01",
)
HELD = {"f1": "South", "f2": "44"}


def test_whoever_is_as_okta_says_costs_nothing() -> None:
    for on in (COMPLEMENT, FULL):
        assert planning.plan(on, situation(AS_OKTA_SAYS, held={"f1": "South", "f2": "43"})) == Outcome()


def test_complement_writes_the_integrations_own_fields_alone() -> None:
    (plan,) = plans(COMPLEMENT, situation(user(**KNOWN, job_title="Chef")))
    assert plan.changes == {"hire_date": [None, "2024-02-01"], "custom.Region": [None, "South"]}
    assert (plan.columns, plan.own) == ({"hire_date": "2024-02-01"}, {REGION: "South"})


def test_a_field_of_another_source_is_told_and_never_written() -> None:
    outcome = planning.plan(COMPLEMENT, situation(AS_OKTA_SAYS, held=HELD))
    assert outcome == Outcome(not_ours=("custom:f2",))


def test_full_writes_every_mapped_field_and_clears_what_is_blank() -> None:
    lived = user(**KNOWN, job_title="Chef", location="Lyon", hire_date="2024-02-01", given_name="Leopold")
    (plan,) = plans(FULL, situation(lived, held={"f1": "South"}))
    assert plan.changes == {"given_name": ["Leopold", "Leo"], "job_title": ["Chef", "Cook"], "location": ["Lyon", None]}


def test_an_own_map_overrides_the_standard_one() -> None:
    terms = Terms("full", fields=field_map.effective("full", {"location": "title"}))
    on = grounds.of_company(terms, [], listed=1, present=EVERYTHING)
    (plan,) = plans(on, situation(user(**KNOWN, job_title="Cook")))
    assert plan.changes == {"location": [None, "Cook"]}


def test_what_nobody_has_is_kept_and_counted() -> None:
    without = {name: text for name, text in PROFILE.items() if name != "hireDate"}
    present = {name: 1 for name in EVERYTHING if name != "hireDate"}
    person = situation(AS_OKTA_SAYS, profile=without, held={"f1": "South"})
    assert planning.plan(rests_on(present=present), person) == Outcome(withheld=("hireDate",), not_ours=("custom:f2",))
    (plan,) = plans(COMPLEMENT, person)
    assert plan.changes == {"hire_date": ["2024-02-01", None]}


@pytest.mark.parametrize("required", ["login", "email", "firstName", "lastName"])
def test_a_required_name_is_never_cleared(required: str) -> None:
    without = {name: text for name, text in PROFILE.items() if name != required}
    (plan,) = plans(FULL, situation(AS_OKTA_SAYS, profile=without))
    assert (plan.kind, plan.reason.endswith("must not be empty.")) == ("set_aside", True)
    present = {name: 1 for name in EVERYTHING if name != required}
    outcome = planning.plan(rests_on("full", present=present), situation(AS_OKTA_SAYS, profile=without, held=HELD))
    assert (outcome.plans, outcome.withheld) == ((), (required,))


def test_what_a_field_cannot_hold_sets_the_record_aside_by_the_fields_name() -> None:
    for variable, text, name in (("region", "West", "Region"), ("hireDate", "soon", "Hire date")):
        (plan,) = plans(COMPLEMENT, situation(user(**KNOWN), profile=PROFILE | {variable: text}))
        assert plan.kind == "set_aside"
        assert name in plan.reason
        assert text not in plan.reason.replace("North, South", "")


def test_of_whom_okta_knows_nothing_nothing_is_cleared() -> None:
    nothing = {"profile": {}, "status": "ABSENT", "listed": False, "away": 1}
    for on in (COMPLEMENT, FULL):
        assert planning.plan(on, situation(AS_OKTA_SAYS, held=HELD, **nothing)) == Outcome()


@pytest.mark.parametrize(
    ("mode", "status", "listed", "away", "rule"),
    [
        ("complement", "DEPROVISIONED", False, 1, "deprovisioned"),
        ("complement", "DEPROVISIONED", True, 0, "deprovisioned"),
        ("complement", "SUSPENDED", True, 0, None),
        ("complement", "ACTIVE", False, 99, None),
        ("complement", "ABSENT", False, 99, None),
        ("complement", "STAGED", False, 99, None),
        ("full", "DEPROVISIONED", False, 1, "deprovisioned"),
        ("full", "SUSPENDED", True, 0, "suspended"),
        ("full", "ACTIVE", False, 1, None),
        ("full", "ACTIVE", False, 2, "absent"),
        ("full", "ABSENT", False, 1, None),
        ("full", "ABSENT", False, 2, "absent"),
        ("full", "ACTIVE", True, 2, None),
        ("full", "A_NEW_WORD", True, 0, None),
    ],
)
def test_who_is_archived(mode: Any, status: str, listed: bool, away: int, rule: str | None) -> None:
    person = situation(AS_OKTA_SAYS, held={"f1": "South"}, status=status, listed=listed, away=away)
    made = plans(rests_on(mode), person)
    assert [plan.rule for plan in made if plan.kind == "archive"] == ([rule] if rule else [])
    assert kinds(rests_on(mode, listed=0), person) == []


def test_nobody_privileged_is_archived_or_linked_without_a_yes() -> None:
    for role in ("creator", "manager", "admin"):
        (plan,) = plans(COMPLEMENT, situation(user(**KNOWN, role=role), status="DEPROVISIONED"))
        assert plan.waits is not None
        lived = Match(user(role=role), "user name")
        made = plans(COMPLEMENT, situation(match=lived, status="DEPROVISIONED"))
        assert [(plan.kind, plan.waits is not None) for plan in made] == [("link", True), ("archive", True)]
    (plan,) = plans(COMPLEMENT, situation(user(**KNOWN), status="DEPROVISIONED"))
    assert plan.waits is None


def test_a_match_links_and_then_is_treated_as_known() -> None:
    made = plans(COMPLEMENT, situation(match=Match(user(), "e-mail")))
    assert [(plan.kind, plan.rule) for plan in made] == [("link", "e-mail"), ("change", "profile")]
    assert made[0].changes == {"external_id": [None, "00uleo"]}
    left = plans(COMPLEMENT, situation(match=Match(user(), "user name"), status="DEPROVISIONED"))
    assert [plan.kind for plan in left] == ["link", "archive"]


def test_full_creates_whoever_is_active_and_listed() -> None:
    (plan,) = plans(FULL, situation())
    assert (plan.kind, plan.role) == ("create", "learner")
    assert planning.new_profile(plan.columns, "00uleo").external_id == "00uleo"
    assert plan.own == {REGION: "South"}
    for other in ({"status": "STAGED"}, {"status": "SUSPENDED"}, {"status": "DEPROVISIONED"}, {"listed": False}):
        assert kinds(FULL, situation(**other)) == []
    assert kinds(FULL, situation(fresh=False, listed=False)) == []
    assert kinds(COMPLEMENT, situation()) == []


@pytest.mark.parametrize(
    ("said", "role"),
    [("Admin", "admin"), (" manager ", "manager"), ("", "learner"), ("Chief", "learner"), ("creator", "creator")],
)
def test_a_role_comes_from_okta_only_where_it_may_and_on_creation_alone(said: str, role: str) -> None:
    profile = PROFILE | {"role": said}
    allowed = rests_on("full", role_variable="role")
    assert plans(allowed, situation(profile=profile))[0].role == role
    assert plans(FULL, situation(profile=profile))[0].role == "learner"
    assert kinds(allowed, situation(AS_OKTA_SAYS, profile=profile, held={"f1": "South"})) == []


def test_full_restores_whom_a_run_or_scim_archived_and_nobody_else() -> None:
    for by, restored in (
        ("okta:r", True),
        ("scim:k", True),
        ("user:ada", False),
        ("operator", False),
        ("api:k", False),
    ):
        away = archived(by=by, **KNOWN, job_title="Chef", hire_date="2024-02-01")
        made = plans(FULL, situation(away, held={"f1": "South"}))
        assert [plan.kind for plan in made] == (["restore"] if restored else [])
        if restored:
            assert made[0].changes == {"archived": [True, False], "job_title": ["Chef", "Cook"]}
        assert kinds(COMPLEMENT, situation(away)) == []
    away = archived(**KNOWN)
    for other in ({"status": "DEPROVISIONED"}, {"status": "SUSPENDED"}, {"listed": False}, {"fresh": False}):
        assert kinds(FULL, situation(away, **other)) == []


def test_full_restores_an_unlinked_one_by_the_user_name_and_asks_about_the_email() -> None:
    assert kinds(FULL, situation(match=Match(archived(), "user name"))) == ["link", "restore"]
    assert kinds(FULL, situation(match=Match(archived(), "e-mail"))) == ["set_aside"]
    assert kinds(FULL, situation(match=Match(archived(by="user:ada"), "user name"))) == []
    assert kinds(COMPLEMENT, situation(match=Match(archived(), "user name"))) == []


def test_an_exempt_user_is_never_touched() -> None:
    for on in (COMPLEMENT, FULL):
        for status in ("ACTIVE", "DEPROVISIONED", "SUSPENDED"):
            assert planning.plan(on, situation(user(link="exempt", external_id="00uleo"), status=status)) == Outcome()
            assert (
                planning.plan(on, situation(match=Match(user(link="exempt"), "user name"), status=status)) == Outcome()
            )


def test_a_refused_record_is_set_aside_and_its_leaver_leaves_all_the_same() -> None:
    refused = {"refused": "Okta's title is 10,000 characters long; at most 1,024 can be kept."}
    for on in (COMPLEMENT, FULL):
        (plan,) = plans(on, situation(AS_OKTA_SAYS, **refused))
        assert (plan.kind, plan.reason) == ("set_aside", refused["refused"])
        assert kinds(on, situation(AS_OKTA_SAYS, status="DEPROVISIONED", **refused)) == ["archive"]
    assert kinds(FULL, situation(**refused)) == ["set_aside"]


def test_the_undecided_are_set_aside_where_they_concern_anybody() -> None:
    active, known = user(), user(external_id="00uold", link="known")
    for answer, status, aside in (
        (Undecided("e-mail", "x", (active,)), "ACTIVE", True),
        (Undecided("e-mail", "x", (active,)), "DEPROVISIONED", True),
        (Undecided("e-mail", "x", (known,)), "ACTIVE", True),
        (Undecided("e-mail", "x", (known,)), "DEPROVISIONED", False),
        (Undecided("e-mail", "x", (archived(),)), "ACTIVE", False),
        (Undecided("e-mail", "x", (user(link="exempt"),)), "ACTIVE", False),
    ):
        assert kinds(COMPLEMENT, situation(match=answer, status=status)) == (["set_aside"] if aside else [])
    assert kinds(FULL, situation(match=Undecided("e-mail", "x", (archived(),)))) == ["set_aside"]


def test_only_what_was_told_the_same_is_done() -> None:
    (plan,) = plans(FULL, situation(user(**KNOWN, job_title="Chef", location="Lyon"), held={"f1": "North"}))
    told = {"job_title": ["Chef", "Cook"], "location": ["Leeds", None], "custom.Region": ["North", "South"]}
    same = planning.as_told(plan, told)
    assert same is not None
    assert set(same.changes) == {"job_title", "custom.Region"}
    assert (same.columns, same.own) == ({"job_title": "Cook"}, {REGION: "South"})
    assert planning.as_told(plan, {"location": ["Leeds", None]}) is None

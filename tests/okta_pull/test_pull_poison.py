"""One record in a hundred is poisoned: it is set aside with its reason, and all the others are done."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.okta_pull.pull import Company, okta_user

LONG = bool(os.environ.get("ROLLBOOK_LONG"))
PEOPLE = int(os.environ.get("ROLLBOOK_POISONED_PEOPLE") or (50_000 if LONG else 600))  # on each of the two databases
EVERY = 100

POISON: list[dict[str, Any]] = [
    {"title": "x" * 10_000},
    {"first_name": "x" * 10_000},
    {"title": "a\x00b"},
    {"last_name": "Lin\u2028den"},
    {"first_name": "\x1b[31mLeo"},
    {"email": "nowhere at all"},
    {"email": "l\u200beo@acme.example"},
    {"login": "leo\u202e@acme.example"},
    {"extra": {"hireDate": "soon"}},
    {"extra": {"hireDate": "2024-02-31"}},
    {"extra": {"hireDate": {"a": 1}}},
    {"extra": {"region": ["x" * 600, "y" * 600]}},
    {"extra": {"region": "a\nb"}},
    {"extra": {"shoe": "wide"}},
    {"last_name": ""},
]
# What is odd and no poison.
ODD = ["Zoë", "Đặng", "李小龍", "👩🏽‍🚀", "O'Brien", "ß", "ﷺ", "e\u0301", "  spaced  "]


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("mode", ["full", "complement"])
def test_poisoned_records_are_explained_and_the_others_are_done(
    company: Company, engine: str, mode: Any, record_property: Callable[[str, object], None]
) -> None:
    people = PEOPLE if mode == "full" else min(PEOPLE, 300)
    company.configure(mode=mode)
    company.map("hireDate", "hire_date")
    company.field("Region", "region")
    company.field("Shoe size", "shoe", "number")
    poisoned = {f"00u{number:06}" for number in range(0, people, EVERY)}
    for number in range(people):
        okta_id = f"00u{number:06}"
        more: dict[str, Any] = {"extra": {"hireDate": "2024-02-01"}, "title": ODD[number % len(ODD)]}
        if okta_id in poisoned:
            poison = POISON[number // EVERY % len(POISON)]
            more |= {**poison, "login": f"{number}{poison['login']}"} if "login" in poison else poison
        if mode == "complement":
            company.hire(okta_id, external_id=okta_id)
        company.org.add(okta_user(okta_id, **{"name": okta_id, **more}))
    run = company.pull()
    assert run.state == "done"
    aside = {row.okta_id: row.reason for row in company.plan(run, "set_aside")}
    if mode == "full":
        assert set(aside) == poisoned
        assert run.counts["applied"] == run.counts["create"] == len(company.people()) == people - len(poisoned)
    else:  # whose names are poisoned is none of complement's business, but no record that cannot be kept is followed
        assert set(aside) < poisoned
        assert run.counts["applied"] == run.counts["change"] == people - len(aside)
    assert all(reason.endswith(".") and len(reason) < 200 for reason in aside.values())
    for told in ("nowhere", "soon", "wide", "xxxx", "\x00"):
        assert not any(told in reason for reason in aside.values())
    record_property(f"{mode}, {engine}: done and set aside", (run.counts["applied"], len(aside)))
    again = company.pull()
    assert {row.okta_id for row in company.plan(again)} == set(aside)


def test_every_poison_is_told_by_the_name_of_what_is_wrong(company: Company) -> None:
    company.configure(mode="full")
    company.map("hireDate", "hire_date")
    company.field("Region", "region")
    company.field("Shoe size", "shoe", "number")
    company.org.add(okta_user("00usound"))
    for number, poison in enumerate(POISON):
        company.org.add(okta_user(f"00u{number:02}", **poison))
    run = company.pull()
    reasons = {row.okta_id: row.reason for row in company.plan(run, "set_aside")}
    assert len(reasons) == len(POISON)
    assert len(company.people()) == 1
    words = ("title", "firstName", "title", "lastName", "firstName", "e-mail", "e-mail", "user name", "Hire date")
    words += ("Hire date", "hireDate", "region", "region", "Shoe size", "family name")
    for number, word in enumerate(words):
        reason = reasons[f"00u{number:02}"]
        assert word in reason or "NUL" in reason, (number, reason)

"""A variable goes missing: on one person that clears the field, on everybody it is a broken map and erases nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rollbook.okta.field_map import STANDARD
from rollbook.people import profiles
from rollbook.simulator.people import OktaUser
from tests.okta_pull.pull import Company, okta_user, state

# How the simulated org calls what it shows as a variable.
ATTRIBUTES = {
    "login": "login",
    "email": "email",
    "firstName": "first_name",
    "lastName": "last_name",
    "title": "title",
    "department": "department",
    "division": "division",
    "costCenter": "cost_center",
    "manager": "manager",
    "locale": "locale",
}
EXTRA = ("preferredLanguage", "timezone", "hireDate", "region")
VARIABLES = {**{variable: field for field, variable in STANDARD.items()}, "hireDate": "hire_date", "region": "Region"}
PEOPLE = 4


def somebody(number: int) -> OktaUser:
    """Who has a value in every variable that full mode reads."""
    texts = {name: f"{name} {number}" for name in ("title", "department", "division", "cost_center", "manager")}
    extra = {"preferredLanguage": "fr", "timezone": "Europe/Paris", "hireDate": "2024-02-01", "region": "South"}
    return okta_user(f"00u{number}", f"p{number}", locale="fr-FR", extra=extra, **texts)


def drop(company: Company, number: int, variable: str) -> None:
    """Okta answers about this person without the variable."""
    user = company.org.user(f"00u{number}")
    if variable in ATTRIBUTES:
        company.org.keep(replace(user, **{ATTRIBUTES[variable]: " " * number}))
    else:
        company.org.keep(replace(user, extra={name: text for name, text in user.extra.items() if name != variable}))


def held(company: Company, number: int, field: str) -> Any:
    user = company.people()[f"p{number}@acme.example"]
    return company.custom(user).get("Region") if field == "Region" else getattr(user, field)


def begin(company: Company) -> None:
    company.configure(mode="full")
    company.map("hireDate", "hire_date")
    company.field("Region", "region")
    company.org.add(*[somebody(number) for number in range(PEOPLE)])
    assert company.pull().state == "done"


def test_every_variable_of_full_mode_is_tried() -> None:
    assert set(VARIABLES) == {*ATTRIBUTES, *EXTRA}


@pytest.mark.parametrize("variable", VARIABLES)
def test_missing_on_one_it_is_cleared_and_on_all_it_is_kept(company: Company, variable: str) -> None:
    begin(company)
    field, before = VARIABLES[variable], state(company)
    value = held(company, 1, field)
    assert value
    drop(company, 0, variable)
    run = company.pull()
    assert run.state == "done"
    if field in profiles.REQUIRED:
        (row,) = company.plan(run)
        assert (row.kind, row.okta_id, state(company)) == ("set_aside", "00u0", before)
    else:
        assert held(company, 0, field) is None
    one_less = state(company)
    for number in range(1, PEOPLE):
        drop(company, number, variable)
    run = company.pull()
    assert run.state == "held"
    assert f"Nobody whom Okta listed has a {variable}" in (run.reason or "")
    assert company.approve(run).state == "done"
    assert state(company) == one_less
    assert held(company, 1, field) == value

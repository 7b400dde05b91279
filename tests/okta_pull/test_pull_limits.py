"""Whole runs against an org that allows sixty requests a minute: none is refused, and half of it is left to others."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.conftest import House
from tests.okta_pull.pull import company_of, okta_user

LONG = bool(os.environ.get("ROLLBOOK_LONG"))
PEOPLE = int(os.environ.get("ROLLBOOK_LIMITED_PEOPLE") or (100_000 if LONG else 1_500))
PAGE = 200 if LONG else 20
PER_MINUTE = 60


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_a_whole_run_at_sixty_requests_a_minute_without_a_violation(
    house: House, company_id: str, engine: str, record_property: Callable[[str, object], None]
) -> None:
    with company_of(house, company_id, per_minute=PER_MINUTE, page_size=PAGE) as company:
        company.configure(app_id=company.org.app_id)
        company.map("hireDate", "hire_date")
        company.org.fill(PEOPLE - 1)
        company.org.add(okta_user("00uleo", extra={"hireDate": "2024-02-01"}))
        company.hire("leo", external_id="00uleo")
        for name in ("mona", "cleo"):  # whom Okta knows by no list: each is asked for
            company.hire(name, external_id=f"00u{name}")
        began = company.org.clock.time()
        run = company.pull()
        minutes = (company.org.clock.time() - began) / 60
        limits, asked = company.org.limits, company.org.log.count
    assert (run.state, run.counts["people"], run.counts["applied"]) == ("done", PEOPLE, 1)
    assert (limits.refusals, limits.violations) == (0, 0)
    assert limits.most_in_window <= PER_MINUTE / 2
    assert asked >= PEOPLE / PAGE
    assert minutes <= asked / (PER_MINUTE / 2) + 1  # and not slower than that
    assert company.org.log.most_in_flight == 1
    record_property(f"people, requests, minutes of the org's clock, {engine}", (PEOPLE, asked, round(minutes, 1)))

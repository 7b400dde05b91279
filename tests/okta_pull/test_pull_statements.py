"""What a pull of people who have not changed costs the database: as many statements a page whoever is on it."""

from __future__ import annotations

from collections import Counter

import pytest

from rollbook.okta.runs import Run
from tests.okta_pull.pull import Company
from tests.scim.test_statements import counted

# Nor is what PostgreSQL is told of new tables now and then.
NO_WORK = ("BEGIN", "COMMIT", "SET plan", "SET statement", "SET idle", "PRAGMA", "relname", "ANALYZE")
A_PAGE = 4  # the lease, what is known of the people, that they were seen, and how far the run is
A_STEP = 5  # of the plan: the people, their users, what those have in own fields; the lease, and how far the run is


@pytest.mark.parametrize("mode", ["full", "complement"])
def test_a_page_of_unchanged_people_costs_four_statements(
    company: Company, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.configure(mode="full")
    company.field("Region", "region")
    company.org.fill(1200)
    company.pull()
    company.configure(mode=mode)
    company.pull()
    costs: list[tuple[str, int]] = []
    states: list[str] = []
    with counted(company.house, monkeypatch) as given:

        def note(run: Run | None) -> None:
            assert run is not None
            work = [each for each in given if not any(word in each for word in NO_WORK)]
            costs.append((states[-1] if states else "waiting", len(work)))
            states.append(f"{run.state} {run.part or ''}".strip())
            given.clear()

        company.after_step = note
        run = company.pull()
    assert (run.state, run.counts) == ("done", {"people": 1200})
    pages = [cost for of, cost in costs if of == "reading people"]
    assert len(pages) == 7  # six full ones, and the empty one after them
    assert Counter(pages[:6]) == {A_PAGE: 6}
    steps = [cost for of, cost in costs if of == "planning"]
    assert steps[:3] == [A_STEP + 2, A_STEP, A_STEP]  # the first also asks for the fields, and for the run before

"""What stops a run: an empty answer, too many leavers, a variable that nobody has any more."""

from __future__ import annotations

from typing import Any

import pytest

from rollbook.okta import guards
from rollbook.okta.guards import Counted
from rollbook.okta.terms import Terms


def counted(**other: Any) -> Counted:
    return Counted(**{"archives": 0, "active": 1000, "listed": 900, "ours": 950, **other})


@pytest.mark.parametrize(
    ("archives", "active", "most_people", "most_percent", "held"),
    [
        (0, 0, 50, 5, False),
        (50, 1000, 50, 5, False),
        (51, 1000, 50, 5, True),
        (50, 999, 50, 5, True),
        (25, 500, 50, 5, False),
        (26, 500, 50, 5, True),
        (1, 5, 50, 5, False),  # the share alone stops no single leaver
        (2, 5, 50, 5, True),
        (51, 100_000, 50, 5, True),
        (1, 5, 0, 5, True),
        (1, 5, 50, 0, True),
        (400, 1000, 1000, 40, False),
    ],
)
def test_too_many_leavers_stop_a_run(
    archives: int, active: int, most_people: int, most_percent: int, held: bool
) -> None:
    terms = Terms(most_people=most_people, most_percent=most_percent)
    reason = guards.held(terms, counted(archives=archives, active=active))
    assert (reason is not None) == held
    if reason is not None:
        assert f"of {active:,} would be archived" in reason


def test_an_empty_list_stops_a_run_where_anybody_came_from_it() -> None:
    reason = guards.held(Terms(), counted(listed=0, ours=3))
    assert reason is not None
    assert reason.startswith("Okta listed nobody, though 3 people here came from it. Nobody is archived for that.")
    assert guards.held(Terms(), counted(listed=0, ours=0)) is None


def test_a_variable_that_nobody_has_stops_a_run_and_is_named() -> None:
    reason = guards.held(Terms(), counted(withheld={"hireDate": 900, "region": 1}))
    assert reason is not None
    assert "has a hireDate, though 900 people here" in reason
    assert "has a region, though 1 person here" in reason


def test_several_reasons_are_all_told() -> None:
    reason = guards.held(Terms(), counted(archives=900, withheld={"region": 2}))
    assert reason is not None
    assert "900 people of 1,000 would be archived" in reason
    assert "region" in reason

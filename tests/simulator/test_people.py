"""The invented staff is stable, plausible and free of duplicates."""

import re

from rollbook.simulator.people import LOCATIONS, TITLES, staff


def test_the_same_seed_invents_the_same_staff() -> None:
    assert staff(40, seed=7) == staff(40, seed=7)
    assert staff(40, seed=7) != staff(40, seed=8)


def test_a_longer_staff_begins_with_the_shorter_one() -> None:
    assert staff(60, seed=3)[:40] == staff(40, seed=3)


def test_nobody_shares_an_id_or_a_login() -> None:
    people = staff(500, seed=1)
    assert len({user.id for user in people}) == len({user.login for user in people}) == 500


def test_everybody_has_an_okta_id_a_plain_login_a_location_and_a_business_unit() -> None:
    for user in staff(200, seed=2):
        assert re.fullmatch(r"00u[0-9A-Za-z]{17}", user.id)
        assert re.fullmatch(r"[a-z]+\.[a-z]+[0-9]*@acme\.example", user.login)
        assert user.cost_center in LOCATIONS
        assert user.division in TITLES


def test_the_first_of_a_business_unit_leads_the_others() -> None:
    people = staff(100, seed=1)
    for unit in TITLES:
        head, *others = [user for user in people if user.division == unit]
        assert (head.manager_id, head.title) == ("", f"Head of {unit}")
        assert {(user.manager_id, user.manager) for user in others} == {(head.login, head.display_name)}

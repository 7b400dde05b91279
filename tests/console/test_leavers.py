"""Who was archived, and by which way it came, where many leave at once and one by one."""

from __future__ import annotations

import re
from datetime import timedelta

from rollbook import clock
from rollbook.console.leavers import PER_PAGE
from rollbook.people import users
from tests.cast import DEACTIVATE, scim_user
from tests.conftest import House, Tenant
from tests.console.desk import OPERATOR, Desk, named
from tests.console.okta import pull
from tests.okta_pull.pull import Company, okta_user

LEAVERS = "/provisioning/leavers"


def test_the_page_says_for_each_leaver_by_which_way_it_came(
    house: House, acme: Tenant, okta: Company, ada: Desk
) -> None:
    """Many deactivated at once in Okta, some linked, some known, some unlinked: all are archived after one run."""
    okta.configure(most_percent=100)
    linked = [f"s{number}" for number in range(4)]
    ids = {name: _hire_by_scim(acme, name) for name in linked}
    known = [f"k{number}" for number in range(4)]
    unlinked = [f"u{number}" for number in range(4)]
    for name in known:
        okta.hire(name, external_id=f"00u{name}")
    for name in unlinked:
        okta.hire(name)
    okta.org.add(*(okta_user(f"00u{name}", status="DEPROVISIONED") for name in (*linked, *known, *unlinked)))
    for name in linked[:3]:  # of the last one Okta's write is lost
        assert acme.scim.patch(f"/Users/{ids[name]}", json=DEACTIVATE).status_code == 200
    hazel = okta.hire("hazel")
    house.write(lambda tx: users.archive(tx, hazel, actor=OPERATOR, now=clock.now()))
    run = pull(okta)
    assert not [user for user in okta.people().values() if user.active and user.id != ada.user.id]
    page = ada.open(LEAVERS)
    assert "13 people in the last 30 days" in page.text
    assert "Everybody 13 Okta SCIM 3 Runs 9 Learning 1" in page.text
    run_page = ada.open(f"/provisioning/standard/runs/{run.id}?show=archive")
    ways = dict.fromkeys(linked[:3], "Okta SCIM linked")
    ways["s3"] = "a run deactivated in Okta linked, and Okta’s own write had not come"
    ways |= dict.fromkeys(known, "a run deactivated in Okta known by the external id")
    ways |= dict.fromkeys(unlinked, "a run deactivated in Okta unlinked until the run matched the user name")
    ways["hazel"] = "the operator"
    for name, way in ways.items():
        assert re.search(rf"{name}@acme.example (just now|\d+ seconds? ago) By {way}", page.text), name
        of_the_run = way.removeprefix("a run ")
        assert (f"{name}@acme.example done" in run_page.text) == (of_the_run != way)
    for way, count in (("scim", 3), ("okta", 9), ("learning", 1)):
        assert len(named(ada.open(f"{LEAVERS}?way={way}"))) == count
    assert ada.open(f"{LEAVERS}?way=%00&before=nonsense").status == 200
    assert LEAVERS in ada.open("/provisioning").links


def test_leavers_are_read_page_by_page_even_where_all_left_in_one_moment(
    house: House, okta: Company, ada: Desk
) -> None:
    now = clock.now()
    count = PER_PAGE + 7
    people = [okta.hire(f"n{number:03}") for number in range(count)]
    for user in people:
        house.write(lambda tx, user=user: users.archive(tx, user, actor=OPERATOR, now=now))
    first = ada.open(LEAVERS)
    (following,) = (link for link in first.links if "before=" in link)
    second = ada.open(following)
    assert len({*named(first), *named(second)}) == count
    assert len(named(first)) == PER_PAGE


def test_whoever_is_back_or_left_long_ago_is_no_leaver(house: House, okta: Company, ada: Desk) -> None:
    for name, days in (("leo", 40), ("cleo", 1)):
        user = okta.hire(name)
        then = clock.now() - timedelta(days=days)
        house.write(lambda tx, user=user, then=then: users.archive(tx, user, actor=OPERATOR, now=then))
    cleo = okta.user("cleo")
    house.write(lambda tx: users.restore(tx, cleo, actor=OPERATOR, now=clock.now()))
    assert "Nobody who was archived in the last 30 days is archived still." in ada.open(LEAVERS).text


def _hire_by_scim(acme: Tenant, name: str) -> str:
    address = f"{name}@acme.example"
    body = scim_user(userName=address, emails=[{"value": address, "primary": True}], externalId=f"00u{name}")
    created = acme.scim.post("/Users", json=body | {"name": {"givenName": name.title(), "familyName": "Linden"}})
    assert created.status_code == 201, created.text
    return str(created.json()["id"])

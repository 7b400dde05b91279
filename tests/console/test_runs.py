"""The page of a run: its plan in words, a person's yes or no, what is taken back of it, and who left by which way."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine

from rollbook import clock
from rollbook.activity import events
from rollbook.console.leavers import PER_PAGE as LEAVERS_PER_PAGE
from rollbook.console.runs import PER_KIND, PER_PAGE
from rollbook.okta import changes
from rollbook.okta.planning import Kind
from rollbook.okta.runs import Run
from rollbook.people import users
from tests.cast import DEACTIVATE, scim_user
from tests.conftest import House, Tenant
from tests.console.desk import OPERATOR, Desk, Page, open_alarms
from tests.console.okta import held_for_rita, pull, work
from tests.okta_pull.pull import Company, okta_user

LEAVERS = "/provisioning/leavers"


def _address(run: Run) -> str:
    return f"/provisioning/standard/runs/{run.id}"


def _row(company: Company, run: Run, kind: Kind, name: str) -> str:
    """The address of what a run did about somebody."""
    (change,) = (row for row in company.plan(run, kind) if row.who == f"{name}@acme.example")
    return f"{_address(run)}/changes/{change.id}"


def _actors(company: Company, subject_id: str) -> dict[str, str]:
    timeline = company.read(lambda tx: events.of_subject(tx, company.id, subject_id))
    return {event.kind: event.actor for event in timeline}


def _names(page: Page) -> list[str]:
    """Whom the rows of the page are about."""
    return re.findall(r'<h3 class="name"><a [^>]*><bdi>(.*?)</bdi>', page.html)


def test_the_plan_is_told_by_kind_with_rules_reasons_and_each_field(okta: Company, ada: Desk) -> None:
    okta.configure(mode="full", most_percent=100)
    okta.field("Region", "region")
    okta.hire("leo", external_id="00uleo", location="Lyon", business_unit="Sales")
    okta.hire("cleo")
    okta.hire("poppy", external_id="00upoppy")
    okta.hire("hazel", external_id="00uother")
    okta.org.add(
        okta_user("00uleo", cost_center="Porto", extra={"region": "South"}),
        okta_user("00ucleo"),
        okta_user("00upoppy", status="DEPROVISIONED"),
        okta_user("00uhazel"),
        okta_user("00ufelix", cost_center="Berlin", division="Support"),
    )
    run = pull(okta)
    text = ada.open(_address(run)).text
    assert "Location before: Lyon → after: Porto" in text
    assert "Business Unit before: Sales → cleared" in text
    assert "Region South" in text
    assert "Cleo Linden cleo@acme.example done, just now same user name" in text
    assert "deactivated in Okta known by the external id 00upoppy" in text
    assert "Felix Linden felix@acme.example done, just now nobody here yet" in text
    assert "has the same user name and is recorded with another external id" in text
    for title in ("Archives 1", "New people 1", "Matches by rule 1", "Set aside 1"):
        assert title in text
    assert "4 person" not in text
    changed = ada.open(f"{_address(run)}?show=change")
    assert "Leo" in "".join(_names(changed))
    assert "Poppy" not in changed.text
    for nonsense in ("show=nothing", "show=%00", "after=%27", "show=archive&after=01a0"):
        assert ada.open(f"{_address(run)}?{nonsense}").status == 200


def test_a_plan_of_many_is_read_page_by_page(okta: Company, ada: Desk) -> None:
    okta.configure(mode="full")
    count = PER_PAGE + 5
    okta.org.add(*(okta_user(f"00un{number:03}") for number in range(count)))
    run = pull(okta)
    overview = ada.open(_address(run))
    assert len(_names(overview)) == PER_KIND
    assert f"Show all {count}" in overview.text
    first = ada.open(f"{_address(run)}?show=create")
    (following,) = (link for link in first.links if "after=" in link)
    second = ada.open(following.replace("&amp;", "&"))
    assert len(_names(first)) == PER_PAGE
    assert len(_names(second)) == count - PER_PAGE
    assert len({*_names(first), *_names(second)}) == count
    assert not [link for link in second.links if "after=" in link]


def test_a_yes_names_the_counts_and_lets_the_run_go_on(okta: Company, ada: Desk) -> None:
    run = held_for_rita(okta)
    page = ada.open(_address(run))
    assert "It waits for your yes 2 changes of privileged users need a person's yes" in page.text
    waiting = ada.open(f"{_address(run)}?show=waiting")
    assert _names(waiting) == ["Rita Linden", "Rita Linden"]
    assert "needs a yes" in waiting.text
    question = ada.open(f"{_address(run)}/approve")
    assert "Archives 1 Matches by rule 1 Of all these, of privileged people 2" in question.text
    assert "Nobody is mailed" in question.text
    answer = ada.press(f"{_address(run)}/approve", on=f"{_address(run)}/approve")
    assert answer.headers["location"] == _address(run)
    assert '<meta http-equiv="refresh"' in ada.open(_address(run)).html
    work(okta)
    assert okta.run(run.id).state == "done"
    assert not okta.user("rita").active
    assert _actors(okta, run.id)["OktaRunApproved"] == f"user:{ada.user.id}"
    assert "approved by Ada Lovage" in ada.open(_address(run)).text
    assert list(open_alarms(okta.house, okta.id)) == []
    assert okta.mails() == 0
    for slug in ("approve", "drop"):
        assert ada.open(f"{_address(run)}/{slug}").status == 409
        assert ada.http.post(f"{_address(run)}/{slug}", data={"form_token": ada.token()}).status_code == 409
    assert ada.open(f"{_address(run)}/anything").status == 404


def test_a_no_drops_the_run_and_nothing_more_of_it_is_done(okta: Company, ada: Desk) -> None:
    run = held_for_rita(okta)
    assert "the next run asks the same" in ada.open(f"{_address(run)}/drop").text
    assert ada.press(f"{_address(run)}/drop", on=f"{_address(run)}/drop").status_code == 303
    assert okta.run(run.id).state == "dropped"
    assert okta.user("rita").active
    assert _actors(okta, run.id)["OktaRunDropped"] == f"user:{ada.user.id}"
    assert list(open_alarms(okta.house, okta.id)) == []
    page = ada.open(_address(run))
    assert "Dropped Somebody in Learning dropped it." in page.text
    assert page.text.count("Rita Linden rita@acme.example not done") == 2
    assert pull(okta).state == "held"


def test_a_match_is_undone_from_the_page_and_no_run_makes_it_again(okta: Company, ada: Desk) -> None:
    okta.configure()
    leo = okta.hire("leo")
    okta.org.add(okta_user("00uleo"))
    run = pull(okta)
    path = f"{_row(okta, run, 'link', 'leo')}/undo"
    assert path in ada.open(_address(run)).links
    question = ada.open(path)
    assert "Leo Linden" in question.text
    assert "no rule makes this match anew" in question.text
    assert ada.press(path, on=path).headers["location"] == f"{_address(run)}?show=link&done=undo"
    assert (okta.user("leo").link, okta.user("leo").external_id) == ("unlinked", None)
    assert _actors(okta, leo.id)["UserUnlinked"] == f"user:{ada.user.id}"
    page = ada.open(f"{_address(run)}?show=link&done=undo")
    assert "The match is undone" in page.text
    assert "undone, just now" in page.text
    assert path not in page.links
    assert ada.open(path).status == 409
    again = pull(okta)
    assert "A person said that this is not user" in ada.open(_address(again)).text


def test_after_thirty_days_a_match_stays(okta: Company, ada: Desk) -> None:
    okta.configure()
    okta.hire("leo")
    okta.org.add(okta_user("00uleo"))
    with time_machine.travel(clock.now() - timedelta(days=31)):
        run = pull(okta)
    path = f"{_row(okta, run, 'link', 'leo')}/undo"
    assert path not in ada.open(_address(run)).links
    assert ada.open(path).status == 409
    assert ada.http.post(path, data={"form_token": ada.token()}).status_code == 409
    assert okta.user("leo").external_id == "00uleo"


def test_whom_a_run_archived_is_restored_from_its_page(okta: Company, ada: Desk) -> None:
    okta.configure()
    poppy = okta.hire("poppy", external_id="00upoppy")
    okta.org.add(okta_user("00upoppy", status="DEPROVISIONED"))
    run = pull(okta)
    path = f"{_row(okta, run, 'archive', 'poppy')}/restore"
    assert path in ada.open(_address(run)).links
    assert "the next run archives them again" in ada.open(path).text
    assert ada.press(path, on=path).headers["location"] == f"{_address(run)}?show=archive&done=restore"
    back = okta.user("poppy")
    assert (back.id, back.active) == (poppy.id, True)
    assert _actors(okta, poppy.id)["UserRestored"] == f"user:{ada.user.id}"
    page = ada.open(f"{_address(run)}?show=archive&done=restore")
    assert "The person is back" in page.text
    assert "done, restored since" in page.text
    assert path not in page.links
    assert ada.open(path).status == 409
    assert ada.open(f"{_address(run)}/changes/{run.id}/restore").status == 404
    assert ada.open(path.replace("/restore", "/anything")).status == 404


def test_a_restore_that_cannot_be_says_why(okta: Company, ada: Desk) -> None:
    okta.configure()
    okta.hire("poppy", external_id="00upoppy")
    okta.org.add(okta_user("00upoppy", status="DEPROVISIONED"))
    run = pull(okta)
    okta.hire("poppy2", email="poppy@acme.example")
    path = f"{_row(okta, run, 'archive', 'poppy')}/restore"
    answer = ada.press(path, on=path)
    assert answer.status_code == 409
    assert "e-mail" in Page(answer).text
    assert not okta.user("poppy").active


def test_what_scim_did_first_is_passed_over_and_told(acme: Tenant, okta: Company, ada: Desk) -> None:
    okta.configure(most_people=0)
    poppy = okta.hire("poppy", external_id="00upoppy")
    okta.org.add(okta_user("00upoppy", status="DEPROVISIONED"))
    run = pull(okta)
    assert run.state == "held"
    assert acme.scim.patch(f"/Users/{poppy.id}", json=DEACTIVATE).status_code == 200
    okta.approve(run)
    page = ada.open(f"{_address(run)}?show=passed_over")
    assert _names(page) == ["Poppy Linden"]
    assert "Archived already: Okta SCIM was first." in page.text


def test_nothing_to_do_is_said(okta: Company, ada: Desk) -> None:
    okta.configure()
    page = ada.open(_address(pull(okta)))
    assert "Everything was as Okta says." in page.text
    assert "Nothing was to be done." in page.text


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
    run_page = ada.open(f"{_address(run)}?show=archive")
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
        assert len(_names(ada.open(f"{LEAVERS}?way={way}"))) == count
    assert ada.open(f"{LEAVERS}?way=%00&before=nonsense").status == 200
    assert LEAVERS in ada.open("/provisioning").links


def test_leavers_are_read_page_by_page_even_where_all_left_in_one_moment(
    house: House, okta: Company, ada: Desk
) -> None:
    now = clock.now()
    count = LEAVERS_PER_PAGE + 7
    people = [okta.hire(f"n{number:03}") for number in range(count)]
    for user in people:
        house.write(lambda tx, user=user: users.archive(tx, user, actor=OPERATOR, now=now))
    first = ada.open(LEAVERS)
    (following,) = (link for link in first.links if "before=" in link)
    second = ada.open(following)
    assert len({*_names(first), *_names(second)}) == count
    assert len(_names(first)) == LEAVERS_PER_PAGE


def test_whoever_is_back_or_left_long_ago_is_no_leaver(house: House, okta: Company, ada: Desk) -> None:
    for name, days in (("leo", 40), ("cleo", 1)):
        user = okta.hire(name)
        then = clock.now() - timedelta(days=days)
        house.write(lambda tx, user=user, then=then: users.archive(tx, user, actor=OPERATOR, now=then))
    cleo = okta.user("cleo")
    house.write(lambda tx: users.restore(tx, cleo, actor=OPERATOR, now=clock.now()))
    assert "Nobody who was archived in the last 30 days is archived still." in ada.open(LEAVERS).text


@pytest.mark.parametrize("only", ["waiting", "passed_over"])
def test_a_part_of_a_plan_is_asked_for_alone(only: changes.Only, okta: Company) -> None:
    run = held_for_rita(okta)
    found = okta.read(lambda tx: changes.search(tx, run, only=only))
    assert [row.who for row in found] == (["rita@acme.example"] * 2 if only == "waiting" else [])


def _hire_by_scim(acme: Tenant, name: str) -> str:
    address = f"{name}@acme.example"
    body = scim_user(userName=address, emails=[{"value": address, "primary": True}], externalId=f"00u{name}")
    created = acme.scim.post("/Users", json=body | {"name": {"givenName": name.title(), "familyName": "Linden"}})
    assert created.status_code == 201, created.text
    return str(created.json()["id"])

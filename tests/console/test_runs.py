"""The page of a run: its plan in words, a person's yes or no, and what is taken back of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from rollbook import clock
from rollbook.activity import events
from rollbook.console.runs import PER_KIND, PER_PAGE
from rollbook.okta import changes
from rollbook.okta.planning import Kind
from rollbook.okta.runs import Run
from tests.cast import DEACTIVATE
from tests.conftest import Tenant
from tests.console.desk import Desk, Page, named, open_alarms
from tests.console.okta import held_for_rita, pull, work
from tests.okta_pull.pull import Company, okta_user

PAGE = "/provisioning/standard"


def _address(run: Run) -> str:
    return f"/provisioning/standard/runs/{run.id}"


def _row(company: Company, run: Run, kind: Kind, name: str) -> str:
    """The address of what a run did about somebody."""
    (change,) = (row for row in company.plan(run, kind) if row.who == f"{name}@acme.example")
    return f"{_address(run)}/changes/{change.id}"


def _actors(company: Company, subject_id: str) -> dict[str, str]:
    timeline = company.read(lambda tx: events.of_subject(tx, company.id, subject_id))
    return {event.kind: event.actor for event in timeline}


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
    assert "Leo" in "".join(named(changed))
    assert "Poppy" not in changed.text
    for nonsense in ("show=nothing", "show=%00", "after=%27", "show=archive&after=01a0"):
        assert ada.open(f"{_address(run)}?{nonsense}").status == 200


def test_a_plan_of_many_is_read_page_by_page(okta: Company, ada: Desk) -> None:
    okta.configure(mode="full")
    count = PER_PAGE + 5
    okta.org.add(*(okta_user(f"00un{number:03}") for number in range(count)))
    run = pull(okta)
    overview = ada.open(_address(run))
    assert len(named(overview)) == PER_KIND
    assert f"Show all {count}" in overview.text
    first = ada.open(f"{_address(run)}?show=create")
    (following,) = (link for link in first.links if "after=" in link)
    second = ada.open(following.replace("&amp;", "&"))
    assert len(named(first)) == PER_PAGE
    assert len(named(second)) == count - PER_PAGE
    assert len({*named(first), *named(second)}) == count
    assert not [link for link in second.links if "after=" in link]


def test_a_yes_names_the_counts_and_lets_the_run_go_on(okta: Company, ada: Desk) -> None:
    run = held_for_rita(okta)
    page = ada.open(_address(run))
    assert "It waits for your yes 2 changes of privileged users need a person's yes" in page.text
    waiting = ada.open(f"{_address(run)}?show=waiting")
    assert named(waiting) == ["Rita Linden", "Rita Linden"]
    assert "needs a yes" in waiting.text
    question = ada.open(f"{_address(run)}/approve")
    assert "Archives 1 Matches by rule 1 Of all these, of privileged people 2" in question.text
    assert "wait for another yes" not in question.text  # this is that one
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


def test_a_first_yes_says_what_waits_for_a_second(okta: Company, ada: Desk) -> None:
    okta.configure(most_people=0)
    okta.hire("poppy", external_id="00upoppy")
    okta.hire("rita", role="manager")
    okta.org.add(okta_user("00upoppy", status="DEPROVISIONED"), okta_user("00urita", status="DEPROVISIONED"))
    run = pull(okta)
    question = ada.open(f"{_address(run)}/approve")
    assert "of privileged people 2 These 2 wait for another yes, when everything else is done." in question.text
    assert "another yes" not in ada.open(f"{_address(run)}/drop").text
    ada.press(f"{_address(run)}/approve", on=f"{_address(run)}/approve")
    work(okta)
    assert okta.run(run.id).state == "held"
    assert not okta.user("poppy").active
    assert okta.user("rita").active
    assert "another yes" not in ada.open(f"{_address(run)}/approve").text


def test_a_run_that_no_worker_takes_up_says_so_and_can_be_dropped(okta: Company, ada: Desk) -> None:
    okta.configure()
    asked_at = clock.now()
    run = okta.ask()
    drop = f"{_address(run)}/drop"
    for seconds, said in ((50, False), (70, True)):
        with time_machine.travel(asked_at + timedelta(seconds=seconds), tick=False):
            for path in (_address(run), PAGE):
                page = ada.open(path)
                assert ("No worker has taken it up. See that one runs" in page.text) == said, (path, seconds)
                assert drop in page.links
                assert f"{_address(run)}/approve" not in page.links
    assert ada.open(f"{_address(run)}/approve").status == 409
    question = ada.open(drop)
    assert "Waiting for a worker." in question.text
    assert "Left to do" not in question.text
    assert ada.press(drop, on=drop).status_code == 303
    assert okta.run(run.id).state == "dropped"
    assert ada.open(drop).status == 409
    work(okta)
    assert okta.run(run.id).state == "dropped"


def test_a_run_under_way_has_its_worker(okta: Company, ada: Desk) -> None:
    okta.configure()
    asked_at = clock.now()
    run = okta.ask()
    with time_machine.travel(asked_at + timedelta(minutes=5), tick=False):
        assert okta.claim() is not None
        assert "No worker" not in ada.open(_address(run)).text
    with time_machine.travel(asked_at + timedelta(minutes=8), tick=False):
        assert "No worker has taken it up" in ada.open(_address(run)).text  # its lease ran out


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
    assert named(page) == ["Poppy Linden"]
    assert "Archived already: Okta SCIM was first." in page.text


def test_who_is_nobody_here_is_counted_where_provisioning_makes_people(okta: Company, ada: Desk) -> None:
    okta.configure()
    okta.hire("leo", external_id="00uother")  # whose user name makes him somebody
    okta.org.add(*(okta_user(f"00u{name}") for name in ("leo", "cleo", "mona")), okta_user("00uida", status="STAGED"))
    preview = pull(okta, "preview")
    said = "2 people in Okta’s list are nobody here: complement mode creates nobody, provisioning (SCIM) does."
    assert said in ada.open(_address(preview)).text
    run = pull(okta)
    assert said in ada.open(_address(run)).text
    assert "nobody here" not in ada.open(_address(preview)).text  # the newer run has read them
    okta.configure(mode="full")
    assert said not in ada.open(_address(run)).text


def test_nothing_to_do_is_said(okta: Company, ada: Desk) -> None:
    okta.configure()
    page = ada.open(_address(pull(okta)))
    assert "Everything was as Okta says." in page.text
    assert "Nothing was to be done." in page.text
    page = ada.open(_address(pull(okta, "preview")))
    assert "Everything is as Okta says: a run would change nothing." in page.text
    okta.org.add(okta_user("00ucleo"))
    page = ada.open(_address(pull(okta)))
    assert "Everything was as Okta says." not in page.text
    assert "Whoever is here is as Okta says. 1 person in Okta’s list is nobody here" in page.text


@pytest.mark.parametrize("only", ["waiting", "passed_over"])
def test_a_part_of_a_plan_is_asked_for_alone(only: changes.Only, okta: Company) -> None:
    run = held_for_rita(okta)
    found = okta.read(lambda tx: changes.search(tx, run, only=only))
    assert [row.who for row in found] == (["rita@acme.example"] * 2 if only == "waiting" else [])


def test_the_same_form_sent_twice_is_no_second_yes(okta: Company, ada: Desk) -> None:
    okta.configure(most_people=0)
    okta.hire("poppy", external_id="00upoppy")
    okta.hire("rita", role="manager", external_id="00urita")
    okta.org.add(*[okta_user(f"00u{name}", status="DEPROVISIONED") for name in ("poppy", "rita")])
    okta.org.add(okta_user("00ustays"))
    run = pull(okta)
    page = ada.open(f"{_address(run)}/approve")
    assert "waits for another yes" in page.text
    (form,) = [form for form in page.forms if form.action.endswith("/approve")]
    assert ada.http.post(form.action, data=form.fields).status_code == 303
    work(okta)
    assert (okta.run(run.id).state, okta.user("poppy").active, okta.user("rita").active) == ("held", False, True)
    again = ada.http.post(form.action, data=form.fields)
    assert again.status_code == 409
    assert "waits for another yes by now" in again.text
    assert okta.run(run.id).state == "held"
    (form,) = [form for form in ada.open(f"{_address(run)}/approve").forms if form.action.endswith("/approve")]
    assert ada.http.post(form.action, data=form.fields).status_code == 303
    work(okta)
    assert not okta.user("rita").active

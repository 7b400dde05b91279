"""The page of the standard integration: how Okta is read, when next, what came of the runs, and one now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import time_machine

from rollbook import clock
from rollbook.activity import queue
from rollbook.console.standard_integration import PER_PAGE
from rollbook.okta import connections, runs
from rollbook.okta.wanted import Wanted
from rollbook.people import fields, users
from tests.cast import ADA, LEO, MONA
from tests.conftest import House, Tenant
from tests.console.desk import OPERATOR, Desk, open_alarms
from tests.console.okta import held_for_rita, pull, work
from tests.okta_pull.pull import Company, okta_user

PAGE = "/provisioning/standard"
PREVIEW, RUN = f"{PAGE}/begin/preview", f"{PAGE}/begin/run"
REFRESH = '<meta http-equiv="refresh"'


def test_a_company_without_it_reads_how_it_is_set_up(acme: Tenant, ada: Desk) -> None:
    page = ada.open(PAGE)
    assert f"rollbook okta configure {acme.company.subdomain} --org-url" in page.text
    assert "Read-only Administrator" in page.text
    assert [form.action for form in page.forms] == ["/sign-out"]
    assert PAGE in ada.open("/provisioning").links
    answer = ada.http.post(RUN, data={"form_token": ada.token()})
    assert answer.status_code == 404
    assert "rollbook okta configure" in answer.text


def test_the_connection_is_shown_and_its_token_never(okta: Company, ada: Desk) -> None:
    wanted = Wanted("https://acme.okta.com", "00ggroup", app_id="0oaapp", most_people=7, most_percent=3)
    sealed = "sealed-and-never-to-be-seen"
    okta.write(
        lambda tx: connections.configure(tx, okta.id, wanted, sealed_token=sealed, actor=OPERATOR, now=clock.now())
    )
    page = ada.open(PAGE)
    for words in ("https://acme.okta.com", "00ggroup", "0oaapp", "more than 7 archives, or 3 %", "beside SCIM"):
        assert words in page.text
    assert "There was no run yet" in page.text
    for path in (PAGE, "/provisioning"):
        assert sealed not in ada.open(path).html


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Europe/Paris", "15:00 UTC (17:00 in Europe/Paris)"),
        ("Pacific/Auckland", "15:00 UTC (2 Jul, 03:00 in Pacific/Auckland)"),
        ("America/New_York", "15:00 UTC (11:00 in America/New York)"),
    ],
)
def test_the_next_hour_is_told_in_utc_and_on_the_readers_clock(
    zone: str, said: str, acme: Tenant, okta: Company, sit: Callable[..., Desk]
) -> None:
    okta.configure()
    with time_machine.travel(datetime(2026, 7, 1, 12, tzinfo=UTC)):
        ada = sit(acme, ADA, "admin")
        okta.write(lambda tx: users.set_fields(tx, ada.user, {"time_zone": zone}, actor=OPERATOR, now=clock.now()))
        assert f"Next: 1 Jul 2026, {said}" in ada.open(PAGE).text
        assert f"1 Jul 2026, {said}" in ada.open("/provisioning").text


@pytest.mark.parametrize("zone", [None, "Mars/Olympus", "America", "../../etc/passwd"])
def test_where_the_profile_names_no_zone_the_browser_says_its_own(zone: str | None, okta: Company, ada: Desk) -> None:
    okta.configure()
    if zone is not None:
        okta.write(lambda tx: users.set_fields(tx, ada.user, {"time_zone": zone}, actor=OPERATOR, now=clock.now()))
    assert "data-local=" in ada.open(PAGE).html


def test_each_field_with_its_variable_and_its_owner(okta: Company, ada: Desk) -> None:
    okta.configure()
    okta.map("hireDate", "hire_date")
    okta.field("Region", "region")
    okta.field("Shoe size", type_="number", owner="learning")
    text = ada.open(PAGE).text
    assert "Hire date date hireDate the standard integration" in text
    assert "Region text region the standard integration" in text
    assert "Shoe size number – Learning" in text
    assert "Not written" not in text


def test_a_field_that_scim_owns_is_shown_as_not_written(okta: Company, ada: Desk) -> None:
    okta.configure()
    region = okta.field("Region", "region")
    okta.write(lambda tx: fields.change(tx, region, owner="scim", actor=OPERATOR, now=clock.now()))
    text = ada.open(PAGE).text
    assert "Region text region Okta SCIM Not written. Region belongs to Okta SCIM, which writes it." in text


def test_full_mode_shows_the_standard_variables(okta: Company, ada: Desk) -> None:
    okta.configure(mode="full", group_id=None, role_variable="learningRole")
    text = ada.open(PAGE).text
    for words in ("Location text costCenter", "Business Unit text division", "everybody in the directory"):
        assert words in text
    assert "from learningRole; blank means learner" in text


def test_a_run_now_is_a_task_for_the_worker_and_is_watched_until_it_ends(okta: Company, ada: Desk) -> None:
    okta.configure()
    okta.map("hireDate", "hire_date")
    okta.hire("leo", external_id="00uleo")
    okta.org.add(okta_user("00uleo", extra={"hireDate": "2024-02-01"}))
    assert REFRESH not in ada.open(PAGE).html
    answer = ada.press(RUN, on=PAGE)
    assert answer.status_code == 303
    own = answer.headers["location"]
    for path in (PAGE, own):
        page = ada.open(path)
        assert (REFRESH in page.html) == (path == own)  # whoever reads the long page is not moved back
        assert "Waiting for a worker" in page.text
        assert ("reload this one" in page.text) == (path == PAGE)
        assert "Under way" in page.text
        assert RUN not in [form.action for form in page.forms]
    again = ada.http.post(PREVIEW, data={"form_token": ada.token()})
    assert again.status_code == 409
    assert "wait until it ends" in again.text
    work(okta)
    assert okta.user("leo").hire_date == "2024-02-01"
    for path in (PAGE, own):
        page = ada.open(path)
        assert REFRESH not in page.html
        assert "Done" in page.text
        assert "Asked for by Ada Lovage 1 person read 1 change" in page.text
    assert "Hire date 2024-02-01" in ada.open(own).text


def test_a_preview_shows_what_a_run_would_do_and_does_nothing(okta: Company, ada: Desk) -> None:
    okta.configure(mode="full")
    okta.org.add(okta_user("00uleo", cost_center="Lyon"))
    own = ada.press(PREVIEW, on=PAGE).headers["location"]
    before = okta.people()
    work(okta)
    page = ada.open(own)
    assert "A preview: it changes nobody" in page.text
    assert "New people 1" in page.text
    assert "Leo Linden leo@acme.example planned nobody here yet" in page.text
    assert "Location Lyon" in page.text
    assert "Nothing was changed. A run would do this by itself." in page.text
    assert okta.people() == before


def test_a_preview_says_what_a_run_would_wait_for(okta: Company, ada: Desk) -> None:
    okta.configure(most_people=0)
    okta.hire("leo", external_id="00uleo")
    okta.org.add(okta_user("00uleo", status="DEPROVISIONED"))
    run = pull(okta, "preview")
    assert (
        "A run would wait for a person’s yes: 1 person of 2 would be archived" in ada.open(f"{PAGE}/runs/{run.id}").text
    )
    assert list(open_alarms(okta.house, okta.id)) == []


def test_the_runs_are_listed_newest_first_page_by_page(okta: Company, ada: Desk) -> None:
    okta.configure()
    hours = [datetime(2026, 3, day, 6, tzinfo=UTC) for day in range(1, PER_PAGE + 3)]
    for hour in hours:
        okta.write(lambda tx, at=hour: runs.skip_slot(tx, okta.id, at, "No worker ran at that hour.", now=clock.now()))
    first = ada.open(PAGE)
    (older,) = (link for link in first.links if "before=" in link)
    second = ada.open(older)
    titles = [f"Run of {day} Mar 2026, 06:00 UTC Skipped" for day in range(PER_PAGE + 2, 0, -1)]
    for number, title in enumerate(titles):
        assert (title in first.text) == (number < PER_PAGE)
        assert (title in second.text) == (number >= PER_PAGE)
    assert first.text.count("No worker ran at that hour.") == PER_PAGE
    for nonsense in ("before=x", "before=%00", "before=01a0"):
        assert "Run of 12 Mar" in ada.open(f"{PAGE}?{nonsense}").text


def test_a_run_given_up_by_its_worker_says_so(okta: Company, ada: Desk) -> None:
    okta.configure()
    run = okta.ask()
    task = okta.claim()
    assert task is not None
    okta.write(lambda tx: queue.finish(tx, task, now=clock.now()))
    for path in (PAGE, f"{PAGE}/runs/{run.id}"):
        assert "Nobody works at it any more; the next run begins anew" in ada.open(path).text


def test_one_that_is_switched_off_begins_nothing(acme: Tenant, okta: Company, ada: Desk) -> None:
    okta.configure()
    okta.write(lambda tx: connections.switch_off(tx, okta.id, actor=OPERATOR, now=clock.now()))
    page = ada.open(PAGE)
    assert "Switched off: Okta is not read" in page.text
    assert f"rollbook okta on {acme.company.subdomain}" in page.text
    assert [form.action for form in page.forms] == ["/sign-out"]
    assert ada.http.post(RUN, data={"form_token": ada.token()}).status_code == 409
    assert "Switched off" in ada.open("/provisioning").text
    okta.write(lambda tx: connections.switch_off(tx, okta.id, forget_token=True, actor=OPERATOR, now=clock.now()))
    page = ada.open(PAGE)
    assert f"rollbook okta on {acme.company.subdomain}" not in page.text
    assert "No token is kept any more; the operator gives one:" in page.text
    assert f"rollbook okta configure {acme.company.subdomain} --token-file FILE" in page.text


def test_a_token_that_okta_refuses_is_an_alarm_that_leads_to_what_to_do(acme: Tenant, okta: Company, ada: Desk) -> None:
    okta.configure()
    okta.org.revoke_token()
    run = pull(okta)
    assert run.state == "needs_attention"
    page = ada.open("/provisioning")
    assert "The standard integration cannot read Okta" in page.text
    assert PAGE in page.links
    there = ada.open(PAGE)
    assert "Needs attention" in there.text
    assert "Make a new one as a read-only administrator" in there.text
    assert f"rollbook okta configure {acme.company.subdomain} --token-file FILE" in there.text
    assert okta.org.token not in there.html
    alarm = next(open_alarms(okta.house, okta.id))
    assert ada.open(f"/provisioning/alarms/{alarm.id}/connection").status == 404
    assert ada.press(f"/provisioning/alarms/{alarm.id}/understood", on="/provisioning").status_code == 303
    assert list(open_alarms(okta.house, okta.id)) == []


def test_a_held_run_is_an_alarm_that_leads_to_its_plan(okta: Company, ada: Desk) -> None:
    run = held_for_rita(okta)
    page = ada.open("/provisioning")
    assert "A run of the standard integration waits for your yes" in page.text
    assert "2 archives, 1 match by rule" in page.text
    assert f"{PAGE}/runs/{run.id}" in page.links
    there = ada.open(PAGE)
    assert "Waiting for you" in there.text
    assert f"{PAGE}/runs/{run.id}/approve" in there.links
    assert REFRESH not in there.html


def test_only_administrators_see_and_begin_runs(
    house: House, acme: Tenant, umbra: Tenant, okta: Company, sit: Callable[..., Desk]
) -> None:
    run = held_for_rita(okta)
    mona, leo = sit(acme, MONA, "manager"), sit(acme, LEO)
    otto = sit(umbra, LEO, "admin")
    for desk, refused in ((mona, 403), (leo, 403)):
        for path in (PAGE, f"{PAGE}/runs/{run.id}", f"{PAGE}/runs/{run.id}/approve", "/provisioning/leavers"):
            assert desk.open(path).status == refused
        for path in (RUN, PREVIEW, f"{PAGE}/runs/{run.id}/approve", f"{PAGE}/runs/{run.id}/drop"):
            assert desk.http.post(path, data={"form_token": desk.token()}).status_code == refused
    for path in (f"{PAGE}/runs/{run.id}", f"{PAGE}/runs/{run.id}/approve"):
        assert otto.open(path).status == 404
    assert otto.http.post(f"{PAGE}/runs/{run.id}/approve", data={"form_token": otto.token()}).status_code == 404
    assert "Poppy" not in otto.open("/provisioning/leavers").text
    assert okta.run(run.id).state == "held"

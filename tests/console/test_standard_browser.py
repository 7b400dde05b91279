"""The standard integration in a real browser: read, previewed, approved and taken back, on a telephone and without
script; nothing that Okta says runs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from playwright.sync_api import Page, expect

from rollbook import clock
from rollbook.okta.runs import Run
from tests.conftest import House, Tenant
from tests.console.browsing import (
    FAINT,
    SCRIPTS,
    TOO_WIDE,
    Trap,
    check_it_can_be_read_aloud,
    sign_in,
    sqlite_alone,
)
from tests.console.okta import pull, work
from tests.okta_pull.pull import Company, okta_user
from tests.servers import ThreadServer

STANDARD = "/provisioning/standard"


@pytest.fixture
def busy(okta: Company) -> tuple[Company, Run]:
    """A company whose runs show whatever there is to show; the last one is held."""
    okta.configure(mode="full", most_percent=100, role_variable="learningRole")
    okta.field("Region" * 15, "region")
    okta.field("Grade", "grade", "number")
    okta.hire("leo", external_id="00uleo", location="Lyon" * 20)
    okta.hire("h" * 60)
    okta.hire("hazel", external_id="00uother")
    okta.hire("poppy", external_id="00upoppy")
    okta.hire("rita", role="manager")
    long = okta_user("00u" + "h" * 60, title="z" * 200, extra={"region": "South" * 40})
    okta.org.add(
        okta_user("00uleo", cost_center="Porto" * 20, extra={"grade": "x" * 300}),
        long,
        okta_user("00uhazel"),
        okta_user("00upoppy", status="DEPROVISIONED"),
        okta_user("00urita", status="DEPROVISIONED"),
        okta_user("00ufelix", extra={"grade": "7"}),
    )
    run = pull(okta)
    assert run.state == "held"
    return okta, run


def _pages(company: Company, run: Run) -> list[str]:
    """Every page of the standard integration, with something on it."""
    own = f"{STANDARD}/runs/{run.id}"
    taken_back = [
        f"{own}/changes/{row.id}/{'undo' if row.kind == 'link' else 'restore'}"
        for row in company.plan(run)
        if row.state == "applied" and row.kind in ("link", "archive")
    ]
    assert len(taken_back) == 2
    shown = [f"{own}?show={kind}" for kind in ("create", "archive", "link", "set_aside", "waiting")]
    return [STANDARD, own, *shown, f"{own}/approve", f"{own}/drop", *taken_back, "/provisioning/leavers"]


@sqlite_alone
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_of_it_is_wider_than_the_screen(
    width: int,
    visitor: Callable[..., Trap],
    house: House,
    server: ThreadServer,
    acme: Tenant,
    busy: tuple[Company, Run],
) -> None:
    page = visitor(width=width).page
    sign_in(page, house, server, acme)
    for address in ("/provisioning", *_pages(*busy)):
        page.goto(f"{server.url}{address}")
        assert page.evaluate(TOO_WIDE) == [], address


@sqlite_alone
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_by_everybody(
    scheme: str,
    visitor: Callable[..., Trap],
    house: House,
    server: ThreadServer,
    acme: Tenant,
    busy: tuple[Company, Run],
) -> None:
    page = visitor(scheme=scheme).page
    sign_in(page, house, server, acme)
    for address in _pages(*busy):
        page.goto(f"{server.url}{address}")
        check_it_can_be_read_aloud(page)
        assert page.evaluate(FAINT) == [], address


@sqlite_alone
def test_a_preview_a_run_a_yes_and_a_way_back_without_script(
    visitor: Callable[..., Trap], house: House, server: ThreadServer, acme: Tenant, okta: Company
) -> None:
    page = visitor(width=390, script=False).page
    sign_in(page, house, server, acme)
    page.goto(f"{server.url}/provisioning")
    page.get_by_role("link", name="What that is for").click()
    expect(page.get_by_text("Read-only Administrator")).to_be_visible()
    okta.configure(most_people=0)
    okta.hire("leo", external_id="00uleo")
    okta.org.add(okta_user("00uleo", status="DEPROVISIONED"))
    page.reload()
    page.get_by_role("button", name="Preview now").click()
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    work(okta)
    _renewed(page, "A run would wait for a person’s yes")
    expect(page.get_by_text("Leo Linden")).to_be_visible()
    page.get_by_role("link", name="Standard integration").click()
    page.get_by_role("button", name="Run now").click()
    work(okta)
    _renewed(page, "It waits for your yes")
    page.get_by_role("link", name="Approve").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Let this run go on?")
    page.get_by_role("button", name="Approve").click()
    work(okta)
    _renewed(page, "done, ")
    assert not okta.user("leo").active
    page.get_by_role("link", name="Restore of Leo Linden").click()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("status")).to_contain_text("The person is back")
    assert okta.user("leo").active


@sqlite_alone
def test_without_a_worker_and_without_script_nobody_is_stuck(
    visitor: Callable[..., Trap], house: House, server: ThreadServer, acme: Tenant, okta: Company
) -> None:
    okta.configure()
    poppy = okta.hire("poppy")
    with time_machine.travel(clock.now() - timedelta(minutes=2)):
        run = okta.ask()
    page = visitor(width=390, script=False).page
    sign_in(page, house, server, acme)
    page.goto(f"{server.url}{STANDARD}")
    expect(page.get_by_text("No worker has taken it up.")).to_be_visible()
    page.get_by_role("link", name="reload").click()
    assert page.url == f"{server.url}{STANDARD}"
    page.get_by_role("link", name="Drop").click()
    page.get_by_role("button", name="Drop").click()
    expect(page.get_by_text("Somebody in Learning dropped it.")).to_be_visible()
    assert okta.run(run.id).state == "dropped"
    page.goto(f"{server.url}/provisioning/not-linked/{poppy.id}/exempt")
    page.get_by_role("textbox").fill("   ")
    page.get_by_role("button", name="Exempt").click()
    expect(page.get_by_role("alert")).to_contain_text("Say why this person is meant to have no link")
    page.get_by_role("textbox").fill("A contractor")
    page.get_by_role("button", name="Exempt").click()
    expect(page.get_by_role("status")).to_contain_text("The account is exempt.")


@sqlite_alone
def test_the_browser_says_the_hour_on_its_own_clock(
    visitor: Callable[..., Trap], house: House, server: ThreadServer, acme: Tenant, okta: Company
) -> None:
    okta.configure()
    trap = visitor(time_zone="Asia/Kathmandu")
    sign_in(trap.page, house, server, acme)
    trap.page.goto(f"{server.url}{STANDARD}")
    said = trap.page.locator("[data-local]").first
    expect(said).to_be_visible()
    hour = trap.page.locator("time").first.inner_text()
    local = {"06:00": "11:45", "15:00": "20:45"}[hour.split(", ")[1].removesuffix(" UTC")]
    assert said.inner_text().startswith(f"({local} in Asia/")
    assert trap.caught == []


@sqlite_alone
def test_nothing_that_okta_says_runs(
    visitor: Callable[..., Trap], house: House, server: ThreadServer, acme: Tenant, okta: Company
) -> None:
    okta.configure(mode="full")
    okta.field(SCRIPTS[1], "region")
    okta.org.add(
        *(
            okta_user(f"00u{number}", first_name=script, last_name=script, title=script, extra={"region": script})
            for number, script in enumerate(SCRIPTS)
        )
    )
    run = pull(okta)
    trap = visitor()
    sign_in(trap.page, house, server, acme)
    for address in (STANDARD, f"{STANDARD}/runs/{run.id}", f"{STANDARD}/runs/{run.id}?show={SCRIPTS[0]}"):
        trap.page.goto(f"{server.url}{address}")
        expect(trap.page.locator("h1")).to_be_visible()
    for script in SCRIPTS:
        assert script in trap.page.locator("main").inner_text()
    assert trap.caught == []


def test_the_busy_pages_hold_what_they_are_to_show(busy: tuple[Company, Run]) -> None:
    company, run = busy
    kinds = {(row.kind, row.state) for row in company.plan(run)}
    assert {("create", "applied"), ("set_aside", "planned"), ("archive", "planned"), ("link", "planned")} <= kinds


def _renewed(page: Page, text: str) -> None:
    """The page comes again by itself, without script."""
    expect(page.get_by_text(text).first).to_be_visible(timeout=20_000)

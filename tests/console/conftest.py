"""The console's fixtures: Ada at her desk, and a real browser where this machine has one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from rollbook.people.profiles import Profile
from rollbook.people.roles import Role
from tests.cast import ADA
from tests.conftest import House, Tenant
from tests.console.browsing import WATCH, Trap
from tests.console.desk import Desk, person, seated
from tests.okta_pull.pull import Company, company_of
from tests.servers import ThreadServer

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MISSING = "no Chromium on this machine"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium. Without one its tests are skipped and counted aloud; in CI they fail.

    It lives no longer than a module: while it does, its event loop runs in this thread and no other can.
    """
    executable = next((path for path in map(shutil.which, _NAMES) if path), None)
    if executable is None:
        if os.environ.get("CI"):
            pytest.fail(f"{_MISSING}: install the package `chromium`")
        pytest.skip(_MISSING)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield opened
        opened.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if _MISSING in str(report.longrepr)]
    if skipped:
        terminalreporter.write_line(
            f"{len(skipped)} browser tests were skipped: {_MISSING}. Install the package `chromium` to run them.",
            yellow=True,
        )


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Callable[..., Trap]]:
    """Opens pages that remember every dialog, error and breach of the content security policy."""
    contexts = []

    def open_(*, width: int = 1280, script: bool = True, scheme: str = "light", time_zone: str | None = None) -> Trap:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            java_script_enabled=script,
            color_scheme=scheme,  # type: ignore[arg-type]  # light or dark
            timezone_id=time_zone,
        )
        contexts.append(context)
        context.add_init_script(WATCH)
        trap = Trap(context.new_page())

        def on_dialog(dialog: object) -> None:
            trap.caught.append(f"dialog {dialog}")
            dialog.dismiss()  # type: ignore[attr-defined]  # it is a Dialog

        trap.page.on("dialog", on_dialog)
        trap.page.on("console", lambda message: trap.caught.append(message.text) if message.type == "error" else None)
        trap.page.on("pageerror", lambda error: trap.caught.append(str(error)))
        return trap

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture
def sit(house: House, server: ThreadServer) -> Iterator[Callable[..., Desk]]:
    """Seats somebody new: `sit(acme, MONA, "manager")`."""
    desks: list[Desk] = []

    def seat(tenant: Tenant, profile: Profile, role: Role = "learner") -> Desk:
        desks.append(seated(house, server.url, person(house, tenant.id, profile, role)))
        return desks[-1]

    yield seat
    for desk in desks:
        desk.http.close()


@pytest.fixture
def okta(house: House, acme: Tenant) -> Iterator[Company]:
    """Acme's Okta, a simulated org; the standard integration is not configured yet."""
    with company_of(house, acme.id) as company:
        yield company


@pytest.fixture
def ada(acme: Tenant, sit: Callable[..., Desk]) -> Desk:
    """The administrator of acme, signed in."""
    return sit(acme, ADA, "admin")

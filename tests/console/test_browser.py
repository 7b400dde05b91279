"""What only a real browser can say: nothing typed by a person runs, nothing overflows, no page needs script."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from rollbook import clock
from rollbook.people import keys
from rollbook.people.profiles import Profile
from tests.cast import CLEO, DEACTIVATE, LEO, REACTIVATE, patch, scim_user
from tests.conftest import House, Tenant
from tests.console.browsing import FAINT, SCRIPTS, TOO_WIDE, Trap, check_it_can_be_read_aloud, sign_in, sqlite_alone
from tests.console.desk import OPERATOR, open_alarms, person
from tests.servers import ThreadServer


@pytest.fixture
def busy(house: House, acme: Tenant) -> Tenant:
    """A company in which everything that can stand on the page does."""
    mona = person(house, acme.id, Profile("mona@acme.example", "mona@acme.example", "Mona", "Marigold"), "manager")
    cleo = person(house, acme.id, CLEO, "creator")
    person(house, acme.id, Profile("h" * 60 + "@acme.example", "h@acme.example", "Hazel", "Hyssop" * 12))
    moved = scim_user(Profile("mona@acme.example", "mona." + "long" * 12 + "@acme.example", "Mona", "Marigold"))
    assert acme.scim.put(f"/Users/{mona.id}", json=moved).status_code == 200
    for body in (DEACTIVATE, REACTIVATE):
        assert acme.scim.patch(f"/Users/{cleo.id}", json=body).status_code == 200
    old = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    assert acme.scim.delete(f"/Users/{old}").status_code == 204
    assert acme.scim.post("/Users", json=scim_user(LEO)).status_code == 201
    assert acme.scim.post("/Users", json=scim_user(LEO)).status_code == 409
    ignored = patch({"op": "add", "value": {"x" * 200: "y", "title": "z" * 300}})
    assert acme.scim.patch(f"/Users/{cleo.id}", json=ignored).status_code == 200
    minute = clock.text(clock.now())[:16]
    house.write(lambda tx: keys.note_failures(tx, acme.id, {minute: 2}))
    return acme


@sqlite_alone
def test_the_trap_rings(visitor: Callable[..., Trap], server: ThreadServer) -> None:
    trap = visitor()
    trap.page.set_content("<script>alert(1)</script>")
    assert trap.caught
    other = visitor()
    other.page.goto(server.url)
    other.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>')")
    other.page.wait_for_timeout(200)
    assert any("CSP" in caught or "Content Security Policy" in caught for caught in other.caught)


def test_what_a_person_typed_never_runs(
    visitor: Callable[..., Trap], house: House, server: ThreadServer, acme: Tenant
) -> None:
    for number, script in enumerate(SCRIPTS):
        name = f"u{number}@acme.example"
        mean = Profile(name, name, f"{script} {number}", script, location=script, external_id=script + str(number))
        created = acme.scim.post("/Users", json=scim_user(mean, title=script, nickName=script))
        assert created.status_code == 201, created.text
        acme.scim.patch(f"/Users/{script}", json=DEACTIVATE)
        acme.scim.patch(f"/Users/{created.json()['id']}", json=patch({"op": "add", "value": {script: script}}))
        again = Profile(f"v{number}@acme.example", name, script, script)
        assert acme.scim.post("/Users", json=scim_user(again)).status_code == 409
        privileged = person(house, acme.id, Profile(f"p{name}", f"p{name}", script, script), "manager")
        moved = Profile(f"p{name}", f"q{name}", script, script)
        assert acme.scim.put(f"/Users/{privileged.id}", json=scim_user(moved)).status_code == 200
        assert acme.scim.delete(f"/Users/{created.json()['id']}").status_code == 204
        assert acme.scim.post("/Users", json=scim_user(mean)).status_code == 201
        person(house, acme.id, Profile(f"n{name}", f"n{name}", script, script))
    issue = {"pepper": house.installation.pepper, "actor": OPERATOR, "now": clock.now()}
    house.write(lambda tx: keys.issue(tx, acme.id, "scim", label=SCRIPTS[1], **issue))  # type: ignore[arg-type]  # its parts are of several types
    trap = visitor()
    page = trap.page
    sign_in(page, house, server, acme)
    for script in SCRIPTS:
        assert script in page.locator("main").inner_text()
    addresses = [link.get_attribute("href") or "" for link in page.locator("main a").all()]
    pages = [address for address in addresses if "/alarms/" in address or "/returners/" in address]
    assert len(pages) >= 2 * len(SCRIPTS)
    for address in (*pages, "/provisioning?refused=1", *(f"/provisioning?person={script}" for script in SCRIPTS)):
        page.goto(f"{server.url}{address}")
        expect(page.locator("h1")).to_be_visible()
    page.goto(f"{server.url}/provisioning?done={SCRIPTS[0]}&person={SCRIPTS[1]}&before={SCRIPTS[0]}")
    # A browser reports refused and unknown addresses as errors too; none of them is of a script.
    assert [caught for caught in trap.caught if "Failed to load resource" not in caught] == []
    assert not [address for address in addresses if address.startswith("javascript:")]


@sqlite_alone
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(
    width: int, visitor: Callable[..., Trap], house: House, server: ThreadServer, busy: Tenant
) -> None:
    page = visitor(width=width).page
    sign_in(page, house, server, busy)
    alarm = next(open_alarms(house, busy.id))
    pages = [
        link.get_attribute("href") for link in page.locator("main a[href*='/alarms/'], a[href*='/returners/']").all()
    ]
    assert alarm.id in str(pages) or len(pages) > 1
    for address in ("/provisioning", *pages, "/nothing", "/sign-in/nonsense"):
        page.goto(f"{server.url}{address}")
        assert page.evaluate(TOO_WIDE) == [], address


@sqlite_alone
def test_everything_works_without_script(
    visitor: Callable[..., Trap], house: House, server: ThreadServer, busy: Tenant
) -> None:
    page = visitor(script=False).page
    sign_in(page, house, server, busy)
    assert page.get_by_role("button", name="Copy").count() == 0
    page.get_by_role("link", name="Confirm this address").click()
    page.get_by_role("button", name="Confirm this address").click()
    expect(page.get_by_role("status")).to_contain_text("sign-in links go there from now on")
    page.get_by_role("button", name="Understood").click()
    expect(page.get_by_text("Waiting for you")).to_have_count(0)
    page.get_by_label("Person").fill("leo@acme.example")
    page.get_by_label("Refused only").check()
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_label("Person")).to_have_value("leo@acme.example")
    expect(page.get_by_role("link", name="Show everything")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.goto(f"{server.url}/provisioning")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


@sqlite_alone
def test_copy_copies(visitor: Callable[..., Trap], house: House, server: ThreadServer, busy: Tenant) -> None:
    trap = visitor()
    page = trap.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page, house, server, busy)
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "http://127.0.0.1:8000/scim/v2"
    assert trap.caught == []


@sqlite_alone
def test_pages_can_be_read_aloud_and_walked_by_keyboard(
    visitor: Callable[..., Trap], house: House, server: ThreadServer, busy: Tenant
) -> None:
    page = visitor().page
    sign_in(page, house, server, busy)
    first = page.locator("main a[href*='/alarms/']").first.get_attribute("href")
    for address in ("/provisioning", first, "/nothing", "/sign-in/nonsense"):
        page.goto(f"{server.url}{address}")
        check_it_can_be_read_aloud(page)
    page.goto(f"{server.url}/provisioning")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top >= 0")


@sqlite_alone
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(
    scheme: str, visitor: Callable[..., Trap], house: House, server: ThreadServer, busy: Tenant
) -> None:
    page = visitor(scheme=scheme).page
    sign_in(page, house, server, busy)
    faint = page.evaluate(FAINT)
    assert faint == []
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(246, 247, 245)") == (scheme == "light")

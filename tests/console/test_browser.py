"""What only a real browser can say: nothing typed by a person runs, nothing overflows, no page needs script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, Page, expect

from rollbook import clock
from rollbook.people import keys
from rollbook.people.profiles import Profile
from tests.cast import ADA, CLEO, DEACTIVATE, LEO, REACTIVATE, patch, scim_user
from tests.conftest import House, Tenant
from tests.console.desk import OPERATOR, link_of, open_alarms, person
from tests.servers import ThreadServer

sqlite_alone = pytest.mark.parametrize("engine", ["sqlite"], indirect=True, scope="session")

SCRIPTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "'><svg onload=alert(3)>",
    "{{ 7 * 7 }}</title><script>alert(4)</script>",
    "javascript:alert(5)",
)
_WATCH = "document.addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective))"


@dataclass
class Trap:
    """A page, and whatever a script on it gave away."""

    page: Page
    caught: list[str] = field(default_factory=list)


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Callable[..., Trap]]:
    """Opens pages that remember every dialog, error and breach of the content security policy."""
    contexts = []

    def open_(*, width: int = 1280, script: bool = True, scheme: str = "light") -> Trap:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            java_script_enabled=script,
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        contexts.append(context)
        context.add_init_script(_WATCH)
        trap = Trap(context.new_page())

        def on_dialog(dialog: object) -> None:
            trap.caught.append(f"dialog {dialog}")
            dialog.dismiss()  # type: ignore[attr-defined]

        trap.page.on("dialog", on_dialog)
        trap.page.on("console", lambda message: trap.caught.append(message.text) if message.type == "error" else None)
        trap.page.on("pageerror", lambda error: trap.caught.append(str(error)))
        return trap

    yield open_
    for context in contexts:
        context.close()


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


def _sign_in(page: Page, house: House, server: ThreadServer, acme: Tenant) -> None:
    """As Ada does: the link, the button."""
    user = person(house, acme.id, ADA, "admin")
    page.goto(f"{server.url}/sign-in/{link_of(house, user)}")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/provisioning")


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
    house.write(lambda tx: keys.issue(tx, acme.id, "scim", label=SCRIPTS[1], **issue))  # type: ignore[arg-type]
    trap = visitor()
    page = trap.page
    _sign_in(page, house, server, acme)
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
    _sign_in(page, house, server, busy)
    alarm = next(open_alarms(house, busy.id))
    pages = [
        link.get_attribute("href") for link in page.locator("main a[href*='/alarms/'], a[href*='/returners/']").all()
    ]
    assert alarm.id in str(pages) or len(pages) > 1
    for address in ("/provisioning", *pages, "/nothing", "/sign-in/nonsense"):
        page.goto(f"{server.url}{address}")
        overflow = page.evaluate(
            "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
            ".map(e => e.outerHTML.slice(0, 80))"
        )
        assert overflow == [], address
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address


@sqlite_alone
def test_everything_works_without_script(
    visitor: Callable[..., Trap], house: House, server: ThreadServer, busy: Tenant
) -> None:
    page = visitor(script=False).page
    _sign_in(page, house, server, busy)
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
    _sign_in(page, house, server, busy)
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "http://127.0.0.1:8000/scim/v2"
    assert trap.caught == []


@sqlite_alone
def test_pages_can_be_read_aloud_and_walked_by_keyboard(
    visitor: Callable[..., Trap], house: House, server: ThreadServer, busy: Tenant
) -> None:
    page = visitor().page
    _sign_in(page, house, server, busy)
    first = page.locator("main a[href*='/alarms/']").first.get_attribute("href")
    for address in ("/provisioning", first, "/nothing", "/sign-in/nonsense"):
        page.goto(f"{server.url}{address}")
        levels = [
            int(name[1]) for name in page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(e => e.tagName)")
        ]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels)), levels
        assert page.locator("html").get_attribute("lang") == "en"
        assert page.evaluate("[...document.images].every(image => image.hasAttribute('alt'))")
        nameless = "e => !e.labels?.length && !e.textContent.trim() && e.type !== 'hidden'"
        assert page.evaluate(f"[...document.querySelectorAll('input,button,select')].filter({nameless}).length") == 0
        assert page.evaluate("[...document.querySelectorAll('a')].filter(a => !a.textContent.trim()).length") == 0
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
        for attribute in ("aria-labelledby", "aria-describedby"):
            named = f"e => document.getElementById(e.getAttribute('{attribute}'))"
            assert page.evaluate(f"[...document.querySelectorAll('[{attribute}]')].every({named})")
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
    _sign_in(page, house, server, busy)
    faint = page.evaluate(_FAINT)
    assert faint == []
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(246, 247, 245)") == (scheme == "light")


# Every element with words of its own: the contrast (WCAG 2.2, 1.4.3) with the nearest opaque ground behind it.
_FAINT = """
(() => {
  const parse = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
  const light = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = e => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
  const found = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${e.outerHTML.slice(0, 90)}`);
  }
  return found;
})()
"""

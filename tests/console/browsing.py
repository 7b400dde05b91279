"""A real browser at the console: pages that remember what a script gave away, and what is asked of every page."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from playwright.sync_api import Page

from tests.cast import ADA
from tests.conftest import House, Tenant
from tests.console.desk import link_of, person
from tests.servers import ThreadServer

sqlite_alone = pytest.mark.parametrize("engine", ["sqlite"], indirect=True, scope="session")

SCRIPTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "'><svg onload=alert(3)>",
    "{{ 7 * 7 }}</title><script>alert(4)</script>",
    "javascript:alert(5)",
)
WATCH = "document.addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective))"

# What is seen beyond the right edge of the screen.
TOO_WIDE = """
(() => {
  const beyond = [...document.querySelectorAll('main *')]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80));
  return document.documentElement.scrollWidth > innerWidth ? [...beyond, 'the page scrolls sideways'] : beyond;
})()
"""
# Every element with words of its own: the contrast (WCAG 2.2, 1.4.3) with the nearest opaque ground behind it.
FAINT = """
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


@dataclass
class Trap:
    """A page, and whatever a script on it gave away."""

    page: Page
    caught: list[str] = field(default_factory=list)


def sign_in(page: Page, house: House, server: ThreadServer, acme: Tenant) -> None:
    """As Ada does: the link, the button."""
    user = person(house, acme.id, ADA, "admin")
    page.goto(f"{server.url}/sign-in/{link_of(house, user)}")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/provisioning")


def check_it_can_be_read_aloud(page: Page) -> None:
    """Headings in order, and a name for whatever is pressed, filled in or seen."""
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

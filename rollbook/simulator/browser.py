"""Somebody with a browser who opens a one-time sign-in link and presses the button on it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx2

from rollbook.simulator.checks import UnmetError


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of a link: the page's status, the status after the button, whether a session was opened."""

    opened: int
    pressed: int | None
    signed_in: bool


def use_link(url: str, *, press: bool = True, forge: bool = False) -> Visit:
    """Opens a sign-in link and, where the page has a form, submits it as a browser would.

    Without `press` the page is only looked at. With `forge` the link is posted to even when its page shows
    no form any more. Raises UnmetError when nobody answers.
    """
    try:
        return _use(url, press, forge)
    except httpx2.TransportError as error:
        raise UnmetError(f"The sign-in page did not answer: {error}") from error


def _use(url: str, press: bool, forge: bool) -> Visit:
    with httpx2.Client(trust_env=False, follow_redirects=False, timeout=30) as client:
        page = client.get(url)
        form = _form(page.text) or ((url, {}) if forge else None)
        if form is None or not press:
            return Visit(page.status_code, None, False)
        action, fields = form
        headers = {"Origin": urljoin(url, "/").rstrip("/"), "Referer": url}
        answer = client.post(urljoin(url, action), data=fields, headers=headers)
        return Visit(page.status_code, answer.status_code, bool(client.cookies) and answer.status_code < 400)


@dataclass
class _Forms(HTMLParser):
    """The first form that posts: its action and its fields."""

    action: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    inside: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None and values.get("method", "").lower() == "post":
            self.action, self.inside = values.get("action", ""), True
        elif self.inside and tag in ("input", "button") and values.get("name"):
            self.fields[values["name"]] = values.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False


def _form(page: str) -> tuple[str, dict[str, str]] | None:
    forms = _Forms()
    forms.feed(page)
    return None if forms.action is None else (forms.action, forms.fields)

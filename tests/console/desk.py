"""Somebody at a desk: signed in to the console over real HTTP, reading pages and sending the forms on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

import httpx2

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.people import alarms, sign_in, users
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from rollbook.people.roles import Role
from tests.conftest import House

OPERATOR = Actor("operator")

_INLINE = frozenset({"a", "bdi", "code", "del", "em", "ins", "span", "strong", "time"})


@dataclass
class Form:
    """A form that posts: where to, and its fields."""

    action: str
    fields: dict[str, str]


class Page(HTMLParser):
    """What a test asks of a page: its text, its posting forms, the addresses of its links."""

    def __init__(self, answer: httpx2.Response) -> None:
        super().__init__()
        self.status = answer.status_code
        self.html = answer.text
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._words: list[str] = []
        self._open: Form | None = None
        self.feed(answer.text)

    @property
    def text(self) -> str:
        """The words as they are read, one space between; without the marks that keep a name's direction."""
        return " ".join("".join(self._words).replace("\u2068", "").replace("\u2069", "").split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag not in _INLINE:
            self._words.append(" ")
        if tag == "form" and values.get("method") == "post":
            self._open = Form(values["action"], {})
            self.forms.append(self._open)
        elif tag == "input" and self._open is not None:
            self._open.fields[values["name"]] = values.get("value", "")
        elif tag == "a":
            self.links.append(values.get("href", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None

    def handle_data(self, data: str) -> None:
        self._words.append(data)


class Desk:
    """A browser without a screen; it follows no redirect by itself."""

    def __init__(self, url: str, user: User) -> None:
        self.user = user
        self.http = httpx2.Client(base_url=url, follow_redirects=False, timeout=30, trust_env=False)

    def open(self, path: str) -> Page:
        return Page(self.http.get(path))

    def press(self, path: str, *, on: str) -> httpx2.Response:
        """Sends the form of the page `on` that goes to `path`."""
        form = next(form for form in self.open(on).forms if form.action == path)
        return self.http.post(path, data=form.fields)

    def token(self) -> str:
        """The token of this session's forms."""
        return self.open("/assignments").forms[0].fields["form_token"]


def person(house: House, company_id: str, profile: Profile, role: Role = "learner") -> User:
    """Somebody made in Learning."""
    return house.write(lambda tx: users.create(tx, company_id, profile, role=role, actor=OPERATOR, now=clock.now()))


def link_of(house: House, user: User) -> str:
    """The token of a new sign-in link."""

    def work(tx: Tx) -> str:
        return sign_in.issue_link(
            tx, user.company_id, user.id, pepper=house.installation.pepper, actor=OPERATOR, now=clock.now()
        )

    return house.write(work)


def seated(house: House, url: str, user: User) -> Desk:
    """The user, signed in by a link as everybody is."""
    desk = Desk(url, user)
    path = f"/sign-in/{link_of(house, user)}"
    answer = desk.press(path, on=path)
    assert answer.status_code == 303, answer.text
    return desk


def open_alarms(house: House, company_id: str) -> Iterator[alarms.Alarm]:
    """The alarms that nobody has settled."""
    return iter(house.read(lambda tx: alarms.open_ones(tx, company_id)))


def named(page: Page) -> list[str]:
    """Whom the rows of a list on the page are about."""
    return re.findall(r'<h3 class="name"><a [^>]*><bdi>(.*?)</bdi>', page.html)

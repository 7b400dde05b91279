"""The way in: a link that scanners may open, a button that uses it up, and what is told of links that do not work."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import time_machine

from rollbook import clock
from rollbook.people import sign_in, users
from rollbook.people.record import User
from rollbook.web import Application
from tests.cast import ADA
from tests.conftest import House, Tenant
from tests.console.desk import OPERATOR, Desk, Page, link_of, person
from tests.servers import ThreadServer


@pytest.fixture
def leo(house: House, acme: Tenant) -> User:
    return person(house, acme.id, ADA, "learner")


@pytest.fixture
def desk(server: ThreadServer, leo: User) -> Desk:
    return Desk(server.url, leo)


def test_looking_at_a_link_changes_nothing_and_the_button_works_once(house: House, desk: Desk, leo: User) -> None:
    path = f"/sign-in/{link_of(house, leo)}"
    for _ in range(3):
        assert desk.http.get(path).status_code == 200
        head = desk.http.head(path)
        assert head.status_code == 200
        assert head.content == b""
    assert not desk.http.cookies
    fields = desk.open(path).forms[0].fields
    first = desk.http.post(path, data=fields)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"].lower()
    assert cookie.startswith("rollbook_session=rb_session_")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert "secure" not in cookie  # this installation is on loopback, over http
    second = desk.http.post(path, data=fields)
    assert second.status_code == 403
    assert "set-cookie" not in second.headers


def test_the_address_of_the_link_is_told_to_nobody(house: House, desk: Desk, leo: User) -> None:
    path = f"/sign-in/{link_of(house, leo)}"
    for answer in (desk.http.get(path), desk.http.post(path, data={}), desk.press(path, on=path), desk.http.get(path)):
        assert answer.headers["cache-control"] == "no-store"
        if answer.status_code != 403 or "does not sign you in" in answer.text:
            assert answer.headers["referrer-policy"] == "no-referrer"


def test_every_useless_link_gets_the_same_page(house: House, desk: Desk, leo: User) -> None:
    used, ended = link_of(house, leo), link_of(house, leo)
    desk.press(f"/sign-in/{used}", on=f"/sign-in/{used}")
    nonsense = used[:-1] + ("0" if used[-1] != "0" else "1")
    house.write(lambda tx: sign_in.end_links(tx, leo.company_id, leo.id, now=clock.now()))
    with time_machine.travel(clock.now() - timedelta(days=15)):
        expired = link_of(house, leo)
    desk.http.cookies.clear()
    answers = [desk.http.get(f"/sign-in/{link}") for link in (used, ended, expired, nonsense, "x", "%00", "é")]
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.text for answer in answers}) == 1
    page = Page(answers[0])
    assert "Send me a new link" in page.text
    assert [(form.action, form.fields) for form in page.forms] == [("?new", {})]


def test_the_link_of_an_archived_person_opens_nothing(house: House, desk: Desk, leo: User) -> None:
    path = f"/sign-in/{link_of(house, leo)}"
    fields = desk.open(path).forms[0].fields
    house.write(
        lambda tx: users.archive(tx, users.get(tx, leo.company_id, leo.id, lock=True), actor=OPERATOR, now=clock.now())
    )
    assert desk.http.get(path).status_code == 403
    answer = desk.http.post(path, data=fields)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def _ask(house: House, method: str, path: str, *, client: str, public_url: str = "", **arguments: Any) -> Any:
    """The answer of an application of the same installation that is reached from elsewhere."""
    settings = house.installation.settings
    settings = settings.model_copy(
        update={"trusted_proxies": "10.0.0.0/8", "public_url": public_url or settings.public_url}
    )
    application = Application(replace(house.installation, settings=settings), with_worker=False)

    async def ask() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=application, client=(client, 40000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://learning.acme.example") as http:
            return await http.request(method, path, **arguments)

    return asyncio.run(ask())


def test_plain_http_from_elsewhere_is_refused_on_every_page(house: House, leo: User) -> None:
    path = f"/sign-in/{link_of(house, leo)}"
    for address in (path, "/", "/provisioning"):
        answer = _ask(house, "GET", address, client="203.0.113.9")
        assert answer.status_code == 403
        assert "Plain http is refused" in answer.text
    proxied = _ask(house, "GET", path, client="10.1.2.3", headers={"X-Forwarded-Proto": "https"})
    assert proxied.status_code == 200
    unencrypted = _ask(house, "GET", path, client="10.1.2.3", headers={"X-Forwarded-Proto": "http"})
    assert unencrypted.status_code == 403
    liar = _ask(house, "GET", path, client="203.0.113.9", headers={"X-Forwarded-Proto": "https"})
    assert liar.status_code == 403


def test_the_session_goes_over_https_alone_where_the_public_address_is_https(house: House, leo: User) -> None:
    path, url = f"/sign-in/{link_of(house, leo)}", "https://learning.acme.example"
    proxy = {"X-Forwarded-Proto": "https", "Origin": url}
    page = Page(_ask(house, "GET", path, client="10.1.2.3", public_url=url, headers=proxy))
    answer = _ask(house, "POST", path, client="10.1.2.3", public_url=url, headers=proxy, data=page.forms[0].fields)
    assert answer.status_code == 303
    assert "; secure" in answer.headers["set-cookie"].lower()

"""The Okta client: what is asked and how, and whom an answer is about."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from rollbook.okta.answers import AppUser, Page, Person, Refused, Variable
from rollbook.okta.client import Client
from rollbook.okta.failures import OktaFailure, RecordRefused
from tests.okta_pull.org import PEOPLE, TOKEN, Asked, Org, asking, error, person, reply

SCHEMA = {"definitions": {"base": {"properties": {"title": {"title": "Title", "type": "string"}}}}}


def test_everything_that_is_asked_is_a_get_with_the_token() -> None:
    def answer(asked: Asked) -> bytes:
        if asked.target.startswith("/api/v1/meta"):
            return reply(200, SCHEMA)
        if asked.target == "/api/v1/groups/00g1":
            return reply(200, {"id": "00g1", "profile": {"name": "Learning"}})
        if asked.target == "/api/v1/users/00uleo":
            return reply(200, person("00uleo", "DEPROVISIONED"))
        if asked.target.startswith("/api/v1/apps"):
            return reply(200, [{"id": "00uleo", "externalId": "01a2", "status": "PROVISIONED"}])
        return reply(200, PEOPLE, packed=True)

    async def work(okta: Client, org: Org) -> tuple[list[Any], list[Asked]]:
        answers = [
            await okta.people("00g1", None),
            await okta.people(None, None),
            await okta.deprovisioned(None),
            await okta.app_users("0oa1", None),
            await okta.person("00uleo"),
            await okta.variables(),
            await okta.group_name("00g1"),
        ]
        return answers, org.asked

    answers, asked = asking(answer, work, page_size=2)
    everybody = Page([Person(each["id"], each["status"], each["profile"]) for each in PEOPLE], [], None)
    leo = person("00uleo")
    assert answers == [
        everybody,
        everybody,
        everybody,
        Page([AppUser("00uleo", "PROVISIONED", "01a2")], [], None),
        Person("00uleo", "DEPROVISIONED", leo["profile"]),
        [Variable("title", "Title", "string")],
        "Learning",
    ]
    assert [each.target for each in asked] == [
        "/api/v1/groups/00g1/users?limit=2",
        "/api/v1/users?limit=2",
        "/api/v1/users?filter=status+eq+%22DEPROVISIONED%22&limit=2",
        "/api/v1/apps/0oa1/users?limit=2",
        "/api/v1/users/00uleo",
        "/api/v1/meta/schemas/user/default",
        "/api/v1/groups/00g1",
    ]
    assert {each.method for each in asked} == {"GET"}
    assert {each.headers["authorization"] for each in asked} == {f"SSWS {TOKEN}"}
    assert {each.headers["accept-encoding"] for each in asked} == {"gzip"}


def test_a_person_is_absent_only_where_okta_itself_says_so() -> None:
    async def absent(okta: Client, org: Org) -> tuple[Person | None, int]:
        return await okta.person("00uleo"), len(org.asked)

    assert asking(lambda _: error(404), absent) == (None, 1)
    for raw in (reply(404, b"<html>Not found</html>"), reply(404, {}), reply(404, [])):
        with pytest.raises(OktaFailure) as failure:
            asking(lambda _, raw=raw: raw, absent)
        assert failure.value.kind == "unreadable"


@pytest.mark.parametrize(
    ("okta_id", "target"),
    [
        ("me", "/api/v1/users/me"),
        ("ada@acme.example", "/api/v1/users/ada%40acme.example"),
        ("../groups/00g1", "/api/v1/users/..%2Fgroups%2F00g1"),
        ("a?b#c", "/api/v1/users/a%3Fb%23c"),
        ("ü 1\r\n", "/api/v1/users/%C3%BC%201%0D%0A"),
        ("%2e%2e", "/api/v1/users/%252e%252e"),
    ],
)
def test_whoever_answers_to_another_name_is_not_who_was_asked_for(okta_id: str, target: str) -> None:
    async def work(okta: Client, org: Org) -> tuple[Person | None, list[str]]:
        return await okta.person(okta_id), [each.target for each in org.asked]

    assert asking(lambda _: reply(200, person("00uada")), work) == (None, [target])


@pytest.mark.parametrize("okta_id", ["", ".", ".."])
def test_an_id_that_is_a_place_and_no_id_is_not_asked_for(okta_id: str) -> None:
    async def work(okta: Client, org: Org) -> tuple[Person | None, int]:
        return await okta.person(okta_id), org.connections

    assert asking(lambda _: reply(200, person("00uada")), work) == (None, 0)


def test_a_single_record_that_cannot_be_read_is_no_failure_of_okta() -> None:
    async def work(okta: Client, org: Org) -> tuple[str | None, int]:
        with pytest.raises(RecordRefused, match="NUL") as failure:
            await okta.person("00uleo")
        return failure.value.status, len(org.asked)

    assert asking(lambda _: reply(200, person("00uleo", "DEPROVISIONED", n="\x00")), work) == ("DEPROVISIONED", 1)
    nameless = asking(
        lambda _: reply(200, {"profile": {}}),
        lambda okta, _: outcome_of(okta.person("00uleo")),
    )
    assert isinstance(nameless, RecordRefused)


async def outcome_of(work: Awaitable[Any]) -> Any:
    try:
        return await work
    except OktaFailure as failure:
        return failure


def test_one_request_at_a_time_is_under_way() -> None:
    async def work(okta: Client, org: Org) -> tuple[int, int]:
        await asyncio.gather(*(okta.people(None, None) for _ in range(20)))
        return len(org.asked), org.at_once

    whole = reply(200, PEOPLE)
    assert asking(lambda _: [whole[:50], whole[50:]], work) == (20, 1)


def test_a_poisoned_record_leaves_the_others_of_its_page() -> None:
    async def work(okta: Client, org: Org) -> Page[Person]:
        return await okta.people(None, None)

    page = asking(lambda _: reply(200, [PEOPLE[0], {"id": "00ubad"}, PEOPLE[1]]), work)
    assert [each.id for each in page.items] == ["00uada", "00uleo"]
    assert [each.id for each in page.refused] == ["00ubad"]
    assert isinstance(page.refused[0], Refused)


def test_no_cookie_is_kept() -> None:
    async def work(okta: Client, org: Org) -> list[bool]:
        await okta.people(None, None)
        await okta.people(None, None)
        return ["cookie" in each.headers for each in org.asked]

    assert asking(lambda _: reply(200, [], "Set-Cookie: JSESSIONID=1; Path=/"), work) == [False, False]


OLD = person("00uold", "DEPROVISIONED")
NEW = person("00unew")


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (reply(200, [OLD, NEW]), ["00unew"]),
        (reply(200, [OLD]), []),
        (reply(200, []), None),  # not even the person who was named by id
        (reply(200, [NEW]), None),
        (reply(200, [OLD, {"id": "00unew"}]), None),  # somebody, and nobody knows who
        (error(400, "E0000031"), None),
        (reply(200, b"<html>Sign in</html>", media="text/html"), None),
    ],
)
def test_namesakes_are_certain_or_they_are_none(raw: bytes, found: list[str] | None) -> None:
    async def work(okta: Client, org: Org) -> tuple[list[Person] | None, str]:
        return await okta.namesakes("00uold", ['le"o\\', "leo@acme.example"]), org.asked[0].target

    people, target = asking(lambda _: raw, work, tries_again=0)
    assert (None if people is None else [each.id for each in people]) == found
    condition = (
        'profile.login eq "le\\"o\\\\" or profile.email eq "le\\"o\\\\" or profile.login eq "leo@acme.example" '
        'or profile.email eq "leo@acme.example" or id eq "00uold"'
    )
    assert parse_qs(urlsplit(target).query)["search"] == [condition]


@pytest.mark.parametrize(
    ("raw", "assigned"),
    [
        (reply(200, {"id": "00uleo", "status": "ACTIVE"}), True),
        (reply(200, {"id": "00uleo", "status": "PROVISIONED", "externalId": "01a2"}), True),
        (reply(200, {"id": "00uleo", "status": "DEPROVISIONED"}), False),
        (reply(200, {"id": "00uleo"}), False),
        (reply(200, {"id": "00uother", "status": "ACTIVE"}), False),
        (reply(200, {"status": "ACTIVE"}), False),
        (error(404), False),
    ],
)
def test_an_app_is_assigned_only_where_okta_says_so_of_that_person(raw: bytes, assigned: bool) -> None:
    async def work(okta: Client, org: Org) -> tuple[bool, str]:
        return await okta.is_assigned("00uleo", "0oa1"), org.asked[0].target

    assert asking(lambda _: raw, work) == (assigned, "/api/v1/apps/0oa1/users/00uleo")


def test_an_empty_list_of_groups_is_no_answer() -> None:
    async def work(okta: Client, org: Org) -> None:
        with pytest.raises(OktaFailure, match="not even Everyone"):
            await okta.is_member("00uleo", "00g1")

    asking(lambda _: reply(200, []), work, tries_again=0)

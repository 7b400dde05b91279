"""The Okta client against servers that misbehave: what is asked, what is tried again, and what the end is called."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from rollbook.okta import answer_body
from rollbook.okta.answers import AppUser, Page, Person, Refused, Variable
from rollbook.okta.client import Client
from rollbook.okta.failures import OktaFailure, RecordRefused
from tests.okta_pull.org import TOKEN, Asked, Clock, Org, Raw, client, error, person, reply

PEOPLE = [person("00uada"), person("00uleo")]
SCHEMA = {"definitions": {"base": {"properties": {"title": {"title": "Title", "type": "string"}}}}}
CURSOR_OF = "/api/v1/users?after=2&limit=200"


def asking(answer: Callable[[Asked], Raw], work: Callable[[Client, Org], Awaitable[Any]], **options: Any) -> Any:
    """What the work with a client of such an org comes to."""

    async def run() -> Any:
        async with Org(answer) as org, client(org, **options) as okta:
            return await work(okta, org)

    return asyncio.run(run())


def failing(answer: Callable[[Asked], Raw], **options: Any) -> tuple[OktaFailure, int]:
    """How reading people fails, and after how many requests."""

    async def work(okta: Client, org: Org) -> tuple[OktaFailure, int]:
        with pytest.raises(OktaFailure) as failure:
            await okta.people(None, None)
        return failure.value, len(org.asked)

    outcome: tuple[OktaFailure, int] = asking(answer, work, **options)
    return outcome


def next_page(asked: Asked, target: str, *more: str) -> bytes:
    host = asked.headers["host"]
    links = (f'Link: <http://{host}{asked.target}>; rel="self"', f'Link: <http://{host}{target}>; rel="next"')
    return reply(200, PEOPLE, *links, *more)


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


def test_pages_follow_the_address_that_okta_gives() -> None:
    def answer(asked: Asked) -> bytes:
        return reply(200, []) if "after=2" in asked.target else next_page(asked, CURSOR_OF)

    async def work(okta: Client, org: Org) -> list[str]:
        first = await okta.people(None, None)
        second = await okta.people(None, first.next)
        assert first.next == f"{org.url}{CURSOR_OF}"
        assert (second.items, second.next) == ([], None)
        return [each.target for each in org.asked]

    assert asking(answer, work) == ["/api/v1/users?limit=200", CURSOR_OF]


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/api/v1/users?after=2",
        "http://evil.example/api/v1/users?after=2",
        "http://{host}@evil.example/api/v1/users?after=2",
        "http://{host}\\@evil.example/api/v1/users?after=2",
        "http://{host}.evil.example/api/v1/users?after=2",
        "http://evil.example#{host}/api/v1/users?after=2",
        "http://ada:word@{host}/api/v1/users?after=2",
        "https://{host}/api/v1/users?after=2",
        "http://127.0.0.1/api/v1/users?after=2",
        "http://localhost:9/api/v1/users?after=2",
        "http://{host}/api/v1/groups?after=2",
        "http://{host}/api/v1/users/../groups?after=2",
        "http://{host}/api/v1/users?after=2#there",
        "http://{host}/api/v1/users?limit=200",  # the very page that was asked for
        "http://{host}/api/v1/users?after=" + "2" * 5000,
        "/api/v1/users?after=2",
        "//evil.example/api/v1/users",
        "http://[::1",
        "",
    ],
    ids=lambda link: link[:50],
)
def test_a_list_that_goes_on_elsewhere_is_not_followed(link: str) -> None:
    def answer(asked: Asked) -> bytes:
        return reply(200, PEOPLE, f'Link: <{link.replace("{host}", asked.headers["host"])}>; rel="next"')

    failure, requests = failing(answer)
    assert (failure.kind, requests) == ("unreadable", 6)


@pytest.mark.parametrize(
    "link", ["<http://x/>", "garbage", '<http://x/>; title="a=b"; rel="next"', "<http://x/a;b>; rel=next"]
)
def test_a_list_of_which_nobody_knows_whether_it_goes_on_is_not_taken_for_whole(link: str) -> None:
    failure, _ = failing(lambda _: reply(200, PEOPLE, f"Link: {link}"))
    assert failure.kind == "unreadable"


@pytest.mark.parametrize(
    "after",
    [
        "https://umbra.okta.com/api/v1/users?after=2",
        "http://{host}/api/v1/groups/00g1/users?after=2",
        "http://ada@{host}/api/v1/users?after=2",
        "2",
        "",
    ],
)
def test_a_place_in_another_list_begins_this_one_anew(after: str) -> None:
    """The org or the group was changed while a run stood still; the old place is not asked for."""

    async def work(okta: Client, org: Org) -> int:
        with pytest.raises(OktaFailure) as failure:
            await okta.people(None, after.replace("{host}", f"127.0.0.1:{org.port}"))
        assert failure.value.kind == "cursor"
        return org.connections

    assert asking(lambda _: reply(200, PEOPLE), work) == 0


FAULTS: dict[str, tuple[str, Raw]] = {
    "500": ("unreachable", error(500, "E0000009")),
    "502 with a page": ("unreachable", reply(502, b"<html>Bad gateway</html>", media="text/html")),
    "503": ("unreachable", reply(503, b"")),
    "504": ("unreachable", reply(504, b"", "Connection: close")),
    "408": ("unreachable", reply(408, b"")),
    "closed without a word": ("unreachable", [b"", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Len"]),
    "cut off": ("unreachable", reply(200, PEOPLE, "Connection: close")[:-10]),
    "not HTTP": ("unreachable", b"SSH-2.0-OpenSSH\r\n\r\nConnection: close"),
    "never answered": ("unreachable", None),
    "a drop at a time": ("unreachable", [reply(200, PEOPLE)[:9], *[b"x"] * 400]),
    "a page of HTML": ("unreadable", reply(200, b"<html>Sign in</html>", media="text/html")),
    "half of the JSON": ("unreadable", reply(200, json.dumps(PEOPLE).encode()[:-9])),
    "another shape": ("unreadable", reply(200, {"items": PEOPLE})),
    "204": ("unreadable", reply(204, b"")),
    "206": ("unreadable", reply(206, PEOPLE)),
    "404 without Okta's code": ("unreadable", reply(404, b"<html>Not found</html>", media="text/html")),
    "packed by half": ("unreadable", reply(200, zlib.compress(b"x"), "Content-Encoding: gzip")),
    "packed as not asked": ("unreadable", reply(200, PEOPLE, "Content-Encoding: br")),
    "elsewhere": ("unreadable", reply(302, b"", "Location: https://acme.okta.com/login")),
    "elsewhere for ever": ("unreadable", reply(308, b"", "Location: https://evil.example/")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_changes_nothing(fault: str) -> None:
    _, raw = FAULTS[fault]
    answers = iter([raw])

    async def work(okta: Client, org: Org) -> tuple[Page[Person], int]:
        return await okta.people(None, None), len(org.asked)

    page, requests = asking(lambda _: next(answers, reply(200, PEOPLE)), work, request_seconds=0.4)
    assert ([each.id for each in page.items], page.next, requests) == (["00uada", "00uleo"], None, 2)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays_is_given_up_after_five_more_tries(fault: str) -> None:
    kind, raw = FAULTS[fault]
    clock = Clock()
    failure, requests = failing(lambda _: raw, clock=clock, request_seconds=0.2)
    assert (failure.kind, requests) == (kind, 6)
    assert clock.slept == [0.75, 1.5, 3.0, 6.0, 12.0]
    assert failure.message.endswith("The next run begins anew.")


@pytest.mark.parametrize(
    ("raw", "kind", "words"),
    [
        (error(401, "E0000011"), "refused", "Make a new one as a read-only administrator"),
        (reply(401, b""), "refused", "Make a new one as a read-only administrator"),
        (error(403, "E0000006"), "refused", "Read-only Administrator"),
        (error(404), "gone", "Okta knows no longer the group 00g1"),
        (error(400, "E0000001"), "cursor", "read from its beginning"),
        (error(410, "E0000001"), "cursor", "read from its beginning"),
    ],
)
def test_what_trying_again_cannot_mend_is_not_tried_again(raw: bytes, kind: str, words: str) -> None:
    async def work(okta: Client, org: Org) -> tuple[str, bool, int]:
        with pytest.raises(OktaFailure) as failure:
            await okta.people("00g1", f"{org.url}/api/v1/groups/00g1/users?after=2")
        return failure.value.kind, words in failure.value.message, len(org.asked)

    assert asking(lambda _: raw, work) == (kind, True, 1)


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


def test_no_redirect_is_followed_with_the_token() -> None:
    async def work() -> int:
        async with Org(lambda _: reply(200, PEOPLE)) as other:
            elsewhere = f"Location: {other.url}/api/v1/users"
            async with Org(lambda _: reply(302, b"", elsewhere)) as org, client(org) as okta:
                with pytest.raises(OktaFailure, match="sends us elsewhere"):
                    await okta.people(None, None)
            return other.connections

    assert asyncio.run(work()) == 0


def test_the_token_is_in_no_message_trace_or_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    raws = [raw for _, raw in FAULTS.values()] + [error(status) for status in (400, 401, 403, 404, 429)]
    shown: list[str] = []

    async def work(okta: Client, org: Org) -> None:
        shown.append(repr(okta))
        try:
            await okta.people(None, None)
        except OktaFailure as failure:
            shown.extend([repr(failure), failure.message, *traceback.format_exception(failure)])

    for raw in raws:
        asking(lambda _, raw=raw: raw, work, tries_again=0, request_seconds=0.2)
    text = "\n".join([*shown, caplog.text])
    assert len(shown) > 5 * len(raws)
    assert "receive_response_headers" in text  # the libraries did log
    assert TOKEN not in text
    assert "words of the org" not in text


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    block = b" " * (1024 * 1024)
    return b"".join(packer.compress(block) for _ in range(size)) + packer.flush()


def test_an_answer_that_is_too_long_is_not_read_to_its_end() -> None:
    packed = bomb(200)
    assert len(packed) < 300_000
    failure, requests = failing(lambda _: reply(200, packed, "Content-Encoding: gzip"), tries_again=0)
    assert (failure.message, requests) == (
        "Okta's answer cannot be used: it is longer than 16 MiB. The next run begins anew.",
        1,
    )
    failure, _ = failing(lambda _: reply(200, b" " * (17 * 1024 * 1024)), tries_again=0)
    assert "longer than 16 MiB" in failure.message


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001])
@pytest.mark.parametrize("packed", [False, True])
def test_the_ceiling_of_an_answer_is_exact(size: int, packed: bool) -> None:
    head, _, body = reply(200, b"x" * size, packed=packed).partition(b"\r\n\r\n")
    headers = {"content-encoding": "gzip"} if b"gzip" in head else {}

    async def read() -> bytes:
        return await answer_body.read(httpx2.Response(200, headers=headers, stream=Bytewise(body)), ceiling=1000)

    if size > 1000:
        with pytest.raises(OktaFailure, match="longer than"):
            asyncio.run(read())
    else:
        assert asyncio.run(read()) == b"x" * size


class Bytewise(httpx2.AsyncByteStream):
    """A body that comes one byte at a time."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> Any:
        for place in range(len(self._body)):
            yield self._body[place : place + 1]

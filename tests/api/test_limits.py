"""How much the API takes, how often it may be asked, and that whatever goes wrong is a problem."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from rollbook import clock, http_protocol
from rollbook.api import users as door_users
from rollbook.api.app import BURST, ApiDoor
from rollbook.api.operation import MAX_DEPTH
from rollbook.database import Collision
from rollbook.errors import Unavailable
from rollbook.installation import Installation
from rollbook.rate_limit import MOST_BUCKETS, RateLimit
from rollbook.request_body import MAX_BODY
from rollbook.settings import Settings
from tests.api.conftest import Api, told
from tests.conftest import House
from tests.scim.wire import Connection, Heard, ask_door, basic_of, exchange, request
from tests.servers import ThreadServer

NEW = {"email": "leo@acme.example", "given_name": "Leo", "family_name": "Linden"}


def checked(heard: Heard) -> Heard:
    assert heard.headers["content-type"] == "application/problem+json"
    assert heard.body["status"] == heard.status
    return heard


def post(server: ThreadServer, api: Api, body: bytes, **headers: str) -> Heard:
    headers = {"authorization": basic_of(api.subdomain, api.key), "content_type": "application/json"} | headers
    return checked(exchange(server, request("POST", "/api/v1/users", None, body, **headers)))


def test_a_body_of_a_mebibyte_is_read_and_one_byte_more_is_not(server: ThreadServer, api: Api) -> None:
    def padded(size: int) -> bytes:
        start = b'{"x": "'
        return start + b"y" * (size - len(start) - 2) + b'"}'

    heard = post(server, api, padded(MAX_BODY))
    assert (heard.status, heard.body["errors"][0]["name"]) == (400, "email")
    heard = post(server, api, padded(MAX_BODY + 1))
    assert heard.status == 413
    assert heard.headers["connection"] == "close"
    assert heard.body["detail"] == "The body is larger than 1,048,576 bytes, and nothing was done. Send less at once."


def test_a_body_without_a_length_is_counted_while_it_streams(server: ThreadServer, api: Api) -> None:
    headers = {"authorization": basic_of(api.subdomain, api.key), "transfer_encoding": "chunked"}
    with Connection(server) as connection:
        connection.send(request("POST", "/api/v1/users", None, b"", **headers))
        for _ in range(32):
            connection.send(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        connection.send(b"0\r\n\r\n")
        assert checked(connection.hear()).status == 413
        assert connection.ended()


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"content_encoding": "gzip"}, "Content-Encoding"),
        ({"content_type": "text/plain"}, "not text/plain"),
        ({"content_type": "multipart/form-data; boundary=x"}, "not multipart/form-data"),
        ({"content_type": "application/scim+json"}, "not application/scim+json"),
    ],
    ids=str,
)
def test_what_is_no_plain_json_is_415(headers: dict[str, str], words: str, server: ThreadServer, api: Api) -> None:
    heard = post(server, api, json.dumps(NEW).encode(), **headers)
    assert heard.status == 415
    assert words in heard.body["detail"]


@pytest.mark.parametrize("media", ["application/json", "Application/JSON; charset=utf-8", ""])
def test_json_is_read_with_and_without_its_media_type(media: str, server: ThreadServer, api: Api) -> None:
    headers = {"authorization": basic_of(api.subdomain, api.key)} | ({"content_type": media} if media else {})
    heard = exchange(server, request("POST", "/api/v1/users", None, json.dumps(NEW).encode(), **headers))
    assert heard.status == 201


NO_JSON = {
    "empty": b"",
    "cut off": b'{"email": ',
    "twice the same member": b'{"email": "a@b.c", "email": "d@e.f", "given_name": "x", "family_name": "y"}',
    "NaN": b'{"email": NaN}',
    "a number of ten thousand digits": b'{"email": ' + b"1" * 10_000 + b"}",
    "no UTF-8": b'{"email": "\xff"}',
    "UTF-16": '{"email": "x"}'.encode("utf-16"),
    "a lone surrogate": b'{"email": "\\ud800@acme.example", "given_name": "L", "family_name": "L"}',
    "NUL": b'{"email": "leo@acme.example", "given_name": "L\\u0000", "family_name": "L"}',
    "a list": b"[]",
    "a text": b'"x"',
    "null": b"null",
    "nested without end": b"[" * 100_000,
    "objects nested without end": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "nested too deeply": b'{"custom": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
    "a form": b"email=leo@acme.example",
    "JSON and more": b'{"email": "a@b.c"} {}',
}


@pytest.mark.parametrize("content", NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_right_body_is_400(content: bytes, server: ThreadServer, api: Api) -> None:
    heard = post(server, api, content)
    assert (heard.status, heard.body["type"]) == (400, "urn:rollbook:problem:invalid-request")
    assert heard.body["errors"][0]["in"] == "body"
    assert api.get("/users")["items"] == []


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=many", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("archived=yes", "archived"),
        ("role=owner", "role"),
        ("email=%00", "email"),
        ("unknown=1", "unknown"),
        ("=1", ""),
        ("EMAIL=leo@acme.example", "EMAIL"),
        ("cursor=x", "cursor"),
        ("cursor=" + "x" * 300, "cursor"),
        ("cursor=%C3%A9", "cursor"),
        ("cursor=MDE5OWMwZGUtMWUwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAxLjAwMDAwMDAw", "cursor"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(query: str, name: str, api: Api) -> None:
    body = api.send("GET", f"/users?{query}", status=400)
    assert [(error["in"], error["name"]) for error in body["errors"]] == [("query", name)]


def test_a_body_that_does_not_arrive_is_a_problem(
    installation: Installation, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "BODY_SECONDS", 0.3)
    monkeypatch.setattr(http_protocol, "HEADER_SECONDS", 0.3)
    hasty = ThreadServer(installation)
    try:
        headers = {"authorization": basic_of(api.subdomain, api.key), "content_length": "100"}
        for content, status in (
            (request("POST", "/api/v1/users", None, **headers) + b'{"email"', 408),
            (b"GET /api/v1/users HTTP/1.1\r\nHost: x\r\n", 408),
            (request("POST", "/api/v1/users", None, b"", transfer_encoding="chunked") + b"zz\r\nno chunk\r\n", 400),
            (request("GET", "/api/v1/users", x_filler="x" * 70_000), 431),
        ):
            with Connection(hasty) as connection:
                connection.send(content)
                assert checked(connection.hear()).status == status
                assert connection.ended()
    finally:
        hasty.stop()


# How often a key may ask.


@pytest.fixture
def turned() -> Iterator[Any]:
    """A clock that stands still until a test turns it."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        yield traveller


def asked(api: Api, door: ApiDoor, key: str, times: int = 1, name: str | None = None) -> list[Heard]:
    async def ask() -> list[Heard]:
        headers = {"authorization": basic_of(name or api.subdomain, key)}
        return [await ask_door(door, "GET", "/api/v1/company", headers=headers) for _ in range(times)]

    return asyncio.run(ask())


def small_door(house: House) -> ApiDoor:
    return ApiDoor(
        house.installation.database, house.installation.pepper, public_url="http://127.0.0.1", per_minute=600
    )


def test_a_key_that_asks_too_often_waits_and_no_other_does(api: Api, house: House, turned: Any) -> None:
    door = small_door(house)
    assert {heard.status for heard in asked(api, door, api.key, BURST)} == {200}
    (refused,) = asked(api, door, api.key)
    assert checked(refused).status == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.body["detail"] == "A key may ask 600 times a minute, 100 of them at once; this one goes on in 1 s."
    _, sibling = api.issue()
    assert asked(api, door, sibling)[0].status == 200
    turned.shift(timedelta(seconds=1))
    assert [heard.status for heard in asked(api, door, api.key, 11)] == [200] * 10 + [429]
    turned.shift(timedelta(minutes=10))
    assert [heard.status for heard in asked(api, door, api.key, BURST + 1)] == [200] * BURST + [429]


def test_nobody_empties_the_bucket_of_a_key_that_they_do_not_hold(api: Api, house: House, turned: Any) -> None:
    door = small_door(house)
    assert asked(api, door, api.key)[0].status == 200
    wrong = api.key[:-1] + ("0" if api.key[-1] != "0" else "1")
    for key in (wrong, api.tenant.key):
        assert {heard.status for heard in asked(api, door, key, 300)} == {401}
    assert {heard.status for heard in asked(api, door, api.key, BURST - 1)} == {200}


def test_refused_requests_count_too_and_a_refusal_for_haste_touches_nothing(
    api: Api, house: House, turned: Any
) -> None:
    door = small_door(house)

    async def ask() -> list[int]:
        headers = {"authorization": basic_of(api.subdomain, api.key)}
        return [(await ask_door(door, "GET", "/api/v1/nothing", headers=headers)).status for _ in range(BURST + 2)]

    assert asyncio.run(ask()) == [404] * BURST + [429] * 2


def test_buckets_that_are_full_again_are_forgotten(turned: Any) -> None:
    limit = RateLimit(per_minute=600, burst=BURST)
    for number in range(MOST_BUCKETS):
        assert limit.take(f"key {number}", clock.now()) == 0
    turned.shift(timedelta(minutes=1))
    limit.take("another", clock.now())
    assert limit.knows("another")
    assert not limit.knows("key 0")


def test_a_clock_that_is_set_back_gives_nothing_and_takes_nothing(turned: Any) -> None:
    limit = RateLimit(per_minute=60, burst=2)
    assert [limit.take("key", clock.now()) for _ in range(3)] == [0, 0, 1]
    turned.shift(timedelta(hours=-1))
    assert limit.take("key", clock.now()) == 1
    turned.shift(timedelta(seconds=2))
    assert [limit.take("key", clock.now()) for _ in range(3)] == [0, 0, 1]


def test_the_rate_is_the_operator_s_to_set() -> None:
    assert Settings().api_requests_per_minute == 600
    assert Settings(api_requests_per_minute=50).api_requests_per_minute == 50


# When Rollbook itself fails.


@pytest.mark.parametrize(
    ("failure", "status", "detail", "retry"),
    [
        (Unavailable("The database does not answer; try again."), 503, "The database does not answer; try again.", "5"),
        (Collision(), 503, "Others are changing the same thing just now; send the request again.", "1"),
        (RuntimeError("canary-of-an-exception"), 500, None, None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_of_ours_is_a_problem_without_its_text(
    failure: Exception,
    status: int,
    detail: str | None,
    retry: str | None,
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise failure

    monkeypatch.setattr(door_users.directory, "list_people", fail)
    answer = api.ask("GET", "/users")
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == retry
    body = told(answer)
    assert body["type"] == "about:blank"
    if detail is not None:
        assert body["detail"] == detail
    else:
        assert answer.headers["x-request-id"] in body["detail"]
    assert "canary" not in answer.text + "".join(capfd.readouterr())

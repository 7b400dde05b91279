"""What the simulated Okta puts on the wire besides bodies, and how it reads what comes back."""

import json
import re
from dataclasses import replace

import pytest

from rollbook.simulator.wire import ProvisioningError, Scheme, Wire, checked_address, equals, retry_after
from tests.simulator.servers import Reply, scripted_server

EMPTY = json.dumps(
    {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 0,
        "startIndex": 1,
        "itemsPerPage": 0,
        "Resources": [],
    }
)


def scim_error(status: int, detail: str) -> str:
    schemas = ["urn:ietf:params:scim:api:messages:2.0:Error"]
    return json.dumps({"schemas": schemas, "status": str(status), "detail": detail})


def wire_to(base_url: str, **options: object) -> Wire:
    return Wire(**{"base_url": base_url, "user": "acme", "key": "a-key", **options})  # type: ignore[arg-type]  # its parts are of several types


def test_a_get_has_oktas_headers_and_no_content_type() -> None:
    with scripted_server(Reply(200, EMPTY)) as server:
        wire_to(server.base_url).ask("GET", "/Users", query={"startIndex": 1, "count": 2})
    assert sorted(server.requests[0].headers) == sorted(
        [
            ("Host", server.base_url.split("/")[2]),
            ("Accept", "application/scim+json"),
            ("Accept-Charset", "utf-8"),
            ("User-Agent", "Okta SCIM Client 1.0.0"),
            ("Connection", "Keep-Alive"),
            ("Accept-Encoding", "gzip,deflate"),
            ("Authorization", "Basic YWNtZTphLWtleQ=="),
        ]
    )


def test_a_write_has_oktas_headers_and_media_type_with_charset() -> None:
    with scripted_server(Reply(204)) as server:
        wire_to(server.base_url).ask("PATCH", "/Users/1", body={"name": "Zoë"})
    request = server.requests[0]
    assert request.body.decode() == '{"name": "Zoë"}'
    assert sorted(request.headers) == sorted(
        [
            ("Host", server.base_url.split("/")[2]),
            ("Accept", "application/scim+json"),
            ("Accept-Charset", "utf-8"),
            ("Content-Type", "application/scim+json; charset=utf-8"),
            ("Content-Length", str(len(request.body))),
            ("User-Agent", "Okta SCIM Client 1.0.0"),
            ("Connection", "Keep-Alive"),
            ("Accept-Encoding", "gzip,deflate"),
            ("Authorization", "Basic YWNtZTphLWtleQ=="),
        ]
    )


def test_a_delete_carries_a_content_type_and_no_body() -> None:
    with scripted_server(Reply(204)) as server:
        wire_to(server.base_url).ask("DELETE", "/Users/1")
    assert server.requests[0].header("Content-Type") == "application/scim+json; charset=utf-8"
    assert server.requests[0].body == b""


@pytest.mark.parametrize(
    ("scheme", "value"),
    [("basic", "Basic YWNtZTphLWtleQ=="), ("bearer", "Bearer a-key"), ("raw", "a-key")],
)
def test_the_key_travels_in_each_of_the_three_forms(scheme: Scheme, value: str) -> None:
    with scripted_server(Reply(200, EMPTY)) as server:
        wire_to(server.base_url, scheme=scheme).ask("GET", "/Users")
    assert server.requests[0].header("Authorization") == value


def test_a_query_is_encoded_in_two_styles() -> None:
    query = {"filter": equals("userName", 'ada+"x"@acme.example'), "startIndex": 1}
    with scripted_server(Reply(200, EMPTY), Reply(200, EMPTY)) as server:
        wire = wire_to(server.base_url)
        wire.ask("GET", "/Users", query=query)
        replace(wire, encoding="plus").ask("GET", "/Users", query=query)
    assert [request.target for request in server.requests] == [
        "/scim/v2/Users?filter=userName%20eq%20%22ada%2B%5C%22x%5C%22%40acme.example%22&startIndex=1",
        "/scim/v2/Users?filter=userName+eq+%22ada%2B%5C%22x%5C%22%40acme.example%22&startIndex=1",
    ]


def test_a_429_is_waited_for_and_sent_again_with_doubled_waits() -> None:
    waits: list[float] = []
    busy = Reply(429, scim_error(429, "Too many."), {"Retry-After": "3"})
    with scripted_server(busy, busy, busy, Reply(200, EMPTY)) as server:
        answer = wire_to(server.base_url, sleep=waits.append).ask("GET", "/Users")
    assert answer["totalResults"] == 0
    assert waits == [3, 6, 12]


def test_a_429_on_a_write_repeats_the_same_body() -> None:
    busy = Reply(429, scim_error(429, "Too many."), {"Retry-After": "1"})
    with scripted_server(busy, Reply(201, '{"id": "1"}')) as server:
        wire_to(server.base_url, sleep=lambda _: None).ask("POST", "/Users", body={"userName": "leo"})
    assert [request.body for request in server.requests] == [b'{"userName": "leo"}'] * 2


def test_after_ten_repetitions_the_429_is_the_answer() -> None:
    waits: list[float] = []
    busy = Reply(429, scim_error(429, "Too many."), {"Retry-After": "1"})
    with scripted_server(*[busy] * 12) as server:
        with pytest.raises(ProvisioningError) as failure:
            wire_to(server.base_url, sleep=waits.append).ask("GET", "/Users")
        assert len(server.requests) == 11
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert failure.value.message == "Too Many Requests. Errors reported by remote server: Too many."


@pytest.mark.parametrize("header", [None, "", "1.5", "-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_missing_or_malformed_retry_after_means_five_minutes(header: str | None) -> None:
    assert retry_after(header) == 300


def test_a_check_does_not_wait_longer_than_its_patience() -> None:
    with scripted_server(Reply(429, scim_error(429, "Too many."))) as server:
        with pytest.raises(ProvisioningError, match="would now wait 300 seconds"):
            wire_to(server.base_url, patience=30, sleep=lambda _: pytest.fail("it waited")).ask("GET", "/Users")
        assert len(server.requests) == 1


def test_a_scim_error_is_shown_with_its_detail_verbatim() -> None:
    with (
        scripted_server(Reply(409, scim_error(409, "Leo’s user name is taken."))) as server,
        pytest.raises(ProvisioningError) as failure,
    ):
        wire_to(server.base_url).ask("POST", "/Users", body={})
    assert failure.value.message == "Conflict. Errors reported by remote server: Leo’s user name is taken."
    assert (failure.value.status, failure.value.detail) == (409, "Leo’s user name is taken.")


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (502, "error: upstream", "Invalid JSON: Unrecognized token 'error'"),
        (500, "<html><h1>Oh</h1></html>", "Invalid JSON: Unexpected character ('<' (code 60))"),
        (401, '{"detail": "no', "Invalid JSON: Unexpected end-of-input"),
        (400, "{", "Invalid JSON: Unexpected end-of-input"),
        (400, '["no"]', "Invalid JSON: expected an object"),
        (200, "OK", "Invalid JSON: Unrecognized token 'OK'"),
        (503, "", "Service Unavailable."),
        (404, '{"title": "Not Found"}', "Not Found."),
        (599, "{}", "HTTP 599."),
    ],
)
def test_what_is_not_scim_json_hides_the_cause(status: int, body: str, message: str) -> None:
    html = {"Content-Type": "text/html"}
    with scripted_server(Reply(status, body, html)) as server, pytest.raises(ProvisioningError) as failure:
        wire_to(server.base_url).ask("GET", "/Users")
    assert failure.value.message == message


def test_a_server_that_stays_silent_times_out() -> None:
    with scripted_server(Reply(200, EMPTY, delay=1.0)) as server:
        wire = wire_to(server.base_url, silence=0.2)
        with pytest.raises(ProvisioningError, match=r"Read timed out: no answer for 0\.2 seconds"):
            wire.ask("GET", "/Users")
    assert [(exchange.method, exchange.status) for exchange in wire.exchanges] == [("GET", None)]


def test_a_server_that_is_not_there_is_a_failure_with_its_reason() -> None:
    with scripted_server() as server:
        base_url = server.base_url
    with pytest.raises(ProvisioningError, match="No connection"):
        wire_to(base_url).ask("GET", "/Users")


def test_every_exchange_is_recorded_without_key_and_password() -> None:
    echo = Reply(200, json.dumps({"id": "1", "notes": ["a-key", "Basic YWNtZTphLWtleQ=="]}))
    with scripted_server(echo, Reply(500, "a-key is wrong")) as server:
        wire = wire_to(server.base_url)
        wire.ask("POST", "/Users", query={"x": 1}, body={"userName": "leo", "password": "filler"})
        wire.send("GET", "/Users/1")
    first, second = wire.exchanges
    assert first == replace(first, method="POST", path="/Users?x=1", status=200)
    assert first.request_body == {"userName": "leo", "password": "…"}
    assert first.response_body == {"id": "1", "notes": ["…", "…"]}
    assert (second.status, second.request_body, second.response_body) == (500, None, "… is wrong")
    assert first.milliseconds > 0
    assert not re.search("a-key|YWNtZTphLWtleQ|filler", repr(wire.exchanges))
    assert "a-key" not in repr(wire)


def test_without_a_key_nothing_is_sent() -> None:
    with scripted_server(Reply(200, EMPTY)) as server:
        with pytest.raises(ProvisioningError, match="No key has been entered"):
            wire_to(server.base_url, key="").ask("GET", "/Users")
        assert server.requests == []


def test_a_key_changed_into_nonsense_is_not_repeated_in_the_failure() -> None:
    with scripted_server() as server:
        wire = wire_to(server.base_url, scheme="raw")
        wire.key = "secret\nkey"
        with pytest.raises(ProvisioningError) as failure:
            wire.ask("GET", "/Users")
    assert "secret" not in failure.value.message + repr(wire.exchanges)


def test_the_record_is_bounded() -> None:
    with scripted_server(*[Reply(204)] * 5) as server:
        wire = wire_to(server.base_url, remember=3)
        for number in range(5):
            wire.send("GET", f"/Users/{number}")
    assert [exchange.path for exchange in wire.exchanges] == ["/Users/2", "/Users/3", "/Users/4"]


def test_okta_keeps_no_cookie() -> None:
    cookie = {"Set-Cookie": "session=1; Path=/"}
    with scripted_server(Reply(204, headers=cookie), Reply(204, headers=cookie)) as server:
        wire = wire_to(server.base_url)
        wire.send("GET", "/Users/1")
        wire.send("GET", "/Users/1")
    assert server.requests[1].header("Cookie") is None


def test_okta_follows_no_redirect() -> None:
    away = Reply(302, headers={"Location": "http://127.0.0.1:9/elsewhere"})
    with scripted_server(away) as server, pytest.raises(ProvisioningError) as failure:
        wire_to(server.base_url).ask("GET", "/Users")
    assert failure.value.message == "Found."


def test_a_slash_at_the_end_of_the_address_is_dropped() -> None:
    assert checked_address(" https://learn.acme.example/scim/v2/ ") == "https://learn.acme.example/scim/v2"


@pytest.mark.parametrize(
    "address",
    ["learn.acme.example/scim/v2", "ftp://learn.acme.example", "https://", "https://a:b@learn.acme.example"],
)
def test_what_cannot_be_an_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError):
        checked_address(address)


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel"])
def test_a_key_that_fits_in_no_header_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(ValueError) as failure:
        wire_to("http://127.0.0.1:9/scim/v2", key=key)
    assert key not in str(failure.value)

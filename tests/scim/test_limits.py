"""How much the door takes: sizes counted while they stream, depth, numbers of things, and deadlines."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from rollbook import http_protocol
from rollbook.database import Tx
from rollbook.installation import Installation
from rollbook.people import users
from rollbook.request_body import LINGER, MAX_BODY
from rollbook.scim.app import ScimDoor
from rollbook.scim.protocol.body import MAX_DEPTH
from rollbook.scim.protocol.filter import MAX_DEPTH as FILTER_DEPTH
from rollbook.scim.protocol.filter import MAX_LENGTH, MAX_TERMS
from rollbook.scim.protocol.operations import MAX_OPERATIONS
from tests import history
from tests.cast import DEACTIVATE, LEO, MONA, patch, scim_user
from tests.conftest import House, Tenant
from tests.scim.wire import Connection, Heard, ask_door, basic, check, exchange, request
from tests.servers import ThreadServer


def post(server: ThreadServer, tenant: Tenant, body: bytes, **headers: str) -> Heard:
    return check(exchange(server, request("POST", "/scim/v2/Users", tenant, body=body, **headers)))


def padded(size: int) -> bytes:
    """A right creation of exactly `size` bytes."""
    body = json.dumps(scim_user(LEO, nickName="")).encode()
    return body.replace(b'"nickName": ""', b'"nickName": "' + b"x" * (size - len(body)) + b'"')


def test_a_body_of_a_mebibyte_is_read_and_one_byte_more_is_not(server: ThreadServer, acme: Tenant) -> None:
    assert post(server, acme, padded(MAX_BODY)).status == 201
    heard = post(server, acme, padded(MAX_BODY + 1))
    assert heard.status == 413
    assert heard.headers["connection"] == "close"
    assert heard.detail == "The body is larger than 1,048,576 bytes, and nothing was done. Send less at once."


def test_a_body_without_a_length_is_counted_while_it_streams(server: ThreadServer, acme: Tenant) -> None:
    with Connection(server) as connection:
        connection.send(request("POST", "/scim/v2/Users", acme, body=b"", transfer_encoding="chunked"))
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        for _ in range(32):
            connection.send(chunk)
        connection.send(b"0\r\n\r\n")
        assert check(connection.hear()).status == 413
        assert connection.ended()


def test_a_declared_length_beyond_all_bounds_is_refused_before_a_byte_is_read(
    server: ThreadServer, acme: Tenant
) -> None:
    heard = exchange(server, request("PUT", "/scim/v2/Users/x", acme, content_length=str(10**12)))
    assert check(heard).status == 413


def test_an_endless_body_takes_no_memory_and_is_given_up(installation: Installation, acme: Tenant) -> None:
    door = ScimDoor(installation.database, installation.pepper, base_url="http://127.0.0.1/scim/v2")
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b" " * 65536

    async def ask() -> Heard:
        return await ask_door(door, "POST", "/scim/v2/Users", headers={"authorization": basic(acme)}, body=endless())

    tracemalloc.start()
    heard = asyncio.run(ask())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert check(heard).status == 413
    assert taken * 65536 <= MAX_BODY + LINGER + 65536
    assert peak < 3 * MAX_BODY


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "identity, gzip"])
def test_a_compressed_body_is_refused(encoding: str, server: ThreadServer, acme: Tenant) -> None:
    heard = post(server, acme, b"\x1f\x8b\x08", content_encoding=encoding)
    assert heard.status == 415
    assert "Content-Encoding" in heard.detail


@pytest.mark.parametrize("media", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "application"])
def test_another_media_type_is_refused(media: str, server: ThreadServer, acme: Tenant) -> None:
    heard = post(server, acme, padded(600), content_type=media)
    assert heard.status == 415
    assert "application/scim+json" in heard.detail


@pytest.mark.parametrize(
    "media", ["application/scim+json", "application/json; charset=utf-8", "APPLICATION/JSON;x=y", ""]
)
def test_both_json_media_types_and_none_are_read(media: str, server: ThreadServer, acme: Tenant) -> None:
    assert post(server, acme, padded(600), content_type=media).status == 201


def test_the_deepest_body_is_read_and_one_level_more_is_not(server: ThreadServer, acme: Tenant) -> None:
    def nested(levels: int) -> bytes:
        return json.dumps(scim_user(LEO))[:-1].encode() + b', "deep": ' + b"[" * levels + b"]" * levels + b"}"

    refused = post(server, acme, nested(MAX_DEPTH))
    assert refused.status == 400
    assert refused.body["scimType"] == "invalidSyntax"
    assert post(server, acme, nested(MAX_DEPTH - 1)).status == 201


def test_a_thousand_operations_are_done_and_one_more_is_not(acme: Tenant) -> None:
    user_id = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    operations = [{"op": "replace", "path": "title", "value": str(n)} for n in range(MAX_OPERATIONS)]
    assert acme.scim.patch(f"/Users/{user_id}", json=patch(*operations)).json()["title"] == "999"
    refused = acme.scim.patch(f"/Users/{user_id}", json=patch(*operations, operations[0]))
    assert (refused.status_code, refused.json()["scimType"]) == (400, "tooMany")


def asked(tenant: Tenant, filter_: str) -> Any:
    return tenant.scim.get(f"/Users?filter={quote(filter_)}")


def test_the_longest_filter_is_read_and_one_character_more_is_not(acme: Tenant) -> None:
    frame = 'userName eq ""'
    assert asked(acme, f'userName eq "{"x" * (MAX_LENGTH - len(frame))}"').json()["totalResults"] == 0
    refused = asked(acme, f'userName eq "{"x" * (MAX_LENGTH - len(frame) + 1)}"')
    assert (refused.status_code, refused.json()["scimType"]) == (400, "invalidFilter")


@pytest.mark.parametrize(
    "filter_",
    [
        "(" * (FILTER_DEPTH + 1) + "active eq true" + ")" * (FILTER_DEPTH + 1),
        "not (" * (FILTER_DEPTH + 1) + "active eq true" + ")" * (FILTER_DEPTH + 1),
        " and ".join(["active eq true"] * (MAX_TERMS + 1)),
        "(" * 4000,
    ],
    ids=["brackets", "nots", "terms", "only brackets"],
)
def test_a_filter_too_deep_or_too_wide_is_refused(filter_: str, acme: Tenant) -> None:
    refused = asked(acme, filter_)
    assert (refused.status_code, refused.json()["scimType"]) == (400, "invalidFilter")


def test_as_many_comparisons_as_are_offered_are_answered(acme: Tenant) -> None:
    acme.scim.post("/Users", json=scim_user(LEO))
    assert asked(acme, " and ".join(["active eq true"] * MAX_TERMS)).json()["totalResults"] == 1


def test_what_a_field_cannot_hold_is_refused_and_its_longest_value_is_kept(acme: Tenant) -> None:
    longest = scim_user(LEO, title="ß" * 1024, userName="𝔏" * 250)
    shown = acme.scim.post("/Users", json=longest)
    assert shown.status_code == 201, shown.text
    assert shown.json()["title"] == "ß" * 1024
    refused = acme.scim.patch(
        f"/Users/{shown.json()['id']}", json=patch({"op": "replace", "path": "title", "value": "x" * 1025})
    )
    assert refused.status_code == 400
    assert refused.json()["detail"] == "The job title is 1,025 characters long; at most 1,024 can be kept."


NAMES = "".join(chr(0x10000 + n * 7 % 0x9FFF) for n in range(1024))  # no two alike in a row: nothing compresses it


@pytest.mark.parametrize(
    ("attributes", "detail"),
    [
        ({"userName": NAMES}, "The user name takes 4,096 bytes, case set aside; at most 2,400 can be kept."),
        ({"externalId": NAMES}, "The external id takes 4,096 bytes, case set aside; at most 2,400 can be kept."),
        (
            {"name": {"givenName": NAMES, "familyName": NAMES[::-1]}},
            "The given and family name takes 8,193 bytes, case set aside; at most 2,400 can be kept.",
        ),
        ({"userName": NAMES[:600], "externalId": NAMES[:600]}, None),
        ({"name": {"givenName": "x" * 1024, "familyName": "y" * 1024}}, None),
        ({"emails": [{"value": NAMES[:240] + "@acme.example"}]}, None),
        ({"title": NAMES, "locale": NAMES, "timezone": NAMES}, None),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_a_name_that_an_index_cannot_hold_is_refused_alike_on_both_databases(
    attributes: dict[str, Any], detail: str | None, acme: Tenant
) -> None:
    answer = acme.scim.post("/Users", json=scim_user(LEO, **attributes))
    if detail is None:
        assert answer.status_code == 201, answer.text
    else:
        assert (answer.status_code, answer.json()["detail"]) == (400, detail)
        user_id = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
        put = acme.scim.put(f"/Users/{user_id}", json=scim_user(LEO, **attributes))
        assert (put.status_code, put.json()["detail"]) == (400, detail)


@pytest.fixture
def hasty(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadServer]:
    """A server that waits half a second for headers and for bodies."""
    monkeypatch.setattr(http_protocol, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(http_protocol, "BODY_SECONDS", 0.5)
    running = ThreadServer(installation)
    yield running
    running.stop()


def test_the_deadlines_are_fifteen_seconds() -> None:
    assert (http_protocol.HEADER_SECONDS, http_protocol.BODY_SECONDS) == (15, 15)


def test_headers_that_do_not_arrive_are_given_up(hasty: ThreadServer) -> None:
    with Connection(hasty) as connection:
        connection.send(b"GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\n")
        heard = check(connection.hear())
        assert heard.status == 408
        assert heard.headers["connection"] == "close"
        assert connection.ended()


def test_a_header_now_and_then_does_not_stretch_the_deadline(hasty: ThreadServer) -> None:
    with Connection(hasty) as connection:
        connection.send(b"GET /scim/v2/Users HTTP/1.1\r\n")

        async def drip() -> None:
            for n in range(8):
                await asyncio.sleep(0.1)
                try:
                    connection.send(f"X-{n}: y\r\n".encode())
                except OSError:
                    return

        asyncio.run(drip())
        assert check(connection.hear()).status == 408


def test_the_second_request_of_a_connection_has_the_same_deadline(hasty: ThreadServer, acme: Tenant) -> None:
    with Connection(hasty) as connection:
        connection.send(request("GET", "/scim/v2/Users", acme))
        assert check(connection.hear()).status == 200
        connection.send(b"GET /scim/v2/Users HTTP/1.1\r\nHo")
        assert check(connection.hear()).status == 408


def test_a_connection_that_says_nothing_is_ended(hasty: ThreadServer) -> None:
    with Connection(hasty) as connection:
        assert check(connection.hear()).status == 408
        assert connection.ended()


def test_a_body_that_does_not_arrive_is_given_up(hasty: ThreadServer, acme: Tenant, house: House) -> None:
    with Connection(hasty) as connection:
        connection.send(request("POST", "/scim/v2/Users", acme, content_length="100") + b'{"userName"')
        heard = check(connection.hear())
        assert heard.status == 408
        assert heard.headers["connection"] == "close"
        assert connection.ended()
    for _ in range(100):  # the line is written while the answer travels
        lines = house.read(lambda tx: history.lines_of(tx, acme.company.id))
        if lines:
            break
        time.sleep(0.05)
    assert [(line["status"], line["hint"]) for line in lines] == [(408, heard.detail)]


@dataclass
class Held:
    """A user whom nobody else can write to until `release`."""

    user_id: str
    release: Callable[[], None]


@pytest.fixture
def held(house: House, acme: Tenant) -> Iterator[Held]:
    user_id = str(acme.scim.post("/Users", json=scim_user(LEO)).json()["id"])
    begun, released = threading.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        users.get(tx, acme.id, user_id, lock=True)
        begun.set()
        released.wait(4)

    holder = threading.Thread(target=house.write, args=(hold,))
    holder.start()
    assert begun.wait(10)
    yield Held(user_id, released.set)
    released.set()
    holder.join()


def test_who_is_at_work_without_a_body_is_answered_for_it(hasty: ThreadServer, acme: Tenant, held: Held) -> None:
    with Connection(hasty) as connection:
        connection.send(request("DELETE", f"/scim/v2/Users/{held.user_id}", acme, content_length="100") + b"{")
        time.sleep(1)
        held.release()
        assert connection.hear().status == 204
        assert connection.ended()


def test_a_body_has_its_whole_time_though_an_answer_comes_first(
    hasty: ThreadServer, acme: Tenant, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two requests in one go: while the first is at work, nothing is read of the second."""
    monkeypatch.setattr(http_protocol, "BODY_SECONDS", 1)
    late = request("POST", "/scim/v2/Users", acme, json.dumps(scim_user(MONA)).encode())
    off = json.dumps(DEACTIVATE).encode()
    with Connection(hasty) as connection:
        connection.send(request("PATCH", f"/scim/v2/Users/{held.user_id}", acme, off) + late[:-20])
        time.sleep(1.9)
        held.release()
        assert check(connection.hear()).status == 200
        time.sleep(0.5)
        connection.send(late[-20:])
        assert check(connection.hear()).status == 201


def test_a_body_that_never_comes_does_not_spoil_the_answer_before_it(
    hasty: ThreadServer, acme: Tenant, held: Held
) -> None:
    late = request("POST", "/scim/v2/Users", acme, content_length="100") + b'{"userName"'
    off = json.dumps(DEACTIVATE).encode()
    with Connection(hasty) as connection:
        connection.send(request("PATCH", f"/scim/v2/Users/{held.user_id}", acme, off) + late)
        time.sleep(1)
        held.release()
        assert check(connection.hear()).status == 200
        assert check(connection.hear()).status == 408
        assert connection.ended()


def test_a_refusal_does_not_wait_for_the_body_nor_the_connection_for_ever(hasty: ThreadServer, acme: Tenant) -> None:
    with Connection(hasty) as connection:
        connection.send(request("POST", "/scim/v2/Nothing", acme, content_length="100") + b'{"userName"')
        assert check(connection.hear()).status == 404
        assert connection.ended()


def test_a_body_in_pieces_is_read_whole(hasty: ThreadServer, acme: Tenant) -> None:
    content = request("POST", "/scim/v2/Users", acme, json.dumps(scim_user(LEO)).encode())
    with Connection(hasty) as connection:
        for start in range(0, len(content), 200):
            connection.send(content[start : start + 200])
            time.sleep(0.01)
        assert check(connection.hear()).status == 201
        connection.send(request("GET", "/scim/v2/Users", acme))
        assert check(connection.hear()).status == 200


def test_a_client_that_leaves_in_the_middle_of_a_body_does_no_harm(server: ThreadServer, acme: Tenant) -> None:
    with Connection(server) as connection:
        connection.send(request("POST", "/scim/v2/Users", acme, content_length="100") + b'{"userName"')
    assert check(exchange(server, request("GET", "/scim/v2/Users", acme))).status == 200


MALFORMED = {
    "no method": b"\x00\x01\x02\x03\r\n\r\n",
    "unknown method": b"BREW /scim/v2/Users HTTP/1.1\r\nHost: x\r\n\r\n",
    "no version": b"GET /scim/v2/Us ers\r\n\r\n",
    "space in the path": b"GET /scim/v2/Users x HTTP/1.1\r\nHost: x\r\n\r\n",
    "colonless header": b"GET /scim/v2/Users HTTP/1.1\r\nHost x\r\n\r\n",
    "letters past ascii": "GET /scim/v2/Üsers HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    "two lengths": b"POST /scim/v2/Users HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    "length and chunks": b"POST /scim/v2/Users HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked"
    b"\r\n\r\n0\r\n\r\n",
    "negative length": b"POST /scim/v2/Users HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "a target that is none": b"CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(40),
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
def test_malformed_http_is_answered_in_scim_json(content: bytes, server: ThreadServer) -> None:
    heard = check(exchange(server, content))
    assert heard.status in (400, 404, 405)


def test_a_malformed_chunk_ends_the_request_in_scim_json(server: ThreadServer, acme: Tenant) -> None:
    head = request("POST", "/scim/v2/Users", acme, body=b"", transfer_encoding="chunked")
    assert check(exchange(server, head + b"zz\r\nnot a chunk\r\n")).status == 400


@pytest.mark.parametrize("size", [70_000, 300_000, 2_000_000])
@pytest.mark.parametrize("where", ["one header", "many headers", "address"])
def test_oversized_headers_are_refused(where: str, size: int, server: ThreadServer, acme: Tenant) -> None:
    if where == "one header":
        content = request("GET", "/scim/v2/Users", acme, x_filler="x" * size)
    elif where == "many headers":
        content = request("GET", "/scim/v2/Users", acme, None, **{f"x_{n}": "y" * 90 for n in range(size // 100)})
    else:
        content = request("GET", "/scim/v2/Users?x=" + "y" * size, acme)
    with Connection(server) as connection:
        try:
            connection.send(content)
        except OSError:
            return  # refused while it was still being sent
        try:
            heard = connection.hear()
        except (AssertionError, ConnectionError):
            assert size > 100_000, "an answer that fits must arrive"
            return
        assert check(heard).status == 431


def test_headers_below_the_limit_are_read(server: ThreadServer, acme: Tenant) -> None:
    assert check(exchange(server, request("GET", "/scim/v2/Users", acme, x_filler="x" * 60_000))).status == 200

"""Bodies, queries and paths that mean harm, or mean nothing: always an answer of ours, never a broken one."""

from __future__ import annotations

import http.client
import json
import os
from typing import Any
from urllib.parse import parse_qsl, quote_from_bytes, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollbook.scim.app import MOST_PARAMETERS, _query
from rollbook.scim.protocol.errors import InvalidValue
from tests.cast import CORE, ENTERPRISE, LEO, scim_user
from tests.conftest import Tenant
from tests.scim.wire import Heard, basic, check
from tests.servers import ThreadServer

LONG = bool(os.environ.get("ROLLBOOK_LONG"))

USER = json.dumps(scim_user(LEO))[:-1]
PUT_AND_POST: dict[str, bytes] = {
    "nothing": b"",
    "spaces": b" \r\n\t",
    "half": b'{"userName": "l',
    "an array": b"[]",
    "an array of one": b'[{"userName":"l"}]',
    "a text": b'"leo"',
    "a number": b"7",
    "null": b"null",
    "true": b"true",
    "two documents": b"{}{}",
    "trailing comma": b'{"userName":"l",}',
    "comment": b'{"userName":"l" /* x */}',
    "single quotes": b"{'userName':'l'}",
    "bare keys": b"{userName:1}",
    "NaN": USER.encode() + b',"x":NaN}',
    "Infinity": USER.encode() + b',"x":-Infinity}',
    "hexadecimal": USER.encode() + b',"x":0x10}',
    "leading zero": USER.encode() + b',"x":01}',
    "plus": USER.encode() + b',"x":+1}',
    "a number of 400 digits": USER.encode() + b',"x":' + b"9" * 400 + b"}",
    "an exponent beyond all": USER.encode() + b',"x":1e999}',
    "the same key": USER.encode() + b',"userName":"m"}',
    "the same key in capitals": USER.encode() + b',"USERNAME":"m"}',
    "the same key escaped": USER.encode() + b',"\\u0075serName":"m"}',
    "the same key within": b'{"name":{"givenName":"L","GivenName":"M"}}',
    "NUL escaped": USER.encode() + b',"nickName":"a\\u0000b"}',
    "NUL raw": USER.encode() + b',"nickName":"a\x00b"}',
    "NUL in a key": USER.encode() + b',"a\\u0000":"b"}',
    "a raw line break": USER.encode() + b',"nickName":"a\nb"}',
    "half of a pair": USER.encode() + b',"nickName":"\\ud83e"}',
    "the other half": USER.encode() + b',"nickName":"\\udd8a"}',
    "half of a pair in UTF-8": USER.encode() + b',"nickName":"\xed\xa0\xbe"}',
    "Latin-1": '{"userName":"Zoé"}'.encode("latin-1"),
    "UTF-16": '{"userName":"l"}'.encode("utf-16"),
    "UTF-32": '{"userName":"l"}'.encode("utf-32"),
    "overlong UTF-8": b'{"userName":"\xc0\xaf"}',
    "BOM and nothing": b"\xef\xbb\xbf",
    "a deep array": b"[" * 200_000,
    "a deep object": b'{"a":' * 100_000,
    "deep and closed": b'{"x":' + b"[" * 60_000 + b"]" * 60_000 + b"}",
    "many quotes": b'"' * 500_000,
    "many backslashes": b'{"a":"' + b"\\" * 500_001,
    "many colons": b'{"a":' + b":" * 500_000,
    "XML": b"<?xml version='1.0'?><user/>",
    "a form": b"userName=leo&active=true",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "user name an object": json.dumps(scim_user(LEO, userName={"a": 1})).encode(),
    "user name an array of two": json.dumps(scim_user(LEO, userName=["a", "b"])).encode(),
    "user name true": json.dumps(scim_user(LEO, userName=True)).encode(),
    "user name of spaces": json.dumps(scim_user(LEO, userName="   ")).encode(),
    "user name with a line break": json.dumps(scim_user(LEO, userName="leo\r\nX: y")).encode(),
    "user name with an invisible letter": json.dumps(scim_user(LEO, userName="le\u200bo")).encode(),
    "user name reversed": json.dumps(scim_user(LEO, userName="\u202eoel")).encode(),
    "name a text": json.dumps(scim_user(LEO, name="Leo Linden")).encode(),
    "name an array of two": json.dumps(scim_user(LEO, name=[{}, {}])).encode(),
    "e-mail no address": json.dumps(scim_user(LEO, emails=["leo"])).encode(),
    "e-mail with a header": json.dumps(scim_user(LEO, emails=["leo@acme.example\nBcc: x@y"])).encode(),
    "e-mail a number": json.dumps(scim_user(LEO, emails=[{"value": {"a": 1}}])).encode(),
    "active a word": json.dumps(scim_user(LEO, active="perhaps")).encode(),
    "active a number": json.dumps(scim_user(LEO, active=2)).encode(),
    "the extension a text": json.dumps(scim_user(LEO, **{ENTERPRISE: "x"})).encode(),
    "the extension an array": json.dumps(scim_user(LEO, **{ENTERPRISE: [1]})).encode(),
    "the manager in two": json.dumps(
        scim_user(LEO, **{ENTERPRISE: {"manager": [{"value": "a"}, {"value": "b"}]}})
    ).encode(),
    "a cost centre of 1,025 letters": json.dumps(scim_user(LEO, **{ENTERPRISE: {"costCenter": "x" * 1025}})).encode(),
    "an external id of 2,000 letters": json.dumps(scim_user(LEO, externalId="x" * 2000)).encode(),
    "a title with a control character": json.dumps(scim_user(LEO, title="a\u0007b")).encode(),
    "everything missing": json.dumps({"schemas": [CORE]}).encode(),
}
PATCHES: dict[str, Any] = {
    "no operations": {},
    "operations a text": {"Operations": "x"},
    "operations of texts": {"Operations": ["x"]},
    "an operation of nothing": {"Operations": [{}]},
    "an unknown op": {"Operations": [{"op": "move", "path": "title", "value": "x"}]},
    "an op that is no text": {"Operations": [{"op": {"a": 1}, "path": "title"}]},
    "a path that is no text": {"Operations": [{"op": "add", "path": ["title"], "value": "x"}]},
    "a path of brackets": {"Operations": [{"op": "add", "path": "emails[[[", "value": "x"}]},
    "a path with a filter left open": {"Operations": [{"op": "add", "path": 'emails[type eq "work"', "value": "x"}]},
    "a path with another filter": {"Operations": [{"op": "add", "path": "emails[type zz 1].value", "value": "x"}]},
    "a filter on one value": {"Operations": [{"op": "add", "path": 'title[type eq "x"]', "value": "x"}]},
    "a long path": {"Operations": [{"op": "add", "path": "a" * 10_000, "value": "x"}]},
    "a path with spaces": {"Operations": [{"op": "add", "path": "user name", "value": "x"}]},
    "remove without a path": {"Operations": [{"op": "remove"}]},
    "remove everybody": {"Operations": [{"op": "remove", "path": CORE}]},
    "add a scalar to everything": {"Operations": [{"op": "add", "value": "x"}]},
    "add two objects to everything": {"Operations": [{"op": "add", "value": [{}, {}]}]},
    "remove the user name": {"Operations": [{"op": "remove", "path": "userName"}]},
    "replace the user name by nothing": {"Operations": [{"op": "replace", "path": "userName", "value": ""}]},
    "remove the last e-mail": {"Operations": [{"op": "remove", "path": "emails"}]},
    "an e-mail that is none": {"Operations": [{"op": "replace", "path": "emails", "value": ["x"]}]},
    "active a word": {"Operations": [{"op": "replace", "path": "active", "value": "perhaps"}]},
    "another message": {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": []},
    "an element that no filter can make": {
        "Operations": [{"op": "add", "path": 'addresses[type ne "x"].locality', "value": "Lyon"}]
    },
}


def test_there_are_more_than_sixty_hostile_bodies() -> None:
    assert len(PUT_AND_POST) + len(PATCHES) >= 60


def heard(answer: Any) -> Heard:
    return check(Heard(answer.status_code, answer.headers, answer.content), method=answer.request.method)


@pytest.mark.parametrize("body", PUT_AND_POST.values(), ids=PUT_AND_POST)
def test_a_hostile_body_is_refused_and_changes_nothing(body: bytes, acme: Tenant) -> None:
    user_id = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    acme.scim.delete(f"/Users/{user_id}")
    user_id = acme.scim.post("/Users", json=scim_user(LEO, userName="other", emails="o@acme.example")).json()["id"]
    for method, path in (("POST", "/Users"), ("PUT", f"/Users/{user_id}"), ("PATCH", f"/Users/{user_id}")):
        answer = heard(acme.scim.request(method, path, content=body))
        assert answer.status == 400, (method, answer.body)
    listed = acme.scim.get("/Users").json()
    assert [(user["id"], user["meta"]["version"]) for user in listed["Resources"]] == [(user_id, 'W/"1"')]


@pytest.mark.parametrize("message", PATCHES.values(), ids=PATCHES)
def test_a_hostile_patch_is_refused_and_changes_nothing(message: Any, acme: Tenant) -> None:
    user_id = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    assert heard(acme.scim.patch(f"/Users/{user_id}", json=message)).status == 400
    assert acme.scim.get(f"/Users/{user_id}").json()["meta"]["version"] == 'W/"1"'


TEXTS = st.text(max_size=8) | st.sampled_from(
    ["", "\u0000", "leo@acme.example", "True", "false", "work", "'", '"', "%", "\\", "\u202e", "ß", "🦊", "2026-11-24"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
NAMES = st.sampled_from(
    [
        *("schemas", "id", "userName", "USERNAME", "name", "name.givenName", "emails", "active", "title", "externalId"),
        *("displayName", "meta", "groups", "roles", "addresses", "phoneNumbers", "password", ENTERPRISE, CORE),
        *(f"{ENTERPRISE}:manager", f"{CORE}:userName", "value", "type", "primary", "givenName", "familyName"),
        *("Operations", "op", "path", "$ref", "manager", "costCenter", "urn:x", "urn:x:y", "a.b.c"),
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(NAMES | TEXTS, children, max_size=4),
    max_leaves=12,
)
RESOURCES = st.dictionaries(NAMES, VALUES, max_size=6).map(lambda extra: scim_user(LEO) | extra) | VALUES
PATHS = st.sampled_from(
    [
        *("title", "userName", "name", "name.givenName", "emails", "emails.value", "active", "addresses", "meta", "id"),
        *('emails[type eq "work"].value', "emails[primary eq true]", 'addresses[type eq "x"].locality'),
        *('emails[value co "x" or type pr]', "emails[not (primary eq false)].display", "phoneNumbers[type pr].value"),
        *(
            f"{ENTERPRISE}:manager",
            f"{ENTERPRISE}:manager.value",
            ENTERPRISE,
            CORE,
            f"{CORE}:title",
            "x509Certificates",
        ),
    ]
)
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "Replace", "remove", "REMOVE", "x"])},
    optional={"path": PATHS | TEXTS, "value": VALUES},
)
MESSAGES = st.fixed_dictionaries({"Operations": st.lists(OPERATIONS, max_size=5)}) | VALUES

NUMBERS = settings(
    max_examples=2000 if LONG else 60,
    deadline=None,
    derandomize=not LONG,  # the short run judges a change, the long one looks for news
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def text(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.long
@pytest.mark.timeout(3600 if LONG else 300)
@NUMBERS
@given(document=RESOURCES)
def test_any_resource_gets_an_answer_of_ours(document: Any, acme: Tenant) -> None:
    created = heard(acme.scim.post("/Users", content=text(document)))
    assert created.status in (201, 400, 409)
    user_id = created.body["id"] if created.status == 201 else "nobody"
    assert heard(acme.scim.put(f"/Users/{user_id}", content=text(document))).status in (200, 400, 404, 409)
    if created.status == 201:
        shown = heard(acme.scim.get(f"/Users/{user_id}")).body
        assert heard(acme.scim.put(f"/Users/{user_id}", json=shown)).body == shown
        assert heard(acme.scim.delete(f"/Users/{user_id}")).status == 204


@pytest.mark.long
@pytest.mark.timeout(3600 if LONG else 300)
@NUMBERS
@given(message=MESSAGES)
def test_any_patch_gets_an_answer_of_ours_and_is_idempotent_or_refused(message: Any, acme: Tenant) -> None:
    user_id = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    try:
        answer = heard(acme.scim.patch(f"/Users/{user_id}", content=text(message)))
        assert answer.status in (200, 400)
        if answer.status == 400:
            assert acme.scim.get(f"/Users/{user_id}").json()["meta"]["version"] == 'W/"1"'
        else:
            assert heard(acme.scim.get(f"/Users/{user_id}")).body == answer.body
    finally:
        assert acme.scim.delete(f"/Users/{user_id}").status_code == 204


PARAMETERS = st.sampled_from(
    [*("filter", "startIndex", "count", "attributes", "excludedAttributes", "sortBy", "FILTER", "aadOptscim062020"), ""]
)
FILTERS = st.lists(
    st.sampled_from(
        [
            *("userName", "emails", "active", "id", "eq", "ne", "pr", "and", "or", "not", "(", ")", "[", "]", '"leo"'),
            *("true", "null", "7", "name.givenName", f"{ENTERPRISE}:manager", "emails[", '"', "\\", "type", ".value"),
        ]
    )
    | TEXTS,
    max_size=9,
).map(" ".join)


@pytest.mark.long
@pytest.mark.timeout(3600 if LONG else 300)
@NUMBERS
@given(query=st.lists(st.tuples(PARAMETERS, FILTERS | TEXTS | st.integers().map(str)), max_size=4))
def test_any_query_gets_an_answer_of_ours(query: list[tuple[str, str]], acme: Tenant) -> None:
    parameters = urlencode([(name, value.encode("utf-8", "replace")) for name, value in query])
    answer = heard(acme.scim.get(f"/Users?{parameters}"))
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert answer.body["itemsPerPage"] == len(answer.body["Resources"])


@given(
    st.lists(
        st.sampled_from(["a", "b", "=", "&", "+", "%20", "%C3%A9", "%c3", "%", "%2", "%zz", ";", "\u00e9", "filter"]),
        max_size=10,
    )
)
def test_a_query_is_read_as_the_standard_library_reads_it(parts: list[str]) -> None:
    raw = "".join(parts).encode("latin-1")
    expected: dict[str, str] = {}
    try:
        for name, value in parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict"):
            expected.setdefault(name, value)
    except ValueError:  # UnicodeDecodeError is one
        with pytest.raises(InvalidValue):
            _query(raw)
    else:
        assert _query(raw) == expected


def test_a_query_of_too_many_parameters_is_refused() -> None:
    assert len(_query(b"&".join(b"a%d" % number for number in range(MOST_PARAMETERS)))) == MOST_PARAMETERS
    with pytest.raises(InvalidValue):
        _query(b"&".join(b"a%d" % number for number in range(MOST_PARAMETERS + 1)))


METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
SEGMENTS = st.sampled_from(["Users", "Groups", "Schemas", "Me", "Bulk", ".search", "..", "", "v2", "%00", "%FF", "%2F"])


@pytest.mark.long
@pytest.mark.timeout(3600 if LONG else 300)
@NUMBERS
@given(method=METHODS, segments=st.lists(SEGMENTS, max_size=4), raw=st.binary(max_size=24), body=st.binary(max_size=40))
def test_any_address_and_any_bytes_get_an_answer_of_ours(
    method: str, segments: list[str], raw: bytes, body: bytes, acme: Tenant, server: ThreadServer
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(
        method,
        "/scim/v2/" + "/".join(segments) + "?filter=" + quote_from_bytes(raw),
        body=body or None,
        headers={"Authorization": basic(acme)},
    )
    answer = connection.getresponse()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    check(Heard(answer.status, headers, answer.read()), method=method)
    connection.close()

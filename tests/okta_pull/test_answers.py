"""What Okta answers: read leniently, and one poisoned record refused alone, with its reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.okta import answers
from rollbook.okta.answers import AppUser, Person, Refused, Variable
from rollbook.okta.failures import OktaFailure
from tests.okta_pull.org import person

NO_FORM = "Okta's record of this person lacks the id, the status or the profile, or is not in the form that Okta has."
NO_CHARACTERS = "Okta's record of this person holds characters that are none."
NUL = "Okta's record of this person holds a NUL character."
ENDLESS = "Okta's record of this person holds lists within lists without end."


def nested(depth: int) -> Any:
    value: Any = "Lyon"
    for _ in range(depth):
        value = [value]
    return value


def test_a_person_is_read_and_variables_without_a_value_are_absent() -> None:
    record = person("00uleo", hireDate="2026-01-05", department=None, shoe=44, badges=["a", "b"], remote=False)
    (read,), refused = answers.people(json.dumps([record]).encode())
    assert read == Person(
        "00uleo",
        "ACTIVE",
        {
            "login": "00uleo@acme.example",
            "email": "00uleo@acme.example",
            "firstName": "Leo",
            "lastName": "Linden",
            "hireDate": "2026-01-05",
            "shoe": 44,
            "badges": ["a", "b"],
            "remote": False,
        },
    )
    assert refused == []


def test_an_app_user_tells_which_id_of_ours_okta_holds() -> None:
    linked = {
        "id": "00uleo",
        "externalId": "01a2",
        "status": "PROVISIONED",
        "syncState": "SYNCHRONIZED",
        "scope": "USER",
    }
    unlinked = {"id": "00umona", "externalId": None, "status": "ACTIVE", "profile": {"role": "learner", "x": None}}
    read, refused = answers.app_users(json.dumps([linked, unlinked, {"id": "00ucleo"}]).encode())
    assert read == [
        AppUser("00uleo", "PROVISIONED", "01a2", "SYNCHRONIZED", {}),
        AppUser("00umona", "ACTIVE", None, None, {"role": "learner"}),
        AppUser("00ucleo"),
    ]
    assert refused == []


@pytest.mark.parametrize(
    ("record", "refusal"),
    [
        (b'{"id":"00ubad","status":"ACTIVE"}', Refused("00ubad", NO_FORM, "ACTIVE")),
        (b'{"id":"00ubad","profile":{}}', Refused("00ubad", NO_FORM)),
        (b'{"status":"ACTIVE","profile":{}}', Refused(None, NO_FORM)),
        (b'{"id":7,"status":"ACTIVE","profile":{}}', Refused(None, NO_FORM)),
        (b'{"id":"00ubad","status":["ACTIVE"],"profile":{}}', Refused("00ubad", NO_FORM)),
        (b'{"id":"00ubad","status":"ACTIVE","profile":[]}', Refused("00ubad", NO_FORM, "ACTIVE")),
        (b'{"id":"00ubad","status":"ACTIVE","profile":{"n":1e999}}', Refused("00ubad", NO_FORM, "ACTIVE")),
        (b'{"id":"00ubad","status":"ACTIVE","profile":{"n":"a\\u0000b"}}', Refused("00ubad", NUL, "ACTIVE")),
        (b'{"id":"00ubad","status":"ACTIVE","profile":{"a\\u0000b":"n"}}', Refused("00ubad", NUL, "ACTIVE")),
        (b'{"id":"00ubad","status":"ACTIVE","profile":{"n":[["\\u0000"]]}}', Refused("00ubad", NUL, "ACTIVE")),
        (b'{"id":"00ubad","status":"ACTIVE","profile":{"n":"\\ud83d"}}', Refused("00ubad", NO_CHARACTERS, "ACTIVE")),
        (
            b'{"id":"00ubad","status":"ACTIVE","profile":{"n":"\\udc00\\ud83d"}}',
            Refused("00ubad", NO_CHARACTERS, "ACTIVE"),
        ),
        (b'{"id":"00ubad","status":"ACTIVE","profile":{"n":"\xff"}}', Refused("00ubad", NO_CHARACTERS, "ACTIVE")),
        (
            json.dumps({"id": "00ubad", "status": "ACTIVE", "profile": {"n": nested(60)}}).encode(),
            Refused("00ubad", ENDLESS, "ACTIVE"),
        ),
        (
            json.dumps({"id": "00ubad", "status": "ACTIVE", "profile": {"n": "x" * 300_000}}).encode(),
            Refused("00ubad", "Okta's record of this person is too long to be read.", "ACTIVE"),
        ),
        (
            b'{"id":"00u bad","status":"ACTIVE","profile":{}}',
            Refused(None, "Okta's record of this person has an id that cannot be one.", "ACTIVE"),
        ),
        (
            b'{"id":"00ubad","status":"gone <b>","profile":{}}',
            Refused("00ubad", "Okta's record of this person has a status that cannot be one."),
        ),
        (b"null", Refused(None, NO_FORM)),
        (b'"00ubad"', Refused(None, NO_FORM)),
        (b"[]", Refused(None, NO_FORM)),
    ],
)
def test_a_poisoned_record_is_refused_and_the_others_are_read(record: bytes, refusal: Refused) -> None:
    sound = [json.dumps(person(okta_id)).encode() for okta_id in ("00uada", "00uleo")]
    read, refused = answers.people(b"[" + b",".join([sound[0], record, sound[1]]) + b"]")
    assert [each.id for each in read] == ["00uada", "00uleo"]
    assert refused == [refusal]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"<html>Sign in</html>",
        b"{}",
        b'{"errorCode":"E0000009"}',
        b"null",
        b'"people"',
        b"[",
        b'[{"id":"00uleo"',
        b'[{"id":"00uleo"}] trailing',
        b"\xff\xfe[\x00]\x00",
        b"[" * 1_000_000,
        b'[{"a":' * 200_000,
        b'{"\\ud83d":1}',
        b'["\\ud83d"',
    ],
    ids=lambda body: ascii(body[:20]),
)
def test_what_is_no_list_says_nothing_of_anybody(body: bytes) -> None:
    with pytest.raises(OktaFailure) as failure:
        answers.people(body)
    assert failure.value.kind == "unreadable"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "status", "profile", "x"]), inner)
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=5))
def test_no_record_is_lost_and_none_stops_the_others(records: list[Any]) -> None:
    body = json.dumps([person("00uleo"), *records]).encode()
    try:
        read, refused = answers.people(body)
    except OktaFailure:
        assert b"NaN" in body or b"Infinity" in body  # that is not JSON at all
        return
    assert len(read) + len(refused) == len(records) + 1
    assert read[0].id == "00uleo"


def test_the_variables_of_a_profile_are_okta_s_own_and_the_company_s() -> None:
    schema = {
        "id": "https://acme.okta.com/meta/schemas/user/default",
        "definitions": {
            "custom": {"id": "#custom", "properties": {"hireDate": {"title": "Hire date", "type": "string"}}},
            "base": {
                "id": "#base",
                "properties": {"title": {"title": "Title", "type": "string"}, "badges": {"type": "array", "items": {}}},
                "required": ["login"],
            },
        },
    }
    read = answers.variables(json.dumps(schema).encode())
    assert read == [
        Variable("badges", "badges", "array"),
        Variable("title", "Title", "string"),
        Variable("hireDate", "Hire date", "string"),
    ]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"definitions":{}}', b"\xff", b"[" * 100_000])
def test_other_answers_that_cannot_be_read_are_failures_too(body: bytes) -> None:
    for read in (answers.variables, answers.group_name, answers.person):
        if read is answers.person and body.startswith(b"{"):
            continue  # a record, if not a sound one
        with pytest.raises(OktaFailure) as failure:
            read(body)
        assert failure.value.kind == "unreadable"
    assert answers.error_code(body) is None

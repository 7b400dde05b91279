"""One user's life as Okta plays it, as bytes on the wire, and what each answer must hold. The sockets are load.py's."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BODY_BYTES = 1025  # of a POST: Okta's default mapping with the enterprise extension
NUMBER = b"00000000"  # stands in the templates where each user's eight digits go
STEPS = ("filter", "POST", "GET", "PUT", "PATCH off", "PATCH on")


def _user(title: str, cost_center: str) -> dict[str, object]:
    number = NUMBER.decode()
    return {
        "schemas": [CORE, ENTERPRISE],
        "userName": f"leo.{number}@acme.example",
        "name": {"givenName": "Leo", "familyName": f"Linden {number}", "middleName": "Laurel", "honorificPrefix": "Mr"},
        "emails": [{"primary": True, "value": f"leo.{number}@acme.example", "type": "work"}],
        "displayName": f"Leo Linden {number}",
        "nickName": "Leo",
        "title": title,
        "userType": "Employee",
        "locale": "en-US",
        "preferredLanguage": "en-US",
        "timezone": "America/Los_Angeles",
        "externalId": f"00ujl29u0le5{number}",
        "phoneNumbers": [{"primary": True, "type": "work", "value": "+33 4 5550 0100"}],
        "addresses": [
            {"primary": True, "type": "work", "streetAddress": "", "region": "CA", "locality": "Lakeside"},
        ],
        "groups": [],
        "password": "1mz050nq",
        "active": True,
        ENTERPRISE: {
            "employeeNumber": "701984",
            "costCenter": cost_center,
            "organization": "Acme",
            "division": "Engineering",
            "department": "Customer Success",
            "manager": {"value": "2", "displayName": "Mona Marigold"},
        },
    }


def _creation() -> bytes:
    """Filled up to BODY_BYTES with a street."""
    user = _user("Engineer", "4130")
    street = (
        "1 Long Street, behind the mill and opposite the old lighthouse, second floor, ring twice, mind the dog " * 4
    )
    body = msgspec.json.encode(user)
    body = body.replace(b'"streetAddress":""', b'"streetAddress":"%b"' % street[: BODY_BYTES - len(body)].encode())
    if len(body) != BODY_BYTES:
        raise RuntimeError(f"the body of a POST has {len(body)} bytes, not {BODY_BYTES}")
    return body


CREATION = _creation()
_REPLACEMENT = CREATION.replace(b'"Engineer"', b'"Team Lead"').replace(b'"4130"', b'"4200"')
_REPLACEMENT = b'{"id":"%b",' + _REPLACEMENT.replace(b"%", b"%%")[1:]
_STATE = b'{"schemas":["' + PATCH_OP.encode() + b'"],"Operations":[{"op":"replace","value":{"active":%b}}]}'
_OFF, _ON = _STATE % b"false", _STATE % b"true"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a server listens, the path of its SCIM door, and the credential it takes."""

    port: int
    base: str
    subdomain: str
    key: str


class Requests:
    """Builds the six requests against one server."""

    def __init__(self, target: Target) -> None:
        credential = base64.b64encode(f"{target.subdomain}:{target.key}".encode())
        self._users = target.base.encode() + b"/Users"
        self._common = (
            b" HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: Okta SCIM Client 1.0.0\r\n"
            b"Authorization: Basic %b\r\nAccept: application/scim+json\r\nAccept-Charset: utf-8\r\n"
            b"Content-Type: application/scim+json; charset=utf-8\r\n" % (target.port, credential)
        )

    def build(self, step: int, number: bytes, user_id: bytes) -> bytes:
        """The bytes of the step for the user of this number; `user_id` is what the POST's answer said."""
        if step == 0:
            return b"GET %b?filter=userName%%20eq%%20%%22leo.%b%%40acme.example%%22&startIndex=1&count=100%b\r\n" % (
                self._users,
                number,
                self._common,
            )
        if step == 1:
            return self._with_body(b"POST %b" % self._users, CREATION.replace(NUMBER, number))
        path = b"%b/%b" % (self._users, user_id)
        if step == 2:
            return b"GET %b%b\r\n" % (path, self._common)
        if step == 3:
            return self._with_body(b"PUT " + path, _REPLACEMENT.replace(NUMBER, number) % user_id)
        return self._with_body(b"PATCH " + path, _OFF if step == 4 else _ON)

    def _with_body(self, line: bytes, body: bytes) -> bytes:
        return b"%b%bContent-Length: %d\r\n\r\n%b" % (line, self._common, len(body), body)


def _member(name: bytes, value: bytes) -> Callable[[bytes], bool]:
    """Whether a JSON text holds the member, with or without a space after the colon."""
    dense, spaced = b'"%b":%b' % (name, value), b'"%b": %b' % (name, value)
    return lambda body: dense in body or spaced in body


_EXPECTED: tuple[tuple[int, Callable[[bytes], bool]], ...] = (
    (200, _member(b"totalResults", b"0")),
    (201, _member(b"active", b"true")),
    (200, _member(b"title", b'"Engineer"')),
    (200, _member(b"title", b'"Team Lead"')),
    (200, _member(b"active", b"false")),
    (200, _member(b"active", b"true")),
)


def wrong(step: int, number: bytes, user_id: bytes, status: int, body: bytes) -> str | None:
    """What is wrong with an answer, or None: its status, the fact that the step is about, and whom it speaks of."""
    expected, holds = _EXPECTED[step]
    if status != expected:
        return f"{STEPS[step]} was answered {status}, expected {expected}: {body[:300]!r}"
    if not holds(body):
        return f"{STEPS[step]} lacks what it was sent for: {body[:2000]!r}"
    if step > 0 and number not in body:
        return f"{STEPS[step]} was answered with somebody else: {body[:300]!r}"
    if step > 1 and user_id not in body:
        return f"{STEPS[step]} was answered without the id: {body[:300]!r}"
    return None


def id_of(body: bytes) -> bytes:
    """The `id` of the resource in an answer."""
    start = body.index(b'"id":') + 5
    start = body.index(b'"', start) + 1
    return body[start : body.index(b'"', start)]

"""What Okta answers, decoded: people, app users, profile variables. Members that we do not know are ignored.

A record that cannot be read spoils nobody else's: it is refused alone, with a sentence for whoever mends it in Okta.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from rollbook.okta import failures

T = TypeVar("T")
R = TypeVar("R", "Person", "AppUser")

MOST_RECORD_BYTES = 256 * 1024
LONGEST_EXTERNAL_ID = 500
MOST_DEPTH = 8  # of a value in a profile; Okta's are lists at most

_ID = re.compile(r"[!-~]{1,200}")
_STATUS = re.compile(r"[A-Z_]{1,50}")
_SURROGATE = re.compile(rb"\\u[Dd][89A-Fa-f]")
# Okta names the id first; further in, an id may be that of something else.
_FIRST_ID = re.compile(rb'\s*\{\s*"id"\s*:\s*"([A-Za-z0-9_-]{1,200})"')


class Person(msgspec.Struct, frozen=True):
    """A user of the directory. `profile` holds Okta's variables; one without a value is absent."""

    id: str
    status: str
    profile: dict[str, Any]


class AppUser(msgspec.Struct, frozen=True, rename="camel"):
    """A person in the list of an app: `external_id` is the id of ours that Okta holds, None where it holds none."""

    id: str
    status: str = ""
    external_id: str | None = None
    sync_state: str | None = None
    profile: dict[str, Any] = {}


class Refused(msgspec.Struct, frozen=True):
    """A record that cannot be read; `id` and `status` are None where not even they could be."""

    id: str | None
    why: str
    status: str | None = None


class Variable(msgspec.Struct, frozen=True):
    """A variable of the profile: `type` is Okta's word, such as string, number, integer, boolean or array."""

    name: str
    title: str
    type: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list; `next` is the address of the following page, at the org, or None where this was the last."""

    items: list[T]
    refused: list[Refused]
    next: str | None


class _Id(msgspec.Struct):
    id: str
    status: str = ""


class _NotForUs(Exception):
    """Why a record is refused, as a sentence."""


class _Titled(msgspec.Struct):
    title: str = ""
    type: str = "string"


class _Properties(msgspec.Struct):
    properties: dict[str, _Titled] = {}


class _Definitions(msgspec.Struct):
    base: _Properties
    custom: _Properties = msgspec.field(default_factory=_Properties)


class _Schema(msgspec.Struct):
    definitions: _Definitions


class _Named(msgspec.Struct):
    name: str


class _Group(msgspec.Struct):
    id: str
    profile: _Named


class _Member(msgspec.Struct):
    id: str


class _Error(msgspec.Struct, rename="camel"):
    error_code: str = ""


def people(body: bytes) -> tuple[list[Person], list[Refused]]:
    """The people of a page. Raises OktaFailure where it is no list."""
    return _list(body, Person)


def app_users(body: bytes) -> tuple[list[AppUser], list[Refused]]:
    """The people of a page of an app's list. Raises OktaFailure where it is no list."""
    return _list(body, AppUser)


def person(body: bytes) -> Person | Refused:
    """One person, or why the record cannot be read. Raises OktaFailure where the answer is no record at all."""
    _value(body, dict[str, msgspec.Raw])
    return _record(body, Person)


def app_user(body: bytes) -> AppUser | Refused:
    """One assignment of an app, or why it cannot be read. Raises OktaFailure where the answer is no record at all."""
    _value(body, dict[str, msgspec.Raw])
    return _record(body, AppUser)


def variables(body: bytes) -> list[Variable]:
    """The variables of a profile, Okta's own before the company's, each by name. Raises OktaFailure."""
    definitions = _value(body, _Schema).definitions
    return [
        Variable(name, each.title or name, each.type)
        for part in (definitions.base, definitions.custom)
        for name, each in sorted(part.properties.items())
    ]


def group_name(body: bytes) -> str:
    """A group's name. Raises OktaFailure."""
    return _value(body, _Group).profile.name


def group_ids(body: bytes) -> tuple[list[str], list[Refused]]:
    """The ids of a page of groups. Raises OktaFailure."""
    return [group.id for group in _value(body, list[_Member])], []


def some_group_ids(body: bytes) -> tuple[list[str], list[Refused]]:
    """As `group_ids`, of somebody who is in one at least. Raises OktaFailure."""
    ids, refused = group_ids(body)
    if not ids:
        raise failures.unreadable("it lists a person's groups and not even Everyone is among them")
    return ids, refused


def error_code(body: bytes) -> str | None:
    """Okta's code of a refusal (`E0000007`), or None where it was not Okta that refused."""
    try:
        return msgspec.json.decode(body, type=_Error).error_code or None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _list(body: bytes, kind: type[R]) -> tuple[list[R], list[Refused]]:
    items: list[R] = []
    refused: list[Refused] = []
    for raw in _records(body):
        read = _record(raw, kind)
        if isinstance(read, Refused):
            refused.append(read)
        else:
            items.append(read)
    return items, refused


def _records(body: bytes) -> Iterator[bytes]:
    try:
        yield from (bytes(raw) for raw in msgspec.json.decode(body, type=list[msgspec.Raw]))
    except (msgspec.DecodeError, RecursionError):
        if not _SURROGATE.search(body):
            raise failures.unreadable("it is not the list that was asked for") from None
        yield from _forgiving(body)


def _forgiving(body: bytes) -> Iterator[bytes]:
    """The records of a page that msgspec refuses as a whole, since one of them holds half a surrogate pair."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise failures.unreadable("it is not JSON") from None
    if not isinstance(found, list):
        raise failures.unreadable("it is not the list that was asked for")
    for each in found:
        yield json.dumps(each, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _record(raw: bytes, kind: type[R]) -> R | Refused:
    try:
        if len(raw) > MOST_RECORD_BYTES:
            raise _NotForUs("Okta's record of this person is too long to be read.")
        return _sound(msgspec.json.decode(raw, type=kind))
    except _NotForUs as refusal:
        why = str(refusal)
    except UnicodeDecodeError:
        why = "Okta's record of this person holds characters that are none."
    except (msgspec.DecodeError, RecursionError):
        why = (
            "Okta's record of this person lacks the id, the status or the profile, or is not in the form that Okta has."
        )
    return _refused(raw, why)


def _sound(read: R) -> R:
    """The record without variables that have no value. Raises _NotForUs."""
    if not _ID.fullmatch(read.id):
        raise _NotForUs("Okta's record of this person has an id that cannot be one.")
    # Whoever is in an app's list may have none.
    if not _STATUS.fullmatch(read.status) and (isinstance(read, Person) or read.status):
        raise _NotForUs("Okta's record of this person has a status that cannot be one.")
    if isinstance(read, AppUser) and read.external_id is not None:
        _check_value(read.external_id, MOST_DEPTH)
        if len(read.external_id) > LONGEST_EXTERNAL_ID:
            raise _NotForUs("Okta's record of this person holds an id of ours that is too long to be one.")
    profile = {name: value for name, value in read.profile.items() if value is not None}
    for name, value in profile.items():
        _check_value(name, MOST_DEPTH)
        _check_value(value, MOST_DEPTH)
    return msgspec.structs.replace(read, profile=profile)


def _check_value(value: Any, depth: int) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise _NotForUs("Okta's record of this person holds a NUL character.")
    elif isinstance(value, list | dict):
        if depth == 0:
            raise _NotForUs("Okta's record of this person holds lists within lists without end.")
        for each in value:
            _check_value(each, depth - 1)
            if isinstance(value, dict):
                _check_value(value[each], depth - 1)


def _refused(raw: bytes, why: str) -> Refused:
    """With the id and the status, where the rest of the record does not hide them."""
    try:
        named = msgspec.json.decode(raw, type=_Id)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        first = _FIRST_ID.match(raw)
        return Refused(first[1].decode() if first else None, why)
    id_ = named.id if _ID.fullmatch(named.id) else None
    return Refused(id_, why, named.status if _STATUS.fullmatch(named.status) else None)


def _value(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except UnicodeDecodeError:
        raise failures.unreadable("it holds characters that are none") from None
    except (msgspec.DecodeError, RecursionError):
        raise failures.unreadable("it is not the JSON that was asked for") from None

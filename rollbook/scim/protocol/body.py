"""Request bodies: bytes to JSON values, with everything refused that JSON readers quarrel about.

What the values mean is for `normalize.py` and `patch.py`; how long a body may be is for the door.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NoReturn

import msgspec

from rollbook.scim.protocol.errors import InvalidSyntax, InvalidValue, ScimError

MAX_DEPTH = 32

_BOM = b"\xef\xbb\xbf"
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_HEAD = 65_536
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1

# Names of RFC 7643 and 7644 as spelt there; no two differ in case only (`test_usual_spellings_are_distinct`).
_RFC_NAMES = """
    schemas id externalId meta resourceType created lastModified location version
    userName name formatted familyName givenName middleName honorificPrefix honorificSuffix displayName nickName
    profileUrl title userType preferredLanguage locale timezone active password
    emails phoneNumbers ims photos addresses groups entitlements roles x509Certificates members
    value display type primary $ref streetAddress locality region postalCode country
    employeeNumber costCenter organization division department manager
    urn:ietf:params:scim:schemas:extension:enterprise:2.0:User Operations op path
"""
_USUAL_SPELLINGS = frozenset(_RFC_NAMES.split())

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def dumps(value: Any) -> bytes:
    """A value as JSON in UTF-8."""
    return _encode(value)


def parse_object(raw: bytes, *, max_depth: int = MAX_DEPTH) -> dict[str, Any]:
    """`parse` where only a JSON object will do."""
    value = parse(raw, max_depth=max_depth)
    if type(value) is not dict:
        raise InvalidSyntax("The body is not a JSON object. Send one object: it starts with { and ends with }.")
    return value


def parse(raw: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """The JSON value of a body; a byte order mark is skipped.

    Takes time linear in the length, whatever the body holds. Raises InvalidSyntax for an empty body, text
    that is not UTF-8 or not JSON (NaN, Infinity and lone surrogates are not), nesting deeper than
    `max_depth`, and a name given twice in one object, in whatever case; InvalidValue for NUL characters
    and for whole numbers that do not fit in 64 bits.
    """
    if raw.startswith(_BOM):
        raw = raw[3:]
    if not raw or raw.isspace():
        raise InvalidSyntax("The body is empty. Send the resource or the PATCH message as a JSON object.")
    if len(raw) > _HEAD:
        _check_head(raw[:_HEAD], max_depth)
    escapes = b"\\" in raw
    if raw.count(b"{") + raw.count(b"[") > max_depth:
        _check_depth(_outside_strings(raw, escapes), max_depth)
    try:
        value = _decode(raw)
    except UnicodeDecodeError:
        raise InvalidSyntax("The body is not valid UTF-8. Send JSON encoded as UTF-8.") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise _not_json(error) from None
    names = _count_keys(value)
    if (escapes or not _names_plainly(raw, names)) and names != _outside_strings(raw, escapes).count(b":"):
        _name_repeated_key(raw)
    if escapes and b"\\u0000" in raw:
        _refuse_nul(value)
    return value


def _names_plainly(raw: bytes, names: int) -> bool:
    """Whether a text without escapes plainly gives so many names, so that its strings need not be taken out.

    With no white space before a colon, each name is a quote followed by a colon; a value that begins with one looks
    the same, and a name given twice is missing among the names. So the counts are equal only where neither occurs.
    """
    if raw.count(b'":') != names:
        return False
    # Looking for one byte costs next to nothing, and few bodies hold a tab or a line break.
    return b" :" not in raw and (b"\n" not in raw or b"\n:" not in raw) and b"\t" not in raw and b"\r" not in raw


def _outside_strings(raw: bytes, escapes: bool) -> bytes:
    """What stands outside of strings. Escaped backslashes go first, then escaped quotes; every quote left
    opens or closes a string. Exact up to the first byte at which the text stops being JSON."""
    if escapes:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(raw.split(b'"')[::2])


def _check_head(head: bytes, max_depth: int) -> None:
    """Refuses a long body by its beginning alone, where that opens too many brackets that it does not close."""
    outside = _outside_strings(head, b"\\" in head)
    opened = outside.count(b"{") + outside.count(b"[") - outside.count(b"}") - outside.count(b"]")
    if opened > max_depth:
        raise _too_deep(max_depth)


def _check_depth(outside: bytes, max_depth: int) -> None:
    """Takes innermost pairs away, one level a round: what is left after `max_depth` rounds lay deeper
    (or has no partner). Python never looks at single brackets, so a mebibyte takes milliseconds."""
    brackets = outside.translate(_ONE_KIND, _NOT_BRACKETS)  # that kinds match is for the decoder
    for _ in range(max_depth):
        fewer = brackets.replace(b"[]", b"")
        if not fewer:
            return
        if len(fewer) == len(brackets):
            break
        brackets = fewer
    raise _too_deep(max_depth)


def _too_deep(max_depth: int) -> InvalidSyntax:
    return InvalidSyntax(
        f"The body is nested deeper than {max_depth} levels, or its brackets do not match. "
        "No SCIM message needs that; check how the client builds the body."
    )


def _count_keys(value: Any) -> int:
    """The number of keys in a value; refuses keys of one object that differ in case only, and large numbers."""
    count = 0
    spellings: set[str] = set()
    pending = [value] if type(value) is dict or type(value) is list else [[value]]
    children: Iterable[Any]
    for item in pending:
        if type(item) is dict:
            count += len(item)
            spellings.update(item)
            children = item.values()
        else:
            children = item
        for child in children:
            if type(child) is str:
                continue
            kind = type(child)
            if kind is dict or kind is list:
                pending.append(child)
            elif kind is int and not _SMALLEST <= child <= _LARGEST:
                _refuse_large_number(item)
    # The usual body spells each name one way throughout, which one look at all spellings shows.
    if not spellings <= _USUAL_SPELLINGS and len(set(map(str.lower, spellings))) != len(spellings):
        for item in pending:
            if type(item) is dict:
                _refuse_same_key(item)
    return count


def _refuse_same_key(keys: Any) -> None:
    seen: set[str] = set()
    for key in keys:
        if key.lower() in seen:
            raise InvalidSyntax(
                f'The body gives "{key[:80]}" twice in one object (case does not count). '
                "Send each attribute once; in Okta, look for two mappings to the same attribute."
            )
        seen.add(key.lower())


def _name_repeated_key(raw: bytes) -> None:
    """Reads the body once more, slowly, to say which key came twice."""

    def check(pairs: list[tuple[str, Any]]) -> None:
        _refuse_same_key([key for key, _ in pairs])

    json.loads(raw, object_pairs_hook=check, parse_int=str, parse_float=str)
    raise InvalidSyntax("The body gives a name twice in one object. Send each attribute once.")


def _refuse_nul(value: Any) -> None:
    pending = [("", value)]
    for name, item in pending:
        if type(item) is str:
            if "\0" in item:
                raise InvalidValue(
                    f'The value of "{name[:80]}" holds a NUL character (\\u0000), which no text can keep. '
                    "Remove it at its source."
                )
        elif type(item) is dict:
            for key, child in item.items():
                if "\0" in key:
                    raise InvalidValue("An attribute name holds a NUL character (\\u0000). Remove it.")
                pending.append((key, child))
        elif type(item) is list:
            pending += [(name, child) for child in item]


def _refuse_large_number(holder: Any) -> NoReturn:
    names = holder if type(holder) is dict else ()
    name = next((key for key in names if type(holder[key]) is int and abs(holder[key]) > _LARGEST), "")
    where = f' in "{name[:80]}"' if name else ""
    raise InvalidValue(f"A number{where} does not fit in 64 bits. Send it as text, in quotes.")


def _not_json(error: Exception) -> ScimError:
    reason = str(error).removeprefix("JSON is malformed: ")
    if "out of range" in reason:
        return InvalidValue("A number in the body is too large to keep. Send it as text, in quotes.")
    return InvalidSyntax(f"The body is not valid JSON: {reason[:120]}. Nothing was changed; correct the body.")

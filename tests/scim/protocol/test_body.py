"""Bodies: what is read, what is refused, and how long a hostile one takes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.scim.protocol.body import _USUAL_SPELLINGS, dumps, parse, parse_object
from rollbook.scim.protocol.errors import InvalidSyntax, InvalidValue, ScimError
from tests.patience import within_patience

PARTS = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    '"',
    "\\",
    "\\u0000",
    "\\ud800",
    "1",
    "-",
    "e9",
    "NaN",
    "a",
    "A",
    "é",
    " ",
    "null",
]

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), inner, max_size=4
        ).filter(lambda value: len({key.lower() for key in value}) == len(value))
    ),
    max_leaves=20,
)


@given(VALUES)
def test_whatever_json_says_is_read_as_json_says_it(value: object) -> None:
    raw = json.dumps(value).encode()
    assert parse(raw) == value
    assert parse(json.dumps(value, ensure_ascii=False, indent=1).encode()) == value
    assert parse(dumps(value)) == value


# Names and texts that look like each other, like punctuation, or like a name that ends.
NAMES = st.sampled_from(["a", "A", "b", "é", "É", 'a"', 'A"', ":", '":', "a\\", "title", "Title", "\u212a", "k"])
LEAVES = st.sampled_from([None, True, 1, "", ":", '":', '"a":', "a", " :", "\\", "2" * 20, 9223372036854775807])


class Pairs(list[tuple[str, object]]):
    """An object as its pairs, so that a name can be given twice."""


OBJECTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(st.tuples(NAMES, inner), max_size=3).map(Pairs) | st.lists(inner, max_size=2),
    max_leaves=8,
)


def written(value: object, before_colon: str, ascii_only: bool) -> str:
    """The value as JSON text, with that much white space before each colon."""
    if isinstance(value, Pairs):
        pairs = [
            f"{json.dumps(name, ensure_ascii=ascii_only)}{before_colon}:{written(item, before_colon, ascii_only)}"
            for name, item in value
        ]
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(written(item, before_colon, ascii_only) for item in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def repeats(value: object) -> bool:
    """Whether a name is given twice in one object, in whatever case."""
    if isinstance(value, Pairs):
        names = [name.lower() for name, _ in value]
        return len(set(names)) < len(names) or any(repeats(item) for _, item in value)
    return isinstance(value, list) and any(repeats(item) for item in value)


@given(OBJECTS, st.sampled_from(["", "", " ", "\n"]), st.booleans())
def test_a_name_given_twice_is_found_wherever_it_hides(value: object, before_colon: str, ascii_only: bool) -> None:
    text = written(value, before_colon, ascii_only)
    if repeats(value):
        with pytest.raises(InvalidSyntax):
            parse(text.encode())
    else:
        assert parse(text.encode()) == json.loads(text)


@given(st.binary(max_size=60) | st.lists(st.sampled_from(PARTS), max_size=20).map(lambda p: "".join(p).encode()))
def test_any_bytes_are_a_value_or_a_refusal(raw: bytes) -> None:
    value: object
    try:
        value = parse(raw)
    except ScimError as refusal:
        value = refusal
    if isinstance(value, ScimError):
        assert (value.status, value.detail[-1]) == (400, ".")
    else:
        # What is read is what every JSON reader reads.
        assert dumps(value) == dumps(json.loads(raw.decode().removeprefix("\ufeff")))


def test_a_byte_order_mark_is_skipped() -> None:
    assert parse_object(b'\xef\xbb\xbf{"active":true}') == {"active": True}


@pytest.mark.parametrize(
    ("raw", "error", "words"),
    [
        (b"", InvalidSyntax, "empty"),
        (b" \r\n\t", InvalidSyntax, "empty"),
        (b"\xef\xbb\xbf", InvalidSyntax, "empty"),
        (b'{"userName":"\xff"}', InvalidSyntax, "UTF-8"),
        (b'{"userName":"\xc3("}', InvalidSyntax, "UTF-8"),
        (b'{"userName":"\xed\xa0\x80"}', InvalidSyntax, "UTF-8"),
        (b'{"\xff":1}', InvalidSyntax, "UTF-8"),
        ('{"userName":"ada"}'.encode("utf-16"), InvalidSyntax, "JSON"),
        (b'{"userName":"ada"', InvalidSyntax, "JSON"),
        (b'{"userName":"ada",}', InvalidSyntax, "JSON"),
        (b"{'userName':'ada'}", InvalidSyntax, "JSON"),
        (b'{"userName":"ada"} {}', InvalidSyntax, "JSON"),
        (b'{"userName":"a\nb"}', InvalidSyntax, "JSON"),
        (b'{"level":NaN}', InvalidSyntax, "JSON"),
        (b'{"level":Infinity}', InvalidSyntax, "JSON"),
        (b'{"level":-Infinity}', InvalidSyntax, "JSON"),
        (b'{"level":1e999}', InvalidValue, "too large"),
        (b'{"level":9223372036854775808}', InvalidValue, '"level"'),
        (b'{"level":[1,9223372036854775808]}', InvalidValue, "64 bits"),
        (b'{"level":-9223372036854775809}', InvalidValue, '"level"'),
        (b'{"level":' + b"9" * 5000 + b"}", InvalidValue, "too large"),
        (b'{"userName":"\\ud800"}', InvalidSyntax, "JSON"),
        (b'{"userName":"\\ud800\\u0041"}', InvalidSyntax, "JSON"),
        (b'{"\\udc00":1}', InvalidSyntax, "JSON"),
        (b'{"userName":"a\\u0000b"}', InvalidValue, '"userName"'),
        (b'{"emails":[{"value":"\\u0000"}]}', InvalidValue, '"value"'),
        (b'{"a\\u0000":1}', InvalidValue, "NUL"),
        (b'{"userName":"a\x00b"}', InvalidSyntax, "JSON"),
        (b'{"active":true,"active":false}', InvalidSyntax, '"active"'),
        (b'{"active":true,"\\u0061ctive":false}', InvalidSyntax, '"active"'),
        (b'{"active" :true,"active"\n:false}', InvalidSyntax, '"active"'),
        (b'{"active":true,"Active":false}', InvalidSyntax, '"Active"'),
        (b'{"active":true,"name":{"givenName":"a","GIVENNAME":"b"}}', InvalidSyntax, '"GIVENNAME"'),
        (b'{"emails":[{"value":"a","value":"b"}]}', InvalidSyntax, '"value"'),
        (b'[{"a":1},{"b":{"c":1,"c":1}}]', InvalidSyntax, '"c"'),
        (b'{"n":' + b"9" * 18 + b',"a":1,"a":' + b"9" * 400 + b"}", InvalidValue, '"a"'),
        (b"[" * 33 + b"]" * 33, InvalidSyntax, "32 levels"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, InvalidSyntax, "32 levels"),
        (b"[[" + b"[]," * 40, InvalidSyntax, "brackets"),
    ],
)
def test_a_body_that_readers_quarrel_about_is_refused(raw: bytes, error: type[ScimError], words: str) -> None:
    with pytest.raises(ScimError) as refusal:
        parse(raw)
    assert type(refusal.value) is error
    assert words in refusal.value.detail


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a":"\\\\u0000"}', {"a": "\\u0000"}),
        (b'{"a":"\\\\","b":":"}', {"a": "\\", "b": ":"}),
        (b'{"a":"\\"","b:":"{[\\"::"}', {"a": '"', "b:": '{[":: '.rstrip()}),
        (b'{"a":"' + b"[{" * 50 + b'"}', {"a": "[{" * 50}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "😀"}),
        (b'{"a":9223372036854775807,"b":-9223372036854775808}', {"a": 2**63 - 1, "b": -(2**63)}),
        (b'{"a":{"x":1},"b":{"X":1}}', {"a": {"x": 1}, "b": {"X": 1}}),
        (b'{"a":"12345678901234567890123"}', {"a": "12345678901234567890123"}),
        (b"[" * 32 + b"]" * 32, json.loads("[" * 32 + "]" * 32)),
        (b'{"a":[' + b",".join([b'{"v":[]}'] * 100) + b"]}", {"a": [{"v": []}] * 100}),
    ],
)
def test_a_body_that_only_looks_odd_is_read(raw: bytes, value: object) -> None:
    assert parse(raw) == value


def test_usual_spellings_are_distinct() -> None:
    assert len({name.lower() for name in _USUAL_SPELLINGS}) == len(_USUAL_SPELLINGS)


def test_a_long_body_is_read_whole() -> None:
    value = {"members": [{"value": '"{[' + str(n)} for n in range(10_000)]}
    assert parse(dumps(value)) == value
    with pytest.raises(InvalidSyntax, match="levels"):
        parse(dumps(value)[:-1] + b',"a":' + b"[" * 33 + b"]" * 33 + b"}")


def test_only_an_object_is_an_object() -> None:
    for raw in (b"[]", b'"a"', b"1", b"null", b"true"):
        with pytest.raises(InvalidSyntax, match="not a JSON object"):
            parse_object(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 2**20,
        b'{"a":' * (2**20 // 5),
        b"[{}" * (2**20 // 3),
        b"]" * 2**20,
        b"[}" * 2**19,
        b'\\"' * 2**19,
        b"\\" * 2**20,
        b'["' + b"[" * 2**20,
        b'{"a' + b":" * 2**20,
    ],
)
def test_a_mebibyte_of_malice_is_refused_at_once(raw: bytes) -> None:
    with within_patience(), pytest.raises(InvalidSyntax):
        parse(raw)


@pytest.mark.parametrize("raw", [b'"' * (2**20 + 1), b"[" + b'"",' * (2**20 // 3), b"[" + b"{}," * (2**20 // 3)])
def test_a_mebibyte_of_quotes_or_pairs_takes_time_in_proportion(raw: bytes) -> None:
    with within_patience(), pytest.raises(InvalidSyntax):
        parse(raw)

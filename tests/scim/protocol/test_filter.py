"""Filters: the grammar, its limits, and the promise that nothing but InvalidFilter comes out."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rollbook.scim.protocol.errors import InvalidFilter
from rollbook.scim.protocol.filter import (
    And,
    AttributePath,
    Compare,
    Filter,
    Not,
    Or,
    Present,
    ValuePath,
    parse_filter,
)
from tests.patience import within_patience


def path(attribute: str, sub_attribute: str | None = None, schema: str | None = None) -> AttributePath:
    return AttributePath(schema, attribute, sub_attribute)


def eq(attribute: str, value: str | int | float | bool | None) -> Compare:
    return Compare(path(attribute), "eq", value)


ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ('userName eq "ada@acme.example"', eq("userName", "ada@acme.example")),
        ('userName EQ "Ada"', eq("userName", "Ada")),
        ('  userName   Eq  "a"  ', eq("userName", "a")),
        ('userName eq ""', eq("userName", "")),
        ('userName eq "a\\"b\\\\c\\/\\u00e9\\ud83d\\ude00\\n"', eq("userName", 'a"b\\c/é😀\n')),
        ('name.familyName co "O\'Malley"', Compare(path("name", "familyName"), "co", "O'Malley")),
        ('userName sw "J"', Compare(path("userName"), "sw", "J")),
        ('userName ew "J"', Compare(path("userName"), "ew", "J")),
        ('userName ne "J"', Compare(path("userName"), "ne", "J")),
        (f'{ENTERPRISE}:department eq "x"', Compare(path("department", None, ENTERPRISE), "eq", "x")),
        (f'{ENTERPRISE}:manager.displayName sw "x"', Compare(path("manager", "displayName", ENTERPRISE), "sw", "x")),
        (
            'urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"',
            Compare(path("userName", None, "urn:ietf:params:scim:schemas:core:2.0:User"), "sw", "J"),
        ),
        ("title pr", Present(path("title"))),
        ("title PR", Present(path("title"))),
        ("members.$ref pr", Present(path("members", "$ref"))),
        (
            'meta.lastModified gt "2011-05-13T04:42:34Z"',
            Compare(path("meta", "lastModified"), "gt", "2011-05-13T04:42:34Z"),
        ),
        ("level ge 3", Compare(path("level"), "ge", 3)),
        ("level lt -3.5e2", Compare(path("level"), "lt", -350.0)),
        ("level le 0", Compare(path("level"), "le", 0)),
        ("active eq true", eq("active", True)),
        ("active eq False", eq("active", False)),
        ('active eq "True"', eq("active", "True")),
        ("title eq NULL", eq("title", None)),
        ('title pr and userType eq "Employee"', And((Present(path("title")), eq("userType", "Employee")))),
        ('title pr or userType eq "Intern"', Or((Present(path("title")), eq("userType", "Intern")))),
        ("a pr or b pr AND c pr", Or((Present(path("a")), And((Present(path("b")), Present(path("c"))))))),
        ("(a pr or b pr) and c pr", And((Or((Present(path("a")), Present(path("b")))), Present(path("c"))))),
        ("((a pr)and(b pr))and c pr", And((Present(path("a")), Present(path("b")), Present(path("c"))))),
        ("a pr or (b pr or c pr)", Or((Present(path("a")), Present(path("b")), Present(path("c"))))),
        ("not (a pr)", Not(Present(path("a")))),
        ("NOT(NOT(a pr))", Not(Not(Present(path("a"))))),
        ("not (a pr) and b pr", And((Not(Present(path("a"))), Present(path("b"))))),
        (
            'userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")',
            And(
                (
                    Compare(path("userType"), "ne", "Employee"),
                    Not(
                        Or(
                            (
                                Compare(path("emails"), "co", "example.com"),
                                Compare(path("emails", "value"), "co", "example.org"),
                            )
                        )
                    ),
                )
            ),
        ),
        (
            'userType eq "Employee" and emails[type eq "work" and value co "@example.com"]',
            And(
                (
                    eq("userType", "Employee"),
                    ValuePath(path("emails"), And((eq("type", "work"), Compare(path("value"), "co", "@example.com")))),
                )
            ),
        ),
        (
            'emails[type eq "work"] or ims[type eq "xmpp"]',
            Or((ValuePath(path("emails"), eq("type", "work")), ValuePath(path("ims"), eq("type", "xmpp")))),
        ),
        ('emails [ not (type eq "w") ]', ValuePath(path("emails"), Not(eq("type", "w")))),
        ('andy eq "x" and order pr', And((eq("andy", "x"), Present(path("order"))))),
    ],
)
def test_the_grammar_of_the_rfc_is_read(text: str, tree: Filter) -> None:
    assert parse_filter(text) == tree
    assert parse_filter(str(tree)) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        (
            'emails[type eq "work"].value eq "x"',
            ValuePath(path("emails"), And((eq("type", "work"), eq("value", "x")))),
        ),
        (
            'emails[type eq "work" or primary eq true].value pr',
            ValuePath(path("emails"), And((Or((eq("type", "work"), eq("primary", True))), Present(path("value"))))),
        ),
        (
            'id eq "1" and members[value eq "2"].type eq "User"',
            And((eq("id", "1"), ValuePath(path("members"), And((eq("value", "2"), eq("type", "User")))))),
        ),
    ],
)
def test_a_sub_attribute_after_a_value_path_joins_it(text: str, tree: Filter) -> None:
    assert parse_filter(text) == tree
    assert parse_filter(str(tree)) == tree


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "userName",
        "userName eq",
        'userName "x"',
        'userName is "x"',
        'eq "x"',
        '"userName" eq "x"',
        'userName eq "x',
        'userName eq "x" and',
        'userName eq "x" or or title pr',
        'userName eq "x" title pr',
        'and userName eq "x"',
        'not eq "x"',
        "not title pr",
        '(userName eq "x"',
        'userName eq "x")',
        "()",
        "not ()",
        "emails[]",
        "emails[type pr",
        "emails[type pr)",
        "(type pr]",
        "emails[ims[type pr]]",
        "emails.value[type pr]",
        "emails[type pr].a.b pr",
        "emails[type pr]. pr",
        "emails[type pr].value",
        "a.b.c pr",
        "a..b pr",
        ".a pr",
        "a. pr",
        "1a pr",
        ":a pr",
        "userName eq 01",
        "userName eq 1.",
        "userName eq +1",
        "level gt 1e999",
        "level gt 9223372036854775808",
        "level eq " + "9" * 3000,
        "active gt true",
        "title lt null",
        "active co true",
        "level sw 1",
        'userName eq "\\x"',
        'userName eq "\\ud800"',
        'userName eq "\\u0000"',
        'userName eq "a\tb"',
        'userName eq "a\0b"',
        'userName eq "\ud800"',
        "userName eq \ud800",
        'userName eq ["x"]',
        'userName eq {"x":1}',
        "userName eq 'x'",
        "userName = 'x'",
        'userName eq "x"; drop table users',
        'usérName eq "x"',
        'userName\u212a eq "x"',
    ],
)
def test_what_cannot_be_read_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidFilter) as refusal:
        parse_filter(text)
    assert (refusal.value.status, refusal.value.scim_type) == (400, "invalidFilter")
    assert ' eq "' in refusal.value.detail


@pytest.mark.parametrize(
    "text", ["userName eq ada@acme.example", "externalId eq 00ujl29u0le5T6Aj10h7", "emails eq a@b.example"]
)
def test_a_value_without_quotes_is_refused_with_a_hint(text: str) -> None:
    attribute, _, value = text.split(" ")
    with pytest.raises(InvalidFilter) as refusal:
        parse_filter(text)
    assert refusal.value.detail.endswith(f'put the value in double quotes: {attribute} eq "{value}"')


@pytest.mark.parametrize(
    "text",
    [
        "(" * 8000 + "a pr" + ")" * 8000,
        "not (" * 8000 + "a pr" + ")" * 8000,
        "a[" * 8000,
        "a" + ".a" * 8000,
        "(" * 17 + "a pr" + ")" * 17,
        "not (" * 17 + "a pr" + ")" * 17,
        "(" * 4000,
        "not (" * 800,
        "a[" * 2000,
        "a" + ".a" * 2000 + " pr",
        " or ".join(["a pr"] * 33),
        "(" * 16 + 'a[b pr or c pr].d eq "x"' + ")" * 16,
        'a eq "' + "\\" * 4000,
        'a eq "' + '\\"' * 2000,
        "a eq " + '"' * 4001,
        'userName eq "' + "x" * 2**20 + '"',
    ],
)
def test_too_deep_too_long_and_too_many_are_refused_at_once(text: str) -> None:
    with within_patience(), pytest.raises(InvalidFilter):
        parse_filter(text)


def test_the_limits_themselves_are_allowed() -> None:
    assert parse_filter("(" * 16 + "a pr" + ")" * 16) == Present(path("a"))
    assert str(parse_filter(" or ".join(["a pr"] * 32))).count("pr") == 32
    longest = 'userName eq "' + "x" * (4096 - 14) + '"'
    assert len(longest) == 4096
    assert parse_filter(longest) == eq("userName", "x" * 4082)


# fmt: off
PIECES = st.sampled_from([
    "userName", "emails", "a.b", "eq", "ne", "co", "pr", "PR", "and", "or", "not", "(", ")", "[", "]", ".value",
    '"x"', '"', "\\", "true", "null", "1", "-1.5e3", "x@y", " ", "urn:a:b:c", "$ref", "é", "\x00",
])
# fmt: on


@given(st.text(max_size=60) | st.lists(PIECES, max_size=14).map(" ".join) | st.lists(PIECES, max_size=14).map("".join))
def test_every_text_is_a_tree_or_an_invalid_filter(text: str) -> None:
    tree: Filter | InvalidFilter
    try:
        tree = parse_filter(text)
    except InvalidFilter as refusal:
        tree = refusal
    if isinstance(tree, InvalidFilter):
        assert tree.detail
    else:
        assert parse_filter(str(tree)) == tree


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,5}", fullmatch=True).filter(
    lambda name: name.lower() not in ("and", "or", "not")
)
PATHS = st.builds(AttributePath, st.none() | st.just(ENTERPRISE), NAMES, st.none() | NAMES)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
COMPARISONS = (
    st.builds(Compare, PATHS, st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]), TEXTS)
    | st.builds(
        Compare,
        PATHS,
        st.sampled_from(["eq", "ne"]),
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    )
    | st.builds(Present, PATHS)
)


def _join(kind: type[And] | type[Or], terms: list[Filter]) -> Filter:
    flat: list[Filter] = []
    for term in terms:
        flat += term.terms if isinstance(term, kind) else [term]
    return kind(tuple(flat))


def _combined(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(inner, min_size=2, max_size=3)
    return (
        several.map(lambda terms: _join(And, terms))
        | several.map(lambda terms: _join(Or, terms))
        | st.builds(Not, inner)
    )


INNER = st.recursive(COMPARISONS, _combined, max_leaves=4)
WHOLE_PATHS = st.builds(AttributePath, st.none() | st.just(ENTERPRISE), NAMES)
TREES = st.recursive(COMPARISONS | st.builds(ValuePath, WHOLE_PATHS, INNER), _combined, max_leaves=6)


@given(TREES)
@example(Compare(AttributePath(None, "a"), "eq", 'q"\\\u2028'))
def test_a_printed_tree_reads_as_itself(tree: Filter) -> None:
    assert parse_filter(str(tree)) == tree


@given(NAMES, st.none() | NAMES, TEXTS.filter(lambda text: not set(text) & set('"\\')))
def test_the_short_way_and_the_long_way_give_the_same_tree(name: str, sub: str | None, value: str) -> None:
    text = f'{name}.{sub} eq "{value}"' if sub else f'{name} eq "{value}"'
    if any(ord(character) < 32 for character in value):
        with pytest.raises(InvalidFilter):
            parse_filter(text)
    else:
        assert parse_filter(text) == parse_filter(f"({text})") == Compare(AttributePath(None, name, sub), "eq", value)

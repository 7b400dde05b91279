"""The language of rules: what is written means what it says, and is shown again as it was meant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.errors import InvalidValue
from rollbook.people import fields
from rollbook.people.fields import Field
from rollbook.people.rules import evaluation, text, tree
from rollbook.people.rules.evaluation import Person
from rollbook.people.rules.text import Custom, Names
from rollbook.people.rules.tree import InGroup, Not, Rule
from tests.people import plain_rules
from tests.people.plain_rules import Somebody

CUSTOMS = {"custom.Shoe size": "number", "custom.Since": "date", "custom.Region": "text", "custom.T-shirt": "choice"}
GROUPS = {"g1": "Contractors", "g2": 'The "others"', "g3": "and"}
FIELDS = plain_rules.BUILT_IN | CUSTOMS
RULES = plain_rules.rules(FIELDS, {"custom.T-shirt": plain_rules.SIZES}, tuple(GROUPS))


def a_field(name: str, type_: Any, *choices: str) -> Custom:
    field = Field(f"id of {name}", "c", name, type_, choices, "learning", None, name)
    return Custom(field.id, name, type_, lambda value: fields.checked(field, value))


NAMES = Names(
    (a_field("Shoe size", "number"), a_field("Since", "date"), a_field("Region", "text"), a_field("T", "choice", "S")),
    {"g1": "Contractors", "g2": "Bakers", "g4": "Twice"},
    {"g3": "Millers", "g5": "twice"},
)


def person(somebody: Somebody, custom: Mapping[str, str] | None = None, groups: Set[str] = frozenset()) -> Person:
    return Person(somebody, lambda: custom or {}, lambda: groups)


def means(rule: str, somebody: Somebody, custom: Mapping[str, str] | None = None, *groups: str) -> bool:
    return evaluation.compiled(text.parse(rule, NAMES))(person(somebody, custom, set(groups)))


@given(RULES)
def test_a_rule_is_read_as_it_was_written(rule: Rule) -> None:
    names = plain_rules.names(CUSTOMS, GROUPS)
    assert text.parse(text.write(rule, names), names) == rule


@given(RULES)
def test_a_rule_is_stored_whole(rule: Rule) -> None:
    assert tree.decode(tree.encode(rule)) == rule


@given(
    RULES,
    plain_rules.people(),
    st.dictionaries(st.sampled_from(["Shoe size"]), st.sampled_from(plain_rules.NUMBERS)),
    st.dictionaries(st.sampled_from(["Region"]), st.sampled_from(plain_rules.TEXTS)),
    st.dictionaries(st.sampled_from(["Since"]), st.sampled_from(plain_rules.DATES)),
    st.dictionaries(st.sampled_from(["T-shirt"]), st.sampled_from(plain_rules.SIZES)),
    st.sets(st.sampled_from(list(GROUPS))),
)
def test_a_rule_means_whom_a_plain_reading_means(
    rule: Rule,
    somebody: Somebody,
    numbers: dict[str, str],
    texts: dict[str, str],
    dates: dict[str, str],
    sizes: dict[str, str],
    groups: set[str],
) -> None:
    custom = {name: value.strip() for name, value in (numbers | texts | dates | sizes).items()}
    expected = plain_rules.meets(rule, somebody, custom, groups)
    assert evaluation.compiled(rule)(person(somebody, custom, groups)) == expected


def test_the_example_of_the_docs() -> None:
    rule = 'location = "Lyon" and (job_title contains "baker" or hire_date >= 2026-01-01) and not group "Contractors"'
    parsed = text.parse(rule, NAMES)
    assert parsed == tree.All(
        (
            tree.Test("location", "text", "=", "Lyon"),
            tree.Any(
                (
                    tree.Test("job_title", "text", "contains", "baker"),
                    tree.Test("hire_date", "date", ">=", "2026-01-01"),
                )
            ),
            Not(InGroup("g1")),
        )
    )
    assert text.write(parsed, NAMES) == rule
    assert tree.reads(parsed) == {"location", "job_title", "hire_date", "group.g1"}
    assert means(rule, Somebody(location="LYON", job_title="Head baker"))
    assert means(rule, Somebody(location="Lyon", hire_date="2026-01-01"))
    assert not means(rule, Somebody(location="Lyon", job_title="Head baker"), None, "g1")
    assert not means(rule, Somebody(location="Lyon", job_title="Miller"))


@pytest.mark.parametrize(
    ("rule", "same"),
    [
        ("location = a or location = b and location = c", 'location = "a" or location = "b" and location = "c"'),
        ("(location = a or location = b) and location = c", '(location = "a" or location = "b") and location = "c"'),
        ("LOCATION=Lyon AND Not(role=Admin)", 'location = "Lyon" and not role = "admin"'),
        ("not location = a and location = b", 'not location = "a" and location = "b"'),
        ("not (location = a and location = b)", 'not (location = "a" and location = "b")'),
        ("((location = a))", 'location = "a"'),
        ('custom."shoe SIZE" > 007.50', 'custom."Shoe size" > 7.5'),
        ("custom.region is not empty", "custom.Region is not empty"),
        ("custom.T = s", 'custom.T = "S"'),
        ("custom.Since = 2026-11-24T08:00:00Z", "custom.Since = 2026-11-24"),
        ("group = bakers", 'group "Bakers"'),
        ('group != "g1"', 'not group "Contractors"'),
        ('name starts   with "Leo"', 'name starts with "Leo"'),
        (r'location = "a \"b\" \\"', r'location = "a \"b\" \\"'),
    ],
)
def test_ways_to_write_the_same(rule: str, same: str) -> None:
    assert text.write(text.parse(rule, NAMES), NAMES) == same
    assert text.write(text.parse(same, NAMES), NAMES) == same


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("", "this one is empty"),
        ("locaton = Lyon", "at “locaton” (character 1): a field is expected here: one of name, email"),
        ("location", "at its end: this field is compared with one of =, !=, contains"),
        ("location < Lyon", "at “<” (character 10): this field is compared with one of ="),
        ("location =", "at its end: a value is expected"),
        ("location = and", "at “and” (character 12): a value is expected here, in double quotes"),
        ('location = ""', "a value is not empty; whoever has none is found with “is empty”"),
        ('location contains "  "', "a value is not empty"),
        ("location = New York", "at “York” (character 16): here “and”, “or” or the end is expected"),
        ("location = Lyon and", "at its end: a field is expected"),
        ("(location = Lyon", "at its end: a closing bracket"),
        ("location = Lyon)", "at “)” (character 16): here “and”"),
        ('location = "Lyon', "the closing double quote is missing"),
        ('location "=" Lyon', "is compared with one of"),
        ("hire_date = soon", "at “soon” (character 13): a date is written as YYYY-MM-DD"),
        ("hire_date = 2026-02-30", "a date is written as YYYY-MM-DD"),
        ("hire_date contains 2026", "a date field is compared with one of =, !=, <"),
        ("role = boss", "use one of learner, creator, manager, admin"),
        ("role contains min", "a choice field is compared with one of =, !=, is empty"),
        ('custom."Shoe size" = big', "at “big” (character 22): Shoe size takes a number, such as 7 or 7.5"),
        ("custom.T = XXL", "T takes one of S"),
        ("custom.Hat = S", "at “custom.Hat” (character 1): this company has no field of this name"),
        ("group Nobody", "at “Nobody” (character 7): there is no group of this name"),
        ("group Millers", "this group is archived; restore it first"),
        ("group", "the name of a group is expected"),
        ("location is", "is compared with one of"),
        ("location = a & location = b", "at “&”"),
        ("not", "at its end: a field is expected"),
        ("x" * 5000, "at most 4,096 characters"),
        ("not " * 17 + "location = a", "at most 16 levels"),
        ("(" * 2000 + "location = a", "at most 16 levels"),
        (" or ".join(["role = admin"] * 101), "at most 100 comparisons"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place_and_its_cure(rule: str, said: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        text.parse(rule, NAMES)
    assert said in refused.value.message
    assert refused.value.field == "rule"
    assert refused.value.message.endswith(".")


@given(
    st.text(max_size=200) | st.lists(st.sampled_from(["location", "=", "(", ")", "not", "and", '"', "a"])).map(" ".join)
)
def test_whatever_is_typed_is_read_or_refused(typed: str) -> None:
    try:
        rule = text.parse(typed, NAMES)
    except InvalidValue:
        return
    assert text.parse(text.write(rule, NAMES), NAMES) == rule


def test_a_field_without_a_value_is_empty_and_unequal_and_nothing_else() -> None:
    nobody = Somebody()
    for rule in ("location is empty", "location != Lyon", 'custom."Shoe size" != 7', "hire_date != 2026-01-01"):
        assert means(rule, nobody)
    for rule in ("location = Lyon", "location is not empty", 'custom."Shoe size" < 7', "hire_date < 2026-01-01"):
        assert not means(rule, nobody)
        assert means(f"not {rule}", nobody)


def test_a_renamed_group_and_field_keep_their_rules() -> None:
    rule = text.parse('custom.Region = x and group "Bakers"', NAMES)
    renamed = Names((Custom("id of Region", "Where to", "text", lambda value: value),), {"g2": "Confectioners"})
    assert text.write(rule, renamed) == 'custom."Where to" = "x" and group "Confectioners"'


def test_an_archived_group_is_shown_by_its_name_unless_another_has_it() -> None:
    assert text.write(InGroup("g3"), NAMES) == 'group "Millers"'
    assert text.write(InGroup("g5"), NAMES) == 'group "g5"'


def test_every_example_of_the_docs_can_be_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "groups.md").read_text(encoding="utf-8")
    examples = [line.strip() for line in page.splitlines() if line.startswith("    ")]
    examples += re.findall(r"(?:--rule|'People of Lyon'|preview acme) '([^']+)'", page)
    examples += re.findall(r"`((?:location|custom)[^`]* (?:=|!=|>=) [^`]*)`", page)
    customs = (a_field("Region", "choice", "North"), a_field("First aid until", "date"), a_field("Shoe size", "number"))
    names = Names(customs, {"c": "Contractors"})
    assert len(examples) > 10
    for example in examples:
        rule = text.parse(example, names)
        assert text.parse(text.write(rule, names), names) == rule

"""The language of rules: text to tree, and back with the names that fields and groups have by now.

    location = "Lyon" and (job_title contains "baker" or hire_date >= 2026-01-01) and not group "Contractors"

`and` binds closer than `or`. What does not fit a field's type is refused here, when a rule is written, and never met
when it is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NoReturn

from rollbook.errors import InvalidValue
from rollbook.people.folding import fold
from rollbook.people.roles import ROLES
from rollbook.people.rules import tree
from rollbook.people.rules.tree import CUSTOM, FIELDS, OPERATORS, WITHOUT_VALUE, InGroup, Not, Op, Rule, Test, Type

LONGEST_VALUE = 1024


@dataclass(frozen=True, slots=True)
class Custom:
    """A field of a company's own; `checked` gives a value as the field keeps it, or raises InvalidValue."""

    id: str
    name: str
    type: Type
    checked: Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Names:
    """What a company's rules may name: its fields and its groups (name by id), those that were archived apart."""

    customs: tuple[Custom, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    archived: Mapping[str, str] = field(default_factory=dict)


def parse(text: str, names: Names) -> Rule:
    """The rule that a text means. Raises InvalidValue with a sentence that says where, and what to write instead."""
    if len(text) > tree.LONGEST_TEXT:
        raise InvalidValue(f"A rule is at most {tree.LONGEST_TEXT:,} characters long.", field="rule")
    if not text.strip():
        raise InvalidValue('A rule is a text such as location = "Lyon"; this one is empty.', field="rule")
    parser = _Parser(_tokens(text), names)
    rule = parser.any(0)
    if parser.next.kind != "end":
        _wrong(
            parser.next,
            "here “and”, “or” or the end is expected; a value of several words is written in double quotes",
        )
    tree.check_size(rule)
    return rule


def write(rule: Rule, names: Names) -> str:
    """The text of a rule, with present names; `parse` makes the same rule of it."""
    if isinstance(rule, Test):
        return _comparison(rule, names)
    if isinstance(rule, InGroup):
        return f"group {_quoted(_group_name(rule.group_id, names))}"
    if isinstance(rule, Not):
        return f"not {_bracketed(rule.term, names, isinstance(rule.term, tree.All | tree.Any))}"
    if isinstance(rule, tree.All):
        return " and ".join(_bracketed(t, names, isinstance(t, tree.All | tree.Any)) for t in rule.terms)
    return " or ".join(_bracketed(t, names, isinstance(t, tree.Any)) for t in rule.terms)


def _bracketed(rule: Rule, names: Names, needed: bool) -> str:
    text = write(rule, names)
    return f"({text})" if needed else text


def _comparison(test: Test, names: Names) -> str:
    name = test.field
    if name.startswith(CUSTOM):
        known = {custom.id: custom.name for custom in names.customs}
        own = known.get(name[len(CUSTOM) :], name[len(CUSTOM) :])
        name = CUSTOM + (own if _BARE.fullmatch(own) else _quoted(own))
    if test.op in WITHOUT_VALUE:
        return f"{name} {test.op}"
    return f"{name} {test.op} {test.value if test.type in ('number', 'date') else _quoted(test.value)}"


def _group_name(group_id: str, names: Names) -> str:
    """An archived group is shown by its id where another one has its name by now."""
    name = names.groups.get(group_id)
    if name is not None:
        return name
    name = names.archived.get(group_id, group_id)
    return group_id if fold(name) in map(fold, names.groups.values()) else name


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # quoted, sign, word, end
    text: str
    start: int
    end: int


_TOKEN = re.compile(
    r'(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<sign><=|>=|!=|[=<>()])|(?P<word>[^\s()"=!<>]+)|(?P<wrong>.)', re.DOTALL
)
_BARE = re.compile(r'[^\s()"=!<>\\]+')
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_JOINING = ("and", "or", "not")


def _tokens(text: str) -> list[_Token]:
    tokens = []
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "wrong"
        if kind == "wrong" and found[0].isspace():
            continue
        token = _Token(kind, found[0], found.start(), found.end())
        if kind == "wrong":
            what = "the closing double quote is missing" if found[0] == '"' else "this sign says nothing in a rule"
            _wrong(token, what)
        tokens.append(token)
    return [*tokens, _Token("end", "", len(text), len(text))]


def _wrong(token: _Token, what: str) -> NoReturn:
    where = f"at “{token.text[:40]}” (character {token.start + 1})" if token.kind != "end" else "at its end"
    raise InvalidValue(f"The rule cannot be read {where}: {what}.", field="rule")


class _Parser:
    """Reads tokens from left to right, one function for each level of binding."""

    def __init__(self, tokens: list[_Token], names: Names) -> None:
        self._tokens = tokens
        self._at = 0
        self._names = names
        self._customs = {key: one for one in names.customs for key in (fold(one.name), one.id)}
        self._groups = _by_name(names.groups)

    @property
    def next(self) -> _Token:
        return self._tokens[self._at]

    def any(self, depth: int) -> Rule:
        terms = [self._all(depth)]
        while self._takes("or"):
            terms.append(self._all(depth))
        return terms[0] if len(terms) == 1 else tree.Any(tuple(terms))

    def _all(self, depth: int) -> Rule:
        terms = [self._term(depth)]
        while self._takes("and"):
            terms.append(self._term(depth))
        return terms[0] if len(terms) == 1 else tree.All(tuple(terms))

    def _term(self, depth: int) -> Rule:
        if depth >= tree.DEEPEST:
            raise tree.too_deep()
        if self._takes("not"):
            return Not(self._term(depth + 1))
        if self._takes("("):
            rule = self.any(depth + 1)
            if not self._takes(")"):
                _wrong(self.next, "a closing bracket, “and” or “or” is expected here")
            return rule
        return self._in_group() if self._is("group") else self._test()

    def _in_group(self) -> Rule:
        self._take()
        negative = self._takes("!=")
        if not negative:
            self._takes("=")
        token = self._take()
        if token.kind not in ("quoted", "word"):
            _wrong(token, 'the name of a group is expected here, in double quotes: group "Bakers"')
        name = _plain(token)
        key = fold(name)
        group_id = name if name in self._names.groups else self._groups.get(key)
        if group_id is None:
            if name in self._names.archived or key in _by_name(self._names.archived):
                _wrong(token, "this group is archived; restore it first, or leave it out")
            _wrong(token, "there is no group of this name")
        return Not(InGroup(group_id)) if negative else InGroup(group_id)

    def _test(self) -> Rule:
        name, type_, checked = self._field()
        op = self._operator(type_)
        if op in WITHOUT_VALUE:
            return Test(name, type_, op)
        token = self._take()
        if token.kind == "end" or token.kind == "sign" or (token.kind == "word" and token.text.lower() in _JOINING):
            _wrong(token, "a value is expected here, in double quotes where it is not one word")
        return Test(name, type_, op, _value(token, type_, checked))

    def _field(self) -> tuple[str, Type, Callable[[str], str | None]]:
        token = self._take()
        name = token.text.lower()
        if token.kind == "word" and name in FIELDS:
            return name, FIELDS[name], _a_role if name == "role" else _a_date if FIELDS[name] == "date" else _as_written
        if token.kind == "word" and name.startswith(CUSTOM):
            own = token.text[len(CUSTOM) :]
            if not own and self.next.kind == "quoted" and self.next.start == token.end:
                token = self._take()
                own = _plain(token)
            custom = self._customs.get(fold(own)) or self._customs.get(own)
            if custom is not None:
                return CUSTOM + custom.id, custom.type, _as_written if custom.type == "text" else custom.checked
            _wrong(token, "this company has no field of this name; `rollbook field list` shows those there are")
        _wrong(
            token, f'a field is expected here: one of {", ".join(FIELDS)}, custom.NAME, custom."A NAME" or group "NAME"'
        )

    def _operator(self, type_: Type) -> Op:
        token = self._take()
        words = [token.text.lower()]
        if words[0] in ("starts", "ends") and self._takes("with"):
            words.append("with")
        elif words[0] == "is":
            words += [word for word in ("not", "empty") if self._takes(word)]
        op = " ".join(words)
        if token.kind == "quoted" or op not in OPERATORS[type_]:
            kind = "this field" if type_ == "text" else f"a {type_} field"
            _wrong(token, f"{kind} is compared with one of {', '.join(OPERATORS[type_])}")
        return next(known for known in OPERATORS[type_] if known == op)

    def _is(self, word: str) -> bool:
        return self.next.kind in ("word", "sign") and self.next.text.lower() == word

    def _takes(self, word: str) -> bool:
        if not self._is(word):
            return False
        self._at += 1
        return True

    def _take(self) -> _Token:
        token = self.next
        self._at += token.kind != "end"
        return token


def _by_name(groups: Mapping[str, str]) -> dict[str, str]:
    return {fold(name): group_id for group_id, name in groups.items()}


def _plain(token: _Token) -> str:
    return re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL) if token.kind == "quoted" else token.text


def _value(token: _Token, type_: Type, checked: Callable[[str], str | None]) -> str:
    text = _plain(token)
    if len(text) > LONGEST_VALUE or not text.isprintable():
        _wrong(token, f"a value is a text of at most {LONGEST_VALUE:,} characters, without line breaks")
    try:
        value = checked(text)
    except InvalidValue as error:
        _wrong(token, error.message.removesuffix("."))
    if not value or (type_ == "text" and not fold(value)):
        _wrong(token, "a value is not empty; whoever has none is found with “is empty”")
    return value


def _as_written(text: str) -> str:
    return text


def _one_of(choices: Iterable[str]) -> Callable[[str], str]:
    spelt = {fold(choice): choice for choice in choices}

    def checked(text: str) -> str:
        if fold(text) not in spelt:
            raise InvalidValue(f"use one of {', '.join(spelt.values())}", field="rule")
        return spelt[fold(text)]

    return checked


_a_role = _one_of(ROLES)


def _a_date(text: str) -> str:
    text = text.strip()
    wrong = InvalidValue("a date is written as YYYY-MM-DD", field="rule")
    if not _DATE.fullmatch(text):
        raise wrong
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise wrong from None

"""Reads filters (RFC 7644 section 3.4.2.2) into the nodes of `tree.py`.

What a tree says about a value is in `evaluation.py`; what it says about a database, the door decides.
"""

from __future__ import annotations

import json
import math
import re
from typing import NamedTuple

from rollbook.scim.protocol.errors import InvalidFilter
from rollbook.scim.protocol.tree import (
    And,
    AttributePath,
    Compare,
    Filter,
    FilterValue,
    Not,
    Or,
    Present,
    ValuePath,
)

MAX_LENGTH = 4096
MAX_DEPTH = 16
MAX_TERMS = 32

EXAMPLE = 'userName eq "ada@acme.example"'

COMPARISONS = frozenset({"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"})
_ON_TEXT = frozenset({"co", "sw", "ew"})
_ON_ORDER = frozenset({"gt", "ge", "lt", "le"})

__all__ = [
    "And",
    "AttributePath",
    "Compare",
    "Filter",
    "FilterValue",
    "Not",
    "Or",
    "Present",
    "ValuePath",
    "parse_attribute_path",
    "parse_filter",
]

_NAME = r"[A-Za-z$][A-Za-z0-9_$-]*"
_PATH = re.compile(rf"(?:(.+):)?({_NAME})(?:\.({_NAME}))?")
_URN = re.compile(r"[A-Za-z][A-Za-z0-9+.:/_%~-]*")
# The form that every match before a create takes; anything with an escape goes the long way.
_USUAL = re.compile(rf'({_NAME})(?:\.({_NAME}))? +[eE][qQ] +"([^"\\\x00-\x1f\ud800-\udfff]*)" *')
_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([()\[\]])|([^\s()\[\]"]+)|(\S))', re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_CONTROL = re.compile(r"[\x00-\x1f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_RESERVED = frozenset({"and", "or", "not"})


def parse_filter(text: str) -> Filter:
    """The tree of a filter.

    Names of operators fold case and so do true, false and null; attribute paths stay as spelt. Nothing is
    assumed about which attributes exist. `emails[type eq "work"].value eq "x"`, which Entra sends though the
    grammar lacks it, reads as `emails[type eq "work" and value eq "x"]`
    (`test_a_sub_attribute_after_a_value_path_joins_it`).

    Raises InvalidFilter, and nothing else, for everything that cannot be read and beyond 4,096 characters,
    16 levels or 32 comparisons.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidFilter(
            f"The filter is {len(text)} characters long; at most {MAX_LENGTH} are read. "
            f"Ask for fewer things at once, for example: {EXAMPLE}"
        )
    usual = _USUAL.fullmatch(text)
    if usual is not None:
        attribute, sub_attribute, value = usual.groups()
        if attribute.lower() not in _RESERVED:
            return Compare(AttributePath(None, attribute, sub_attribute), "eq", value)
    return _Parser(text).parse()


def parse_attribute_path(text: str) -> AttributePath | None:
    """`name`, `name.sub`, either with a schema URN in front; None where the text is none of these."""
    match = _PATH.fullmatch(text)
    if match is None:
        return None
    schema, attribute, sub_attribute = match.groups()
    if schema is not None and _URN.fullmatch(schema) is None:
        return None
    return AttributePath(schema, attribute, sub_attribute)


class _Token(NamedTuple):
    kind: str  # "text" (a quoted string), "mark" (a bracket), "word", "end"
    text: str


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:  # cannot be: something that is no space lies ahead
            break
        quoted, mark, word, stray = match.groups()
        if quoted is not None:
            tokens.append(_Token("text", quoted))
        elif mark is not None:
            tokens.append(_Token("mark", mark))
        elif word is not None:
            tokens.append(_Token("word", word))
        else:
            raise _refusal(f"a quotation mark is opened and not closed, at {stray}{text[match.end() :][:20]}")
        position = match.end()
    tokens.append(_Token("end", "the end"))
    return tokens


class _Level:
    """What is read inside one pair of brackets: the finished or-branches, the and-terms of the open one."""

    __slots__ = ("branches", "opener", "path", "terms")

    def __init__(self, opener: str, path: AttributePath | None = None) -> None:
        self.opener = opener  # "", "(", "not", "["
        self.path = path
        self.branches: list[Filter] = []
        self.terms: list[Filter] = []

    def close(self) -> Filter:
        self.end_branch()
        return self.branches[0] if len(self.branches) == 1 else Or(_flat(self.branches, Or))

    def end_branch(self) -> None:
        self.branches.append(self.terms[0] if len(self.terms) == 1 else And(_flat(self.terms, And)))
        self.terms = []


def _flat(terms: list[Filter], kind: type[And] | type[Or]) -> tuple[Filter, ...]:
    flat: list[Filter] = []
    for term in terms:
        if isinstance(term, kind):
            flat += term.terms
        else:
            flat.append(term)
    return tuple(flat)


class _Parser:
    """One pass over the tokens with a stack of open brackets; Python's own stack is never used."""

    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.position = 0
        self.levels = [_Level("")]
        self.count = 0

    def parse(self) -> Filter:
        if len(self.tokens) == 1:
            raise _refusal("it is empty")
        while True:
            if not self.read_term():
                continue
            while self.peek().text in (")", "]") and self.peek().kind == "mark":
                self.close()
            token = self.take()
            if token.kind == "end":
                if len(self.levels) > 1:
                    raise _refusal("a bracket is opened and not closed")
                return self.levels[0].close()
            joint = token.text.lower() if token.kind == "word" else ""
            if joint == "or":
                self.levels[-1].end_branch()
            elif joint != "and":
                raise _refusal(f'"and" or "or" is due where it has {_shown(token)}')

    def read_term(self) -> bool:
        """Reads one comparison (True) or opens one bracket (False)."""
        token = self.take()
        if token.kind == "mark" and token.text == "(":
            self.open(_Level("("))
            return False
        if token.kind != "word":
            raise _refusal(f"an attribute is due where it has {_shown(token)}")
        following = self.peek()
        if token.text.lower() == "not" and following == ("mark", "("):
            self.take()
            self.open(_Level("not"))
            return False
        path = None if token.text.lower() in _RESERVED else parse_attribute_path(token.text)
        if path is None:
            raise _refusal(f"an attribute is due where it has {_shown(token)}")
        if following == ("mark", "["):
            if path.sub_attribute is not None or any(level.opener == "[" for level in self.levels):
                raise _refusal("square brackets follow a whole attribute and are never inside each other")
            self.take()
            self.open(_Level("[", path))
            return False
        self.levels[-1].terms.append(self.read_comparison(path))
        return True

    def read_comparison(self, path: AttributePath) -> Filter:
        self.count += 1
        if self.count > MAX_TERMS:
            raise InvalidFilter(
                f"The filter holds more than {MAX_TERMS} comparisons. Ask in several requests, "
                f"each for example: {EXAMPLE}"
            )
        token = self.take()
        op = token.text.lower() if token.kind == "word" else ""
        if op == "pr":
            return Present(path)
        if op not in COMPARISONS:
            raise _refusal(f"{path} is followed by {_shown(token)}, which is no operator")
        return Compare(path, op, _read_value(path, op, self.take()))

    def open(self, level: _Level) -> None:
        self.levels.append(level)
        self.check_depth(len(self.levels) - 1)

    def check_depth(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise InvalidFilter(
                f"The filter is nested deeper than {MAX_DEPTH} levels. "
                f"Write it without so many brackets, for example: {EXAMPLE}"
            )

    def close(self) -> None:
        mark = self.take().text
        level = self.levels[-1]
        if (mark == "]") != (level.opener == "[") or not level.opener:
            raise _refusal(f"a {mark} closes nothing")
        self.levels.pop()
        term = level.close()
        if level.opener == "not":
            term = Not(term)
        elif level.path is not None:
            term = ValuePath(level.path, self.read_tail(term))
        self.levels[-1].terms.append(term)

    def read_tail(self, inner: Filter) -> Filter:
        """What may follow a value path: nothing, or `.sub op value` about the same element."""
        token = self.peek()
        if token.kind != "word" or not token.text.startswith("."):
            return inner
        self.take()
        path = parse_attribute_path(token.text[1:])
        if path is None or path.schema is not None or path.sub_attribute is not None:
            raise _refusal(f"a sub-attribute is due where it has {_shown(token)}")
        if isinstance(inner, Or):
            self.check_depth(len(self.levels) + 1)  # written out it needs brackets of its own
        return And(_flat([inner, self.read_comparison(path)], And))

    def peek(self) -> _Token:
        return self.tokens[self.position]

    def take(self) -> _Token:
        token = self.tokens[self.position]
        if token.kind != "end":
            self.position += 1
        return token


def _read_value(path: AttributePath, op: str, token: _Token) -> FilterValue:
    if token.kind == "text":
        return _unquoted(token.text)
    value: FilterValue
    if token.kind == "word" and token.text.lower() in _WORDS:
        value = _WORDS[token.text.lower()]
    elif token.kind == "word" and (number := _NUMBER.fullmatch(token.text)) is not None:
        value = _number(token.text, whole=number[1] is None and number[2] is None)
    elif token.kind == "word":
        # Ping's and Entra's manuals show values without quotes; we refuse and show the quotes
        # (`test_a_value_without_quotes_is_refused_with_a_hint`).
        raise InvalidFilter(
            f"The filter has {_shown(token)} without quotation marks; put the value in double quotes: "
            f'{path} {op} "{token.text[:60]}"'
        )
    else:
        raise _refusal(f"a value is due after {path} {op} where it has {_shown(token)}")
    if op in _ON_TEXT or (op in _ON_ORDER and (value is None or isinstance(value, bool))):
        raise _refusal(f'{path} {op} is asked of {_shown(token)}; "{op}" compares text in double quotes')
    return value


def _unquoted(text: str) -> str:
    if "\\" in text:
        try:
            value = json.loads(text)
        except ValueError:
            raise _refusal(f"it has a wrong escape in {text[:60]}") from None
    else:
        value = text[1:-1]
    if _CONTROL.search(text) is not None or "\0" in value:
        raise _refusal("it has a control character inside quotation marks")
    if _SURROGATE.search(value) is not None:
        raise _refusal("it has half of a surrogate pair inside quotation marks")
    return str(value)


def _number(text: str, *, whole: bool) -> int | float:
    if len(text) <= 40:
        number = int(text) if whole else float(text)
        if math.isfinite(number) and (not whole or -(2**63) <= number < 2**63):
            return number
    raise _refusal(f"the number {text[:40]} is too large; put it in double quotes if it is text")


def _shown(token: _Token) -> str:
    return "its end" if token.kind == "end" else token.text[:60]


def _refusal(reason: str) -> InvalidFilter:
    return InvalidFilter(f"The filter cannot be read: {reason}. Write it like this: {EXAMPLE}")

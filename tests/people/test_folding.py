"""Folding: whichever two spellings are one name, uniqueness, filter and link say so alike, over every code point that
case folding changes.
"""

from __future__ import annotations

import os
import sys
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.errors import Conflict
from rollbook.people import arrivals, search, users
from rollbook.people.folding import fold
from rollbook.people.profiles import Profile
from rollbook.people.search import Equals
from tests.conftest import OPERATOR, House

CLIENT = Actor("scim", "key", "request")
SURROGATES = range(0xD800, 0xE000)
CHANGED = [
    chr(point) for point in range(sys.maxunicode + 1) if point not in SURROGATES and chr(point).casefold() != chr(point)
]
STEP = 50
LONG = bool(os.environ.get("ROLLBOOK_LONG"))


def spellings(letter: str) -> list[str]:
    """Other ways in which somebody may write it, and letters that only look alike (those that NFKC makes one)."""
    alike = normalize("NFKC", letter)
    if not LONG:
        return [letter.casefold(), *[alike][: ord(letter) % 8 == 0]]
    return sorted({letter.casefold(), letter.lower(), letter.upper(), normalize("NFD", letter), alike})


PAIRS = [(letter, other) for letter in CHANGED for other in spellings(letter) if other != letter]


def same(one: str, other: str) -> bool:
    """The rule, said once more: stripped, NFC, case folded, NFC."""
    return normalize("NFC", normalize("NFC", one.strip()).casefold()) == normalize(
        "NFC", normalize("NFC", other.strip()).casefold()
    )


def test_case_folding_changes_as_many_letters_as_is_known() -> None:
    """Of Unicode's 1,530 or more, 297 are folded otherwise than lower() does, and some into plain ASCII."""
    assert len(CHANGED) >= 1_500
    letters = (chr(point) for point in range(sys.maxunicode + 1) if point not in SURROGATES)
    assert sum(letter.casefold() != letter.lower() for letter in letters) >= 290
    assert fold("\u212a") == "k"
    assert fold("\u017f") == "s"
    assert fold("straße") == fold("STRASSE") == "strasse"
    assert fold("ı") != fold("i")


@pytest.mark.long
def test_every_letter_is_judged_alike_by_uniqueness_filter_and_link(house: House, company_id: str) -> None:
    wrong: list[str] = []

    def judge(tx: Tx, number: int, letter: str, other: str) -> None:
        """An account of before has the one spelling; the other is filtered for, made, and posted."""
        name, another = f"{letter}leo{number}", f"{other}leo{number}"
        expected = same(name, another)
        email = f"{letter}{number}@acme.example"
        leo = users.create(tx, company_id, Profile(name, email, "Leo", "Linden"), actor=OPERATOR, now=clock.now())
        found = search.page(tx, company_id, Equals("user_name", another), offset=0, limit=2)
        verdicts = {
            "filter": [user.id for user in found.users] == [leo.id],
            "uniqueness": refused(tx, Profile(another, f"new{number}@acme.example", "Leo", "Linden"), "user_name"),
        }
        if LONG or number % 4 == 0:
            other_email = f"{other}{number}@acme.example"
            found = search.page(tx, company_id, Equals("email", other_email), offset=0, limit=2)
            verdicts["filter by e-mail"] = [user.id for user in found.users] == [leo.id]
            verdicts["e-mail"] = refused(tx, Profile(f"newer{number}", other_email, "Leo", "L"), "email")
        if expected:
            posted = Profile(another, f"{other}{number}@acme.example", "Leo", "Linden", external_id=f"00u{number}")
            arrival = arrivals.arrive(tx, company_id, posted, texts={}, actor=CLIENT, now=clock.now())
            verdicts["link"] = (arrival.outcome, arrival.user.id) == ("linked", leo.id)
        for what, verdict in verdicts.items():
            if verdict != expected:
                wrong.append(f"{what} of {name!r} and {another!r} says {verdict}")

    def refused(tx: Tx, profile: Profile, field: str) -> bool:
        try:
            users.create(tx, company_id, profile, actor=OPERATOR, now=clock.now())
        except Conflict as conflict:
            return conflict.field == field
        return False

    def some(tx: Tx, first: int) -> None:
        for number, (letter, other) in enumerate(PAIRS[first : first + STEP], start=first):
            judge(tx, number, letter, other)

    for first in range(0, len(PAIRS), STEP):
        house.write(lambda tx, first=first: some(tx, first))  # type: ignore[misc]  # a lambda with a default
    assert wrong == []
    assert any(not same(*pair) for pair in PAIRS)
    assert sum(same(*pair) for pair in PAIRS) > 1_000


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_the_short_way_for_ascii_is_the_long_way(text: str) -> None:
    assert fold(text) == fold(text.strip())
    assert same(fold(text), text)


@pytest.mark.parametrize(
    ("one", "other"),
    [("leo@acme.example", "1eo@acme.example"), ("leo", "lео"), ("i", "ı"), ("o", "ø"), ("ae", "æ"), ("a b", "ab")],
)
def test_what_only_looks_alike_stays_apart(one: str, other: str) -> None:
    assert fold(one) != fold(other)

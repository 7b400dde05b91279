"""What a field is called in SCIM: a name made once from the field's own, which it keeps for life.

Okta's mapping names it, so renaming the field leaves it alone. Which fields have one is fields.py's.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from unicodedata import combining, normalize

LONGEST = 60  # characters, before a number that tells two apart
RESERVED = frozenset({"schemas", "id", "externalid", "meta", "password"})
"""What a resource has by itself, or never gives back; in lower case."""

_WORD = re.compile(r"[A-Za-z0-9]+")
# Letters that no decomposition takes to the alphabet of RFC 7643 section 2.1.
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"}
)
_APOSTROPHES = str.maketrans("", "", "'\u2019\u02bc")
_WITHOUT_LETTERS = "field"


def make(name: str, taken: Collection[str]) -> str:
    """An attribute name that no other has: `Shoe size` is `shoeSize`, the next such name `shoeSize2`.

    It begins with a letter and holds letters and digits of ASCII alone. `taken` are the names in use, in lower case:
    SCIM's names are the same whatever their case.
    """
    base = _camel(name)
    number, made = 1, base
    while made.lower() in taken or made.lower() in RESERVED:
        number += 1
        made = f"{base}{'_' if base[-1].isdigit() else ''}{number}"
    return made


def _camel(name: str) -> str:
    letters = normalize("NFKD", name.translate(_APOSTROPHES)).translate(_LETTERS)
    words: list[str] = _WORD.findall("".join(letter for letter in letters if not combining(letter)))
    if not words:
        return _WITHOUT_LETTERS
    first = words[0].lower() if words[0].isupper() else words[0][:1].lower() + words[0][1:]
    joined = first + "".join(word[:1].upper() + word[1:] for word in words[1:])
    return (joined if joined[0].isalpha() else _WITHOUT_LETTERS + joined)[:LONGEST]

"""Folding: what makes two spellings of a user name, an e-mail or a group name the same."""

from __future__ import annotations

from unicodedata import normalize


def fold(text: str) -> str:
    """The key under which a name is unique: stripped, NFC, case folded, NFC again.

    Computed here and stored beside the text as given; a database's own lower() knows neither Unicode's special
    cases nor the other engine's.
    """
    if text.isascii():
        return text.strip().lower()
    return normalize("NFC", normalize("NFC", text.strip()).casefold())

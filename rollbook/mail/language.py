"""In which language somebody is written to, and what mails say in it. The texts are in texts/, one file a language."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from rollbook.people.company_settings import LANGUAGES, Language

_TAG = re.compile(r"\s*([A-Za-z]{2,3})(?:[-_].*)?")


def choose(preferred_language: str | None, locale: str | None, default: Language) -> Language:
    """The language that somebody prefers, that of their locale, or the company's, whichever mails are written in."""
    for wish in (*(preferred_language or "").split(","), locale or ""):
        tag = _TAG.match(wish.partition(";")[0])
        for language in LANGUAGES:
            if tag is not None and tag[1].lower() == language:
                return language
    return default


def sentence(language: Language, key: str) -> str:
    """What is said at a place of a template, with its {names} still open; raises KeyError for an unknown place."""
    value: Any = catalogue(language)
    for part in key.split("."):
        value = value[part]
    if not isinstance(value, str):
        raise KeyError(key)
    return value


def day(language: Language, text: str) -> str:
    """A day `YYYY-MM-DD` as it is written in a language."""
    when = date.fromisoformat(text)
    words = catalogue(language)
    number = words.get("first_day", "1") if when.day == 1 else str(when.day)
    written: str = words["date"].format(day=number, month=words["months"][when.month - 1], year=when.year)
    return written


@cache
def catalogue(language: Language) -> dict[str, Any]:
    """Everything that is said in a language."""
    return tomllib.loads(files(__package__).joinpath("texts", f"{language}.toml").read_text(encoding="utf-8"))

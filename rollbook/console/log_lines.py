"""The provisioning log in sentences: who, what became of the request, and each field before and after, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rollbook.activity.log import Entry
from rollbook.people.attribute_mapping import LABELS, ROLLBOOK_USER
from rollbook.people.fields import PREFIX
from rollbook.people.record import NOT_SHOWN, User

# What stands around the person's name.
_SENTENCES = {
    "created": ("", "was created"),
    "linked": ("", "was linked"),
    "restored": ("", "was restored"),
    "refreshed": ("", "stays archived, and the profile was refreshed"),
    "updated": ("", "was updated"),
    "archived": ("", "was archived"),
    "deleted": ("", "was deleted"),
    "unchanged": ("", "was sent again, and nothing changed"),
}
_REFUSED = {
    "POST": ("A new person was refused; this concerns", ""),
    "PUT": ("A change to", "was refused"),
    "PATCH": ("A change to", "was refused"),
    "DELETE": ("Deleting", "was refused"),
}
_REFUSED_OF_NOBODY = {"POST": "A new person was refused", "GET": "A search was refused"}
_TONES = {"refused": "bad", "archived": "out", "deleted": "out", "unchanged": "quiet"}
_WORDS = LABELS | {"role": "Role", "link": "Link", "groups": "Groups"}
_ORDER = {name: place for place, name in enumerate(_WORDS)}
# What the sentence says already.
_SAID = frozenset({"created", "archived", "restored", "deleted"})


@dataclass(frozen=True, slots=True)
class Change:
    """A field before and after; None is an empty field, `shown` is False where the log keeps no values."""

    label: str
    before: str | None
    after: str | None
    shown: bool


@dataclass(frozen=True, slots=True)
class Line:
    """An entry of the log: `lead`, the person, `tail` make its sentence. `tone` is one of good, bad, out, quiet."""

    entry: Entry
    lead: str
    person: User | None
    tail: str
    tone: str
    changes: tuple[Change, ...]
    key: str


def line(entry: Entry, people: dict[str, User], keys: dict[str, str]) -> Line:
    """The entry in words; `people` and `keys` are those whom it may name, by id."""
    person = people.get(entry.user_id or "")
    lead, tail = _sentence(entry, person)
    return Line(
        entry,
        lead,
        person,
        tail,
        _TONES.get(entry.decision, "good"),
        tuple(_changes(entry)),
        keys.get(entry.key_id or "", "an unknown key"),
    )


def label(name: str) -> str:
    """What a field is called, by its name in changes."""
    return _WORDS.get(name, name.removeprefix(PREFIX))


def in_order(names: Iterable[str]) -> list[str]:
    """Names of fields in the order in which they are told: a JSON document may come back from a database in another."""
    return sorted(names, key=lambda name: (_ORDER.get(name, len(_ORDER)), name))


def text(value: Any) -> str | None:
    """A value as it is shown; None where the field is empty."""
    return None if value in (None, "") else str(value)


def _sentence(entry: Entry, person: User | None) -> tuple[str, str]:
    if entry.decision != "refused":
        lead, tail = _SENTENCES.get(entry.decision, ("", entry.decision))
        if entry.decision == "created" and entry.changes.get("archived_at"):
            tail = "was created archived"
        return (lead, tail) if person is not None else ("Somebody", tail)
    if person is not None:
        return _REFUSED.get(entry.method, ("A request about", "was refused"))
    return _REFUSED_OF_NOBODY.get(entry.method, "A change to an unknown person was refused"), ""


def _changes(entry: Entry) -> list[Change]:
    changes = []
    for name in in_order(entry.changes):
        before, after = entry.changes[name]
        if name == ROLLBOOK_USER and any(other.startswith(PREFIX) for other in entry.changes):
            continue  # the same, as it was sent
        if name in ("archived_at", "deleted_at"):
            if entry.decision not in _SAID and name == "archived_at":
                changes.append(Change("State", _state(before), _state(after), shown=True))
        elif not (entry.decision == "created" and name in ("role", "link")):
            shown = NOT_SHOWN not in (before, after)
            changes.append(Change(label(name), text(before), text(after), shown))
    return changes


def _state(archived_at: Any) -> str:
    return "archived" if archived_at else "active"

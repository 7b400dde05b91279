"""What an administrator decides for the company: whether and when mail is sent, and in which language by default."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import bindparam, select, update

from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import companies
from rollbook.errors import InvalidValue, NotFound

Language = Literal["en", "de", "fr"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
MOST_DAYS = 90


class CompanySettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """The settings of a company; what was never said is as here."""

    mail: bool = True  # off: nothing that Rollbook would send by itself; links that a person asks for still go
    reminders: bool = True
    reminder_days: tuple[int, ...] = (7, 1)  # before the day
    overdue_days: tuple[int, ...] = (1, 7)  # after it
    language: Language = "en"  # for people whose own is not known


_GET = select(companies.c.settings).where(companies.c.id == bindparam("company"))
# Whoever writes what belongs to the company meanwhile need not wait: no company is ever deleted.
_GET_LOCKED = _GET.with_for_update(key_share=True)
_SET = update(companies).where(companies.c.id == bindparam("company"))
_OURS = frozenset(CompanySettings.__struct_fields__)


def get(tx: Tx, company_id: str) -> CompanySettings:
    """The settings of a company. Raises NotFound."""
    return msgspec.convert(_kept(tx, company_id, lock=False), CompanySettings)


def put(tx: Tx, company_id: str, name: str, text: str, *, actor: Actor, now: datetime) -> CompanySettings:
    """Sets one, given as a person writes it. Raises InvalidValue for an unknown name or value."""
    name = name.strip().replace("-", "_")
    if name not in _READ:
        raise InvalidValue(f"{name!r} is no setting of a company; use one of {', '.join(_READ)}.", field="name")
    value = _READ[name](name, text.strip())
    kept = _kept(tx, company_id, lock=True)
    before = msgspec.convert(kept, CompanySettings)
    after = msgspec.structs.replace(before, **{name: value})
    if after == before:
        return before
    # What another version of Rollbook keeps here stays.
    others = {key: other for key, other in kept.items() if key not in _OURS}
    document = msgspec.json.encode(others | msgspec.to_builtins(after)).decode()
    tx.run(_SET, {"company": company_id, "settings": document})
    changes = {name: [shown(getattr(before, name)), shown(value)]}
    events.record(tx, company_id, "CompanySettingChanged", company_id, changes, actor=actor, now=now)
    return after


def shown(value: bool | str | tuple[int, ...]) -> str:
    """A value as a person writes it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, str) else ",".join(map(str, value)) or "none"


def _kept(tx: Tx, company_id: str, *, lock: bool) -> dict[str, Any]:
    row = tx.one(_GET_LOCKED if lock else _GET, {"company": company_id})
    if row is None:
        raise NotFound("There is no such company.")
    kept: dict[str, Any] = msgspec.json.decode(row[0])
    return kept


def _switch(name: str, text: str) -> bool:
    if text.lower() in ("on", "yes", "true", "1"):
        return True
    if text.lower() in ("off", "no", "false", "0"):
        return False
    raise InvalidValue(f"{text!r} is no value of {name}; write on or off.", field=name)


def _days(name: str, text: str) -> tuple[int, ...]:
    if text.lower() in ("", "none"):
        return ()
    entries = [entry.strip() for entry in text.split(",")]
    if all(entry.isascii() and entry.isdigit() and 1 <= int(entry) <= MOST_DAYS for entry in entries):
        return tuple(dict.fromkeys(map(int, entries)))
    raise InvalidValue(
        f"{text!r} is no value of {name}; write days between 1 and {MOST_DAYS}, as in 7,1, or none.", field=name
    )


def _language(name: str, text: str) -> Language:
    for language in LANGUAGES:
        if language == text.lower():
            return language
    raise InvalidValue(f"{text!r} is no value of {name}; use one of {', '.join(LANGUAGES)}.", field=name)


_READ: dict[str, Callable[[str, str], Any]] = {
    "mail": _switch,
    "reminders": _switch,
    "reminder_days": _days,
    "overdue_days": _days,
    "language": _language,
}

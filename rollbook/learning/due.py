"""Days on which something falls due: `YYYY-MM-DD` texts, counted in UTC. What is due is assignments.py's."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from rollbook.errors import InvalidValue

MOST_DAYS = 3650

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def day(now: datetime) -> str:
    """The day of an instant."""
    return now.astimezone(UTC).date().isoformat()


def in_days(now: datetime, days: int) -> str:
    """The day so many days after an instant."""
    return day(now + timedelta(days=days))


def checked(text: str) -> str:
    """The day that a text names. Raises InvalidValue for anything but a day of the calendar as YYYY-MM-DD."""
    text = text.strip()
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise InvalidValue(f"{text[:40]!r} is no day; write it as YYYY-MM-DD, as in 2027-01-31.", field="due_on")


def checked_days(days: int) -> int:
    """Raises InvalidValue for a number of days that nobody means."""
    if not 0 <= days <= MOST_DAYS:
        raise InvalidValue(f"Due in {days} days cannot be kept; use 0 to {MOST_DAYS:,}.", field="due_days")
    return days

"""The hours of the standard integration: 06:00 and 15:00 UTC, every day, for ever. Arithmetic alone; which of them a
company still waits for is calendar.py's to say.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

HOURS = (6, 15)
LATE = timedelta(hours=3)  # a run that was missed for less than this happens late, otherwise it is skipped


def following(instant: datetime) -> datetime:
    """The first slot after an instant."""
    return next(slot for slot in _around(instant) if slot > instant)


def latest(instant: datetime) -> datetime:
    """The last slot that has begun by an instant."""
    return next(slot for slot in reversed(_around(instant)) if slot <= instant)


def between(after: datetime, until: datetime) -> list[datetime]:
    """The slots after one instant and no later than another, in order."""
    found = []
    slot = following(after)
    while slot <= until:
        found.append(slot)
        slot = following(slot)
    return found


def is_missed(slot: datetime, now: datetime) -> bool:
    """Whether it is too late to run for a slot: what Okta says now is then better asked at the next one."""
    return now - slot >= LATE


def _around(instant: datetime) -> list[datetime]:
    """The slots of the day before an instant, of its day, and of the day after, as days are in UTC."""
    today = instant.astimezone(UTC).date()
    days = (today - timedelta(days=1), today, today + timedelta(days=1))
    return [datetime.combine(day, time(hour), UTC) for day in days for hour in HOURS]

"""How the console says instants (in UTC), days, ages and long values. The log has its own words in log_lines.py."""

from __future__ import annotations

from datetime import date, datetime

from rollbook import clock

SHORT = 80

_STEPS = ((60, "second"), (60, "minute"), (24, "hour"), (31, "day"))


def at(stamp: str) -> str:
    """`24 Nov 2026, 06:00:05 UTC`."""
    moment = clock.moment(stamp)
    return f"{moment.day} {moment:%b %Y, %H:%M:%S} UTC"


def minute(stamp: str) -> str:
    """`24 Nov 2026, 06:00 UTC`."""
    moment = clock.moment(stamp)
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


def on(stamp: str) -> str:
    """`24 Nov 2026`."""
    moment = clock.moment(stamp)
    return f"{moment.day} {moment:%b %Y}"


def age(stamp: str, now: datetime) -> str:
    """`3 minutes ago`, or `in 3 minutes`; beyond a month the date."""
    seconds = (now - clock.moment(stamp)).total_seconds()
    amount = abs(seconds)
    if amount < 2:
        return "just now"
    for most, unit in _STEPS:
        if amount < most:
            count = int(amount)
            words = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"{words} ago" if seconds > 0 else f"in {words}"
        amount /= most
    return f"on {on(stamp)}"


def duration(began: str, ended: str) -> str:
    """`40 seconds`, `3 minutes`, `2 hours 5 minutes`."""
    seconds = int((clock.moment(ended) - clock.moment(began)).total_seconds())
    if seconds < 90:
        return count(max(seconds, 1), "second")
    hours, minutes = divmod(round(seconds / 60), 60)
    parts = [count(hours, "hour")] if hours else []
    return " ".join([*parts, count(minutes, "minute")] if minutes or not hours else parts)


def due(day: str, today: date) -> str:
    """When something is due, as its learner reads it: `due today`, `due in 3 days`, `5 days late`."""
    days = (date.fromisoformat(day) - today).days
    if days < 0:
        return f"{count(-days, 'day')} late"
    if days < 2:
        return "due tomorrow" if days else "due today"
    return f"due in {days} days" if days < 15 else f"due on {day_of(day)}"


def day_of(day: str) -> str:
    """`24 Nov 2026`, of a day written YYYY-MM-DD."""
    moment = date.fromisoformat(day)
    return f"{moment.day} {moment:%b %Y}"


def shorten(text: str, most: int = SHORT) -> str:
    """The text, cut with an ellipsis where it is longer than `most` characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 person`, `12 people`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def isolate(text: str) -> str:
    """A name within a sentence: whatever direction it is written in, or pretends to, the sentence keeps its own."""
    return f"\u2068{text}\u2069"

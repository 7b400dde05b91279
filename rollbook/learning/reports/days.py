"""The days, or weeks, of a report over time: which stand on a page, and what happened on each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from rollbook.errors import InvalidValue
from rollbook.learning.reports.shape import Key, Question, cursor

DAYS, WEEKS = 30, 12  # in a report that is asked for no period


@dataclass(frozen=True, slots=True)
class Days:
    """The steps of a page, each named by its first day, or by its week's Monday; and where the next page begins.

    What happens from `first` up to but without `end` is theirs; both are dates as text.
    """

    names: list[str]
    first: str
    end: str
    weekly: bool
    next: str | None

    def sums(self, counted: Iterable[tuple[str, int]]) -> Counter[str]:
        """How much there was in each step, of what was counted by the day."""
        found: Counter[str] = Counter()
        for day, number in counted:
            found[_step(date.fromisoformat(day), self.weekly).isoformat()] += number
        return found


def of_page(ask: Question) -> Days:
    """The steps of the page that is asked for; without a period they are the last ones up to today."""
    weekly = ask.filters.by == "week"
    until = ask.filters.until or ask.today
    since = ask.filters.since or _step(until, weekly) - timedelta(days=WEEKS * 7 - 7 if weekly else DAYS - 1)
    length = timedelta(days=7 if weekly else 1)
    start = since if ask.after is None else max(since, _day_of(ask.after) + length)
    names: list[str] = []
    step = _step(start, weekly)
    while step <= until and len(names) < ask.limit:
        names.append(step.isoformat())
        step += length
    end = min(step, until + timedelta(days=1))
    more = cursor((names[-1],)) if names and step <= until else None
    return Days(names, start.isoformat(), end.isoformat(), weekly, more)


def _step(day: date, weekly: bool) -> date:
    return day - timedelta(days=day.weekday()) if weekly else day


def _day_of(key: Key) -> date:
    try:
        return date.fromisoformat(key[0])
    except ValueError:
        raise InvalidValue("The cursor is none of this report's; begin again without one.", field="cursor") from None

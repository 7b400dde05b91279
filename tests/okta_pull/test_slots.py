"""06:00 and 15:00 UTC, for ever: no daylight saving, no leap day and no wall clock moves them."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from rollbook.okta import slots

ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia")
BEGIN, END = datetime(2026, 12, 31, 12, tzinfo=UTC), datetime(2030, 12, 31, 12, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("zone", ZONES)
def test_four_years_have_two_slots_each_utc_day_wherever_one_looks_from(zone: str) -> None:
    """The leap day of 2028 and eight changes of the clocks among them; looked at about every hour."""
    steps = random.Random(zone)
    instant, found = BEGIN, []
    while instant < END:
        later = min(instant + timedelta(minutes=steps.uniform(1, 150)), END)
        found += slots.between(instant.astimezone(ZoneInfo(zone)), later.astimezone(ZoneInfo(zone)))
        instant = later
    days = [date(2027, 1, 1) + timedelta(days=number) for number in range((END - BEGIN).days)]
    wanted = [datetime(day.year, day.month, day.day, hour, tzinfo=UTC) for day in days for hour in (6, 15)]
    assert len(wanted) == 2 * (4 * 365 + 1)
    wanted = [datetime(2026, 12, 31, 15, tzinfo=UTC), *wanted]
    assert found == [slot for slot in wanted if slot <= END]


def test_a_slot_belongs_to_the_stretch_that_ends_with_it() -> None:
    six = at("2026-11-24T06:00:00+00:00")
    assert slots.between(six - timedelta(microseconds=1), six) == [six]
    assert slots.between(six, six + timedelta(microseconds=1)) == []
    assert slots.following(six - timedelta(microseconds=1)) == six
    assert slots.following(six) == at("2026-11-24T15:00:00+00:00")
    assert slots.latest(six) == six
    assert slots.latest(six - timedelta(microseconds=1)) == at("2026-11-23T15:00:00+00:00")


def test_a_clock_that_went_back_makes_no_slot() -> None:
    assert slots.between(at("2026-11-24T07:00:00+00:00"), at("2026-11-24T05:00:00+00:00")) == []


@pytest.mark.parametrize(
    ("late", "missed"),
    [
        (timedelta(0), False),
        (timedelta(hours=2, minutes=59, seconds=59), False),
        (timedelta(hours=3), True),
        (timedelta(hours=48), True),
    ],
)
def test_what_is_three_hours_late_is_missed(late: timedelta, missed: bool) -> None:
    slot = at("2026-11-24T15:00:00+00:00")
    assert slots.is_missed(slot, slot + late) is missed

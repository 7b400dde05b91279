"""An instant on the reader's own clock, where their profile says which that is. UTC is always said besides (words.py);
to whoever's profile says nothing, the browser may (static/local_time.js).
"""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from rollbook import clock


def zone_of(time_zone: str | None) -> ZoneInfo | None:
    """The zone that a profile names; None where it names none that is known here. The text may be anything."""
    return ZoneInfo(time_zone) if time_zone is not None and time_zone in _known() else None


def here(stamp: str, zone: ZoneInfo) -> str:
    """`16:00 in Europe/Paris`; with the day where it is another one there."""
    utc = clock.moment(stamp)
    local = utc.astimezone(zone)
    day = "" if local.date() == utc.date() else f"{local.day} {local:%b}, "
    return f"{day}{local:%H:%M} in {zone.key.replace('_', ' ')}"


@cache
def _known() -> set[str]:
    return available_timezones()

"""Time and ids: aware UTC instants, their one text form, and UUIDv7; the database stores the text.

Why text: docs/decisions/0003.
"""

from __future__ import annotations

import os
import re
import threading
import time
from datetime import UTC, datetime, timedelta

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")  # as `new_id` makes one
_id_lock = threading.Lock()
_last_ms = 0
_count = 0
_beginning = ""
_COUNTS = tuple(f"{number:03x}-" for number in range(4096))
_last_written: tuple[datetime | None, str] = (None, "")
_DRAWN = 256  # ids whose random part is drawn at once: a system call each would cost more than the id
_VARIANT = "89ab" * 4
_tails: list[str] = []
os.register_at_fork(after_in_child=_tails.clear)  # two processes must not hand out the same


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def text(moment: datetime) -> str:
    """`2026-11-24T06:00:00.000000Z`: 27 characters, UTC, sorts as it passes; `moment` must be aware."""
    global _last_written
    written, stamp = _last_written
    if moment is written:  # a request has one instant and writes it into each of its rows
        return stamp
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no instant")
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    stamp = utc.isoformat(timespec="microseconds")[:26] + "Z"
    _last_written = (moment, stamp)
    return stamp


def moment(stamp: str) -> datetime:
    """The instant that `text` wrote; raises ValueError for anything else."""
    return datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def later(moment_: datetime, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> str:
    """The text of an instant that much after (or, negative, before) `moment_`."""
    return text(moment_ + timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days))


def new_id() -> str:
    """A UUIDv7 (RFC 9562 section 5.7) as 36 characters; rising within a process, 62 bits of it random.

    The 12 bits after the version count within a millisecond (section 6.2, method 1).
    """
    global _last_ms, _count, _beginning
    with _id_lock:
        tail = _tails.pop() if _tails else _draw()
        ms = time.time_ns() // 1_000_000
        if ms > _last_ms:
            _last_ms, _count, _beginning = ms, 0, _begin(ms)
        else:  # the same millisecond, or a clock that was set back
            _count += 1
            if _count == len(_COUNTS):
                _last_ms, _count, _beginning = _last_ms + 1, 0, _begin(_last_ms + 1)
        return f"{_beginning}{_COUNTS[_count]}{tail}"


def _begin(ms: int) -> str:
    digits = f"{ms:012x}"
    return f"{digits[:8]}-{digits[8:]}-7"


def _draw() -> str:
    """Draws the random ends of many ids, each with the variant of RFC 9562 in its first two bits, and returns one."""
    drawn = os.urandom(8 * _DRAWN).hex()
    for start in range(0, len(drawn), 16):
        first = _VARIANT[int(drawn[start], 16)]
        _tails.append(f"{first}{drawn[start + 1 : start + 4]}-{drawn[start + 4 : start + 16]}")
    return _tails.pop()


def first_id_at(moment_: datetime) -> str:
    """The lowest id that `new_id` could make at an instant: ids below it are older, those above are not."""
    stamp = f"{int(moment_.timestamp() * 1000):012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7000-8000-000000000000"

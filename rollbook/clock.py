"""Time and ids: aware UTC instants, their one text form, and UUIDv7; the database stores the text.

Why text: docs/decisions/0003.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta

_id_lock = threading.Lock()
_last_stamp = 0
_last_written: tuple[datetime | None, str] = (None, "")
_random_bytes = b""  # drawn in bulk: a system call per id would cost more than the id


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
    stamp = moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"
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

    The 12 bits after the version continue the millisecond, so that ids made in one millisecond keep their order.
    """
    global _last_stamp, _random_bytes
    with _id_lock:
        if not _random_bytes:
            _random_bytes = os.urandom(2048)
        random, _random_bytes = _random_bytes[:8], _random_bytes[8:]
        # Milliseconds in the upper bits, 1/4096 ms in the lower twelve.
        stamp = (time.time_ns() << 12) // 1_000_000
        if stamp <= _last_stamp:
            stamp = _last_stamp + 1
        _last_stamp = stamp
    head = f"{stamp >> 12:012x}"
    tail = f"{int.from_bytes(random) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000:016x}"
    return f"{head[:8]}-{head[8:]}-7{stamp & 0xFFF:03x}-{tail[:4]}-{tail[4:]}"


def first_id_at(moment_: datetime) -> str:
    """The lowest id that `new_id` could make at an instant: ids below it are older, those above are not."""
    stamp = f"{int(moment_.timestamp() * 1000):012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7000-8000-000000000000"

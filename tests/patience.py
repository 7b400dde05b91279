"""A bound on work that malice could make endless: not a timing, but the difference between minutes and milliseconds."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SECONDS = 20


@contextmanager
def within_patience() -> Iterator[None]:
    """Fails where the block takes SECONDS of processor time: what is in proportion to its input takes a thousandth."""

    def give_up(_: int, frame: FrameType | None) -> None:
        raise AssertionError(f"no end after {SECONDS} s of work")

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)

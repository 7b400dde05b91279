"""Lists that are read in pages: places that stay whoever comes and goes, and cursors that expire.

What a page holds is in org_api.py.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

BEGINNING = -1  # the place before the first


class ExpiredCursor(Exception):
    """The cursor is too old, was made for another list, or never was one."""


class Roll:
    """Ids in the order in which they came. Nobody moves up when somebody leaves; who comes back is last."""

    def __init__(self) -> None:
        self._ids: list[str | None] = []
        self._places: dict[str, int] = {}

    def __contains__(self, id_: object) -> bool:
        return id_ in self._places

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._places))

    def add(self, id_: str) -> None:
        if id_ not in self._places:
            self._places[id_] = len(self._ids)
            self._ids.append(id_)

    def discard(self, id_: str) -> None:
        place = self._places.pop(id_, None)
        if place is not None:
            self._ids[place] = None

    def after(self, place: int) -> Iterator[tuple[int, str]]:
        """Places and ids that come after a place."""
        for here in range(place + 1, len(self._ids)):
            id_ = self._ids[here]
            if id_ is not None:
                yield here, id_

    @property
    def end(self) -> int:
        """The last place, of whoever has or had it."""
        return len(self._ids) - 1


class Cursors:
    """Makes and reads the texts of `after`: for the same place of the same list, the same text."""

    def __init__(self, life: timedelta) -> None:
        self.life = life
        self._lock = threading.Lock()
        self._made: dict[str, datetime] = {}

    def make(self, list_name: str, place: int, now: datetime) -> str:
        text = base64.urlsafe_b64encode(f"{place}:{list_name}".encode()).decode().rstrip("=")
        with self._lock:
            self._made[text] = now
        return text

    def read(self, text: str, list_name: str, now: datetime) -> int:
        """The place; raises ExpiredCursor."""
        with self._lock:
            made = self._made.get(text)
        if made is None or now - made > self.life:
            raise ExpiredCursor
        place, _, name = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition(":")
        if name != list_name:
            raise ExpiredCursor
        return int(place)

    def expire(self) -> None:
        """Ends every cursor there is."""
        with self._lock:
            self._made.clear()

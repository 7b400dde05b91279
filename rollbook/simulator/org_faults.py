"""What can go wrong at the simulated org on demand, and when. How each looks on the wire is in org_api.py."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Literal, get_args

from rollbook.simulator.org_log import Request

Fault = Literal[
    "429",  # the limit is used up for a second
    "500",
    "503",
    "silence",  # no answer
    "reset",  # the connection is torn
    "cut",  # half of the body, then the end
    "bad_json",
    "html",  # a page to sign in, with 200
    "object",  # a JSON object where a list belongs
    "empty",  # nobody, and no next page
    "thinned",  # every other person is missing
    "repeated",  # the next page is this one again
    "missing",  # the next page is left out
    "beyond",  # the next page lies behind the last
    "loop",  # the next page is the first
    "stray",  # the next page lies on another server
    "expired",  # the cursor has expired
    "401",
    "403",
    "redirect",  # to another server
]
FAULTS: tuple[Fault, ...] = get_args(Fault)
Rule = Callable[[Request], Fault | None]


class Faults:
    """Answers of the next requests (`next`), or of those that a rule picks (`by`); the former go first.

    `elsewhere` is the address to which `redirect` and `stray` lead, `wait` the seconds that a 429 asks for.
    """

    def __init__(self) -> None:
        self.elsewhere = "https://elsewhere.example"
        self.wait = 1
        self._lock = threading.Lock()
        self._next: deque[Fault] = deque()
        self._rule: Rule | None = None

    def next(self, fault: Fault, times: int = 1) -> None:
        """The next requests that are within the limit get this fault, after those already asked for."""
        if fault not in FAULTS:
            raise ValueError(f"There is no fault {fault}: take one of {', '.join(FAULTS)}.")
        with self._lock:
            self._next.extend([fault] * times)

    def by(self, rule: Rule | None) -> None:
        """Asks the rule about every request; it may also act upon the org. None ends that."""
        self._rule = rule

    def clear(self) -> None:
        with self._lock:
            self._next.clear()
        self._rule = None

    def of(self, request: Request) -> Fault | None:
        with self._lock:
            if self._next:
                return self._next.popleft()
            rule = self._rule
        return rule(request) if rule else None

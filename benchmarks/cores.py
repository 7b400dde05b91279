"""Which core does what: one for the server and its database, another for the load generator."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cores:
    """The two cores, or None where this machine cannot pin processes or has only one."""

    server: int | None
    load: int | None
    count: int

    @property
    def pinned(self) -> bool:
        return self.server is not None

    @contextmanager
    def of_the_server(self) -> Iterator[None]:
        """Whatever is started inside inherits the server's core, until `sit_down`."""
        _sit_on(self.server)
        try:
            yield
        finally:
            self.sit_down()

    def sit_down(self) -> None:
        """Moves this process to the core of the load generator."""
        _sit_on(self.load)


def _sit_on(core: int | None) -> None:
    if core is not None:
        os.sched_setaffinity(0, {core})


def choose() -> Cores:
    """The first two cores this process may use."""
    if sys.platform != "linux":
        return Cores(None, None, os.cpu_count() or 1)
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        return Cores(None, None, os.cpu_count() or 1)
    return Cores(allowed[0], allowed[1], len(allowed))

"""Which tasks follow which event: the whole table, on one screen. jobs/tasks.py holds what each task does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reaction:
    """A task that follows an event; with a waiting key, at most one such task of a company waits at a time."""

    task: str
    waiting_key: str | None = None


REACTIONS: dict[str, tuple[Reaction, ...]] = {
    "UserArchived": (Reaction("watch_archives", waiting_key="watch"),),
}

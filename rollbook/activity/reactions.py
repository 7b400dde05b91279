"""Which tasks follow which event: the whole table, on one screen. jobs/tasks.py holds what each task does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reaction:
    """A task that follows an event.

    With a waiting key, at most one such task of a company waits at a time; with `only_if`, it follows only an event
    that says this of itself (`events.record(…, about={"followed": True})`).
    """

    task: str
    waiting_key: str | None = None
    only_if: str | None = None


REACTIONS: dict[str, tuple[Reaction, ...]] = {
    "UserArchived": (Reaction("watch_archives", waiting_key="watch"),),
    "UserFlapped": (Reaction("ask_okta"),),
    "UserJoined": (Reaction("inherit_assignments", only_if="joined_from"),),
    "AssignmentCompleted": (Reaction("after_completion", only_if="followed"),),
    "LessonCompleted": (Reaction("after_completion", only_if="followed"),),
    "UserCreated": (Reaction("greet_member", only_if="followed"),),
    "UserRestored": (Reaction("greet_returner", only_if="followed"),),
    "GroupJoined": (Reaction("greet_member", only_if="followed"),),
}

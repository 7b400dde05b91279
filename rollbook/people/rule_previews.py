"""A preview: whom a rule would mean, who would come into a group and who would leave it, before anything is saved.

Read page by page, each in a transaction of its own, so that it keeps nobody from writing and holds nobody in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from rollbook.database import Tx
from rollbook.people import readings, rulebook, smart_groups
from rollbook.people.groups import Group
from rollbook.people.record import display_name
from rollbook.people.rules import evaluation
from rollbook.people.rules.tree import Rule

PAGE = 1000
FIRST = 20


@dataclass(frozen=True, slots=True)
class Found:
    """How many people, and who the first are, in the order in which they were made: name by id."""

    count: int = 0
    first: tuple[tuple[str, str], ...] = ()

    def with_more(self, people: list[tuple[str, str]]) -> Found:
        """These people as well."""
        return Found(self.count + len(people), (*self.first, *people[: FIRST - len(self.first)]))


@dataclass(frozen=True, slots=True)
class Preview:
    """What was found so far; `done` once everybody was looked at. `members` are those who would be in."""

    company_id: str
    rule: Rule
    group: Group | None
    members: Found = Found()
    joining: Found = Found()
    leaving: Found = Found()
    looked_at: int = 0
    after: str = ""
    done: bool = False


def begin(tx: Tx, company_id: str, rule: str, group: Group | None = None) -> Preview:
    """The preview of a rule for a group, or for a new one. Raises as `smart_groups.create` and `set_rule` would."""
    return Preview(company_id, smart_groups.readable(tx, company_id, rule, group), group)


def look(tx: Tx, preview: Preview) -> Preview:
    """The preview with the next page of people in it."""
    group = preview.group
    page = readings.page(
        tx,
        preview.company_id,
        preview.rule,
        rulebook.everyone_id(tx, preview.company_id),
        group_id=group.id if group is not None else None,
        version=group.version if group is not None else None,
        after=preview.after,
        limit=PAGE,
    )
    if page.last is None:
        return replace(preview, done=True)
    meets = evaluation.compiled(preview.rule)
    members: list[tuple[str, str]] = []
    joining: list[tuple[str, str]] = []
    leaving: list[tuple[str, str]] = []
    for facts, person in page.people:
        if facts.here:
            who = (facts.id, display_name(facts.given_name, facts.family_name))
            was_in, will_be_in = facts.id in page.members, meets(person)
            members += [who] if will_be_in else []
            joining += [who] if will_be_in and not was_in else []
            leaving += [who] if was_in and not will_be_in else []
    return replace(
        preview,
        members=preview.members.with_more(members),
        joining=preview.joining.with_more(joining),
        leaving=preview.leaving.with_more(leaving),
        looked_at=preview.looked_at + len(page.people),
        after=page.last,
    )


def whole(
    read: Callable[[Callable[[Tx], Preview]], Preview], company_id: str, rule: str, group: Group | None = None
) -> Preview:
    """The whole preview, by a function that runs one reading transaction."""
    preview = read(lambda tx: begin(tx, company_id, rule, group))
    while not preview.done:
        preview = read(partial(look, preview=preview))
    return preview

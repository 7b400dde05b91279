"""Smart groups: made with a rule, given another one, and what their rule says. Who is in them follows the data
(following.py); a rule that was given is built beside the one that counts (rule_builds.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import bindparam, func, select

from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import users
from rollbook.errors import Conflict, InvalidValue
from rollbook.people import fields, groups, rule_versions
from rollbook.people.following import follow
from rollbook.people.groups import Group
from rollbook.people.rules import text, tree
from rollbook.people.rules.text import Custom, Names
from rollbook.people.rules.tree import Rule

__all__ = ["Progress", "create", "follow", "names", "parse", "progress", "readable", "rule_text", "set_rule"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rule is that was given: `building` has looked at some of the people, `telling` is switched on and
    records who came and went, `live` is all done.
    """

    state: str
    looked_at: int
    of: int


_COUNT = select(func.count()).where(users.c.company_id == bindparam("company"))
_COUNT_UNTIL = _COUNT.where(users.c.id <= bindparam("cursor"))


def create(tx: Tx, company_id: str, name: str, rule: str, *, actor: Actor, now: datetime) -> Group:
    """A new smart group, whose rule is built by a task; until then nobody is in it. Raises InvalidValue for a rule that
    cannot be read, else as `groups.create`.
    """
    read = parse(tx, company_id, rule)
    group = groups.create(tx, company_id, name, kind="smart", actor=actor, now=now)
    _give(tx, group, None, read, actor=actor, now=now)
    return group


def set_rule(tx: Tx, group: Group, rule: str, *, actor: Actor, now: datetime) -> Group:
    """Gives a smart group another rule, which is built by a task and counts once it has looked at everybody; until
    then the present one does. Idempotent. Raises InvalidValue for a rule that cannot be read or that would make the
    group read itself, Conflict for a group that is archived or is filled by hand. The group must be locked.
    """
    _refuse_without_rule(group)
    read = parse(tx, group.company_id, rule)
    last = rule_versions.newest(tx, group.company_id, group.id)
    if last is not None and last.rule == read and last.state != "replaced":
        return group
    _give(tx, group, last.rule if last else None, read, actor=actor, now=now)
    return group


def parse(tx: Tx, company_id: str, rule: str) -> Rule:
    """The rule of a text in the names of this company; raises InvalidValue."""
    return text.parse(rule, names(tx, company_id))


def readable(tx: Tx, company_id: str, rule: str, group: Group | None) -> Rule:
    """The rule of a text for this group, or for a new one; raises what saving it would raise."""
    read = parse(tx, company_id, rule)
    if group is not None:
        _refuse_without_rule(group)
        _refuse_cycle(tx, group, read, names(tx, company_id))
    return read


def rule_text(tx: Tx, group: Group, *, given: bool = False) -> str | None:
    """The rule that counts, in present names; with `given` the one that was given last, which may still be built.

    None where there is none.
    """
    if given:
        version = rule_versions.newest(tx, group.company_id, group.id)
    else:
        version = rule_versions.in_state(tx, group.company_id, group.id, "live")
    return text.write(version.rule, names(tx, group.company_id)) if version is not None else None


def progress(tx: Tx, group: Group) -> Progress | None:
    """How far the rule is that was given last; None for a group without a rule."""
    version = rule_versions.newest(tx, group.company_id, group.id)
    if version is None:
        return None
    if version.state != "building":
        state = "telling" if version.told is not None else "live"
        return Progress(state, 1, 1)
    (of,) = tx.one(_COUNT, {"company": group.company_id}) or (0,)
    (looked_at,) = tx.one(_COUNT_UNTIL, {"company": group.company_id, "cursor": version.cursor}) or (0,)
    return Progress("building", looked_at, of)


def names(tx: Tx, company_id: str) -> Names:
    """What rules of a company may name."""
    own = [field for field in fields.all_of(tx, company_id) if field.user_column is None]
    return Names(
        tuple(Custom(field.id, field.name, field.type, partial(fields.checked, field)) for field in own),
        {group.id: group.name for group in groups.all_of(tx, company_id)},
        {group.id: group.name for group in groups.all_of(tx, company_id, archived=True)},
    )


def _refuse_without_rule(group: Group) -> None:
    if group.kind != "smart":
        raise Conflict(
            f"{group.name} is filled without a rule. Make a smart group beside it: "
            "rollbook group create SUBDOMAIN NAME --rule …",
            field="kind",
        )
    groups.refuse_archived(group)


def _give(tx: Tx, group: Group, before: Rule | None, rule: Rule, *, actor: Actor, now: datetime) -> None:
    rule_versions.start(tx, group.company_id, group.id, rule, actor=actor, now=now)  # others wait from here on
    known = names(tx, group.company_id)
    _refuse_cycle(tx, group, rule, known)
    changes = {"rule": [text.write(before, known) if before is not None else None, text.write(rule, known)]}
    events.record(tx, group.company_id, "GroupRuleSet", group.id, changes, actor=actor, now=now)


def _refuse_cycle(tx: Tx, group: Group, rule: Rule, known: Names) -> None:
    """Raises InvalidValue with the chain of names where the group would read itself."""
    reads: dict[str, set[str]] = {}
    waiting = rule_versions.to_be_built_again(tx, group.company_id)  # given up with the archiving, so not open
    for version in [*rule_versions.open_ones(tx, group.company_id), *waiting]:
        reads.setdefault(version.group_id, set()).update(tree.groups_read(version.rule))
    chains = [[group_id] for group_id in sorted(tree.groups_read(rule))]
    seen: set[str] = set()
    while chains:
        chain = chains.pop()
        if chain[-1] == group.id:
            called = {**known.archived, **known.groups}
            words = ", which reads ".join(called.get(group_id, group_id) for group_id in chain)
            raise InvalidValue(
                f"{group.name} would read itself: it reads {words}. Leave one of these groups out.", field="rule"
            )
        if chain[-1] not in seen:
            seen.add(chain[-1])
            chains += [[*chain, group_id] for group_id in sorted(reads.get(chain[-1], ()))]

"""Triggers: on joining a group assign something, or after completing something assign the next. Fired by tasks.

A trigger never reassigns: whoever has an assignment of its content, in whatever state, keeps it as it is. So triggers
that lead back to where they began come to an end by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import bindparam, insert, select, update

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Row, Tx
from rollbook.database.tables import triggers as table
from rollbook.errors import InvalidValue, NotFound
from rollbook.learning import assignments, content_record, due, following
from rollbook.learning.assignments import Assignment, Wanted
from rollbook.learning.content_record import Content
from rollbook.people import groups, users
from rollbook.people.groups import Group


@dataclass(frozen=True, slots=True)
class Trigger:
    """On joining `group_id`, or after completing `completed_id`, `content_id` is assigned, due in `due_days`."""

    id: str
    company_id: str
    kind: Literal["joined", "completed"]
    group_id: str | None
    completed_id: str | None
    content_id: str
    due_days: int | None
    notify: bool
    made_by: str
    created_at: str
    ended_at: str | None


_NAMES = tuple(Trigger.__dataclass_fields__)
_SELECT = select(*(table.c[name] for name in _NAMES))
_OF_COMPANY = table.c.company_id == bindparam("company")
_ONE = _SELECT.where(_OF_COMPANY, table.c.id == bindparam("trigger"))
_ONE_LOCKED = _ONE.with_for_update()
_LIVE = _SELECT.where(_OF_COMPANY, table.c.ended_at.is_(None)).order_by(table.c.id)
_ALL = _SELECT.where(_OF_COMPANY).order_by(table.c.id)
_OF_GROUP = _LIVE.where(table.c.group_id == bindparam("group"))
_OF_COMPLETED = _LIVE.where(table.c.completed_id == bindparam("completed"))
_INSERT = insert(table)
_UPDATE = update(table).where(_OF_COMPANY, table.c.id == bindparam("trigger"))


def on_join(
    tx: Tx,
    group: Group,
    content: Content,
    *,
    due_days: int | None = None,
    notify: bool = True,
    actor: Actor,
    now: datetime,
) -> Trigger:
    """Whoever joins the group from now on is assigned the content. Idempotent; another day or voice changes it.

    Raises Conflict for content that is not published and a group that is archived.
    """
    group = groups.get(tx, group.company_id, group.id, lock=True)
    groups.refuse_archived(group)
    made = _make(tx, content, due_days, notify, group_id=group.id, actor=actor, now=now)
    following.watch(tx, group, now=now)
    return made


def on_completion(
    tx: Tx,
    completed: Content,
    content: Content,
    *,
    due_days: int | None = None,
    notify: bool = True,
    actor: Actor,
    now: datetime,
) -> Trigger:
    """Whoever completes the one from now on is assigned the other. Idempotent; another day or voice changes it.

    Raises Conflict for content that is not published, InvalidValue where both are the same.
    """
    if completed.id == content.id:
        raise InvalidValue(f"{content.title} cannot follow itself; reassign it instead.", field="content")
    completed = content_record.get(tx, completed.company_id, completed.id, lock=True)
    content_record.refuse_archived(completed)
    return _make(tx, content, due_days, notify, completed_id=completed.id, actor=actor, now=now)


def end(tx: Tx, trigger: Trigger, *, actor: Actor, now: datetime) -> Trigger:
    """Nobody is assigned anything by it any more; what was assigned stays. Idempotent."""
    group = groups.get(tx, trigger.company_id, trigger.group_id, lock=True) if trigger.group_id else None
    trigger = get(tx, trigger.company_id, trigger.id, lock=True)
    if trigger.ended_at:
        return trigger
    ended = replace(trigger, ended_at=clock.text(now))
    tx.run(_UPDATE, {"company": trigger.company_id, "trigger": trigger.id, "ended_at": ended.ended_at})
    _tell(tx, ended, "TriggerEnded", {"ended_at": [None, ended.ended_at]}, actor=actor, now=now)
    if group is not None:
        following.watch(tx, group, now=now)
    return ended


def find(tx: Tx, company_id: str, trigger_id: str, *, lock: bool = False) -> Trigger | None:
    """The trigger with this id, ended or not."""
    row = tx.one(_ONE_LOCKED if lock else _ONE, {"company": company_id, "trigger": trigger_id})
    return _trigger(row) if row else None


def get(tx: Tx, company_id: str, trigger_id: str, *, lock: bool = False) -> Trigger:
    """As `find`; raises NotFound."""
    trigger = find(tx, company_id, trigger_id, lock=lock)
    if trigger is None:
        raise NotFound(f"There is no trigger {trigger_id!r} in this company; `rollbook trigger list` shows them.")
    return trigger


def all_of(tx: Tx, company_id: str, *, ended: bool = False) -> list[Trigger]:
    """The triggers of a company, oldest first; with `ended` those that ended as well."""
    return [_trigger(row) for row in tx.all(_ALL if ended else _LIVE, {"company": company_id})]


def of_group(tx: Tx, group: Group) -> list[Trigger]:
    """What joining a group sets off."""
    return [_trigger(row) for row in tx.all(_OF_GROUP, {"company": group.company_id, "group": group.id})]


def followed_by(tx: Tx, company_id: str, content_ids: Sequence[str]) -> set[str]:
    """Those of the contents whose completion sets something off."""
    if not content_ids:
        return set()
    return {
        row[0]
        for row in tx.search(
            select(table.c.completed_id).where(
                table.c.company_id == company_id, table.c.completed_id.in_(content_ids), table.c.ended_at.is_(None)
            )
        )
    }


def fire_after(
    tx: Tx,
    company_id: str,
    user_id: str,
    completed_id: str,
    *,
    act_id: str,
    since: datetime,
    actor: Actor,
    now: datetime,
) -> list[Assignment]:
    """Assigns what follows a completion, in one act; days count from `since`. Nothing for whoever is not active.

    What is not published any more is passed over. Safe to run twice.
    """
    user = users.get(tx, company_id, user_id, lock=True)
    if not user.active or user.deleted_at:
        return []
    fired = [_trigger(row) for row in tx.all(_OF_COMPLETED, {"company": company_id, "completed": completed_id})]
    wanted = wanted_of(tx, fired, since=since)
    return assignments.assign_all(tx, user, wanted, act_id=act_id, standing="keep", actor=actor, now=now)


def wanted_of(tx: Tx, fired: Sequence[Trigger], *, since: datetime) -> list[Wanted]:
    """What triggers assign, each content once."""
    wanted: dict[str, Wanted] = {}
    for trigger in fired:
        content = content_record.get(tx, trigger.company_id, trigger.content_id)
        if content.state == "published" and content.id not in wanted:
            due_on = due.in_days(since, trigger.due_days) if trigger.due_days is not None else None
            wanted[content.id] = Wanted(content, due_on, trigger.notify, trigger_id=trigger.id)
    return list(wanted.values())


def _make(
    tx: Tx,
    content: Content,
    due_days: int | None,
    notify: bool,
    *,
    group_id: str | None = None,
    completed_id: str | None = None,
    actor: Actor,
    now: datetime,
) -> Trigger:
    """What sets it off was locked, so that two at once do not make it twice."""
    content_record.refuse_unpublished(content)
    if due_days is not None:
        due.checked_days(due_days)
    cause = {"company": content.company_id, "group": group_id, "completed": completed_id}
    rows = tx.all(_OF_GROUP if group_id else _OF_COMPLETED, cause)
    before = next((one for one in map(_trigger, rows) if one.content_id == content.id), None)
    wanted: dict[str, Any] = {"due_days": due_days, "notify": notify}
    if before is None:
        kind: Literal["joined", "completed"] = "joined" if group_id else "completed"
        made = Trigger(
            id=clock.new_id(),
            company_id=content.company_id,
            kind=kind,
            group_id=group_id,
            completed_id=completed_id,
            content_id=content.id,
            made_by=str(actor),
            created_at=clock.text(now),
            ended_at=None,
            **wanted,
        )
        tx.run(_INSERT, asdict(made) | {"notify": int(notify)})
        changes: dict[str, list[Any]] = {
            "content": [None, content.title],
            "due_days": [None, due_days],
            "notify": [None, notify],
        }
        _tell(tx, made, "TriggerMade", changes, actor=actor, now=now)
        return made
    changes = {name: [getattr(before, name), value] for name, value in wanted.items() if getattr(before, name) != value}
    if not changes:
        return before
    key = {"company": before.company_id, "trigger": before.id}
    tx.run(_UPDATE, {**key, "due_days": due_days, "notify": int(notify)})
    _tell(tx, before, "TriggerChanged", changes, actor=actor, now=now)
    return replace(before, **wanted)


def _tell(tx: Tx, trigger: Trigger, kind: str, changes: events.Changes, *, actor: Actor, now: datetime) -> None:
    """On the timeline of what sets it off."""
    subject_id = trigger.group_id or trigger.completed_id or ""
    named = {"trigger_id": [None, trigger.id], "content_id": [None, trigger.content_id]}
    events.record(tx, trigger.company_id, kind, subject_id, {**named, **changes}, actor=actor, now=now)


def _trigger(row: Row) -> Trigger:
    trigger = Trigger(*row)
    return replace(trigger, notify=bool(trigger.notify))

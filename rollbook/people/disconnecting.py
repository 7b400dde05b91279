"""Disconnecting: a source of people is switched off, and its people are kept, archived or handed over to Learning.

What a source had is previewed first. The switch itself is one write; people follow in small steps, which a task walks
(jobs/disconnecting.py). Okta SCIM's people are those who are linked, the standard integration's those who are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, bindparam, delete, func, select, update

from rollbook import clock
from rollbook.activity import events, queue
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import okta_connections, okta_people, okta_runs
from rollbook.database.tables import users as table
from rollbook.errors import InvalidValue
from rollbook.people import alarms, fields, keys, record, users
from rollbook.people.keys import Key
from rollbook.people.record import User

Source = Literal["scim", "okta"]
Choice = Literal["keep", "archive", "hand-over"]

SOURCES: tuple[Source, ...] = get_args(Source)
CHOICES: tuple[Choice, ...] = get_args(Choice)
STEP = 50  # people in one write: provisioning waits for a write no longer than 50 ms
DIRECTORY_STEP = 500  # rows of Okta's people forgotten in one write
PULL_ALARMS: tuple[alarms.Kind, ...] = ("okta_attention", "okta_held")
DROPPED = "The standard integration was switched off."


@dataclass(frozen=True, slots=True)
class Preview:
    """What a source has: active people, those already archived, and of the active ones the privileged, who are archived
    by no such choice; the fields that it owns, and the keys that open it.
    """

    source: Source
    people: int
    archived: int
    privileged: list[User]
    fields: list[str]
    keys: int
    connected: bool


_LINK: dict[Source, str] = {"scim": "linked", "okta": "known"}
_COUNTS = (
    select(table.c.archived_at.is_(None), func.count())
    .where(table.c.company_id == bindparam("company"), table.c.link == bindparam("link"), table.c.deleted_at.is_(None))
    .group_by(table.c.archived_at.is_(None))
)
_OF_CONNECTION = okta_connections.c.company_id == bindparam("company")
_STATE = select(okta_connections.c.state).where(_OF_CONNECTION)
_SWITCH_OFF = update(okta_connections).where(_OF_CONNECTION)
_OPEN_RUN = okta_runs.c.company_id == bindparam("company"), okta_runs.c.ended_at.is_(None)
_OPEN_RUNS = select(okta_runs.c.id, okta_runs.c.state).where(*_OPEN_RUN).with_for_update()
_DROP_RUNS = update(okta_runs).where(*_OPEN_RUN)


def preview(tx: Tx, company_id: str, source: Source) -> Preview:
    """What switching this source off would be about. It walks through everybody, and so belongs into no write."""
    counted = {bool(active): count for active, count in tx.all(_COUNTS, {"company": company_id, "link": _LINK[source]})}
    privileged = users.search(
        tx,
        record.SELECT.where(*_active(company_id, source), table.c.role != "learner").order_by(table.c.id),
    )
    owned = [field.name for field in fields.all_of(tx, company_id) if field.owner == source]
    opening = len(_keys(tx, company_id)) if source == "scim" else 0
    return Preview(
        source,
        counted.get(True, 0),
        counted.get(False, 0),
        privileged,
        owned,
        opening,
        is_connected(tx, company_id, source),
    )


def is_connected(tx: Tx, company_id: str, source: Source) -> bool:
    """Whether a source is switched on: it has a key, or a connection that is not off."""
    if source == "scim":
        return bool(_keys(tx, company_id))
    state = tx.one(_STATE, {"company": company_id})
    return state is not None and state[0] != "off"


def begin(tx: Tx, company_id: str, source: Source, choice: Choice, *, actor: Actor, now: datetime) -> None:
    """Switches a source off at once and queues what becomes of its people.

    Its keys are revoked, or its token is deleted and the connection off; handed over, its fields are Learning's. It may
    be done again, with another choice.
    """
    if source == "scim":
        for key in _keys(tx, company_id):
            keys.revoke(tx, company_id, key.id, actor=actor, now=now)
    else:
        _switch_pull_off(tx, company_id, actor=actor, now=now)
    if choice == "hand-over":
        for field in fields.all_of(tx, company_id):
            if field.owner == source:
                fields.change(tx, field, owner="learning", actor=actor, now=now)
    changes: dict[str, list[str | None]] = {"source": [source, None], "people": [None, choice]}
    events.record(tx, company_id, "SourceDisconnected", company_id, changes, actor=actor, now=now)
    payload = {"source": source, "choice": choice, "actor": str(actor)}
    queue.enqueue(tx, company_id, "disconnect_people", payload, waiting_key=f"{source} {choice}", now=now)


def following(tx: Tx, company_id: str, source: Source, choice: Choice, *, after: str = "") -> list[str]:
    """The ids of the next STEP people whom the choice concerns, in order. To find them may take a walk over many who
    are done: it is read before the write, each time from where the last one ended.
    """
    if choice == "keep":
        return []
    query = select(table.c.id).where(*_left(company_id, source, choice), table.c.id > after)
    return [row[0] for row in tx.search(query.order_by(table.c.id).limit(STEP))]


def step(
    tx: Tx, company_id: str, source: Source, choice: Choice, ids: Sequence[str], *, actor: Actor, now: datetime
) -> int:
    """Does what was chosen to these people, as `following` found them, and says how many they are; of nobody, some of
    what was read of Okta's directory is forgotten. 0: nothing is left. Safe to run again: whoever was done, or changed
    meanwhile, is passed over. Once the source is on again, or something else was chosen, nothing more is done.

    Nobody privileged is archived.
    """
    if is_connected(tx, company_id, source) or _chosen(tx, company_id, source) != choice:
        return 0
    if not ids:
        return _forget_directory(tx, company_id) if source == "okta" else 0
    query = record.SELECT.where(*_left(company_id, source, choice), table.c.id.in_(ids)).order_by(table.c.id)
    for user in users.search(tx, query.with_for_update()):
        if choice == "archive":
            users.archive(tx, user, actor=actor, now=now)
        else:
            _hand_over(tx, user, actor=actor, now=now)
    return len(ids)


def read_source(text: str) -> Source:
    """The source of that name. Raises InvalidValue."""
    for source in SOURCES:
        if source == text.strip().lower():
            return source
    raise InvalidValue(f"{text!r} is no source; use one of {', '.join(SOURCES)}.", field="source")


def read_choice(text: str) -> Choice:
    """The choice of that name. Raises InvalidValue."""
    for choice in CHOICES:
        if choice == text.strip().lower().replace("_", "-"):
            return choice
    raise InvalidValue(f"{text!r} is no choice; use one of {', '.join(CHOICES)}.", field="people")


def _chosen(tx: Tx, company_id: str, source: Source) -> str | None:
    """What was chosen last."""
    said = events.of_subjects(tx, company_id, [company_id], ("SourceDisconnected",)).get(company_id, [])
    return next((event.changes["people"][1] for event in reversed(said) if event.changes["source"][0] == source), None)


def _keys(tx: Tx, company_id: str) -> list[Key]:
    return [key for key in keys.search(tx, company_id) if key.scope == "scim" and not key.revoked_at]


def _switch_pull_off(tx: Tx, company_id: str, *, actor: Actor, now: datetime) -> None:
    """The connection is off and has no token, its open run ends, and nothing waits for anybody's yes any more."""
    at = clock.text(now)
    off = {"state": "off", "reason": None, "sealed_token": None, "updated_at": at}
    tx.run(_SWITCH_OFF, {"company": company_id, **off})
    dropped = tx.all(_OPEN_RUNS, {"company": company_id})
    tx.run(_DROP_RUNS, {"company": company_id, "state": "dropped", "reason": DROPPED, "ended_at": at})
    for run_id, state in dropped:
        changes = {"state": [state, "dropped"]}
        events.record(tx, company_id, "OktaRunDropped", run_id, changes, actor=actor, now=now)
    for kind in PULL_ALARMS:
        alarms.resolve(tx, company_id, kind, company_id, actor=actor, now=now)


def _hand_over(tx: Tx, user: User, *, actor: Actor, now: datetime) -> None:
    """From now on Learning's: no external id, no link."""
    values: dict[str, Any] = {"link": "unlinked", "linked_at": None}
    changes: dict[str, list[Any]] = {"link": [user.link, "unlinked"]}
    if user.external_id is not None:
        values["external_id"] = None
        changes["external_id"] = [user.external_id, None]
    users.change(tx, user, values, [("UserHandedOver", changes)], actor=actor, now=now)


def _active(company_id: str, source: Source) -> tuple[ColumnElement[bool], ...]:
    of_source = table.c.company_id == company_id, table.c.link == _LINK[source], table.c.deleted_at.is_(None)
    return (*of_source, table.c.archived_at.is_(None))


def _left(company_id: str, source: Source, choice: Choice) -> tuple[ColumnElement[bool], ...]:
    """Whom the choice still concerns: archived are learners who are here, handed over everybody."""
    if choice == "archive":
        return (*_active(company_id, source), table.c.role == "learner")
    return table.c.company_id == company_id, table.c.link == _LINK[source], table.c.deleted_at.is_(None)


def _forget_directory(tx: Tx, company_id: str) -> int:
    """Forgets some of what was read of Okta's people; how many."""
    mine = okta_people.c.company_id == company_id
    rows = tx.search(select(okta_people.c.okta_id).where(mine).limit(DIRECTORY_STEP))
    if rows:
        ids = [row[0] for row in rows]
        tx.search(delete(okta_people).where(mine, okta_people.c.okta_id.in_(ids)).returning(okta_people.c.okta_id))
    return len(rows)

"""How a company's Okta is reached: one row a company, with the token sealed. What is read from there is field_map.py's,
when is slots.py's; sessions.py opens it, and tries it before anything is saved.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Row, Tx
from rollbook.database.tables import okta_connections as table
from rollbook.errors import Conflict, InvalidValue, NotFound
from rollbook.okta import beside_scim as scim
from rollbook.okta import directory, runs
from rollbook.okta.wanted import Mode, Wanted, checked
from rollbook.people import alarms

State = Literal["on", "off", "needs_attention"]

# Why an open run was dropped.
OFF = "The standard integration was switched off."
MOVED = "Another org is read from now on."
OTHERWISE = "How Okta is read was changed since it began; the next run begins anew."
_READING = ("org_url", "group_id", "app_id", "mode", "role_variable")  # what a run and its plan rest on


@dataclass(frozen=True, slots=True)
class Connection:
    """A company's standard integration. Without a `group_id` it reads the whole directory; with an `app_id` it sees
    Okta's own view of each link; `most_people` and `most_percent` say how many archives wait for a person's yes.
    """

    company_id: str
    org_url: str
    group_id: str | None
    app_id: str | None
    mode: Mode
    role_variable: str | None
    most_people: int
    most_percent: int
    sealed_token: str | None = field(repr=False)
    state: State
    reason: str | None
    configured_at: str  # since when it is on: slots before that are none of its
    updated_at: str


_COLUMNS = tuple(table.c[name] for name in Connection.__dataclass_fields__)
_OF_COMPANY = table.c.company_id == bindparam("company")
_ONE = select(*_COLUMNS).where(_OF_COMPANY)
_ONE_LOCKED = _ONE.with_for_update()
_INSERT = insert(table)
_UPDATE = update(table).where(_OF_COMPANY)


def find(tx: Tx, company_id: str, *, lock: bool = False) -> Connection | None:
    """The connection of a company, switched on or not."""
    row = tx.one(_ONE_LOCKED if lock else _ONE, {"company": company_id})
    return _connection(row) if row else None


def get(tx: Tx, company_id: str, *, lock: bool = False) -> Connection:
    """As `find`; raises NotFound, saying how one is made."""
    connection = find(tx, company_id, lock=lock)
    if connection is None:
        raise NotFound("This company has no standard integration; set it up with: rollbook okta configure SUBDOMAIN")
    return connection


def in_use(tx: Tx, company_id: str) -> Connection:
    """As `get`, of one that may be asked; raises Conflict where it is switched off."""
    connection = get(tx, company_id)
    if connection.state == "off":
        first = to_switch_on(connection, "SUBDOMAIN")
        raise Conflict(f"The standard integration is switched off; first: {first}", field="state")
    return connection


def to_switch_on(connection: Connection, subdomain: str) -> str:
    """The command that switches one that is off on again: where no token is kept, it needs one."""
    if connection.sealed_token is None:
        return f"rollbook okta configure {subdomain} --token-file FILE"
    return f"rollbook okta on {subdomain}"


def configure(
    tx: Tx,
    company_id: str,
    wanted: Wanted,
    *,
    sealed_token: str | None = None,
    beside_scim: bool = False,
    actor: Actor,
    now: datetime,
) -> Connection:
    """Makes the connection, or makes it another one, and switches it on. None keeps the token that is there.

    Raises InvalidValue for what is no id of Okta's, and where a token is missing: the one that is kept is never shown
    to another org. Raises Conflict while people of another org are remembered (`directory.forget_some`), and where full
    mode would begin `beside_scim`, which was not said. A run that is open is dropped where it reads otherwise from now
    on.
    """
    wanted = checked(wanted)
    before = find(tx, company_id, lock=True)
    moved = before is not None and before.org_url != wanted.org_url
    if sealed_token is None and (before is None or moved or before.sealed_token is None):
        raise InvalidValue("This org needs a token of its own; give it with --token-file.", field="token")
    if moved and directory.has_people(tx, company_id):
        raise Conflict("People of another org are remembered still; have them forgotten first.", field="org_url")
    both = _both(tx, company_id, before, wanted.mode, said=beside_scim, now=now)
    at = clock.text(now)
    values: dict[str, Any] = {**asdict(wanted), "state": "on", "reason": None, "updated_at": at}
    if sealed_token is not None:
        values["sealed_token"] = sealed_token
    if before is None or moved or before.state == "off":
        values["configured_at"] = at
    if before is None:
        tx.run(_INSERT, {"company_id": company_id, **values})
    else:
        tx.run(_UPDATE, {"company": company_id, **values})
    changes = {
        name: [getattr(before, name, None), value]
        for name, value in {**asdict(wanted), "state": "on"}.items()
        if getattr(before, name, None) != value
    }
    if sealed_token is not None:
        changes["token"] = ["one" if before is not None and before.sealed_token else None, "another"]
    changes |= both
    if changes:
        events.record(tx, company_id, "OktaConfigured", company_id, changes, actor=actor, now=now)
    if before is not None and any(getattr(before, name) != values[name] for name in _READING):
        _drop_run(tx, company_id, MOVED if moved else OTHERWISE, actor=actor, now=now)
    alarms.resolve(tx, company_id, "okta_attention", company_id, actor=actor, now=now)
    return get(tx, company_id)


def check_mode(tx: Tx, company_id: str, mode: Mode, beside_scim: bool, *, now: datetime) -> None:
    """Raises Conflict where `configure` would for this mode: before anything is asked, or forgotten."""
    _both(tx, company_id, find(tx, company_id), mode, said=beside_scim, now=now)


def change(
    tx: Tx,
    company_id: str,
    *,
    mode: Mode | None = None,
    most_people: int | None = None,
    most_percent: int | None = None,
    beside_scim: bool = False,
    actor: Actor,
    now: datetime,
) -> Connection:
    """Changes what need not be tried against Okta; None leaves it. In another mode an open run is dropped: its plan is
    of the mode before. Raises NotFound, InvalidValue, and Conflict as `configure`.
    """
    before = get(tx, company_id, lock=True)
    given: dict[str, Any] = {"mode": mode, "most_people": most_people, "most_percent": most_percent}
    values = {name: value for name, value in given.items() if value not in (None, getattr(before, name))}
    if not values:
        return before
    if mode == "complement" and before.role_variable is not None:
        values["role_variable"] = None  # which only full mode has
    both = _both(tx, company_id, before, mode or before.mode, said=beside_scim, now=now)
    checked(_wanted(before, **values))
    tx.run(_UPDATE, {"company": company_id, **values, "updated_at": clock.text(now)})
    changes = {name: [getattr(before, name), value] for name, value in values.items()} | both
    events.record(tx, company_id, "OktaConfigured", company_id, changes, actor=actor, now=now)
    if not values.keys().isdisjoint(_READING):
        _drop_run(tx, company_id, OTHERWISE, actor=actor, now=now)
    return get(tx, company_id)


def switch_on(tx: Tx, company_id: str, *, actor: Actor, now: datetime) -> Connection:
    """From the next slot on it runs. Idempotent. Raises NotFound, and Conflict where the token was taken away."""
    before = get(tx, company_id, lock=True)
    if before.state == "on":
        return before
    if before.sealed_token is None:
        raise Conflict(f"There is no token any more; give one: {to_switch_on(before, 'SUBDOMAIN')}", field="token")
    at = clock.text(now)
    since = at if before.state == "off" else before.configured_at
    tx.run(_UPDATE, {"company": company_id, "state": "on", "reason": None, "configured_at": since, "updated_at": at})
    events.record(tx, company_id, "OktaSwitchedOn", company_id, {"state": [before.state, "on"]}, actor=actor, now=now)
    return get(tx, company_id)


def switch_off(tx: Tx, company_id: str, *, forget_token: bool = False, actor: Actor, now: datetime) -> Connection:
    """Nothing is read any more, and an open run is dropped; what was read stays, and so does the token unless it is to
    be forgotten. Idempotent.
    """
    before = get(tx, company_id, lock=True)
    forgets = forget_token and before.sealed_token is not None
    if before.state == "off" and not forgets:
        return before
    values: dict[str, Any] = {"state": "off", "reason": None, "updated_at": clock.text(now)}
    changes: dict[str, list[Any]] = {} if before.state == "off" else {"state": [before.state, "off"]}
    if forgets:
        values["sealed_token"] = None
        changes["token"] = ["one", None]
    tx.run(_UPDATE, {"company": company_id, **values})
    alarms.resolve(tx, company_id, "okta_attention", company_id, actor=actor, now=now)
    events.record(tx, company_id, "OktaSwitchedOff", company_id, changes, actor=actor, now=now)
    _drop_run(tx, company_id, OFF, actor=actor, now=now)
    return get(tx, company_id)


def set_state(tx: Tx, company_id: str, state: State, reason: str | None = None, *, actor: Actor, now: datetime) -> None:
    """What a run found out: that it needs attention, or none any more. One that is switched off stays off."""
    before = find(tx, company_id, lock=True)
    if before is None or before.state == "off" or (before.state, before.reason) == (state, reason):
        return
    tx.run(_UPDATE, {"company": company_id, "state": state, "reason": reason, "updated_at": clock.text(now)})
    if state != before.state:
        changes = {"state": [before.state, state]}
        events.record(tx, company_id, "OktaStateChanged", company_id, changes, actor=actor, now=now)


def reseal(tx: Tx, connection: Connection, sealed_token: str, *, now: datetime) -> None:
    """Keeps the same token as it is sealed under another secret of the operator's."""
    tx.run(_UPDATE, {"company": connection.company_id, "sealed_token": sealed_token, "updated_at": clock.text(now)})


def _both(
    tx: Tx, company_id: str, before: Connection | None, mode: Mode, *, said: bool, now: datetime
) -> dict[str, list[Any]]:
    """That full mode begins beside SCIM, for the event. Raises Conflict where nobody said so."""
    begins = mode == "full" and (before is None or before.mode != "full")
    return {"beside_scim": [None, "yes"]} if begins and scim.check_said(tx, company_id, said=said, now=now) else {}


def drop_begun_run(tx: Tx, company_id: str, *, actor: Actor, now: datetime) -> None:
    """Ends an open run that began on terms which are no longer so. As `_drop_run`, under the connection's lock."""
    run = runs.find_open(tx, company_id)
    if run is not None and run.started_at is not None:
        runs.drop(tx, company_id, run.id, OTHERWISE, actor=actor, now=now)


def _drop_run(tx: Tx, company_id: str, reason: str, *, actor: Actor, now: datetime) -> None:
    """Ends the open run, held or under way. The connection is locked first, as everybody does who locks both: so no run
    begins meanwhile on what is no longer so.
    """
    run = runs.find_open(tx, company_id)
    if run is not None:
        runs.drop(tx, company_id, run.id, reason, actor=actor, now=now)


def _wanted(connection: Connection, **other: Any) -> Wanted:
    kept = {name: getattr(connection, name) for name in Wanted.__dataclass_fields__}
    return Wanted(**(kept | other))


def _connection(row: Row) -> Connection:
    return Connection(*row)

"""A company's standard integration needs attention, or none any more: its state and the alarm go together. And how it
stands, in words for `rollbook doctor`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.errors import RollbookError
from rollbook.okta import connections, org_address, runs, sessions
from rollbook.okta.sessions import Access
from rollbook.people import alarms
from rollbook.people.companies import Company

ALARM: alarms.Kind = "okta_attention"


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands: `well`, or what is wrong and the command that mends it."""

    well: bool
    detail: str
    fix: str | None = None


def ask_for(tx: Tx, company_id: str, reason: str, *, run_id: str, actor: Actor, now: datetime) -> None:
    """An administrator must do something first, which the reason says. One that is switched off asks for nothing."""
    connection = connections.find(tx, company_id, lock=True)
    if connection is None or connection.state == "off":
        return
    connections.set_state(tx, company_id, "needs_attention", reason, actor=actor, now=now)
    alarms.sound(tx, company_id, ALARM, company_id, {"run_id": run_id, "reason": reason}, now=now)


def settle(tx: Tx, company_id: str, *, actor: Actor, now: datetime) -> None:
    """Okta answers again."""
    connection = connections.find(tx, company_id, lock=True)
    if connection is not None and connection.state == "needs_attention":
        connections.set_state(tx, company_id, "on", actor=actor, now=now)
    alarms.resolve(tx, company_id, ALARM, company_id, actor=actor, now=now)


def standing(tx: Tx, company: Company, access: Access) -> Standing | None:
    """How a company's standard integration stands; None where it has none. Okta is not asked."""
    connection = connections.find(tx, company.id)
    if connection is None:
        return None
    again = f"rollbook okta configure {company.subdomain} --token-file FILE"
    if connection.state == "off":
        command = connections.to_switch_on(connection, company.subdomain)
        return Standing(True, "It is switched off.", f"To switch it on: {command}")
    try:
        org_address.checked(connection.org_url, access.entries)
        sessions.token_of(access, connection)
    except RollbookError as error:
        return Standing(False, error.message, again)
    run = runs.latest(tx, company.id)
    if connection.state == "needs_attention":
        return Standing(False, connection.reason or "It needs attention.", again)
    if run is None:
        return Standing(True, "The token can be read; there was no run yet.")
    about = f"run {run.id}"
    if run.state == "held":
        yes = f"rollbook okta plan {company.subdomain} {run.id}, then okta approve or okta drop"
        return Standing(False, f"The {about} waits for a person's yes: {run.reason}", yes)
    if run.state in ("partial", "skipped", "dropped"):
        return Standing(True, f"The last {about} is {run.state}: {run.reason}")
    at = (run.ended_at or run.started_at or run.created_at)[:16]
    return Standing(True, f"The last {about} is {run.state}, {at}.")

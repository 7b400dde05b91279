"""What the standard integration leaves behind, written as rows: a connection, people of Okta's, planned changes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from rollbook import clock
from rollbook.database import Tx
from rollbook.database.tables import okta_changes, okta_connections, okta_people, okta_runs

_CONNECT = insert(okta_connections)
_PERSON = insert(okta_people)
_RUN = insert(okta_runs)
_CHANGE = insert(okta_changes)


def connect(tx: Tx, company_id: str, *, app: bool = True, state: str = "on", mode: str = "complement") -> None:
    """A company's connection with Okta; with `app`, Okta's own view of each link is read too."""
    at = clock.text(clock.now())
    row: dict[str, Any] = {"company_id": company_id, "org_url": "https://acme.okta.com", "mode": mode}
    row |= {"most_people": 50, "most_percent": 5, "state": state, "configured_at": at, "updated_at": at}
    row |= {"app_id": "0oalearning" if app else None, "sealed_token": "sealed"}
    tx.run(_CONNECT, row)


def person(tx: Tx, company_id: str, okta_id: str, login: str | None = None, **columns: Any) -> None:
    """Somebody whom Okta told of; without a login, known by their id alone."""
    row: dict[str, Any] = {"company_id": company_id, "okta_id": okta_id, "login_key": login, "email_key": login}
    row |= {"status": "ACTIVE", "listed": 1, "profile": "{}", "digest": "d", "read_run": "r", "missing_runs": 0}
    tx.run(_PERSON, row | columns)


def run(tx: Tx, company_id: str, **columns: Any) -> str:
    """A run that has read everything."""
    at, run_id = clock.text(clock.now()), clock.new_id()
    row = {"company_id": company_id, "id": run_id, "purpose": "sync", "state": "done", "counts": "{}", "notes": "{}"}
    row |= {"asked_by": "task", "created_at": at, "read_at": at, "ended_at": at}
    tx.run(_RUN, row | columns)
    return run_id


def change(tx: Tx, company_id: str, run_id: str, kind: str, **columns: Any) -> None:
    """What a run planned, or did."""
    row = {"company_id": company_id, "id": clock.new_id(), "run_id": run_id, "kind": kind, "rule": "user name"}
    row |= {"reason": "The user name is the same.", "changes": "{}", "state": "planned"}
    tx.run(_CHANGE, row | columns)

"""The SQL that Rollbook sends for Okta's life cycle, written out by hand for the bare floor, on either engine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

_USER = (
    "id, company_id, user_name, email, given_name, family_name, location, business_unit, department, job_title, "
    "manager_value, manager_name, locale, preferred_language, time_zone, hire_date, external_id, kept, role, link, "
    "linked_at, confirmed_email, archived_at, archived_by, deleted_at, former_user_name, joined_into, version, "
    "created_at, updated_at"
)
# Where the columns stand that the floor reads again.
ID, USER_NAME, JOB_TITLE, ARCHIVED_AT, VERSION = 0, 2, 9, 22, 27

_CREATED = (
    "company_id, id, user_name, user_name_key, email, email_key, email_claim, given_name, family_name, name_key, "
    "location, business_unit, department, job_title, manager_value, manager_name, locale, preferred_language, "
    "time_zone, external_id, kept, role, link, linked_at, version, created_at, updated_at"
)
_EVENT = "company_id, id, at, kind, actor, subject_id, changes, request_id"
_LOG = "company_id, id, at, key_id, method, path, status, decision, user_id, changes, ignored, hint, request_id"
_TASK = "company_id, id, name, payload, waiting_key, state, due_at, attempts, generation, created_at"


class Rows(Protocol):
    """A cursor after `execute`; on PostgreSQL reading it ends the wait for what was sent so far."""

    def fetchone(self) -> Any: ...


class Execute(Protocol):
    """A driver's own `connection.execute`."""

    def __call__(self, query: Any, params: Sequence[Any] = ..., /) -> Rows: ...


@dataclass(frozen=True, slots=True)
class Statements:
    """The text of each statement, as the engine's driver takes it."""

    key: str
    user: str
    named: str
    locked: str
    candidates: str
    holders: str
    create: str
    replace: str
    archive: str
    restore: str
    event: str
    entry: str
    task: str
    end_links: str
    end_sessions: str


def _insert(table: str, columns: str) -> str:
    marks = ", ".join("?" * len(columns.split(",")))
    return f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - of names in this module


def _among(last: str) -> str:
    # The company in each branch, as in Rollbook: otherwise SQLite walks everybody.
    branches = " OR ".join(f"company_id = ? AND {name} = ?" for name in ("user_name_key", "external_id", last))
    return f"SELECT {_USER} FROM users WHERE {branches} ORDER BY id"  # noqa: S608


_ONE = f"SELECT {_USER} FROM users WHERE company_id = ? AND id = ?"  # noqa: S608
_WHOM = "WHERE company_id = ? AND id = ?"

SQLITE = Statements(
    key="SELECT k.id, k.digest, k.scope, k.expires_at, k.revoked_at, c.subdomain FROM api_keys k "
    "JOIN companies c ON c.id = k.company_id WHERE k.company_id = ? AND k.prefix = ?",
    user=_ONE,
    named=f"SELECT {_USER} FROM users WHERE company_id = ? AND deleted_at IS NULL AND user_name_key = ? "  # noqa: S608
    "ORDER BY id",
    locked=_ONE,
    candidates=_among("email_key"),
    holders=_among("email_claim"),
    create=_insert("users", _CREATED),
    replace=f"UPDATE users SET location = ?, job_title = ?, version = ?, updated_at = ? {_WHOM}",  # noqa: S608
    archive="UPDATE users SET archived_at = ?, archived_by = ?, email_claim = NULL, version = ?, updated_at = ? "  # noqa: S608
    + _WHOM,
    restore="UPDATE users SET archived_at = NULL, archived_by = NULL, email_claim = email_key, version = ?, "  # noqa: S608
    "updated_at = ? " + _WHOM,
    event=_insert("events", _EVENT),
    entry=_insert("provisioning_log", _LOG),
    task=_insert("tasks", _TASK) + " ON CONFLICT DO NOTHING",
    end_links="UPDATE sign_in_links SET ended_at = ? WHERE company_id = ? AND user_id = ? AND used_at IS NULL "
    "AND ended_at IS NULL",
    end_sessions="UPDATE sessions SET ended_at = ? WHERE company_id = ? AND user_id = ? AND ended_at IS NULL",
)


def _numbered(text: str) -> str:
    numbers = iter(range(1, text.count("?") + 1))
    return re.sub(r"\?", lambda _: f"${next(numbers)}", text)


POSTGRESQL = Statements(
    **{
        name: _numbered(getattr(SQLITE, name)) + (" FOR UPDATE" if name in ("locked", "candidates", "holders") else "")
        for name in Statements.__dataclass_fields__
    }
)

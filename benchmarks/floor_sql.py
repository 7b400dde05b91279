"""The SQL that Rollbook sends for Okta's life cycle, written out by hand for the bare floor, on either engine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

_COLUMNS = (
    "id, company_id, user_name, email, given_name, family_name, location, business_unit, department, job_title, "
    "manager_value, manager_name, locale, preferred_language, time_zone, hire_date, external_id, kept, role, link, "
    "linked_at, confirmed_email, archived_at, archived_by, deleted_at, former_user_name, joined_into, version, "
    "created_at, updated_at"
)
_USER_COLUMNS = _COLUMNS.split(", ")
_USER = ", ".join(f"u.{column}" for column in _USER_COLUMNS)
_KEY = "k.id, k.digest, k.scope, k.expires_at, k.revoked_at, c.subdomain, c.rules_version"
# Where the columns stand that the floor reads again.
KEY_ID, DIGEST = 0, 1
ID, USER_NAME, JOB_TITLE, ARCHIVED_AT, VERSION = (
    7 + _USER_COLUMNS.index(column) for column in ("id", "user_name", "job_title", "archived_at", "version")
)

_CREATED = (
    "company_id, id, user_name, user_name_key, email, email_key, email_claim, given_name, family_name, name_key, "
    "location, business_unit, department, job_title, manager_value, manager_name, locale, preferred_language, "
    "time_zone, external_id, kept, role, link, linked_at, version, created_at, updated_at"
)
_EVENT = (
    "company_id, id, at, kind, actor, subject_id, changes, request_id, method, path, status, decision, ignored, hint"
)
_TASK = "company_id, id, name, payload, waiting_key, state, due_at, attempts, generation, created_at"


class Rows(Protocol):
    """A cursor after `execute`; on PostgreSQL reading it ends the wait for what was sent so far."""

    def fetchone(self) -> Any: ...


class Session(Protocol):
    """A transaction on the driver's own connection."""

    def ask(self, query: Any, params: Sequence[Any], /) -> Rows: ...

    def run(self, query: Any, params: Sequence[Any], /) -> object:
        """A write whose rows nobody reads; PostgreSQL gets all of them as one statement, as from Rollbook."""


@dataclass(frozen=True, slots=True)
class Statements:
    """The text of each statement, as the engine's driver takes it."""

    user: str
    named: str
    locked: str
    candidates: str
    create: str
    replace: str
    archive: str
    restore: str
    event: str
    task: str
    end_links: str
    end_sessions: str


def _insert(table: str, columns: str) -> str:
    marks = ", ".join("?" * len(columns.split(",")))
    return f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - of names in this module


# The company in each branch, as in Rollbook: otherwise SQLite walks everybody.
_AMONG = " OR ".join(f"u.company_id = ? AND u.{name} = ?" for name in ("user_name_key", "external_id", "email_key"))


def _with_key(condition: str, join: str = "LEFT JOIN") -> str:
    return (
        f"SELECT {_KEY}, {_USER} FROM api_keys k JOIN companies c ON c.id = k.company_id "  # noqa: S608 - of names in this module
        f"{join} users u ON {condition} WHERE k.company_id = ? AND k.prefix = ?"
    )


_ONE = "u.company_id = ? AND u.id = ?"
_WHOM = "WHERE company_id = ? AND id = ?"

SQLITE = Statements(
    user=_with_key(_ONE),
    named=_with_key("u.company_id = ? AND u.deleted_at IS NULL AND u.user_name_key = ?"),
    locked=_with_key(_ONE, "JOIN"),
    candidates=_with_key(_AMONG),
    create=_insert("users", _CREATED),
    replace=f"UPDATE users SET location = ?, job_title = ?, version = ?, updated_at = ? {_WHOM}",  # noqa: S608 - of names in this module
    archive="UPDATE users SET archived_at = ?, archived_by = ?, email_claim = NULL, version = ?, updated_at = ? "  # noqa: S608 - of names in this module
    + _WHOM,
    restore="UPDATE users SET archived_at = NULL, archived_by = NULL, email_claim = email_key, version = ?, "  # noqa: S608 - of names in this module
    "updated_at = ? " + _WHOM,
    event=_insert("events", _EVENT),
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
        name: _numbered(getattr(SQLITE, name)) + (" FOR UPDATE OF u" if name == "locked" else "")
        for name in Statements.__dataclass_fields__
    }
)

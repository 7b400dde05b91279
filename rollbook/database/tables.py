"""Every table, in the shape the newest migration leaves it (a test compares the two).

`company_id` leads every primary key, unique constraint, foreign key and index, so that a company's rows can live
on one shard; EXCEPTIONS lists what does not and why. Instants and ids are text (docs/decisions/0003), JSON is JSONB
on PostgreSQL and text on SQLite. No triggers, no deferrable constraints, every constraint has a name of ours.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine, UserDefinedType

metadata = MetaData()

EXCEPTIONS = {
    "companies": "the company itself: the one table that every node holds a copy of",
    "installation": "facts of this installation, of no company; never written together with a company's rows",
    "ix_tasks_due": "serves the one question across companies: which have work that is due",
}


class JsonText(UserDefinedType[str]):
    """JSON that travels as text: rooms encode and decode it themselves."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "TEXT"


def _json() -> TypeEngine[Any]:
    return JsonText().with_variant(JSONB(), "postgresql")


def _company_table(name: str, *items: Any) -> Table:
    """A company's table with its own rows' ids."""
    return Table(
        name,
        metadata,
        Column("company_id", Text, nullable=False),
        Column("id", Text, nullable=False),
        *items,
        PrimaryKeyConstraint("company_id", "id", name=f"pk_{name}"),
    )


def _of_company(name: str) -> ForeignKeyConstraint:
    """Not on the tables that only ever grow beside a row that has it (events, log, tasks): a check an insert."""
    return ForeignKeyConstraint(["company_id"], ["companies.id"], name=f"fk_{name}_company")


def _of_user(name: str, column: str = "user_id") -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["company_id", column], ["users.company_id", "users.id"], name=f"fk_{name}_user")


companies = Table(
    "companies",
    metadata,
    Column("id", Text, nullable=False),
    Column("subdomain", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    PrimaryKeyConstraint("id", name="pk_companies"),
    UniqueConstraint("subdomain", name="uq_companies_subdomain"),
)

installation = Table(
    "installation",
    metadata,
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("name", name="pk_installation"),
)

api_keys = _company_table(
    "api_keys",
    Column("scope", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text),
    Column("last_used_at", Text),
    Column("revoked_at", Text),
    _of_company("api_keys"),
    UniqueConstraint("company_id", "prefix", name="uq_api_keys_prefix"),
    CheckConstraint("scope IN ('scim', 'api')", name="ck_api_keys_scope"),
)

failed_sign_ins = Table(
    "failed_sign_ins",
    metadata,
    Column("company_id", Text, nullable=False),
    Column("minute", Text, nullable=False),
    Column("count", Integer, nullable=False),
    PrimaryKeyConstraint("company_id", "minute", name="pk_failed_sign_ins"),
    _of_company("failed_sign_ins"),
)

users = _company_table(
    "users",
    # The folded keys beside each text decide who is who; NULL where the person gave the name up.
    Column("user_name", Text, nullable=False),
    Column("user_name_key", Text),
    Column("email", Text, nullable=False),
    Column("email_key", Text),
    Column("email_claim", Text),  # the folded e-mail while the user is active: unique among active users
    # Where sign-in links go while the e-mail itself awaits a person's yes; see people/addresses.py.
    Column("confirmed_email", Text),
    Column("confirmed_email_key", Text),
    Column("given_name", Text, nullable=False),
    Column("family_name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("location", Text),
    Column("business_unit", Text),
    Column("department", Text),
    Column("job_title", Text),
    Column("manager_value", Text),
    Column("manager_name", Text),
    Column("locale", Text),
    Column("preferred_language", Text),
    Column("time_zone", Text),
    Column("hire_date", Text),
    Column("external_id", Text),
    Column("link", Text, nullable=False),
    Column("linked_at", Text),
    Column("archived_at", Text),
    Column("archived_by", Text),
    Column("deleted_at", Text),
    Column("former_user_name", Text),
    Column("former_email", Text),
    Column("former_external_id", Text),
    Column("joined_into", Text),
    Column("kept", _json(), nullable=False),  # attributes without a column, as the client sent them
    Column("version", Integer, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    _of_company("users"),
    UniqueConstraint("company_id", "user_name_key", name="uq_users_user_name"),
    UniqueConstraint("company_id", "email_claim", name="uq_users_email_claim"),
    UniqueConstraint("company_id", "external_id", name="uq_users_external_id"),
    CheckConstraint("role IN ('learner', 'creator', 'manager', 'admin')", name="ck_users_role"),
    CheckConstraint("link IN ('linked', 'known', 'unlinked')", name="ck_users_link"),
    CheckConstraint("archived_at IS NULL OR email_claim IS NULL", name="ck_users_archived_claims_nothing"),
    Index("ix_users_email", "company_id", "email_key"),
    Index("ix_users_name", "company_id", "name_key"),
    Index(
        "ix_users_confirmed_email",
        "company_id",
        "confirmed_email_key",
        sqlite_where=text("confirmed_email_key IS NOT NULL"),
        postgresql_where=text("confirmed_email_key IS NOT NULL"),
    ),
    Index(
        "ix_users_privileged",
        "company_id",
        "role",
        sqlite_where=text("role <> 'learner'"),
        postgresql_where=text("role <> 'learner'"),
    ),
    Index(
        "ix_users_deleted",
        "company_id",
        "deleted_at",
        sqlite_where=text("deleted_at IS NOT NULL"),
        postgresql_where=text("deleted_at IS NOT NULL"),
    ),
    Index(
        "ix_users_not_linked",
        "company_id",
        "id",
        sqlite_where=text("link <> 'linked'"),
        postgresql_where=text("link <> 'linked'"),
    ),
    Index(
        "ix_users_archived",
        "company_id",
        "archived_at",
        sqlite_where=text("archived_at IS NOT NULL"),
        postgresql_where=text("archived_at IS NOT NULL"),
    ),
)

events = _company_table(
    "events",
    Column("at", Text, nullable=False),
    Column("kind", Text),  # NULL: a line of the provisioning log about no event, or about several
    Column("actor", Text, nullable=False),
    Column("subject_id", Text, nullable=False),  # the user, key or company it happened to; "" for nobody
    Column("changes", _json(), nullable=False),
    Column("request_id", Text),
    # The line of the provisioning log, where the row is one: one row for both, since most requests make one event.
    Column("method", Text),
    Column("path", Text),
    Column("status", Integer),
    Column("decision", Text),
    Column("ignored", _json()),
    Column("hint", Text),
    CheckConstraint("kind IS NOT NULL OR method IS NOT NULL", name="ck_events_what"),
    Index("ix_events_subject", "company_id", "subject_id", "id"),
    Index(
        "ix_events_line",
        "company_id",
        "id",
        sqlite_where=text("method IS NOT NULL"),
        postgresql_where=text("method IS NOT NULL"),
    ),
)

tasks = _company_table(
    "tasks",
    Column("name", Text, nullable=False),
    Column("payload", _json(), nullable=False),
    Column("waiting_key", Text),  # at most one waiting task per key: work that would be done twice is asked once
    Column("state", Text, nullable=False),
    Column("due_at", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("lease_until", Text),
    Column("error", Text),
    Column("created_at", Text, nullable=False),
    Column("ended_at", Text),
    UniqueConstraint("company_id", "name", "waiting_key", name="uq_tasks_waiting_key"),
    CheckConstraint("state IN ('due', 'running', 'done', 'failed')", name="ck_tasks_state"),
    Index(
        "ix_tasks_due",
        "due_at",
        "company_id",
        "id",
        sqlite_where=text("state IN ('due', 'running')"),
        postgresql_where=text("state IN ('due', 'running')"),
    ),
    Index("ix_tasks_state", "company_id", "state", "ended_at"),
)

sign_in_links = _company_table(
    "sign_in_links",
    Column("user_id", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
    Column("used_at", Text),
    Column("ended_at", Text),
    _of_user("sign_in_links"),
    UniqueConstraint("company_id", "digest", name="uq_sign_in_links_digest"),
    Index("ix_sign_in_links_user", "company_id", "user_id"),
)

sessions = _company_table(
    "sessions",
    Column("user_id", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
    Column("ended_at", Text),
    _of_user("sessions"),
    UniqueConstraint("company_id", "digest", name="uq_sessions_digest"),
    Index("ix_sessions_user", "company_id", "user_id"),
)

alarms = _company_table(
    "alarms",
    Column("kind", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("open_key", Text),  # kind and subject while it is open: one open alarm for one matter
    Column("raised_at", Text, nullable=False),
    Column("detail", _json(), nullable=False),
    Column("resolved_at", Text),
    Column("resolved_by", Text),
    _of_company("alarms"),
    UniqueConstraint("company_id", "open_key", name="uq_alarms_open"),
    Index("ix_alarms_raised", "company_id", "raised_at"),
)

# What lies above people reads this view: an archived person is in no learning report (promise P5).
ACTIVE_USERS_VIEW = """
CREATE VIEW active_users AS
SELECT company_id, id, user_name, email, given_name, family_name, name_key, role, location, business_unit,
       department, job_title, manager_value, manager_name, locale, preferred_language, time_zone, hire_date,
       external_id, link, linked_at, created_at, updated_at
FROM users
WHERE archived_at IS NULL AND deleted_at IS NULL
"""

active_users = Table(
    "active_users",
    MetaData(),
    *(Column(name.strip(), Text) for name in ACTIVE_USERS_VIEW.partition("SELECT")[2].partition("FROM")[0].split(",")),
)

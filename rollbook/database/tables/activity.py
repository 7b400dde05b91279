"""What happened and what follows: events with the provisioning log, and tasks."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Integer, Text, UniqueConstraint, text

from rollbook.database.tables.shape import company_table, json

events = company_table(
    "events",
    Column("at", Text, nullable=False),
    Column("kind", Text),  # NULL: a line of the provisioning log about no event, or about several
    Column("actor", Text, nullable=False),
    Column("subject_id", Text, nullable=False),  # the user, key or company it happened to; "" for nobody
    Column("changes", json(), nullable=False),
    Column("request_id", Text),
    # The line of the provisioning log, where the row is one: one row for both, since most requests make one event.
    Column("method", Text),
    Column("path", Text),
    Column("status", Integer),
    Column("decision", Text),
    Column("ignored", json()),
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

tasks = company_table(
    "tasks",
    Column("name", Text, nullable=False),
    Column("payload", json(), nullable=False),
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

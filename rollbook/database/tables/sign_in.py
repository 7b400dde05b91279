"""What a person signs in with, and the alarms about people."""

from __future__ import annotations

from sqlalchemy import Column, Index, Text, UniqueConstraint

from rollbook.database.tables.shape import company_table, json, of_company, of_user

sign_in_links = company_table(
    "sign_in_links",
    Column("user_id", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
    Column("used_at", Text),
    Column("ended_at", Text),
    of_user("sign_in_links"),
    UniqueConstraint("company_id", "digest", name="uq_sign_in_links_digest"),
    Index("ix_sign_in_links_user", "company_id", "user_id"),
)

sessions = company_table(
    "sessions",
    Column("user_id", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
    Column("ended_at", Text),
    of_user("sessions"),
    UniqueConstraint("company_id", "digest", name="uq_sessions_digest"),
    Index("ix_sessions_user", "company_id", "user_id"),
)

alarms = company_table(
    "alarms",
    Column("kind", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("open_key", Text),  # kind and subject while it is open: one open alarm for one matter
    Column("raised_at", Text, nullable=False),
    Column("detail", json(), nullable=False),
    Column("resolved_at", Text),
    Column("resolved_by", Text),
    of_company("alarms"),
    UniqueConstraint("company_id", "open_key", name="uq_alarms_open"),
    Index("ix_alarms_raised", "company_id", "raised_at"),
)

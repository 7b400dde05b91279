"""Companies, their keys, and what belongs to this installation alone."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Integer, PrimaryKeyConstraint, Table, Text, UniqueConstraint

from rollbook.database.tables.shape import company_table, json, metadata, of_company

companies = Table(
    "companies",
    metadata,
    Column("id", Text, nullable=False),
    Column("subdomain", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("settings", json(), nullable=False),  # what an administrator decides for the company
    Column("rules_version", Text),  # changes with each rule of a smart group; NULL: there never was one
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

api_keys = company_table(
    "api_keys",
    Column("scope", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text),
    Column("last_used_at", Text),
    Column("revoked_at", Text),
    of_company("api_keys"),
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
    of_company("failed_sign_ins"),
)

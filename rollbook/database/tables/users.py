"""Users, and the view of those who are here."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Integer, MetaData, Table, Text, UniqueConstraint, text

from rollbook.database.tables.shape import company_table, json, of_company

users = company_table(
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
    Column("away_from", Text),  # the last archive that ended with a restore, and when: what fell due between is no news
    Column("away_until", Text),
    Column("deleted_at", Text),
    Column("former_user_name", Text),
    Column("former_email", Text),
    Column("former_external_id", Text),
    Column("joined_into", Text),
    Column("kept", json(), nullable=False),  # attributes without a column, as the client sent them
    Column("version", Integer, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    of_company("users"),
    UniqueConstraint("company_id", "user_name_key", name="uq_users_user_name"),
    UniqueConstraint("company_id", "email_claim", name="uq_users_email_claim"),
    UniqueConstraint("company_id", "external_id", name="uq_users_external_id"),
    CheckConstraint("role IN ('learner', 'creator', 'manager', 'admin')", name="ck_users_role"),
    CheckConstraint("link IN ('linked', 'known', 'unlinked', 'exempt')", name="ck_users_link"),
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

# What lies above people reads this view: an archived person is in no learning report (promise P5).
ACTIVE_USERS_VIEW = """
CREATE VIEW active_users AS
SELECT company_id, id, user_name, email, given_name, family_name, name_key, role, location, business_unit,
       department, job_title, manager_value, manager_name, locale, preferred_language, time_zone, hire_date,
       external_id, link, linked_at, away_from, away_until, created_at, updated_at
FROM users
WHERE archived_at IS NULL AND deleted_at IS NULL
"""

active_users = Table(
    "active_users",
    MetaData(),
    *(Column(name.strip(), Text) for name in ACTIVE_USERS_VIEW.partition("SELECT")[2].partition("FROM")[0].split(",")),
)

"""The house: companies, keys, users and their life, tasks, events and the provisioning log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.Text().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "companies",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subdomain", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("rules_version", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_companies"),
        sa.UniqueConstraint("subdomain", name="uq_companies_subdomain"),
    )
    op.create_table(
        "events",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("changes", JSON, nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("ignored", JSON, nullable=True),
        sa.Column("hint", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IS NOT NULL OR method IS NOT NULL", name="ck_events_what"),
        sa.PrimaryKeyConstraint("company_id", "id", name="pk_events"),
    )
    op.create_index(
        "ix_events_line",
        "events",
        ["company_id", "id"],
        unique=False,
        sqlite_where=sa.text("method IS NOT NULL"),
        postgresql_where=sa.text("method IS NOT NULL"),
    )
    op.create_index("ix_events_subject", "events", ["company_id", "subject_id", "id"], unique=False)
    op.create_table(
        "installation",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_installation"),
    )
    op.create_table(
        "tasks",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("waiting_key", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('due', 'running', 'done', 'failed')", name="ck_tasks_state"),
        sa.PrimaryKeyConstraint("company_id", "id", name="pk_tasks"),
        sa.UniqueConstraint("company_id", "name", "waiting_key", name="uq_tasks_waiting_key"),
    )
    op.create_index(
        "ix_tasks_due",
        "tasks",
        ["due_at", "company_id", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('due', 'running')"),
        postgresql_where=sa.text("state IN ('due', 'running')"),
    )
    op.create_index("ix_tasks_state", "tasks", ["company_id", "state", "ended_at"], unique=False)
    op.create_table(
        "alarms",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("open_key", sa.Text(), nullable=True),
        sa.Column("raised_at", sa.Text(), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("resolved_at", sa.Text(), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_alarms_company"),
        sa.PrimaryKeyConstraint("company_id", "id", name="pk_alarms"),
        sa.UniqueConstraint("company_id", "open_key", name="uq_alarms_open"),
    )
    op.create_index("ix_alarms_raised", "alarms", ["company_id", "raised_at"], unique=False)
    op.create_table(
        "api_keys",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=True),
        sa.Column("last_used_at", sa.Text(), nullable=True),
        sa.Column("revoked_at", sa.Text(), nullable=True),
        sa.CheckConstraint("scope IN ('scim', 'api')", name="ck_api_keys_scope"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_api_keys_company"),
        sa.PrimaryKeyConstraint("company_id", "id", name="pk_api_keys"),
        sa.UniqueConstraint("company_id", "prefix", name="uq_api_keys_prefix"),
    )
    op.create_table(
        "failed_sign_ins",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("minute", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_failed_sign_ins_company"),
        sa.PrimaryKeyConstraint("company_id", "minute", name="pk_failed_sign_ins"),
    )
    op.create_table(
        "users",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("user_name_key", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=True),
        sa.Column("email_claim", sa.Text(), nullable=True),
        sa.Column("confirmed_email", sa.Text(), nullable=True),
        sa.Column("confirmed_email_key", sa.Text(), nullable=True),
        sa.Column("given_name", sa.Text(), nullable=False),
        sa.Column("family_name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("business_unit", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("job_title", sa.Text(), nullable=True),
        sa.Column("manager_value", sa.Text(), nullable=True),
        sa.Column("manager_name", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("preferred_language", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("hire_date", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.Text(), nullable=True),
        sa.Column("archived_at", sa.Text(), nullable=True),
        sa.Column("archived_by", sa.Text(), nullable=True),
        sa.Column("away_from", sa.Text(), nullable=True),
        sa.Column("away_until", sa.Text(), nullable=True),
        sa.Column("deleted_at", sa.Text(), nullable=True),
        sa.Column("former_user_name", sa.Text(), nullable=True),
        sa.Column("former_email", sa.Text(), nullable=True),
        sa.Column("former_external_id", sa.Text(), nullable=True),
        sa.Column("joined_into", sa.Text(), nullable=True),
        sa.Column("kept", JSON, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.CheckConstraint("link IN ('linked', 'known', 'unlinked', 'exempt')", name="ck_users_link"),
        sa.CheckConstraint("role IN ('learner', 'creator', 'manager', 'admin')", name="ck_users_role"),
        sa.CheckConstraint("archived_at IS NULL OR email_claim IS NULL", name="ck_users_archived_claims_nothing"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_users_company"),
        sa.PrimaryKeyConstraint("company_id", "id", name="pk_users"),
        sa.UniqueConstraint("company_id", "email_claim", name="uq_users_email_claim"),
        sa.UniqueConstraint("company_id", "external_id", name="uq_users_external_id"),
        sa.UniqueConstraint("company_id", "user_name_key", name="uq_users_user_name"),
    )
    op.create_index(
        "ix_users_archived",
        "users",
        ["company_id", "archived_at"],
        unique=False,
        sqlite_where=sa.text("archived_at IS NOT NULL"),
        postgresql_where=sa.text("archived_at IS NOT NULL"),
    )
    op.create_index(
        "ix_users_confirmed_email",
        "users",
        ["company_id", "confirmed_email_key"],
        unique=False,
        sqlite_where=sa.text("confirmed_email_key IS NOT NULL"),
        postgresql_where=sa.text("confirmed_email_key IS NOT NULL"),
    )
    op.create_index(
        "ix_users_deleted",
        "users",
        ["company_id", "deleted_at"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NOT NULL"),
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index("ix_users_email", "users", ["company_id", "email_key"], unique=False)
    op.create_index("ix_users_name", "users", ["company_id", "name_key"], unique=False)
    op.create_index(
        "ix_users_not_linked",
        "users",
        ["company_id", "id"],
        unique=False,
        sqlite_where=sa.text("link <> 'linked'"),
        postgresql_where=sa.text("link <> 'linked'"),
    )
    op.create_index(
        "ix_users_privileged",
        "users",
        ["company_id", "role"],
        unique=False,
        sqlite_where=sa.text("role <> 'learner'"),
        postgresql_where=sa.text("role <> 'learner'"),
    )
    op.create_table(
        "sessions",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["company_id", "user_id"], ["users.company_id", "users.id"], name="fk_sessions_user"),
        sa.PrimaryKeyConstraint("company_id", "id", name="pk_sessions"),
        sa.UniqueConstraint("company_id", "digest", name="uq_sessions_digest"),
    )
    op.create_index("ix_sessions_user", "sessions", ["company_id", "user_id"], unique=False)
    op.create_table(
        "sign_in_links",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=False),
        sa.Column("used_at", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["company_id", "user_id"], ["users.company_id", "users.id"], name="fk_sign_in_links_user"
        ),
        sa.PrimaryKeyConstraint("company_id", "id", name="pk_sign_in_links"),
        sa.UniqueConstraint("company_id", "digest", name="uq_sign_in_links_digest"),
    )
    op.create_index("ix_sign_in_links_user", "sign_in_links", ["company_id", "user_id"], unique=False)
    op.execute(
        """
        CREATE VIEW active_users AS
        SELECT company_id, id, user_name, email, given_name, family_name, name_key, role, location, business_unit,
               department, job_title, manager_value, manager_name, locale, preferred_language, time_zone, hire_date,
               external_id, link, linked_at, away_from, away_until, created_at, updated_at
        FROM users
        WHERE archived_at IS NULL AND deleted_at IS NULL
        """
    )


def downgrade() -> None:
    op.execute("DROP VIEW active_users")
    op.drop_table("sign_in_links")
    op.drop_table("sessions")
    op.drop_table("users")
    op.drop_table("failed_sign_ins")
    op.drop_table("api_keys")
    op.drop_table("alarms")
    op.drop_table("tasks")
    op.drop_table("installation")
    op.drop_table("events")
    op.drop_table("companies")

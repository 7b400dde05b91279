"""The standard integration: connections, runs, what they saw and what they do; links that are not meant to be."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

JSON = sa.Text().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "okta_connections",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("org_url", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=True),
        sa.Column("app_id", sa.Text(), nullable=True),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("role_variable", sa.Text(), nullable=True),
        sa.Column("most_people", sa.Integer(), nullable=False),
        sa.Column("most_percent", sa.Integer(), nullable=False),
        sa.Column("sealed_token", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("configured_at", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.CheckConstraint("mode IN ('complement', 'full')", name="ck_okta_connections_mode"),
        sa.CheckConstraint("state IN ('on', 'off', 'needs_attention')", name="ck_okta_connections_state"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_okta_connections_company"),
        sa.PrimaryKeyConstraint("company_id", name="pk_okta_connections"),
    )
    op.create_table(
        "okta_fields",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("variable", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_okta_fields_company"),
        sa.PrimaryKeyConstraint("company_id", "field", name="pk_okta_fields"),
    )
    op.create_table(
        "okta_people",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("okta_id", sa.Text(), nullable=False),
        sa.Column("login_key", sa.Text(), nullable=True),
        sa.Column("email_key", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("profile", JSON, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("app_status", sa.Text(), nullable=True),
        sa.Column("app_external_id", sa.Text(), nullable=True),
        sa.Column("app_run", sa.Text(), nullable=True),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.Column("read_run", sa.Text(), nullable=False),
        sa.Column("missing_runs", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_okta_people_company"),
        sa.PrimaryKeyConstraint("company_id", "okta_id", name="pk_okta_people"),
    )
    op.create_index("ix_okta_people_email", "okta_people", ["company_id", "email_key"], unique=False)
    op.create_index("ix_okta_people_login", "okta_people", ["company_id", "login_key"], unique=False)
    op.create_table(
        "okta_runs",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=True),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("counts", JSON, nullable=False),
        sa.Column("notes", JSON, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Text(), nullable=True),
        sa.Column("read_at", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.Text(), nullable=True),
        sa.CheckConstraint("purpose IN ('sync', 'preview')", name="ck_okta_runs_purpose"),
        sa.CheckConstraint(
            "state IN ('waiting', 'reading', 'planning', 'held', 'applying',"
            " 'done', 'partial', 'needs_attention', 'skipped', 'dropped')",
            name="ck_okta_runs_state",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_okta_runs_company"),
        sa.PrimaryKeyConstraint("company_id", "id", name="pk_okta_runs"),
        sa.UniqueConstraint("company_id", "slot", name="uq_okta_runs_slot"),
    )
    op.create_index(
        "uq_okta_runs_open",
        "okta_runs",
        ["company_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "link_exemptions",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("exempted_at", sa.Text(), nullable=False),
        sa.Column("exempted_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id", "user_id"], ["users.company_id", "users.id"], name="fk_link_exemptions_user"
        ),
        sa.PrimaryKeyConstraint("company_id", "user_id", name="pk_link_exemptions"),
    )
    op.create_table(
        "okta_changes",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("okta_id", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changes", JSON, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why_not", sa.Text(), nullable=True),
        sa.Column("at", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('create', 'change', 'archive', 'restore', 'link', 'set_aside')", name="ck_okta_changes_kind"
        ),
        sa.CheckConstraint("state IN ('planned', 'applied', 'passed_over', 'undone')", name="ck_okta_changes_state"),
        sa.ForeignKeyConstraint(
            ["company_id", "run_id"], ["okta_runs.company_id", "okta_runs.id"], name="fk_okta_changes_run"
        ),
        sa.PrimaryKeyConstraint("company_id", "id", name="pk_okta_changes"),
    )
    op.create_index("ix_okta_changes_run", "okta_changes", ["company_id", "run_id", "id"], unique=False)
    op.create_index(
        "ix_okta_changes_user",
        "okta_changes",
        ["company_id", "user_id"],
        unique=False,
        sqlite_where=sa.text("user_id IS NOT NULL"),
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
    op.create_table(
        "refused_matches",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("refused_at", sa.Text(), nullable=False),
        sa.Column("refused_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id", "user_id"], ["users.company_id", "users.id"], name="fk_refused_matches_user"
        ),
        sa.PrimaryKeyConstraint("company_id", "user_id", "external_id", name="pk_refused_matches"),
    )


def downgrade() -> None:
    op.drop_table("refused_matches")
    op.drop_table("link_exemptions")
    op.drop_table("okta_changes")
    op.drop_table("okta_people")
    op.drop_table("okta_runs")
    op.drop_table("okta_fields")
    op.drop_table("okta_connections")

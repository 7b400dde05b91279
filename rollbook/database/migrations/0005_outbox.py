"""Mail and its states."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("act_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("due_at", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('first', 'assigned', 'reminder', 'overdue', 'welcome', 'link')", name="ck_outbox_kind"
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'sent', 'cancelled', 'unknown', 'failed', 'withheld')",
            name="ck_outbox_state",
        ),
        sa.ForeignKeyConstraint(["company_id", "user_id"], ["users.company_id", "users.id"], name="fk_outbox_user"),
        sa.PrimaryKeyConstraint("company_id", "id", name="pk_outbox"),
        sa.UniqueConstraint("company_id", "user_id", "act_id", name="uq_outbox_act"),
    )
    op.create_index(
        "ix_outbox_open",
        "outbox",
        ["company_id", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'sending')"),
        postgresql_where=sa.text("state IN ('queued', 'sending')"),
    )
    op.create_table(
        "outbox_items",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("assignment_id", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("mail_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id", "mail_id"], ["outbox.company_id", "outbox.id"], name="fk_outbox_items_mail"
        ),
        sa.PrimaryKeyConstraint("company_id", "user_id", "assignment_id", "round", "kind", name="pk_outbox_items"),
    )
    op.create_index("ix_outbox_items_mail", "outbox_items", ["company_id", "mail_id"], unique=False)


def downgrade() -> None:
    op.drop_table("outbox_items")
    op.drop_table("outbox")

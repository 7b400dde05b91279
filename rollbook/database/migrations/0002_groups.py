"""Groups, their rules, members and managers; each company gets its everyone."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from rollbook import clock

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JSON = sa.Text().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    groups = op.create_table(
        "groups",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("followed", sa.Integer(), nullable=False),
        sa.Column("archived_at", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.CheckConstraint("archived_at IS NULL OR name_key IS NULL", name="ck_groups_archived_claims_nothing"),
        sa.CheckConstraint("kind IN ('everyone', 'custom', 'smart')", name="ck_groups_kind"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_groups_company"),
        sa.PrimaryKeyConstraint("company_id", "id", name="pk_groups"),
        sa.UniqueConstraint("company_id", "name_key", name="uq_groups_name"),
    )
    op.create_table(
        "group_rules",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rule", JSON, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=True),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('building', 'live', 'replaced')", name="ck_group_rules_state"),
        sa.ForeignKeyConstraint(
            ["company_id", "group_id"], ["groups.company_id", "groups.id"], name="fk_group_rules_group"
        ),
        sa.PrimaryKeyConstraint("company_id", "group_id", "version", name="pk_group_rules"),
    )
    _people("group_members", "joined_at", [sa.Column("version", sa.Integer(), nullable=False)])
    _people("group_managers", "appointed_at", [])
    now = clock.text(clock.now())
    companies = op.get_bind().execute(sa.text("SELECT id FROM companies")).fetchall()
    for (company_id,) in companies:
        row = {"company_id": company_id, "id": clock.new_id(), "name": "Everyone", "name_key": "everyone"}
        row |= {"kind": "everyone", "version": 0, "followed": 0, "created_at": now, "updated_at": now}
        op.execute(groups.insert().values(row))


def _people(name: str, since: str, more: list[sa.Column[Any]]) -> None:
    op.create_table(
        name,
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        *more,
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column(since, sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id", "group_id"], ["groups.company_id", "groups.id"], name=f"fk_{name}_group"
        ),
        sa.ForeignKeyConstraint(["company_id", "user_id"], ["users.company_id", "users.id"], name=f"fk_{name}_user"),
        sa.PrimaryKeyConstraint(
            "company_id", "group_id", *(column.name for column in more), "user_id", name=f"pk_{name}"
        ),
    )
    columns = ["company_id", "user_id", "group_id", *(column.name for column in more)]
    op.create_index(f"ix_{name}_user", name, columns, unique=False)


def downgrade() -> None:
    op.drop_table("group_managers")
    op.drop_table("group_members")
    op.drop_table("group_rules")
    op.drop_table("groups")

"""Groups of people, who is in them and who manages them."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from rollbook.database.tables.shape import company_table, metadata, of_company, of_user

groups = company_table(
    "groups",
    Column("name", Text, nullable=False),
    Column("name_key", Text),  # folded; NULL once the group is archived, so that another one may have the name
    Column("kind", Text, nullable=False),
    Column("archived_at", Text),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    of_company("groups"),
    UniqueConstraint("company_id", "name_key", name="uq_groups_name"),
    CheckConstraint("kind IN ('everyone', 'custom')", name="ck_groups_kind"),
    CheckConstraint("archived_at IS NULL OR name_key IS NULL", name="ck_groups_archived_claims_nothing"),
)


def _of_group(name: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["company_id", "group_id"], ["groups.company_id", "groups.id"], name=f"fk_{name}_group")


# Of everyone there is no row: whoever is active belongs.
group_members = Table(
    "group_members",
    metadata,
    Column("company_id", Text, nullable=False),
    Column("group_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("joined_at", Text, nullable=False),
    PrimaryKeyConstraint("company_id", "group_id", "user_id", name="pk_group_members"),
    _of_group("group_members"),
    of_user("group_members"),
    Index("ix_group_members_user", "company_id", "user_id", "group_id"),
)

group_managers = Table(
    "group_managers",
    metadata,
    Column("company_id", Text, nullable=False),
    Column("group_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("appointed_at", Text, nullable=False),
    PrimaryKeyConstraint("company_id", "group_id", "user_id", name="pk_group_managers"),
    _of_group("group_managers"),
    of_user("group_managers"),
    Index("ix_group_managers_user", "company_id", "user_id", "group_id"),
)

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


def _people(name: str, since: str) -> Table:
    """Who belongs to a group in one way or another, and since when."""
    return Table(
        name,
        metadata,
        Column("company_id", Text, nullable=False),
        Column("group_id", Text, nullable=False),
        Column("user_id", Text, nullable=False),
        Column(since, Text, nullable=False),
        PrimaryKeyConstraint("company_id", "group_id", "user_id", name=f"pk_{name}"),
        ForeignKeyConstraint(["company_id", "group_id"], ["groups.company_id", "groups.id"], name=f"fk_{name}_group"),
        of_user(name),
        Index(f"ix_{name}_user", "company_id", "user_id", "group_id"),
    )


group_members = _people("group_members", "joined_at")  # none of everyone: whoever is active belongs
group_managers = _people("group_managers", "appointed_at")

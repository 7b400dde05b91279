"""Groups of people, who is in them and who manages them."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from rollbook.database.tables.shape import company_table, json, metadata, of_company, of_user

groups = company_table(
    "groups",
    Column("name", Text, nullable=False),
    Column("name_key", Text),  # folded; NULL once the group is archived, so that another one may have the name
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),  # whose members count; each rule of a smart group has its own
    Column("followed", Integer, nullable=False),  # 1: something is assigned to whoever joins
    Column("archived_at", Text),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    of_company("groups"),
    UniqueConstraint("company_id", "name_key", name="uq_groups_name"),
    CheckConstraint("kind IN ('everyone', 'custom', 'smart')", name="ck_groups_kind"),
    CheckConstraint("archived_at IS NULL OR name_key IS NULL", name="ck_groups_archived_claims_nothing"),
)


# A rule is built beside the one that counts, in steps, and switched on in one small write.
group_rules = Table(
    "group_rules",
    metadata,
    Column("company_id", Text, nullable=False),
    Column("group_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("rule", json(), nullable=False),
    Column("state", Text, nullable=False),
    Column("cursor", Text, nullable=False),  # the id of the last user looked at, then of the last one told of
    # The version whose members were told that they are in; NULL before the switch, and when everybody was told.
    Column("told", Integer),
    Column("made_by", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    PrimaryKeyConstraint("company_id", "group_id", "version", name="pk_group_rules"),
    ForeignKeyConstraint(["company_id", "group_id"], ["groups.company_id", "groups.id"], name="fk_group_rules_group"),
    CheckConstraint("state IN ('building', 'live', 'replaced')", name="ck_group_rules_state"),
)

group_members = Table(
    "group_members",
    metadata,
    Column("company_id", Text, nullable=False),
    Column("group_id", Text, nullable=False),
    Column("version", Integer, nullable=False),  # 0 in a group filled by hand
    Column("user_id", Text, nullable=False),
    Column("joined_at", Text, nullable=False),
    PrimaryKeyConstraint("company_id", "group_id", "version", "user_id", name="pk_group_members"),
    ForeignKeyConstraint(["company_id", "group_id"], ["groups.company_id", "groups.id"], name="fk_group_members_group"),
    of_user("group_members"),
    # Holds the version too: otherwise SQLite prefers the primary key, which has it, and walks the whole company.
    Index("ix_group_members_user", "company_id", "user_id", "group_id", "version"),
)  # none of everyone: whoever is active belongs

group_managers = Table(
    "group_managers",
    metadata,
    Column("company_id", Text, nullable=False),
    Column("group_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("appointed_at", Text, nullable=False),
    PrimaryKeyConstraint("company_id", "group_id", "user_id", name="pk_group_managers"),
    ForeignKeyConstraint(
        ["company_id", "group_id"], ["groups.company_id", "groups.id"], name="fk_group_managers_group"
    ),
    of_user("group_managers"),
    Index("ix_group_managers_user", "company_id", "user_id", "group_id"),
)

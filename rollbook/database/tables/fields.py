"""Fields that a company adds to its people, and their values."""

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

from rollbook.database.tables.shape import company_table, json, metadata, of_company, of_user

fields = company_table(
    "fields",
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("choices", json(), nullable=False),
    Column("owner", Text, nullable=False),
    Column("attribute", Text, nullable=False),  # its name in SCIM, which it keeps for life
    Column("attribute_key", Text, nullable=False),
    Column("user_column", Text),  # of the users' table, for a field that every company has; NULL for one of their own
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    of_company("fields"),
    UniqueConstraint("company_id", "name_key", name="uq_fields_name"),
    UniqueConstraint("company_id", "attribute_key", name="uq_fields_attribute"),
    UniqueConstraint("company_id", "user_column", name="uq_fields_user_column"),
    CheckConstraint("type IN ('text', 'number', 'date', 'choice')", name="ck_fields_type"),
    CheckConstraint("owner IN ('scim', 'okta', 'learning')", name="ck_fields_owner"),
)

# What a person has in a field, and who wrote it. Of a field with a column of its own the value stands in both places.
field_values = Table(
    "field_values",
    metadata,
    Column("company_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("field_id", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("value_key", Text, nullable=False),  # the folded beginning, for finding people by it
    Column("written_by", Text, nullable=False),
    Column("written_at", Text, nullable=False),
    PrimaryKeyConstraint("company_id", "user_id", "field_id", name="pk_field_values"),
    of_user("field_values"),
    ForeignKeyConstraint(["company_id", "field_id"], ["fields.company_id", "fields.id"], name="fk_field_values_field"),
    Index("ix_field_values_value", "company_id", "field_id", "value_key", "user_id"),
)

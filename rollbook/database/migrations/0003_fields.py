"""Fields of a company's own and their values; each company gets the field that holds hire dates."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from rollbook import clock

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

JSON = sa.Text().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    fields = op.create_table(
        "fields",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("choices", JSON, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("attribute_key", sa.Text(), nullable=False),
        sa.Column("user_column", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.CheckConstraint("owner IN ('scim', 'okta', 'learning')", name="ck_fields_owner"),
        sa.CheckConstraint("type IN ('text', 'number', 'date', 'choice')", name="ck_fields_type"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_fields_company"),
        sa.PrimaryKeyConstraint("company_id", "id", name="pk_fields"),
        sa.UniqueConstraint("company_id", "attribute_key", name="uq_fields_attribute"),
        sa.UniqueConstraint("company_id", "name_key", name="uq_fields_name"),
        sa.UniqueConstraint("company_id", "user_column", name="uq_fields_user_column"),
    )
    values = op.create_table(
        "field_values",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("field_id", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("value_key", sa.Text(), nullable=False),
        sa.Column("written_by", sa.Text(), nullable=False),
        sa.Column("written_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id", "field_id"], ["fields.company_id", "fields.id"], name="fk_field_values_field"
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "user_id"], ["users.company_id", "users.id"], name="fk_field_values_user"
        ),
        sa.PrimaryKeyConstraint("company_id", "user_id", "field_id", name="pk_field_values"),
    )
    op.create_index("ix_field_values_value", "field_values", ["company_id", "field_id", "value_key", "user_id"])
    now = clock.text(clock.now())
    connection = op.get_bind()
    for (company_id,) in connection.execute(sa.text("SELECT id FROM companies")).fetchall():
        field_id = clock.new_id()
        hire_date = {"company_id": company_id, "id": field_id, "name": "Hire date", "name_key": "hire date"}
        hire_date |= {"type": "date", "choices": sa.literal_column("'[]'"), "owner": "scim"}
        hire_date |= {"attribute": "hireDate", "attribute_key": "hiredate"}
        hire_date |= {"user_column": "hire_date", "created_at": now, "updated_at": now}
        connection.execute(fields.insert().values(hire_date))
        people = sa.text("SELECT id, hire_date, updated_at FROM users WHERE company_id = :c AND hire_date IS NOT NULL")
        for user_id, date, at in connection.execute(people, {"c": company_id}).fetchall():
            row = {"company_id": company_id, "user_id": user_id, "field_id": field_id, "value": date, "value_key": date}
            connection.execute(values.insert().values(row | {"written_by": "migration", "written_at": at}))


def downgrade() -> None:
    op.drop_table("field_values")
    op.drop_table("fields")

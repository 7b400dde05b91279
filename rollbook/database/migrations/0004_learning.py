"""Content, assignments, triggers."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "content",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("title_key", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("enforced_order", sa.Integer(), nullable=False),
        sa.Column("certification", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("author_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.Column("published_at", sa.Text(), nullable=True),
        sa.Column("archived_at", sa.Text(), nullable=True),
        sa.CheckConstraint("(kind = 'lesson') = (body IS NOT NULL)", name="ck_content_body"),
        sa.CheckConstraint("kind IN ('lesson', 'path')", name="ck_content_kind"),
        sa.CheckConstraint("state IN ('draft', 'published', 'archived')", name="ck_content_state"),
        sa.ForeignKeyConstraint(["company_id", "author_id"], ["users.company_id", "users.id"], name="fk_content_user"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], name="fk_content_company"),
        sa.PrimaryKeyConstraint("company_id", "id", name="pk_content"),
    )
    op.create_index("ix_content_title", "content", ["company_id", "title_key"], unique=False)
    op.create_table(
        "assignments",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("content_id", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("assigned_at", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.Text(), nullable=False),
        sa.Column("assigned_by", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Text(), nullable=True),
        sa.Column("completed_at", sa.Text(), nullable=True),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("group_assignment_id", sa.Text(), nullable=True),
        sa.Column("trigger_id", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.CheckConstraint("(state = 'completed') = (completed_at IS NOT NULL)", name="ck_assignments_completed"),
        sa.CheckConstraint("state IN ('incomplete', 'completed', 'withdrawn')", name="ck_assignments_state"),
        sa.CheckConstraint("score IS NULL OR score BETWEEN 0 AND 100", name="ck_assignments_score"),
        sa.ForeignKeyConstraint(
            ["company_id", "content_id"], ["content.company_id", "content.id"], name="fk_assignments_content"
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "user_id"], ["users.company_id", "users.id"], name="fk_assignments_user"
        ),
        sa.PrimaryKeyConstraint("company_id", "id", name="pk_assignments"),
        sa.UniqueConstraint("company_id", "user_id", "content_id", name="uq_assignments_content"),
    )
    op.create_index(
        "ix_assignments_content",
        "assignments",
        ["company_id", "content_id", "state", "user_id", "due_on", "score"],
        unique=False,
    )
    op.create_index(
        "ix_assignments_user",
        "assignments",
        ["company_id", "user_id", "content_id", "state", "due_on", "score"],
        unique=False,
    )
    op.create_index(
        "ix_assignments_opened",
        "assignments",
        ["company_id", "opened_at", "state", "user_id", "content_id"],
        unique=False,
    )
    op.create_index(
        "ix_assignments_completed",
        "assignments",
        ["company_id", "completed_at", "user_id", "content_id"],
        unique=False,
        sqlite_where=sa.text("completed_at IS NOT NULL"),
        postgresql_where=sa.text("completed_at IS NOT NULL"),
    )
    op.create_index(
        "ix_assignments_due",
        "assignments",
        ["company_id", "due_on", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'incomplete' AND due_on IS NOT NULL"),
        postgresql_where=sa.text("state = 'incomplete' AND due_on IS NOT NULL"),
    )
    op.create_table(
        "group_assignments",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("content_id", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Text(), nullable=True),
        sa.Column("due_days", sa.Integer(), nullable=True),
        sa.Column("notify", sa.Integer(), nullable=False),
        sa.Column("newcomers", sa.Integer(), nullable=False),
        sa.Column("reassign", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("assigned_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('assigning', 'open', 'withdrawing', 'withdrawn')", name="ck_group_assignments_state"
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "content_id"], ["content.company_id", "content.id"], name="fk_group_assignments_content"
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "group_id"], ["groups.company_id", "groups.id"], name="fk_group_assignments_group"
        ),
        sa.PrimaryKeyConstraint("company_id", "id", name="pk_group_assignments"),
    )
    op.create_index("ix_group_assignments_content", "group_assignments", ["company_id", "content_id"], unique=False)
    op.create_index("ix_group_assignments_group", "group_assignments", ["company_id", "group_id"], unique=False)
    op.create_table(
        "path_lessons",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("path_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("lesson_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id", "lesson_id"], ["content.company_id", "content.id"], name="fk_path_lessons_lesson"
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "path_id"], ["content.company_id", "content.id"], name="fk_path_lessons_path"
        ),
        sa.PrimaryKeyConstraint("company_id", "path_id", "position", name="pk_path_lessons"),
        sa.UniqueConstraint("company_id", "path_id", "lesson_id", name="uq_path_lessons_lesson"),
    )
    op.create_index("ix_path_lessons_lesson", "path_lessons", ["company_id", "lesson_id"], unique=False)
    op.create_table(
        "triggers",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=True),
        sa.Column("completed_id", sa.Text(), nullable=True),
        sa.Column("content_id", sa.Text(), nullable=False),
        sa.Column("due_days", sa.Integer(), nullable=True),
        sa.Column("notify", sa.Integer(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.Text(), nullable=True),
        sa.CheckConstraint("(kind = 'completed') = (completed_id IS NOT NULL)", name="ck_triggers_completed"),
        sa.CheckConstraint("(kind = 'joined') = (group_id IS NOT NULL)", name="ck_triggers_group"),
        sa.CheckConstraint("kind IN ('joined', 'completed')", name="ck_triggers_kind"),
        sa.ForeignKeyConstraint(
            ["company_id", "completed_id"], ["content.company_id", "content.id"], name="fk_triggers_completed"
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "content_id"], ["content.company_id", "content.id"], name="fk_triggers_content"
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "group_id"], ["groups.company_id", "groups.id"], name="fk_triggers_group"
        ),
        sa.PrimaryKeyConstraint("company_id", "id", name="pk_triggers"),
    )
    op.create_index("ix_triggers_completed", "triggers", ["company_id", "completed_id"], unique=False)
    op.create_index("ix_triggers_group", "triggers", ["company_id", "group_id"], unique=False)
    op.create_table(
        "assignment_rounds",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("assignment_id", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Text(), nullable=True),
        sa.Column("completed_at", sa.Text(), nullable=True),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("ended_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id", "assignment_id"],
            ["assignments.company_id", "assignments.id"],
            name="fk_assignment_rounds_assignment",
        ),
        sa.PrimaryKeyConstraint("company_id", "assignment_id", "round", name="pk_assignment_rounds"),
    )
    op.create_index("ix_assignment_rounds_opened", "assignment_rounds", ["company_id", "opened_at"], unique=False)
    op.create_index(
        "ix_assignment_rounds_completed",
        "assignment_rounds",
        ["company_id", "completed_at"],
        unique=False,
        sqlite_where=sa.text("completed_at IS NOT NULL"),
        postgresql_where=sa.text("completed_at IS NOT NULL"),
    )
    op.create_table(
        "path_progress",
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("assignment_id", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("lesson_id", sa.Text(), nullable=False),
        sa.Column("completed_at", sa.Text(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["company_id", "assignment_id"],
            ["assignments.company_id", "assignments.id"],
            name="fk_path_progress_assignment",
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "lesson_id"], ["content.company_id", "content.id"], name="fk_path_progress_lesson"
        ),
        sa.PrimaryKeyConstraint("company_id", "assignment_id", "round", "lesson_id", name="pk_path_progress"),
    )


def downgrade() -> None:
    op.drop_table("path_progress")
    op.drop_table("assignment_rounds")
    op.drop_table("triggers")
    op.drop_table("path_lessons")
    op.drop_table("group_assignments")
    op.drop_table("assignments")
    op.drop_table("content")

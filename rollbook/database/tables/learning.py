"""Content, who is to do what until when, and what they have done."""

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
    text,
)

from rollbook.database.tables.shape import company_table, metadata, of_company, of_user


def _of_content(name: str, column: str = "content_id") -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["company_id", column], ["content.company_id", "content.id"], name=f"fk_{name}_{column.removesuffix('_id')}"
    )


def _of_group(name: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["company_id", "group_id"], ["groups.company_id", "groups.id"], name=f"fk_{name}_group")


# Lessons and paths are both what a person can be assigned: one table, so that an assignment refers to one thing.
content = company_table(
    "content",
    Column("kind", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("title_key", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("body", Text),  # Markdown, of a lesson
    Column("enforced_order", Integer, nullable=False),  # 1: a path whose lessons are done one after the other
    Column("certification", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("author_id", Text),  # NULL: made by a key or the operator
    Column("version", Integer, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Column("published_at", Text),
    Column("archived_at", Text),
    of_company("content"),
    of_user("content", "author_id"),
    CheckConstraint("kind IN ('lesson', 'path')", name="ck_content_kind"),
    CheckConstraint("state IN ('draft', 'published', 'archived')", name="ck_content_state"),
    CheckConstraint("(kind = 'lesson') = (body IS NOT NULL)", name="ck_content_body"),
    Index("ix_content_title", "company_id", "title_key"),
)

path_lessons = Table(
    "path_lessons",
    metadata,
    Column("company_id", Text, nullable=False),
    Column("path_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("lesson_id", Text, nullable=False),
    PrimaryKeyConstraint("company_id", "path_id", "position", name="pk_path_lessons"),
    UniqueConstraint("company_id", "path_id", "lesson_id", name="uq_path_lessons_lesson"),
    _of_content("path_lessons", "path_id"),
    _of_content("path_lessons", "lesson_id"),
    Index("ix_path_lessons_lesson", "company_id", "lesson_id"),
)

# A person is assigned a thing once; assigned again, it is reassigned, and another round begins.
assignments = company_table(
    "assignments",
    Column("user_id", Text, nullable=False),
    Column("content_id", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("state", Text, nullable=False),  # overdue is incomplete with a day that is past
    Column("assigned_at", Text, nullable=False),  # the first round
    Column("opened_at", Text, nullable=False),  # this round
    Column("assigned_by", Text, nullable=False),
    Column("due_on", Text),
    Column("completed_at", Text),
    Column("score", Integer),
    Column("group_assignment_id", Text),
    Column("trigger_id", Text),
    Column("updated_at", Text, nullable=False),
    of_user("assignments"),
    _of_content("assignments"),
    UniqueConstraint("company_id", "user_id", "content_id", name="uq_assignments_content"),
    CheckConstraint("state IN ('incomplete', 'completed', 'withdrawn')", name="ck_assignments_state"),
    CheckConstraint("(state = 'completed') = (completed_at IS NOT NULL)", name="ck_assignments_completed"),
    CheckConstraint("score IS NULL OR score BETWEEN 0 AND 100", name="ck_assignments_score"),
    # Four that hold all that a report counts, so that it never looks at the rows: two million of them in a big company.
    Index("ix_assignments_content", "company_id", "content_id", "state", "user_id", "due_on", "score"),
    Index("ix_assignments_user", "company_id", "user_id", "content_id", "state", "due_on", "score"),
    Index("ix_assignments_opened", "company_id", "opened_at", "state", "user_id", "content_id"),
    Index(
        "ix_assignments_completed",
        "company_id",
        "completed_at",
        "user_id",
        "content_id",
        sqlite_where=text("completed_at IS NOT NULL"),
        postgresql_where=text("completed_at IS NOT NULL"),
    ),
    Index(
        "ix_assignments_due",
        "company_id",
        "due_on",
        "id",
        sqlite_where=text("state = 'incomplete' AND due_on IS NOT NULL"),
        postgresql_where=text("state = 'incomplete' AND due_on IS NOT NULL"),
    ),
)

# The rounds that are over, each as it ended.
assignment_rounds = Table(
    "assignment_rounds",
    metadata,
    Column("company_id", Text, nullable=False),
    Column("assignment_id", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("opened_at", Text, nullable=False),
    Column("due_on", Text),
    Column("completed_at", Text),
    Column("score", Integer),
    Column("ended_at", Text, nullable=False),
    PrimaryKeyConstraint("company_id", "assignment_id", "round", name="pk_assignment_rounds"),
    ForeignKeyConstraint(
        ["company_id", "assignment_id"],
        ["assignments.company_id", "assignments.id"],
        name="fk_assignment_rounds_assignment",
    ),
    Index("ix_assignment_rounds_opened", "company_id", "opened_at"),
    Index(
        "ix_assignment_rounds_completed",
        "company_id",
        "completed_at",
        sqlite_where=text("completed_at IS NOT NULL"),
        postgresql_where=text("completed_at IS NOT NULL"),
    ),
)

# What has been done of an assigned path.
path_progress = Table(
    "path_progress",
    metadata,
    Column("company_id", Text, nullable=False),
    Column("assignment_id", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("lesson_id", Text, nullable=False),
    Column("completed_at", Text, nullable=False),
    Column("score", Integer),
    PrimaryKeyConstraint("company_id", "assignment_id", "round", "lesson_id", name="pk_path_progress"),
    ForeignKeyConstraint(
        ["company_id", "assignment_id"],
        ["assignments.company_id", "assignments.id"],
        name="fk_path_progress_assignment",
    ),
    _of_content("path_progress", "lesson_id"),
)

# A group is assigned a thing: its members in steps, and whoever joins later where that was asked for.
group_assignments = company_table(
    "group_assignments",
    Column("group_id", Text, nullable=False),
    Column("content_id", Text, nullable=False),
    Column("due_on", Text),
    Column("due_days", Integer),  # after a newcomer joined, in place of the day
    Column("notify", Integer, nullable=False),
    Column("newcomers", Integer, nullable=False),  # 1: whoever joins later receives it too
    Column("reassign", Integer, nullable=False),  # 1: whoever has completed it does it again
    Column("state", Text, nullable=False),
    Column("cursor", Text, nullable=False),  # the id of the last member served
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("assigned_by", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("ended_at", Text),
    _of_group("group_assignments"),
    _of_content("group_assignments"),
    CheckConstraint("state IN ('assigning', 'open', 'withdrawing', 'withdrawn')", name="ck_group_assignments_state"),
    Index("ix_group_assignments_group", "company_id", "group_id"),
    Index("ix_group_assignments_content", "company_id", "content_id"),
)

triggers = company_table(
    "triggers",
    Column("kind", Text, nullable=False),
    Column("group_id", Text),
    Column("completed_id", Text),  # the content whose completion sets it off
    Column("content_id", Text, nullable=False),  # what is assigned then
    Column("due_days", Integer),
    Column("notify", Integer, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("ended_at", Text),
    _of_group("triggers"),
    _of_content("triggers"),
    _of_content("triggers", "completed_id"),
    CheckConstraint("kind IN ('joined', 'completed')", name="ck_triggers_kind"),
    CheckConstraint("(kind = 'joined') = (group_id IS NOT NULL)", name="ck_triggers_group"),
    CheckConstraint("(kind = 'completed') = (completed_id IS NOT NULL)", name="ck_triggers_completed"),
    Index("ix_triggers_group", "company_id", "group_id"),
    Index("ix_triggers_completed", "company_id", "completed_id"),
)

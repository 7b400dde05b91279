"""Mail: what is to be sent, was sent or was withheld, and the promise that nothing is sent twice."""

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

from rollbook.database.tables.shape import company_table, metadata, of_user

# The address and the text are made when the mail is sent: what waits here holds neither.
outbox = company_table(
    "outbox",
    Column("user_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("act_id", Text, nullable=False),  # several assignments of one act make one mail
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("subject", Text),  # as sent
    Column("due_at", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("sender", Text),  # the task, and its generation, that has it in hand or had it last
    Column("created_at", Text, nullable=False),
    Column("at", Text, nullable=False),  # when it came into this state
    of_user("outbox"),
    UniqueConstraint("company_id", "user_id", "act_id", name="uq_outbox_act"),
    CheckConstraint(
        "kind IN ('first', 'assigned', 'reminder', 'overdue', 'welcome', 'link')",
        name="ck_outbox_kind",
    ),
    CheckConstraint(
        "state IN ('queued', 'sending', 'sent', 'cancelled', 'unknown', 'failed', 'withheld')", name="ck_outbox_state"
    ),
    Index(
        "ix_outbox_open",
        "company_id",
        "due_at",
        "id",
        sqlite_where=text("state IN ('queued', 'sending')"),
        postgresql_where=text("state IN ('queued', 'sending')"),
    ),
)

# What a mail is about. The key is promise P4: a person hears of a round of an assignment once in each way.
outbox_items = Table(
    "outbox_items",
    metadata,
    Column("company_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("assignment_id", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("kind", Text, nullable=False),  # notice (told by a first or a plain mail), reminder:N, overdue:N
    Column("mail_id", Text, nullable=False),
    PrimaryKeyConstraint("company_id", "user_id", "assignment_id", "round", "kind", name="pk_outbox_items"),
    ForeignKeyConstraint(["company_id", "mail_id"], ["outbox.company_id", "outbox.id"], name="fk_outbox_items_mail"),
    Index("ix_outbox_items_mail", "company_id", "mail_id"),
)

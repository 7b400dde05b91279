"""The standard integration: how a company's Okta is read, the runs that read it, what they saw and what they do."""

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

from rollbook.database.tables.shape import company_table, json, metadata, of_company, of_user

okta_connections = Table(
    "okta_connections",
    metadata,
    Column("company_id", Text, nullable=False),
    Column("org_url", Text, nullable=False),
    Column("group_id", Text),  # NULL: the whole directory
    Column("app_id", Text),  # Okta's instance of the app: only its list shows Okta's own view of each link
    Column("mode", Text, nullable=False),
    Column("role_variable", Text),  # full mode, where a company lets Okta's attribute decide the role of a new user
    Column("most_people", Integer, nullable=False),  # archives over this many, or
    Column("most_percent", Integer, nullable=False),  # over this share of the active people, wait for a person's yes
    Column("sealed_token", Text),  # encrypted with the operator's secret; NULL until one was given
    Column("state", Text, nullable=False),
    Column("reason", Text),  # why it needs attention, in words for the administrator
    Column("configured_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    of_company("okta_connections"),
    PrimaryKeyConstraint("company_id", name="pk_okta_connections"),
    CheckConstraint("mode IN ('complement', 'full')", name="ck_okta_connections_mode"),
    CheckConstraint("state IN ('on', 'off', 'needs_attention')", name="ck_okta_connections_state"),
)

# Which of Okta's profile variables goes into which field; `field` is a name as people type it: hire_date, custom.NAME.
okta_fields = Table(
    "okta_fields",
    metadata,
    Column("company_id", Text, nullable=False),
    Column("field", Text, nullable=False),  # a column of people, or custom:ID, so that a renamed field stays mapped
    Column("variable", Text, nullable=False),
    of_company("okta_fields"),
    PrimaryKeyConstraint("company_id", "field", name="pk_okta_fields"),
)

okta_runs = company_table(
    "okta_runs",
    Column("slot", Text),  # the instant a run of the calendar is for; NULL where a person asked
    Column("purpose", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("part", Text),  # of a run that reads: which list
    Column("cursor", Text),  # of a run that reads: where its list goes on; of one that plans or applies: after whom
    Column("counts", json(), nullable=False),  # for people
    Column("notes", json(), nullable=False),  # what the run needs itself to go on where it was left
    Column("reason", Text),  # why it is held, was skipped, ended in part or needs attention
    Column("asked_by", Text, nullable=False),
    Column("approved_by", Text),
    Column("created_at", Text, nullable=False),
    Column("started_at", Text),
    Column("read_at", Text),  # when it had read everything: only then absence means something
    Column("ended_at", Text),
    of_company("okta_runs"),
    UniqueConstraint("company_id", "slot", name="uq_okta_runs_slot"),
    CheckConstraint("purpose IN ('sync', 'preview')", name="ck_okta_runs_purpose"),
    CheckConstraint(
        "state IN ('waiting', 'reading', 'planning', 'held', 'applying',"
        " 'done', 'partial', 'needs_attention', 'skipped', 'dropped')",
        name="ck_okta_runs_state",
    ),
    # One run of a company at a time.
    Index(
        "uq_okta_runs_open",
        "company_id",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

# What Okta said of each person when it was last read. Erased with the person.
okta_people = Table(
    "okta_people",
    metadata,
    Column("company_id", Text, nullable=False),
    Column("okta_id", Text, nullable=False),
    Column("login_key", Text),  # folded, for the rule that matches by user name
    Column("email_key", Text),
    Column("status", Text, nullable=False),  # Okta's word: ACTIVE, DEPROVISIONED …; ABSENT where Okta knows nobody
    Column("listed", Integer, nullable=False),  # 1: in the group (or the directory) when it was last read
    Column("profile", json(), nullable=False),  # the variables that are mapped, and those every person has
    Column("digest", Text, nullable=False),  # of all that planning looks at: unchanged people cost no write
    Column("app_status", Text),  # in the app's list: what Okta thinks of the link
    Column("app_external_id", Text),
    Column("app_run", Text),  # the run that saw the person last in that list
    Column("refused", Text),  # why this record was set aside, in words; NULL where it is sound
    Column("read_run", Text, nullable=False),  # the run that read the person last
    Column("missing_runs", Integer, nullable=False),  # complete runs in a row that did not find the person listed
    of_company("okta_people"),
    PrimaryKeyConstraint("company_id", "okta_id", name="pk_okta_people"),
    Index("ix_okta_people_login", "company_id", "login_key"),
    Index("ix_okta_people_email", "company_id", "email_key"),
)

# The plan of a run: what is to be done and what was done, each with the rule that says so.
okta_changes = company_table(
    "okta_changes",
    Column("run_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("okta_id", Text),
    Column("user_id", Text),  # NULL for somebody who is to be created
    Column("rule", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changes", json(), nullable=False),  # field: [before, after]
    Column("state", Text, nullable=False),
    Column("why_not", Text),
    Column("at", Text),  # when it was applied, passed over or undone
    ForeignKeyConstraint(
        ["company_id", "run_id"], ["okta_runs.company_id", "okta_runs.id"], name="fk_okta_changes_run"
    ),
    CheckConstraint(
        "kind IN ('create', 'change', 'archive', 'restore', 'link', 'set_aside')", name="ck_okta_changes_kind"
    ),
    CheckConstraint("state IN ('planned', 'applied', 'passed_over', 'undone')", name="ck_okta_changes_state"),
    Index("ix_okta_changes_run", "company_id", "run_id", "id"),
    Index(
        "ix_okta_changes_user",
        "company_id",
        "user_id",
        sqlite_where=text("user_id IS NOT NULL"),
        postgresql_where=text("user_id IS NOT NULL"),
    ),
)

# A match that a person undid: no rule makes it again.
refused_matches = Table(
    "refused_matches",
    metadata,
    Column("company_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("refused_at", Text, nullable=False),
    Column("refused_by", Text, nullable=False),
    of_user("refused_matches"),
    PrimaryKeyConstraint("company_id", "user_id", "external_id", name="pk_refused_matches"),
)

# Who is meant to have no link: nothing archives, changes or links them by itself.
link_exemptions = Table(
    "link_exemptions",
    metadata,
    Column("company_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("exempted_at", Text, nullable=False),
    Column("exempted_by", Text, nullable=False),
    of_user("link_exemptions"),
    PrimaryKeyConstraint("company_id", "user_id", name="pk_link_exemptions"),
)

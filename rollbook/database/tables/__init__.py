"""Every table, in the shape the newest migration leaves it (a test compares the two).

`company_id` leads every primary key, unique constraint, foreign key and index, so that a company's rows can live
on one shard; EXCEPTIONS lists what does not and why. Instants and ids are text (docs/decisions/0003), JSON is JSONB
on PostgreSQL and text on SQLite. No triggers, no deferrable constraints, every constraint has a name of ours.
"""

from __future__ import annotations

from rollbook.database.tables.activity import events, tasks
from rollbook.database.tables.companies import api_keys, companies, failed_sign_ins, installation
from rollbook.database.tables.fields import field_values, fields
from rollbook.database.tables.groups import group_managers, group_members, group_rules, groups
from rollbook.database.tables.learning import (
    assignment_rounds,
    assignments,
    content,
    group_assignments,
    path_lessons,
    path_progress,
    triggers,
)
from rollbook.database.tables.okta import (
    link_exemptions,
    okta_changes,
    okta_connections,
    okta_fields,
    okta_people,
    okta_runs,
    refused_matches,
)
from rollbook.database.tables.outbox import outbox, outbox_items
from rollbook.database.tables.shape import JsonText, metadata
from rollbook.database.tables.sign_in import alarms, sessions, sign_in_links
from rollbook.database.tables.users import ACTIVE_USERS_VIEW, active_users, users

__all__ = [
    "ACTIVE_USERS_VIEW",
    "EXCEPTIONS",
    "JsonText",
    "active_users",
    "alarms",
    "api_keys",
    "assignment_rounds",
    "assignments",
    "companies",
    "content",
    "events",
    "failed_sign_ins",
    "field_values",
    "fields",
    "group_assignments",
    "group_managers",
    "group_members",
    "group_rules",
    "groups",
    "installation",
    "link_exemptions",
    "metadata",
    "okta_changes",
    "okta_connections",
    "okta_fields",
    "okta_people",
    "okta_runs",
    "outbox",
    "outbox_items",
    "path_lessons",
    "path_progress",
    "refused_matches",
    "sessions",
    "sign_in_links",
    "tasks",
    "triggers",
    "users",
]

EXCEPTIONS = {
    "companies": "the company itself: the one table that every node holds a copy of",
    "installation": "facts of this installation, of no company; never written together with a company's rows",
    "ix_tasks_due": "serves the one question across companies: which have work that is due",
}

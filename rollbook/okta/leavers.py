"""Who was archived lately, and by which way: Okta SCIM wrote it, a run of the standard integration found it out, or a
person did it here. Of a run's leavers also how it knew them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select

from rollbook import clock
from rollbook.database import Tx
from rollbook.database.tables import okta_changes
from rollbook.database.tables import users as table
from rollbook.people import record, users
from rollbook.people.record import User

Way = Literal["scim", "okta", "learning"]
WAYS: tuple[Way, ...] = get_args(Way)
DAYS = 30  # how far back the list goes; the plans of runs are kept longer


@dataclass(frozen=True, slots=True)
class Leaver:
    """An archived user. Of one whom a run archived: `run_id`, the `rule` that said so, and by which rule the same run
    had matched them, None where they were known before.
    """

    user: User
    way: Way
    run_id: str | None = None
    rule: str | None = None
    matched_by: str | None = None


_RECENT = (
    table.c.company_id == bindparam("company"),
    table.c.archived_at >= bindparam("since"),
    table.c.deleted_at.is_(None),
)
_COUNTS = select(table.c.archived_by, func.count()).where(*_RECENT).group_by(table.c.archived_by)


def search(
    tx: Tx,
    company_id: str,
    *,
    way: Way | None = None,
    before: tuple[str, str] | None = None,
    limit: int = 50,
    now: datetime,
) -> list[Leaver]:
    """Those who were archived within DAYS, the last first; `before` is when the last one seen was archived, and their
    id.
    """
    conditions: list[ColumnElement[bool]] = [
        table.c.company_id == company_id,
        table.c.archived_at >= clock.later(now, days=-DAYS),
        table.c.deleted_at.is_(None),
    ]
    if way is not None:
        conditions.append(_by(way))
    if before is not None:
        at, user_id = before
        conditions.append(
            or_(table.c.archived_at < at, and_(table.c.archived_at == at, table.c.id < user_id)),
        )
    query = record.SELECT.where(*conditions).order_by(table.c.archived_at.desc(), table.c.id.desc()).limit(limit)
    found = users.search(tx, query)
    told = _told(tx, company_id, [user.id for user in found if way_of(user) == "okta"])
    return [_leaver(user, told) for user in found]


def counts(tx: Tx, company_id: str, *, now: datetime) -> dict[Way, int]:
    """How many were archived within DAYS, by each way."""
    found = dict.fromkeys(WAYS, 0)
    for archived_by, count in tx.all(_COUNTS, {"company": company_id, "since": clock.later(now, days=-DAYS)}):
        found[_way(archived_by)] += count
    return found


def matched_in(tx: Tx, company_id: str, run_id: str, user_ids: Sequence[str]) -> dict[str, str]:
    """By which rule a run matches, or matched, those of these users whom nobody knew before: rule by user id."""
    if not user_ids:
        return {}
    query = select(okta_changes.c.user_id, okta_changes.c.rule).where(
        okta_changes.c.company_id == company_id,
        okta_changes.c.run_id == run_id,
        okta_changes.c.user_id.in_(user_ids),
        okta_changes.c.kind == "link",
    )
    return dict(tx.search(query))


def way_of(user: User) -> Way:
    """By which way an archived user was archived."""
    return _way(user.archived_by)


def run_of(user: User) -> str | None:
    """The run that archived a user; None where it was none."""
    kind, _, run_id = (user.archived_by or "").partition(":")
    return run_id if kind == "okta" and run_id else None


def _way(archived_by: str | None) -> Way:
    kind = (archived_by or "").partition(":")[0]
    return next((way for way in WAYS if way == kind), "learning")


def _by(way: Way) -> ColumnElement[bool]:
    if way != "learning":
        return table.c.archived_by.like(f"{way}%")
    others = and_(table.c.archived_by.not_like("scim%"), table.c.archived_by.not_like("okta%"))
    return or_(table.c.archived_by.is_(None), others)


def _told(tx: Tx, company_id: str, user_ids: Sequence[str]) -> dict[tuple[str, str, str], str]:
    """(run, user, kind) -> the rule by which a run archived or matched a user."""
    if not user_ids:
        return {}
    query = select(okta_changes.c.run_id, okta_changes.c.user_id, okta_changes.c.kind, okta_changes.c.rule).where(
        okta_changes.c.company_id == company_id,
        okta_changes.c.user_id.in_(user_ids),
        okta_changes.c.kind.in_(("archive", "link")),
        okta_changes.c.state.in_(("applied", "undone")),
    )
    return {(run_id, user_id, kind): rule for run_id, user_id, kind, rule in tx.search(query)}


def _leaver(user: User, told: dict[tuple[str, str, str], str]) -> Leaver:
    run_id = run_of(user)
    if run_id is None:
        return Leaver(user, way_of(user))
    archived, matched = (told.get((run_id, user.id, kind)) for kind in ("archive", "link"))
    return Leaver(user, "okta", run_id, archived, matched)

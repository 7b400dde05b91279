"""What is to be remembered today: assignments that fall due soon, and those that are overdue since a while.

Only people who are here are found, and nobody is reminded of what fell due while they were away. That each is told
once is the outbox's to keep (promise P4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, and_, exists, or_, select, tuple_

from rollbook.database import Tx
from rollbook.database.tables import active_users, assignments, content, outbox_items
from rollbook.learning.assignment_record import RETURNED

DAYS_BACK = 1  # a worker that was down over the hour of one day makes up for it on the next


@dataclass(frozen=True, slots=True)
class Occasion:
    """Assignments due on `due_on` are told of, as `kind`, if they were there before the day `told_on` began.

    Where that day is over already, only people who were here on it are told.
    """

    kind: str
    due_on: str
    told_on: str
    is_over: bool

    def is_for(self, due_on: str, opened_at: str, away_until: str | None) -> bool:
        """Whether it is about an assignment of somebody who last came back at an instant."""
        missed = self.is_over and away_until is not None and away_until >= self.told_on
        return due_on == self.due_on and opened_at < self.told_on and not missed


@dataclass(frozen=True, slots=True)
class Due:
    """An assignment that somebody is to be told of."""

    user_id: str
    assignment_id: str
    round: int
    kind: str


def occasions(today: date, *, reminder_days: Sequence[int], overdue_days: Sequence[int]) -> list[Occasion]:
    """What a company's settings ask for today, and what they asked for yesterday and is still of use."""
    found = []
    for back in range(DAYS_BACK + 1):
        day = today - timedelta(days=back)
        for days in reminder_days:
            due_on = day + timedelta(days=days)
            if due_on >= today:
                found.append(Occasion(f"reminder:{days}", due_on.isoformat(), day.isoformat(), day < today))
        found += [
            Occasion(f"overdue:{days}", (day - timedelta(days=days)).isoformat(), day.isoformat(), day < today)
            for days in overdue_days
        ]
    return found


def due(
    tx: Tx, company_id: str, wanted: Sequence[Occasion], *, after: tuple[str, str] = ("", ""), limit: int = 500
) -> list[Due]:
    """What these occasions are about and nobody was told of yet, by person and assignment, from after that pair on."""
    if not wanted:
        return []
    person = active_users.c
    here = (person.company_id == assignments.c.company_id) & (person.id == assignments.c.user_id)
    told = (content.c.company_id == assignments.c.company_id) & (content.c.id == assignments.c.content_id)
    rows = tx.search(
        select(
            assignments.c.user_id,
            assignments.c.id,
            assignments.c.round,
            assignments.c.due_on,
            assignments.c.opened_at,
            person.away_until,
        )
        .join_from(assignments, active_users, here)
        .join(content, told)
        .where(
            assignments.c.company_id == company_id,
            assignments.c.state == "incomplete",
            assignments.c.due_on.is_not(None),
            content.c.state == "published",
            ~RETURNED,
            or_(*(_unheard(company_id, occasion) for occasion in wanted)),
            tuple_(assignments.c.user_id, assignments.c.id) > tuple_(*after),
        )
        .order_by(assignments.c.user_id, assignments.c.id)
        .limit(limit)
    )
    return [
        Due(user_id, id_, round_, occasion.kind)
        for user_id, id_, round_, *about in rows
        for occasion in wanted
        if occasion.is_for(*about)
    ]


def _unheard(company_id: str, occasion: Occasion) -> ColumnElement[bool]:
    """Who hears of it on the day it is assigned is not reminded on that day."""
    heard = exists().where(
        outbox_items.c.company_id == company_id,
        outbox_items.c.user_id == assignments.c.user_id,
        outbox_items.c.assignment_id == assignments.c.id,
        outbox_items.c.round == assignments.c.round,
        outbox_items.c.kind == occasion.kind,
    )
    about = and_(assignments.c.due_on == occasion.due_on, assignments.c.opened_at < occasion.told_on, ~heard)
    if not occasion.is_over:
        return about
    away_until = active_users.c.away_until
    return and_(about, or_(away_until.is_(None), away_until < occasion.told_on))

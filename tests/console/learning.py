"""Lessons, paths and assignments for the tests of the console."""

from __future__ import annotations

from datetime import timedelta

from rollbook import clock
from rollbook.database import Tx
from rollbook.learning import assignments, lessons, paths
from rollbook.learning.assignments import Assignment
from rollbook.learning.content_record import Content
from rollbook.people import users
from tests.conftest import House, Tenant
from tests.console.desk import OPERATOR, Desk

BODY = "Wear your **glasses**.\n\n- Red button\n- Exit\n\n<script>alert(1)</script> [bad](javascript:alert(2))"


def published_lesson(house: House, tenant: Tenant, title: str = "Safe at the bench", body: str = BODY) -> Content:
    return house.write(
        lambda tx: lessons.create(
            tx, tenant.id, title, body, description="Ten minutes.", publish=True, actor=OPERATOR, now=clock.now()
        )
    )


def published_path(house: House, tenant: Tenant, parts: list[Content], *, enforced: bool = True) -> Content:
    return house.write(
        lambda tx: paths.create(
            tx, tenant.id, "First week", parts, enforced_order=enforced, publish=True, actor=OPERATOR, now=clock.now()
        )
    )


def assigned(house: House, desk: Desk, what: Content, *, days: int | None = None) -> Assignment:
    due = (clock.now() + timedelta(days=days)).date().isoformat() if days is not None else None

    def work(tx: Tx) -> Assignment:
        user = users.get(tx, desk.user.company_id, desk.user.id, lock=True)
        act = clock.new_id()
        return assignments.assign(tx, user, what, act_id=act, due_on=due, actor=OPERATOR, now=clock.now())

    return house.write(work)

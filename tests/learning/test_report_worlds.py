"""Every report of random companies, narrowed at random, in pages of random size, says what plain Python says."""

from __future__ import annotations

import os
import random
from datetime import timedelta
from typing import Any

import pytest

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.learning import reports
from rollbook.learning.reports import EXPORTS, REPORTS, Filters, counting
from rollbook.people import companies, fields, groups
from rollbook.people.authorization import Who
from tests.conftest import OPERATOR, House
from tests.learning.report_oracle import Oracle
from tests.learning.report_world import LOCATIONS, TODAY, World, draw

LONG = bool(os.environ.get("ROLLBOOK_LONG"))
SEEDS = 6
WORLDS = 200 if LONG else SEEDS
QUESTIONS = 12 if LONG else 8  # of each report


def settle(house: House, seed: int) -> World:
    """A company of this world's own."""
    subdomain = f"w{seed}-{clock.new_id()[:23]}"
    company = house.write(lambda tx: companies.create(tx, subdomain, "Acme", actor=OPERATOR, now=clock.now()))
    everyone = house.read(lambda tx: groups.named(tx, company.id, "everyone"))
    region = house.write(lambda tx: fields.create(tx, company.id, "Region", actor=OPERATOR, now=clock.now()))
    row = {"id": everyone.id, "name": everyone.name, "kind": "everyone", "archived_at": None, "version": 0}
    world = draw(seed, company.id, region.id, row)
    drawn = [group for group in world.groups if group is not row]
    world.groups = drawn
    house.write(world.put)
    world.groups = [*drawn, row]
    return world


def narrowed(chance: random.Random, world: World, takes: frozenset[str]) -> dict[str, Any]:
    """Some of the filters that a report takes, a few at a time."""
    since = TODAY - timedelta(days=chance.randrange(45))
    group = chance.choice(world.groups)
    drawn: dict[str, dict[str, Any]] = {
        "group": {"group_id": group["id"], "everyone": group["kind"] == "everyone"},
        "location": {"location": chance.choice(LOCATIONS[:2])},
        "business_unit": {"business_unit": "Sales"},
        "department": {"department": "Bread"},
        "manager": {"manager": "Mona"},
        "custom": {"custom": ((world.region, chance.choice(("north", "south"))),)},
        "content": {"content_id": chance.choice(world.content)["id"]},
        "status": {"status": chance.choice(("incomplete", "overdue", "completed"))},
        "since": {"since": since},
        "until": {"until": since + timedelta(days=chance.randrange(20))},
        "archived_content": {"archived_content": True},
        "by": {"by": "week"},
    }
    chosen: dict[str, Any] = {}
    for name in sorted(takes):
        if chance.random() < 0.2:
            chosen |= drawn[name]
    if "until" in chosen and "since" not in chosen and "by" in takes:
        chosen["since"] = since
    return chosen


def all_rows(house: House, who: Who, name: str, filters: Filters, limit: int) -> list[list[Any]]:
    """Page after page, as a door reads them."""
    rows: list[list[Any]] = []
    after: str | None = None
    while True:
        page = house.read(
            lambda tx, after=after: reports.run(tx, who, name, filters, after=after, limit=limit, today=TODAY)  # type: ignore[misc]  # a lambda with a default
        )
        assert len(page.rows) <= limit
        assert all(len(row) == len(page.columns) for row in page.rows)
        rows += page.rows
        after = page.next
        if after is None:
            return rows


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_report_says_what_plain_python_says(house: House, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if seed % 2:  # as in a company with more archived content than is named
        monkeypatch.setattr(counting, "MOST_NAMED", 0)
    for number in range(seed, WORLDS, SEEDS):
        world, chance = settle(house, number), random.Random(number)
        for name, report in (REPORTS | EXPORTS).items():
            for _ in range(QUESTIONS):
                chosen = narrowed(chance, world, report.takes)
                who, seen = Who(world.company_id, OPERATOR, "admin"), chosen
                if report.permission == "see_reports" and chance.random() < 0.3:
                    manager = chance.choice(world.users)
                    who = Who(world.company_id, Actor("user", manager["id"]), "manager")
                    seen = {**chosen, "managed_by": manager["id"]}
                rows = all_rows(house, who, name, Filters(**chosen), chance.choice((1, 3, 1000)))
                assert rows == Oracle(world, Filters(**seen)).rows(name), (name, seen)

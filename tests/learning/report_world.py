"""Random companies for the reports, put straight into the tables. What reports must say is report_oracle.py's."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Table, insert

from rollbook import clock
from rollbook.database import Tx
from rollbook.database.tables import (
    assignment_rounds,
    assignments,
    content,
    events,
    field_values,
    group_managers,
    group_members,
    groups,
    path_progress,
    users,
)

TODAY = date(2026, 11, 24)
DAY = TODAY.isoformat()
LOCATIONS = ("Lyon", "Turin", None)
STATES = ("incomplete", "completed", "completed", "incomplete", "withdrawn")

Row = dict[str, Any]


def instant(chance: random.Random, *, days: int = 40) -> str:
    """Some instant of the last days, often at the very edge of one."""
    day = TODAY - timedelta(days=chance.randrange(days))
    time = chance.choice(("00:00:00.000000", "12:30:00.000001", "23:59:59.999999"))
    return f"{day}T{time}Z"


def day(chance: random.Random) -> str:
    """Some day around today, today itself among them."""
    return (TODAY + timedelta(days=chance.choice((-30, -2, -1, 0, 1, 20)))).isoformat()


@dataclass
class World:
    """The rows of one company, by table."""

    company_id: str
    region: str  # the id of a field
    users: list[Row] = field(default_factory=list)
    content: list[Row] = field(default_factory=list)
    groups: list[Row] = field(default_factory=list)
    members: list[Row] = field(default_factory=list)
    managers: list[Row] = field(default_factory=list)
    values: list[Row] = field(default_factory=list)
    assignments: list[Row] = field(default_factory=list)
    rounds: list[Row] = field(default_factory=list)
    progress: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)

    def tables(self) -> Iterator[tuple[Table, list[Row]]]:
        yield from (
            (users, self.users),
            (content, self.content),
            (groups, self.groups),
            (group_members, self.members),
            (group_managers, self.managers),
            (field_values, self.values),
            (assignments, self.assignments),
            (assignment_rounds, self.rounds),
            (path_progress, self.progress),
            (events, self.events),
        )

    def put(self, tx: Tx) -> None:
        for table, rows in self.tables():
            for row in rows:
                tx.run(insert(table), {"company_id": self.company_id, **row})


def draw(seed: int, company_id: str, region: str, everyone: Row) -> World:
    """A company of some twenty people; the same for the same seed but for its ids."""
    chance = random.Random(seed)
    world = World(company_id, region)
    at = f"{TODAY - timedelta(days=60)}T08:00:00.000000Z"
    for number in range(chance.randrange(3, 22)):
        world.users.append(_user(chance, number))
    for number in range(chance.randrange(1, 6)):
        world.content.append(_content(chance, number, at))
    for number in range(chance.randrange(0, 5)):
        archived = chance.random() < 0.2
        world.groups.append(
            {
                "id": clock.new_id(),
                "name": f"g{number}",
                "name_key": None if archived else f"g{number}",
                "kind": "custom",
                "version": chance.choice((0, 0, 3)),
                "followed": 0,
                "archived_at": at if archived else None,
                "created_at": at,
                "updated_at": at,
            }
        )
    for group in world.groups:
        for user in world.users:
            for version in (0, 3):
                if chance.random() < 0.4:
                    ids = {"group_id": group["id"], "version": version, "user_id": user["id"]}
                    world.members.append({**ids, "joined_at": at})
            if chance.random() < 0.2:
                world.managers.append({"group_id": group["id"], "user_id": user["id"], "appointed_at": at})
    for user in world.users:
        if chance.random() < 0.7:
            value = chance.choice(("North", "south"))
            row = {"user_id": user["id"], "field_id": world.region, "value": value, "value_key": value.lower()}
            world.values.append({**row, "written_by": "operator", "written_at": at})
        for thing in world.content:
            if thing["state"] != "draft" and chance.random() < 0.6:
                _assign(world, chance, user, thing)
    for _ in range(chance.randrange(30)):
        world.events.append(_event(chance, world))
    world.groups.append(everyone)
    return world


def _user(chance: random.Random, number: int) -> Row:
    """Few different names, so that many share theirs."""
    name, gone = chance.choice("abc"), chance.random()
    archived = instant(chance) if gone < 0.3 else None
    away = sorted((instant(chance), instant(chance))) if archived is None and gone < 0.6 else (None, None)
    email = f"p{number}@acme.example"
    return {
        "id": clock.new_id(),
        "user_name": email,
        "user_name_key": email,
        "email": email,
        "email_key": email,
        "email_claim": None if archived else email,
        "given_name": name.upper(),
        "family_name": "X",
        "name_key": name,
        "role": chance.choice(("learner", "manager")),
        "location": chance.choice(LOCATIONS),
        "business_unit": chance.choice(("Sales", None)),
        "department": chance.choice(("Bread", None)),
        "manager_name": chance.choice(("Mona", None)),
        "link": "linked",
        "archived_at": archived,
        "away_from": away[0],
        "away_until": away[1],
        "deleted_at": archived if gone < 0.1 else None,
        "kept": "{}",
        "version": 1,
        "created_at": instant(chance),
        "updated_at": instant(chance),
    }


def _content(chance: random.Random, number: int, at: str) -> Row:
    state = chance.choice(("published", "published", "published", "archived", "draft"))
    title, kind = chance.choice("ab"), chance.choice(("lesson", "path"))
    return {
        "id": clock.new_id(),
        "kind": kind,
        "title": title.upper(),
        "title_key": title,
        "description": "",
        "body": "" if kind == "lesson" else None,
        "enforced_order": 0,
        "certification": 0,
        "state": state,
        "version": 1,
        "created_at": at,
        "updated_at": at,
        "published_at": None if state == "draft" else at,
        "archived_at": at if state == "archived" else None,
    }


def _assign(world: World, chance: random.Random, user: Row, thing: Row) -> None:
    number = chance.choice((1, 1, 2))
    id_ = clock.new_id()
    for round_ in range(1, number + 1):
        state = chance.choice(STATES)
        row = {
            "round": round_,
            "state": state,
            "opened_at": instant(chance),
            "due_on": day(chance) if chance.random() < 0.7 else None,
            "completed_at": instant(chance) if state == "completed" else None,
            "score": chance.randrange(101) if state == "completed" and chance.random() < 0.6 else None,
        }
        if round_ < number:
            world.rounds.append({**row, "assignment_id": id_, "ended_at": instant(chance)})
            continue
        ids = {"id": id_, "user_id": user["id"], "content_id": thing["id"]}
        at = {"assigned_at": row["opened_at"], "updated_at": row["opened_at"], "assigned_by": "operator"}
        world.assignments.append({**row, **ids, **at})
        if thing["kind"] == "path" and chance.random() < 0.5:
            done = {"assignment_id": id_, "round": round_, "lesson_id": thing["id"]}
            world.progress.append({**done, "completed_at": instant(chance)})


def _event(chance: random.Random, world: World) -> Row:
    at = instant(chance)
    first = clock.first_id_at(datetime.fromisoformat(at))
    kinds = ("UserCreated", "UserUpdated", "UserFieldChanged", "UserArchived", "UserRestored", "UserLinked", None)
    kind = chance.choice(kinds)
    return {
        "id": f"{first[:20]}{chance.getrandbits(12):03x}-{chance.getrandbits(48):012x}",
        "at": at,
        "kind": kind,
        "actor": chance.choice(("scim:key", "operator", "api:key")),
        "changes": "{}",
        "subject_id": chance.choice(world.users)["id"],
        "method": None if kind else "GET",
    }

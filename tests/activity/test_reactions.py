"""Events and what follows them: both are written together, and no task name is without its work or its cause."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import rollbook
from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.activity.outbox import DELIVER
from rollbook.activity.reactions import REACTIONS
from rollbook.database import Tx, tables
from rollbook.jobs.pulling import ASK
from rollbook.jobs.schedule import DAILY
from rollbook.jobs.tasks import TASKS
from rollbook.jobs.worker import IN_LANES
from rollbook.okta.runs import PULL
from tests import history
from tests.conftest import OPERATOR, House

SOURCES = sorted(Path(rollbook.__file__).parent.rglob("*.py"))


def calls(name: str, position: int) -> set[str]:
    """The texts that the product's code gives at this position to functions of this name."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and len(node.args) > position:
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                argument = node.args[position]
                if called == name and isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    found.add(argument.value)
    return found


def texts_of_rooms() -> set[str]:
    """Every text in the code of the rooms that record events about people."""
    return {
        node.value
        for path in SOURCES
        if {"people", "learning"} & set(path.parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_task_is_registered_and_every_registered_task_has_a_cause() -> None:
    reacted = {reaction.task for reactions in REACTIONS.values() for reaction in reactions}
    called = calls("enqueue", 2)
    # What has a lane is not among them: mail, which the outbox asks for, and what asks Okta.
    assert (reacted | set(DAILY) | called) - set(IN_LANES) == set(TASKS)
    assert not set(IN_LANES) & set(TASKS)
    assert {DELIVER, PULL, ASK} == set(IN_LANES)
    assert ASK in reacted


def test_every_event_that_is_reacted_to_is_recorded_somewhere() -> None:
    assert set(REACTIONS) <= texts_of_rooms() | calls("record", 2)


def test_an_event_is_written_with_the_tasks_that_follow_it(house: House, company_id: str) -> None:
    def work(tx: Tx) -> None:
        for subject in ("leo", "mona"):
            events.record(
                tx, company_id, "UserArchived", subject, {"archived_at": [None, "now"]}, actor=OPERATOR, now=now
            )

    now = clock.now()
    house.write(work)
    queued = house.read(lambda tx: history.rows(tx, tables.tasks, company_id))
    assert [(task["name"], task["waiting_key"]) for task in queued] == [("watch_archives", "watch")]
    lines = house.read(lambda tx: events.of_subject(tx, company_id, "leo"))
    assert [(line.kind, line.actor, line.changes) for line in lines] == [
        ("UserArchived", "operator", {"archived_at": [None, "now"]})
    ]


def test_an_undone_change_leaves_neither_event_nor_task(house: House, company_id: str) -> None:
    class Undone(Exception):
        pass

    def work(tx: Tx) -> None:
        events.record(tx, company_id, "UserArchived", "leo", actor=OPERATOR, now=clock.now())
        raise Undone

    with pytest.raises(Undone):
        house.write(work)
    assert house.read(lambda tx: events.of_subject(tx, company_id, "leo")) == []
    assert house.read(lambda tx: history.rows(tx, tables.tasks, company_id)) == []


def test_a_timeline_is_read_in_the_order_in_which_it_happened(house: House, company_id: str) -> None:
    kinds = ["UserCreated", "UserUpdated", "UserRoleChanged"]

    def work(tx: Tx) -> None:
        for kind in kinds:
            events.record(tx, company_id, kind, "leo", actor=Actor("scim", "key", "request"), now=clock.now())

    house.write(work)
    lines = house.read(lambda tx: events.of_subject(tx, company_id, "leo"))
    assert [line.kind for line in lines] == kinds
    assert {(line.actor, line.request_id) for line in lines} == {("scim:key", "request")}

"""/okta/runs: what the standard integration read and did, a run or a preview now, and the yes to one that is held."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from pydantic import Field

from rollbook.api.call import TheCall
from rollbook.api.okta_connection import NOT_CONNECTED
from rollbook.api.operation import router
from rollbook.api.paging import Page, Paging
from rollbook.api.shapes import Body, Id, Instant, Shape
from rollbook.database import Tx
from rollbook.okta import approval, changes, connections, runs
from rollbook.okta.planning import Kind
from rollbook.okta.runs import Purpose, State
from rollbook.people.authorization import Who

routes = router("okta/runs")


class Run(Shape):
    """One pull from Okta's API."""

    id: Id
    slot: Instant | None = Field(description="The hour of the calendar that it is for; null: somebody asked for it.")
    purpose: Purpose = Field(description="A preview reads and plans, and changes nobody.", examples=["sync"])
    state: State = Field(
        description="waiting, reading, planning, held (it waits for a person's yes) and applying; it ended as done, "
        "partial (Okta did not tell everything, so nobody was archived), needs_attention, skipped or dropped.",
        examples=["done"],
    )
    counts: dict[str, int] = Field(description="How many of what, so far.", examples=[{}])
    reason: str | None = Field(description="Why it is held, or did not end as done, and what to do.")
    question: int | None = Field(description="Which yes it waits for, 1 the first; null: for none.")
    asked_by: str = Field(examples=["schedule"])
    approved_by: str | None
    created_at: Instant
    started_at: Instant | None
    read_at: Instant | None = Field(description="When it had read everything.")
    ended_at: Instant | None


class Runs(Page[Run]):
    """A page of runs."""


class NewRun(Body):
    """What is asked for."""

    purpose: Purpose = Field("sync", description="sync carries its plan out; preview only makes it.")


class Change(Shape):
    """What a run planned about one person, by which rule, and what became of it."""

    id: Id
    kind: Kind = Field(examples=["archive"])
    user: str | None = Field(description="The user name here, else the login in Okta, else Okta's id.")
    user_id: Id | None = Field(description="null: somebody who is to be created, or is nobody of ours.")
    okta_id: str | None = Field(examples=["00uleo"])
    rule: str = Field(examples=["deprovisioned"])
    reason: str
    changes: dict[str, list[Any]] = Field(description="Field: [before, after].", examples=[{}])
    state: str = Field(description="planned, applied, passed_over or undone.", examples=["planned"])
    why_not: str | None = Field(description="Why nothing was done, or needs a person's yes first.")
    at: Instant | None


class Plan(Page[Change]):
    """A page of a plan, in the order in which it is carried out."""


class Part(Paging):
    """Which part of the plan."""

    kind: Kind | None = Field(None, description="Only these.")


@routes.get("", operation_id="list_okta_runs", summary="List runs")
async def list_(call: TheCall, asked: Annotated[Paging, Query()]) -> Runs:
    """Newest first."""

    def work(tx: Tx, who: Who) -> Runs:
        before = asked.after("okta runs") or None
        found = runs.search(tx, who.company_id, before=before, limit=asked.one_more)
        page, following = asked.cut("okta runs", found, lambda run: run.id)
        return Runs(items=[Run.show(run) for run in page], next=following)

    return await call.read("see_provisioning", work)


@routes.post(
    "",
    operation_id="begin_okta_run",
    summary="Begin a run or a preview now",
    status_code=202,
    responses=NOT_CONNECTED,
)
async def begin(call: TheCall, body: NewRun) -> Run:
    """A worker does it; look at it again until it has ended or is held. There is one at a time."""

    def work(tx: Tx, who: Who) -> Run:
        connections.in_use(tx, who.company_id)
        return Run.show(runs.create_by_hand(tx, who.company_id, body.purpose, actor=who.actor, now=call.now))

    return await call.write("run_okta", work)


@routes.get("/{run_id}", operation_id="get_okta_run", summary="Show how far a run is")
async def get(call: TheCall, run_id: str) -> Run:
    """And what became of it."""
    return await call.read("see_provisioning", lambda tx, who: Run.show(runs.get(tx, who.company_id, run_id)))


@routes.get("/{run_id}/plan", operation_id="get_okta_run_plan", summary="Show the plan of a run")
async def plan(call: TheCall, run_id: str, asked: Annotated[Part, Query()]) -> Plan:
    """Whom it creates, changes, archives, restores and matches, whom it sets aside, and why; kept for 90 days."""

    def work(tx: Tx, who: Who) -> Plan:
        run = runs.get(tx, who.company_id, run_id)
        name = f"plan of {run.id}"
        found = changes.search(tx, run, kind=asked.kind, after=asked.after(name), limit=asked.one_more)
        page, following = asked.cut(name, found, lambda change: change.id)
        return Plan(items=[Change(**changes.as_json(change)) for change in page], next=following)

    return await call.read("see_provisioning", work)


@routes.post("/{run_id}/approve", operation_id="approve_okta_run", summary="Say yes to a held run", status_code=202)
async def approve(
    call: TheCall,
    run_id: str,
    question: Annotated[
        int | None, Query(ge=1, le=1000, description="The run's question; the first need not be named.")
    ] = None,
) -> Run:
    """It carries out what it planned; each person is looked at once more before anything is done to them.

    A run may ask more than once: first for everything, then for what concerns privileged people. A yes to a question
    that is no longer asked is refused.
    """

    def work(tx: Tx, who: Who) -> Run:
        approved = approval.approve(tx, who.company_id, run_id, question=question, actor=who.actor, now=call.now)
        return Run.show(approved)

    return await call.write("run_okta", work)


@routes.post("/{run_id}/drop", operation_id="drop_okta_run", summary="Say no to a run")
async def drop(call: TheCall, run_id: str) -> Run:
    """It ends; what it has not done is not done."""

    def work(tx: Tx, who: Who) -> Run:
        reason = "It was dropped through the management API."
        return Run.show(runs.drop(tx, who.company_id, run_id, reason, actor=who.actor, now=call.now))

    return await call.write("run_okta", work)

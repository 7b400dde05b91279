"""`rollbook okta preview`, `sync`, `approve`, `drop`, `runs` and `plan`: the runs of a company's standard integration.

A command works at its run itself; where a worker was first, it shows how far that is.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from rollbook import clock
from rollbook.activity import queue
from rollbook.cli import okta_plan
from rollbook.cli.output import OPERATOR, Json, Subdomain, Yes, card, opened, read, show, stay_at_work, table
from rollbook.database import Tx
from rollbook.errors import Conflict
from rollbook.installation import Installation
from rollbook.jobs.pulling import ALONE, Pulls
from rollbook.okta import approval, changes, connections, runs, strangers
from rollbook.okta.planning import Kind
from rollbook.okta.runs import Purpose, Run
from rollbook.people import companies

LOOK_SECONDS = 0.25  # between two looks at a run
FAILED = frozenset({"partial", "needs_attention", "dropped"})

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The id of a run; `rollbook okta runs` lists them.")]
Show = Callable[[Run], None]


def add_to(app: typer.Typer) -> None:
    """Registers the commands."""
    app.command(epilog="Example: rollbook okta preview acme")(preview)
    app.command(epilog="Example: rollbook okta sync acme")(sync)
    app.command(epilog="Example: rollbook okta approve acme 0199c0de-…")(approve)
    app.command(epilog="Example: rollbook okta drop acme 0199c0de-…")(drop)
    app.command("runs", epilog="Example: rollbook okta runs acme")(runs_)
    app.command(epilog="Example: rollbook okta plan acme 0199c0de-… --json")(plan)


def preview(subdomain: Subdomain, json: Json = False) -> None:
    """Read Okta and show whom a run would create, change, archive, restore and match, and why. Nothing else happens."""
    with opened() as installation:
        ended = _worked(installation, partial(_ask, subdomain=subdomain, purpose="preview"), quiet=json)
        document, strange = installation.database.engine.read(lambda tx: _plan_of(tx, ended))
    if ended.state not in FAILED:
        show(document, as_json=json, human=partial(okta_plan.show, document, ended, strange))
    _complain(ended)


def sync(subdomain: Subdomain, json: Json = False) -> None:
    """Read Okta and carry out what follows, now. A run that would do too much waits for `okta approve`."""
    with opened() as installation:
        ended = _worked(installation, partial(_ask, subdomain=subdomain, purpose="sync"), quiet=json)
    _tell(ended, subdomain, json)


def approve(subdomain: Subdomain, run_id: RunId, yes: Yes = False, json: Json = False) -> None:
    """Say yes to a run that is held: it carries out what it planned. `okta plan` shows what that is. At a terminal you
    are asked once more; elsewhere the command is the yes. What concerns privileged people may need another one.
    """

    def look(tx: Tx) -> tuple[str, Run, dict[Kind, int], int]:
        company_id = companies.get(tx, subdomain).id
        run = runs.get(tx, company_id, run_id)
        return company_id, run, changes.left(tx, run), changes.waiting(tx, run)

    company_id, run, left, waiting = read(look)
    question = approval.asked(run)
    if not yes and sys.stdin.isatty():
        typer.confirm(_to_confirm(run, left, waiting), abort=True, err=True)

    def work(tx: Tx) -> Run:
        how: dict[str, Any] = {"question": question, "actor": OPERATOR, "now": clock.now()}
        return approval.approve(tx, company_id, run_id, **how)

    with opened() as installation:
        ended = _worked(installation, work, quiet=json)
    _tell(ended, subdomain, json)


def _to_confirm(run: Run, left: Mapping[Kind, int], waiting: int) -> str:
    """What a yes would do, in one sentence or two."""
    told = ", ".join(f"{number:,} {kind}" for kind, number in left.items()) or "nothing"
    again = f" {waiting:,} of it, of privileged people, will wait for another yes." if run.notes.get(runs.WHOLE) else ""
    return f"{run.reason}\nLeft to do: {told}.{again if waiting else ''} Go on?"


def drop(subdomain: Subdomain, run_id: RunId, json: Json = False) -> None:
    """Say no to a run that is held, or end one that is under way: what it has not done is not done."""

    def work(tx: Tx) -> Run:
        company_id = companies.get(tx, subdomain).id
        return runs.drop(tx, company_id, run_id, "The operator dropped it.", actor=OPERATOR, now=clock.now())

    with opened() as installation:
        dropped = installation.database.engine.write(work)
    row = as_json(dropped)
    show(row, as_json=json, human=card(row))


def runs_(
    subdomain: Subdomain,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000)] = 50,
    json: Json = False,
) -> None:
    """List runs, newest first."""

    def work(tx: Tx) -> list[Run]:
        return runs.search(tx, companies.get(tx, subdomain).id, limit=limit)

    rows = [as_json(run) for run in read(work)]
    columns = {"id": "Id", "slot": "Slot", "purpose": "Purpose", "state": "State", "started_at": "Began"}
    columns |= {"ended_at": "Ended", "counts": "Counts", "reason": "Why"}
    empty = f"There was no run yet; begin one with: rollbook okta sync {subdomain}"
    show(rows, as_json=json, human=table(rows, columns, empty=empty))


def plan(subdomain: Subdomain, run_id: RunId, json: Json = False) -> None:
    """Show what a run planned, as `okta preview` does, and what became of each."""

    def work(tx: Tx) -> tuple[Run, dict[str, Any], int]:
        run = runs.get(tx, companies.get(tx, subdomain).id, run_id)
        return run, *_plan_of(tx, run)

    run, document, strange = read(work)
    show(document, as_json=json, human=partial(okta_plan.show, document, run, strange))


def as_json(run: Run) -> dict[str, Any]:
    """A run as commands show it."""
    names = ("id", "slot", "purpose", "state", "started_at", "ended_at", "counts", "reason")
    return {name: getattr(run, name) for name in (*names, "question", "asked_by", "approved_by")}


def last(tx: Tx, company_id: str) -> dict[str, Any] | None:
    """The newest run of a company."""
    run = runs.latest(tx, company_id)
    return as_json(run) if run is not None else None


def _plan_of(tx: Tx, run: Run) -> tuple[dict[str, Any], int]:
    """The plan, and how many people of Okta's are nobody here."""
    return changes.preview(tx, run), strangers.count(tx, run)


def _ask(tx: Tx, *, subdomain: str, purpose: Purpose) -> Run:
    """A new run; or where one of the same purpose is under way already, that one."""
    company_id = companies.get(tx, subdomain).id
    connection = connections.get(tx, company_id)
    if connection.state == "off":
        first = connections.to_switch_on(connection, subdomain)
        raise Conflict(f"The standard integration is switched off; first: {first}", field="state")
    try:
        return runs.create_by_hand(tx, company_id, purpose, actor=OPERATOR, now=clock.now())
    except Conflict as refused:
        other = runs.find(tx, company_id, refused.holder_id or "")
        if other is None or other.state == "held" or other.purpose != purpose:
            raise Conflict(refused.message.replace("SUBDOMAIN", subdomain), field=refused.field) from None
        return other


def _worked(installation: Installation, ask: Callable[[Tx], Run], *, quiet: bool) -> Run:
    """The run that `ask` gives, when it has ended or waits for a yes."""
    run = installation.database.engine.write(ask)
    stay_at_work()
    console = Console(stderr=True)
    spinner = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*spinner, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        line = bar.add_task("waiting", total=None)
        return asyncio.run(_follow(installation, run, lambda seen: bar.update(line, description=_progress(seen))))


async def _follow(installation: Installation, run: Run, look: Show) -> Run:
    """Works at a run, or watches the worker that has it."""
    database, pulls, company_id = installation.database, Pulls(installation), run.company_id
    while run.ended_at is None and run.state != "held":
        how: dict[str, Any] = {"only": runs.PULL, "alone_among": ALONE, "now": clock.now()}
        task = await database.write(partial(queue.claim, company_id=company_id, **how))
        if task is None:
            await asyncio.sleep(LOOK_SECONDS)
            run = await _seen(installation, run, look)
            continue
        work = asyncio.create_task(pulls.finish(task))
        while not work.done():
            await asyncio.wait({work}, timeout=LOOK_SECONDS)
            run = await _seen(installation, run, look)
        work.result()
    return run


async def _seen(installation: Installation, run: Run, look: Show) -> Run:
    seen = await installation.database.read(lambda tx: runs.get(tx, run.company_id, run.id))
    look(seen)
    return seen


def _progress(run: Run) -> str:
    """How far it is, in words."""
    counts = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in run.counts.items() if number)
    where = f"{run.state}: {run.part}" if run.part and run.state == "reading" else run.state
    return f"{where} ({counts})" if counts else where


def _tell(run: Run, subdomain: str, json: bool) -> None:
    row = as_json(run)
    show(row, as_json=json, human=card(row))
    _complain(run)
    if run.state == "held" and not json:
        typer.echo(f"\nTo look at it:  rollbook okta plan {subdomain} {run.id}")
        typer.echo(f"To say yes:     rollbook okta approve {subdomain} {run.id}")
        typer.echo(f"To say no:      rollbook okta drop {subdomain} {run.id}")


def _complain(run: Run) -> None:
    if run.state in FAILED:
        sys.exit(f"rollbook: The run ended as {run.state.replace('_', ' ')}. {run.reason or ''}".rstrip())

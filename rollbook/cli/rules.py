"""`rollbook group rule`, `rollbook group preview`: what a smart group's rule says, and whom it would mean.

A command builds a rule itself, step by step, so that the group is right when it returns; the task that was queued as
well finds the work done, or goes on where a command was stopped.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import TaskID

from rollbook import clock
from rollbook.cli.output import OPERATOR, Json, Subdomain, line, opened, show
from rollbook.database import Tx
from rollbook.installation import Installation
from rollbook.people import companies, groups, memberships, rule_builds, rule_previews, smart_groups
from rollbook.people.groups import Group
from rollbook.people.rule_previews import Found

PAUSE_SECONDS = 0.005  # between two writes, so that a running server gets its turn

GroupName = Annotated[str, typer.Argument(metavar="GROUP", help="An id or a name.")]


def add_to(app: typer.Typer) -> None:
    """Registers the commands."""
    app.command(epilog="Example: rollbook group rule acme 'People of Lyon' 'location = \"Lyon\"'")(rule)
    app.command(epilog="Example: rollbook group preview acme 'location = \"Lyon\"' --group 'People of Lyon'")(preview)


def rule(
    subdomain: Subdomain,
    group: GroupName,
    text: Annotated[str | None, typer.Argument(metavar="[RULE]", help="The new rule; left out: show the rule.")] = None,
    json: Json = False,
) -> None:
    """Show the rule of a smart group, or give it another one."""
    with opened() as installation:
        engine = installation.database.engine

        def give(tx: Tx) -> tuple[str, Group]:
            company_id = companies.get(tx, subdomain).id
            found = groups.named(tx, company_id, group, lock=True)
            return company_id, smart_groups.set_rule(tx, found, text or "", actor=OPERATOR, now=clock.now())

        def read(tx: Tx) -> dict[str, Any]:
            company_id = companies.get(tx, subdomain).id
            return row(tx, groups.named(tx, company_id, group))

        if text is not None:
            company_id, found = engine.write(give)
            build(installation, company_id, of=found.id, quiet=json)
        shown = engine.read(read)
    show(shown, as_json=json, human=line(shown["rule"] or _without_rule(shown)))


def preview(
    subdomain: Subdomain,
    text: Annotated[str, typer.Argument(metavar="RULE", help="As for `group rule`.")],
    group: Annotated[str | None, typer.Option(help="The group that would get the rule: an id or a name.")] = None,
    json: Json = False,
) -> None:
    """Show whom a rule would mean, and who would come and go, before it is saved."""
    with opened() as installation:
        read = installation.database.engine.read

        def whose(tx: Tx) -> tuple[str, Group | None]:
            company_id = companies.get(tx, subdomain).id
            return company_id, groups.named(tx, company_id, group) if group is not None else None

        company_id, found = read(whose)
        seen = rule_previews.whole(read, company_id, text, found)
    parts = {"members": seen.members, "joining": seen.joining, "leaving": seen.leaving}
    document = {name: _found(part) for name, part in parts.items()}

    def human(console: Console) -> None:
        words = {"members": "would be in", "joining": "would come", "leaving": "would leave"}
        for name, part in parts.items():
            names = ", ".join(person for _, person in part.first)
            more = f", and {part.count - len(part.first):,} more" if part.count > len(part.first) else ""
            console.print(f"{part.count:,} {words[name]}{': ' if names else ''}{names}{more}", markup=False)

    show(document, as_json=json, human=human)


def build(installation: Installation, company_id: str, *, of: str | None = None, quiet: bool) -> None:
    """Builds what waits in a company, or in one of its groups, to the end, and shows how far it is."""
    engine = installation.database.engine
    console = Console(stderr=True)
    waiting = engine.read(lambda tx: rule_builds.pending(tx, company_id))
    with Bar(console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        for group_id, version in waiting:
            if of is not None and group_id != of:
                continue
            task = bar.add_task("looking at everybody", total=None)
            while engine.write(
                partial(rule_builds.step, company_id=company_id, group_id=group_id, version=version, now=clock.now())
            ):
                if not bar.disable:
                    _show_progress(bar, task, engine.read(partial(_progress, company_id=company_id, group_id=group_id)))
                time.sleep(PAUSE_SECONDS)


def row(tx: Tx, group: Group) -> dict[str, Any]:
    """A group as commands show it."""
    return rows(tx, group.company_id, [group])[0]


def rows(tx: Tx, company_id: str, of: Sequence[Group]) -> list[dict[str, Any]]:
    """Groups as commands show them."""
    sizes = memberships.sizes(tx, company_id, of)
    return [_row(tx, group, sizes[group.id]) for group in of]


def _row(tx: Tx, group: Group, size: int) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": group.name,
        "kind": group.kind,
        "members": size,
        **_rule_of(tx, group),
        "archived_at": group.archived_at,
        "created_at": group.created_at,
    }


def _rule_of(tx: Tx, group: Group) -> dict[str, Any]:
    """The rule that counts; while another one is built, that one, and how far it is."""
    if group.kind != "smart":
        return {"rule": None, "building": None}
    done = smart_groups.progress(tx, group)
    building = None
    if done is not None and done.state == "building":
        given = smart_groups.rule_text(tx, group, given=True)
        building = {"rule": given, "looked_at": done.looked_at, "of": done.of}
    return {"rule": smart_groups.rule_text(tx, group), "building": building}


def _progress(tx: Tx, company_id: str, group_id: str) -> smart_groups.Progress | None:
    return smart_groups.progress(tx, groups.get(tx, company_id, group_id))


def _show_progress(bar: Bar, task: TaskID, done: smart_groups.Progress | None) -> None:
    if done is not None and done.state == "building":
        bar.update(task, completed=done.looked_at, total=done.of)
    else:
        bar.update(task, description="telling who came and went", total=None)


def _without_rule(shown: dict[str, Any]) -> str:
    if shown["building"] is not None:
        return f"{shown['name']} has no rule yet; it is being built: {shown['building']['rule']}"
    return f"{shown['name']} is filled without a rule."


def _found(part: Found) -> dict[str, Any]:
    return {"count": part.count, "first": [{"id": id_, "name": name} for id_, name in part.first]}

"""`rollbook path …`"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from rollbook import clock
from rollbook.cli.lesson import Description, Publish, State, Title, show_list, show_one, turn
from rollbook.cli.output import OPERATOR, Json, Subdomain, read, write
from rollbook.database import Tx
from rollbook.learning import content as contents
from rollbook.learning import content_record, paths
from rollbook.learning.content_record import Content
from rollbook.people import companies

app = typer.Typer(help="Paths: lessons one after the other.", no_args_is_help=True)

PathName = Annotated[str, typer.Argument(metavar="PATH", help="An id or a title.")]


@app.command(epilog="Example: rollbook path create acme --title 'First week' --lesson 'Food safety' --lesson Knives")
def create(
    subdomain: Subdomain,
    title: Title,
    lesson: Annotated[list[str], typer.Option("--lesson", help="An id or a title; say it once for each, in order.")],
    description: Description = "",
    enforced_order: Annotated[bool, typer.Option("--enforced-order", help="Each lesson in its turn.")] = False,
    certification: Annotated[bool, typer.Option("--certification", help="It is a certification.")] = False,
    publish: Publish = False,
    json: Json = False,
) -> None:
    """Make a path of lessons."""

    def work(tx: Tx) -> tuple[Content, list[Content]]:
        company_id = companies.get(tx, subdomain).id
        of = _lessons(tx, company_id, lesson)
        how: dict[str, Any] = {"enforced_order": enforced_order, "certification": certification}
        how |= {"description": description, "publish": publish, "actor": OPERATOR, "now": clock.now()}
        return paths.create(tx, company_id, title, of, **how), of

    path, of = write(work)
    show_one(path, json, of)


@app.command("list", epilog="Example: rollbook path list acme")
def list_(subdomain: Subdomain, state: State = None, json: Json = False) -> None:
    """List the paths of a company; archived ones where they are asked for."""
    show_list(subdomain, "path", state, json)


@app.command("show", epilog="Example: rollbook path show acme 'First week'")
def show_(subdomain: Subdomain, path: PathName, json: Json = False) -> None:
    """Show a path with its lessons."""

    def work(tx: Tx) -> tuple[Content, list[Content]]:
        found = content_record.named(tx, companies.get(tx, subdomain).id, path, kind="path")
        return found, paths.lessons_of(tx, found)

    found, of = read(work)
    show_one(found, json, of)


@app.command(epilog="Example: rollbook path change acme 'First week' --lesson Knives --lesson 'Food safety'")
def change(
    subdomain: Subdomain,
    path: PathName,
    title: Annotated[str | None, typer.Option(help="Another title.")] = None,
    description: Annotated[str | None, typer.Option(help="Another description.")] = None,
    lesson: Annotated[list[str] | None, typer.Option("--lesson", help="All its lessons anew, in order.")] = None,
    enforced_order: Annotated[bool | None, typer.Option(help="Whether each lesson is done in its turn.")] = None,
    certification: Annotated[bool | None, typer.Option(help="Whether it is a certification.")] = None,
    json: Json = False,
) -> None:
    """Change a path; a lesson is taken out only while nobody is at work on it."""

    def work(tx: Tx) -> tuple[Content, list[Content]]:
        company_id = companies.get(tx, subdomain).id
        found = content_record.named(tx, company_id, path, kind="path", lock=True)
        how: dict[str, Any] = {"title": title, "description": description}
        how |= {"enforced_order": enforced_order, "certification": certification}
        of = _lessons(tx, company_id, lesson) if lesson else None
        changed = paths.change(tx, found, lessons=of, **how, actor=OPERATOR, now=clock.now())
        return changed, paths.lessons_of(tx, changed)

    changed, of = write(work)
    show_one(changed, json, of)


@app.command(epilog="Example: rollbook path publish acme 'First week'")
def publish(subdomain: Subdomain, path: PathName, json: Json = False) -> None:
    """Publish a path, so that it can be assigned; its lessons come first."""
    turn(subdomain, path, "path", contents.publish, json)


@app.command(epilog="Example: rollbook path archive acme 'First week'")
def archive(subdomain: Subdomain, path: PathName, json: Json = False) -> None:
    """Take a path out of every list; what is assigned of it is kept."""
    turn(subdomain, path, "path", contents.archive, json)


@app.command(epilog="Example: rollbook path restore acme 'First week'")
def restore(subdomain: Subdomain, path: PathName, json: Json = False) -> None:
    """Bring an archived path back, as it was."""
    turn(subdomain, path, "path", contents.restore, json)


def _lessons(tx: Tx, company_id: str, names: list[str]) -> list[Content]:
    return [content_record.named(tx, company_id, name, kind="lesson") for name in names]

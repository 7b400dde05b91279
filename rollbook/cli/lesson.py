"""`rollbook lesson …`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from rollbook import clock
from rollbook.cli.output import OPERATOR, Json, Subdomain, card, read, show, table, write
from rollbook.database import Tx
from rollbook.errors import InvalidValue
from rollbook.learning import content as contents
from rollbook.learning import content_record, lessons, paths
from rollbook.learning.content_record import Content, Kind
from rollbook.people import companies

app = typer.Typer(help="Lessons: written, published, archived.", no_args_is_help=True)

LessonName = Annotated[str, typer.Argument(metavar="LESSON", help="An id or a title.")]
State = Annotated[str | None, typer.Option(help="Only those that are draft, published or archived.")]
Title = Annotated[str, typer.Option(help="As people read it.")]
Description = Annotated[str, typer.Option(help="What it is about; it stands in the mail.")]
Publish = Annotated[bool, typer.Option("--publish", help="Publish it at once; a draft cannot be assigned.")]

STATES: tuple[content_record.State, ...] = ("draft", "published", "archived")


@app.command(epilog="Example: rollbook lesson create acme --title 'Food safety' --body-file food.md --publish")
def create(
    subdomain: Subdomain,
    title: Title,
    body_file: Annotated[str, typer.Option(metavar="F", help="A file of Markdown, or - for standard input.")],
    description: Description = "",
    publish: Publish = False,
    json: Json = False,
) -> None:
    """Write a lesson."""
    body = _body(body_file)

    def work(tx: Tx) -> Content:
        company_id = companies.get(tx, subdomain).id
        how: dict[str, Any] = {"description": description, "publish": publish, "actor": OPERATOR, "now": clock.now()}
        return lessons.create(tx, company_id, title, body, **how)

    show_one(write(work), json)


@app.command("list", epilog="Example: rollbook lesson list acme --state published")
def list_(subdomain: Subdomain, state: State = None, json: Json = False) -> None:
    """List the lessons of a company; archived ones where they are asked for."""
    show_list(subdomain, "lesson", state, json)


@app.command("show", epilog="Example: rollbook lesson show acme 'Food safety'")
def show_(subdomain: Subdomain, lesson: LessonName, json: Json = False) -> None:
    """Show a lesson with its text."""
    show_one(read(lambda tx: content_record.named(tx, companies.get(tx, subdomain).id, lesson, kind="lesson")), json)


@app.command(epilog="Example: rollbook lesson change acme 'Food safety' --title 'Food hygiene' --body-file food.md")
def change(
    subdomain: Subdomain,
    lesson: LessonName,
    title: Annotated[str | None, typer.Option(help="Another title.")] = None,
    description: Annotated[str | None, typer.Option(help="Another description.")] = None,
    body_file: Annotated[str | None, typer.Option(metavar="F", help="Another text: a file, or -.")] = None,
    json: Json = False,
) -> None:
    """Say a lesson otherwise; whoever has completed it has completed it."""
    body = _body(body_file) if body_file is not None else None

    def work(tx: Tx) -> Content:
        found = content_record.named(tx, companies.get(tx, subdomain).id, lesson, kind="lesson", lock=True)
        how: dict[str, Any] = {"title": title, "description": description, "body": body}
        return lessons.change(tx, found, **how, actor=OPERATOR, now=clock.now())

    show_one(write(work), json)


@app.command(epilog="Example: rollbook lesson publish acme 'Food safety'")
def publish(subdomain: Subdomain, lesson: LessonName, json: Json = False) -> None:
    """Publish a lesson, so that it can be assigned."""
    turn(subdomain, lesson, "lesson", contents.publish, json)


@app.command(epilog="Example: rollbook lesson archive acme 'Food safety'")
def archive(subdomain: Subdomain, lesson: LessonName, json: Json = False) -> None:
    """Take a lesson out of every list; what is assigned of it is kept."""
    turn(subdomain, lesson, "lesson", contents.archive, json)


@app.command(epilog="Example: rollbook lesson restore acme 'Food safety'")
def restore(subdomain: Subdomain, lesson: LessonName, json: Json = False) -> None:
    """Bring an archived lesson back, as it was."""
    turn(subdomain, lesson, "lesson", contents.restore, json)


def turn(subdomain: str, name: str, kind: Kind, verb: Any, as_json: bool) -> None:
    """Publishes, archives or restores; for the paths too."""

    def work(tx: Tx) -> tuple[Content, list[Content]]:
        found = content_record.named(tx, companies.get(tx, subdomain).id, name, kind=kind, lock=True)
        after = verb(tx, found, actor=OPERATOR, now=clock.now())
        return after, paths.lessons_of(tx, after) if kind == "path" else []

    after, of = write(work)
    show_one(after, as_json, of)


def show_list(subdomain: str, kind: Kind, state: str | None, as_json: bool) -> None:
    """Prints every lesson or every path, without texts."""
    chosen = next((one for one in STATES if one == state), None)
    if chosen != state:
        raise InvalidValue(f"{state!r} is no state; use one of {', '.join(STATES)}.", field="state")

    def work(tx: Tx) -> list[Content]:
        company_id = companies.get(tx, subdomain).id
        found: list[Content] = []
        while page := content_record.search(
            tx, company_id, kind=kind, state=chosen, after=found[-1].id if found else ""
        ):
            found += page
        return [one for one in found if chosen or one.state != "archived"]

    rows = [_row(one) for one in read(work)]
    columns = {"title": "Title", "state": "State", "updated_at": "Changed", "id": "Id"}
    empty = f"There is no {kind}{' in this state' if state else ''}; write one with: rollbook {kind} create"
    show(rows, as_json=as_json, human=table(rows, columns, empty=empty))


def show_one(one: Content, as_json: bool, lessons: list[Content] | None = None) -> None:
    """Prints a lesson with its text, or a path with its lessons."""
    row = _row(one)
    if one.kind == "lesson":
        row |= {"body": one.body}
    else:
        row |= {"lessons": [{"id": lesson.id, "title": lesson.title} for lesson in lessons or []]}
        row |= {"enforced_order": one.enforced_order, "certification": one.certification}
    flat = {**row, "lessons": ", ".join(lesson.title for lesson in lessons)} if lessons else row
    show(row, as_json=as_json, human=card(flat))


def _row(one: Content) -> dict[str, Any]:
    return {
        "id": one.id,
        "title": one.title,
        "description": one.description,
        "state": one.state,
        "author_id": one.author_id,
        "version": one.version,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "published_at": one.published_at,
        "archived_at": one.archived_at,
    }


def _body(name: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError:
        raise InvalidValue(f"The file {name} cannot be read; check its name and mode.", field="body") from None
    except UnicodeDecodeError:
        raise InvalidValue(f"The file {name} is no UTF-8 text; save it as UTF-8.", field="body") from None

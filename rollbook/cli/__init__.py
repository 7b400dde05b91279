"""The command line: one module a noun. It opens an installation, calls a verb, and prints what came of it."""

from __future__ import annotations

import sys

import typer

from rollbook.cli import (
    assignments,
    checks,
    company,
    disconnect,
    exchange,
    field,
    group,
    key,
    lesson,
    links,
    okta,
    outbox,
    path,
    report,
    server,
    trigger,
    user,
    user_links,
)
from rollbook.database import Collision
from rollbook.errors import RollbookError

app = typer.Typer(
    name="rollbook",
    help="Keeps the people of a learning platform up to date, the second something changes in Okta.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(company.app, name="company")
app.add_typer(key.app, name="key")
user_links.add_to(user.app)
app.add_typer(user.app, name="user")
app.add_typer(group.app, name="group")
app.add_typer(field.app, name="field")
app.add_typer(lesson.app, name="lesson")
app.add_typer(path.app, name="path")
assignments.add_to(app)
app.add_typer(trigger.app, name="trigger")
app.add_typer(okta.app, name="okta")
server.add_to(app)
links.add_to(app)
disconnect.add_to(app)
exchange.add_to(app)
report.add_to(app)
outbox.add_to(app)
checks.add_to(app)


def main() -> None:
    """Runs the command line; a refusal is one sentence on standard error and exit code 1."""
    try:
        app()
    except RollbookError as error:
        sys.exit(f"rollbook: {error.message}")
    except Collision:
        sys.exit("rollbook: Others are changing the same thing just now; run the command again.")
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        sys.stderr.close()
        sys.exit(1)

"""The command line: one module a noun. It opens an installation, calls a verb, and prints what came of it.

A module is loaded, and its commands are put together, once one of them is named: all of them together take as long as
most commands do.
"""

from __future__ import annotations

import sys
from collections import UserDict
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from rollbook.database import Collision
from rollbook.errors import RollbookError

# In the order of `rollbook --help`: each command and the module that it is in.
MODULES = {
    "company": "company",
    "key": "key",
    "user": "user",
    "group": "group",
    "field": "field",
    "lesson": "lesson",
    "path": "path",
    "trigger": "trigger",
    "okta": "okta",
    "scim": "checks",
    "assign": "assignments",
    "withdraw": "assignments",
    "complete": "assignments",
    "assignments": "assignments",
    "serve": "server",
    "worker": "server",
    "migrate": "server",
    "links": "links",
    "log": "links",
    "disconnect": "disconnect",
    "import": "exchange",
    "export": "exchange",
    "report": "report",
    "outbox": "outbox",
    "resend": "outbox",
    "doctor": "checks",
}


class _Loading(UserDict[str, Any]):
    """Commands by name, of a module's `add_to` or its `app`, each put together when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        module = import_module(f"{__name__}.{self.data[name]}")
        part = typer.Typer(callback=_program)
        if hasattr(module, "add_to"):
            module.add_to(part)
        else:
            part.add_typer(module.app, name=name)
        return typer.main.get_group(part).commands[name]


class _Commands(TyperGroup):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = _Loading(MODULES)


def _program() -> None:
    """Without a callback of its own a program has commands, not modules."""


app = typer.Typer(
    cls=_Commands,
    callback=_program,
    name="rollbook",
    help="Keeps the people of a learning platform up to date, the second something changes in Okta.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


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

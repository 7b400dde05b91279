"""What every command shares: opening the installation, and printing a result as a table or as one JSON document."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.installation import Installation, open_installation

T = TypeVar("T")

OPERATOR = Actor("operator")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Subdomain = Annotated[str, typer.Argument(help="The company's subdomain.")]


@contextmanager
def opened() -> Iterator[Installation]:
    """The installation of this environment, closed afterwards."""
    installation = open_installation()
    try:
        yield installation
    finally:
        installation.close()


def stay_at_work() -> None:
    """For commands that go on for long: what is loaded by now stays until the end, and the collector need not look at
    it again and again. A look at everything takes 50 ms, in the middle of some write for which provisioning waits.
    """
    gc.collect()
    gc.freeze()


def read(fn: Callable[[Tx], T]) -> T:
    """Runs one reading transaction of this environment's database."""
    with opened() as installation:
        return installation.database.engine.read(fn)


def write(fn: Callable[[Tx], T]) -> T:
    """Runs one writing transaction of this environment's database."""
    with opened() as installation:
        return installation.database.engine.write(fn)


def show(value: Any, *, as_json: bool, human: Callable[[Console], None]) -> None:
    """Prints the JSON document, or what `human` prints."""
    if as_json:
        typer.echo(json.dumps(value, ensure_ascii=False, indent=2))
    else:
        human(Console(soft_wrap=True))


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, empty: str) -> Callable[[Console], None]:
    """A table of `columns` (key -> heading), or the sentence for when there is nothing."""

    def human(console: Console) -> None:
        if not rows:
            console.print(Text(empty))
            return
        grid = Table(box=None, header_style="bold", pad_edge=False)
        for heading in columns.values():
            grid.add_column(heading, overflow="fold")
        for row in rows:
            grid.add_row(*(Text(_cell(row.get(key))) for key in columns))
        Console(width=max(console.width, 100) if console.is_terminal else 200).print(grid)

    return human


def card(row: Mapping[str, Any]) -> Callable[[Console], None]:
    """One thing, a line a field."""

    def human(console: Console) -> None:
        width = max(len(name) for name in row)
        for name, value in row.items():
            console.print(Text(f"{name.replace('_', ' '):<{width}}  {_cell(value)}"))

    return human


def line(text: str) -> Callable[[Console], None]:
    """One sentence."""
    return lambda console: console.print(Text(text))


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, str) and len(value) == 27 and value.endswith("Z"):
        return f"{clock.moment(value):%Y-%m-%d %H:%M:%S}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

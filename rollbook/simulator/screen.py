"""How a story looks on a screen: chapters, a line per step, a progress bar, the table at the end.

It is handsome at 100 columns and sane in a file or a pipe; what the steps are is not known here.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from rollbook.simulator.checks import Step

WIDTH = 100  # columns where the output is not a terminal
WIDEST = 140  # beyond this a line is hard to follow


def console() -> Console:
    """A console for stdout, at most WIDEST columns; WIDTH where it is not a terminal."""
    plain = Console(highlight=False)
    width = min(plain.width, WIDEST) if plain.is_terminal else WIDTH
    return Console(highlight=False, width=width)


def plain_table(title: str) -> Table:
    """A table without a frame."""
    return Table(
        title=title, title_justify="left", title_style="bold", header_style="dim", box=SIMPLE_HEAD, pad_edge=False
    )


@dataclass
class Screen:
    """Shows steps as they come and remembers them for the summary."""

    console: Console = field(default_factory=console)
    chapters: list[tuple[str, list[Step]]] = field(default_factory=list)

    def chapter(self, title: str) -> None:
        """Opens a chapter; the steps that follow belong to it."""
        self.chapters.append((title, []))
        self.console.print()
        self.console.print(Rule(Text(title, style="bold"), align="left", style="dim"))

    def show(self, step: Step) -> bool:
        """One step: its mark, name, what was checked, what was seen, and how long it took."""
        if not self.chapters:
            self.chapters.append(("", []))
        self.chapters[-1][1].append(step)
        text = Text(step.what_was_checked)
        if step.detail:
            text.append(" → " if self._unicode else " -> ", style="dim")
            text.append(step.detail, style="dim" if step.ok else "red")
        line = Table.grid(padding=(0, 1))
        line.add_column(width=2 if self._unicode else 4)
        line.add_column(width=24)
        line.add_column(ratio=1)
        line.add_column(width=8, justify="right")
        line.expand = True
        duration = Text(f"{step.milliseconds:,.0f} ms", style="dim")
        line.add_row(self._mark(step.ok), Text(step.name, style="" if step.ok else "bold red"), text, duration)
        self.console.print(line)
        return step.ok

    def play(self, steps: Iterable[Step]) -> bool:
        """Shows every step of a story as it happens; whether all of them held."""
        held = True
        for step in steps:
            held = self.show(step) and held
        return held

    def say(self, sentence: str, style: str = "") -> None:
        self.console.print(Padding(Text(sentence, style=style), (0, 0, 0, 1)))

    def address(self, url: str) -> None:
        """An address on a line of its own, never broken, so that it can be copied."""
        self.console.print(Text(f" {url}", style="cyan"), soft_wrap=True)

    @contextmanager
    def progress(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        """A bar that vanishes when it is full; gives the function that moves it on by one.

        Without a terminal nothing is drawn.
        """
        bar = Progress(
            TextColumn(" {task.description}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        with bar:
            task = bar.add_task(label, total=total)
            yield lambda: bar.advance(task)

    def summary(self) -> bool:
        """The table of chapters and one sentence; whether at least one step was played and all held."""
        table = plain_table("Summary")
        table.add_column("", min_width=2)
        table.add_column("chapter", min_width=30)
        table.add_column("steps", justify="right")
        table.add_column("held", justify="right")
        table.add_column("time", justify="right")
        for title, steps in self.chapters:
            held = sum(step.ok for step in steps)
            seconds = sum(step.milliseconds for step in steps) / 1000
            mark = self._mark(held == len(steps))
            table.add_row(mark, title, str(len(steps)), str(held), f"{seconds:,.2f} s")
        self.console.print()
        self.console.print(table)
        every = [step for _, steps in self.chapters for step in steps]
        failed = [step for step in every if not step.ok]
        for step in failed:
            self.say(f"{step.name}: {step.detail}", style="red")
        if failed or not every:
            self.say(f"{len(failed)} of {len(every)} steps did not hold.", style="bold red")
            return False
        self.say(f"All {len(every)} steps held.", style="bold green")
        return True

    @property
    def _unicode(self) -> bool:
        return not self.console.options.ascii_only

    def _mark(self, ok: bool) -> Text:
        if self._unicode:
            return Text("✓" if ok else "✗", style="green" if ok else "bold red")
        return Text("ok" if ok else "FAIL", style="green" if ok else "bold red")

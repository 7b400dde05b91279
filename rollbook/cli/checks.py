"""`rollbook doctor` and `rollbook scim check`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from rollbook.cli.output import Json, show
from rollbook.errors import InvalidValue

if TYPE_CHECKING:
    from rollbook.simulator.checks import Step

scim = typer.Typer(help="Checks of a SCIM address.", no_args_is_help=True)

_MARKS = {"ok": ("✓", "green"), "note": ("•", "yellow"), "problem": ("✗", "bold red")}


def add_to(app: typer.Typer) -> None:
    """Adds both to the program."""
    app.command(epilog="Example: rollbook doctor")(doctor)
    app.add_typer(scim, name="scim")


def doctor(json: Json = False) -> None:
    """Check this installation: each finding with a verdict and the fix. Exits with 1 where there is a problem."""
    # Imported here, as is the simulator below: the other commands start the sooner for it.
    from rollbook.doctor import examine

    findings = examine()

    def human(console: Console) -> None:
        for finding in findings:
            mark, style = _MARKS[finding.verdict]
            console.print(Text.assemble((f"{mark} ", style), (f"{finding.check}: ", "bold"), finding.detail))
            if finding.fix:
                console.print(Text(f"    {finding.fix}"))

    show([asdict(finding) for finding in findings], as_json=json, human=human)
    if any(finding.verdict == "problem" for finding in findings):
        sys.exit(1)


@scim.command(
    epilog="Example: rollbook scim check https://rollbook.acme.example/scim/v2 --user acme --key-file key.txt"
)
def check(
    url: Annotated[str, typer.Argument(help="The base URL, as it is given to Okta.")],
    user: Annotated[str, typer.Option(help="The user name: the company's subdomain.")],
    key_file: Annotated[str, typer.Option(help="A file with the SCIM key; - reads standard input.")],
    json: Json = False,
) -> None:
    """Play Okta's acceptance sequence against a running server, with throw-away users."""
    try:
        key = (sys.stdin.read() if key_file == "-" else Path(key_file).read_text(encoding="utf-8")).strip()
    except OSError as error:
        raise InvalidValue(
            f"The key file cannot be read ({error.strerror}); check its path.", field="key_file"
        ) from None
    console = Console(soft_wrap=True)
    steps: list[Step] = []
    for step in _steps(url, user, key):
        steps.append(step)
        if not json:
            mark, style = _MARKS["ok" if step.ok else "problem"]
            console.print(Text.assemble((f"{mark} ", style), (step.name, "bold"), f"  {step.what_was_checked}"))
            if not step.ok:
                console.print(Text(f"    {step.detail}"))
    failed = sum(not step.ok for step in steps)
    document: dict[str, Any] = {"ok": not failed, "steps": [asdict(step) for step in steps]}
    verdict = f"{len(steps) - failed} of {len(steps)} steps hold." if failed else f"All {len(steps)} steps hold."
    show(document, as_json=json, human=lambda console: console.print(Text(f"\n{verdict}", style="bold")))
    if failed:
        sys.exit(1)


def _steps(url: str, user: str, key: str) -> Iterator[Step]:
    from rollbook.simulator.story import acceptance

    try:
        yield from acceptance(url, user, key)
    except ValueError as error:
        raise InvalidValue(str(error), field="url") from None

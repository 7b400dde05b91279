"""`python -m rollbook.simulator`: the simulated Okta as a program, against any SCIM address.

`python -m rollbook.simulator org` serves its other side, the API that is pulled from: org_program.py.
"""

import argparse
import random
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from rollbook.simulator import org_program
from rollbook.simulator.app import ProvisioningApp
from rollbook.simulator.people import staff
from rollbook.simulator.push import Push, push
from rollbook.simulator.screen import Screen, plain_table
from rollbook.simulator.wire import Exchange, Wire, is_loopback

EXAMPLE = """\
example:
  rollbook key issue acme --scope scim        (put the key it shows into the file acme.key)
  python -m rollbook.simulator http://127.0.0.1:8000/scim/v2 --user acme --key-file acme.key --people 40

  python -m rollbook.simulator org --help     (the other side: an org that can be pulled from)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Pushes a staff through a life; 0 when every step held, 1 when one did not, 2 for wrong arguments."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["org"]:
        return org_program.main(given[1:])
    parser = _parser()
    asked = parser.parse_args(given)
    try:
        key = asked.key_file.read_text(encoding="utf-8").strip()
        wire = Wire(
            base_url=asked.url,
            user=asked.user,
            key=key,
            scheme=asked.scheme,
            encoding=asked.encoding,
            remember=100 * asked.people + 1000,
        )
    except OSError as error:
        parser.error(f"The key file {asked.key_file} cannot be read: {error.strerror}.")
    except ValueError as error:
        parser.error(str(error))
    if not wire.base_url.startswith("https://") and not is_loopback(wire.base_url):
        parser.error("Off this machine the address must begin with https://, or the key would travel in clear.")
    screen = Screen()
    screen.chapter(f"{asked.people} people, a {asked.kind} app, {wire.base_url}")
    with screen.progress("Hires", asked.people) as tick:
        run = Push(
            app=ProvisioningApp(wire=wire, kind=asked.kind, seed=asked.seed),
            people=staff(asked.people, seed=asked.seed),
            dice=random.Random(asked.seed),  # noqa: S311 (invented moves, not secrets)
            tick=tick,
        )
        screen.play(push(run, leave_behind=asked.leave_behind))
    for task in run.app.tasks:
        screen.say(f"Task {task.number}: {task.text}", style="yellow")
    if wire.exchanges:
        screen.console.print()
        screen.console.print(_table(list(wire.exchanges)))
    held = screen.summary()
    wire.close()
    return 0 if held else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rollbook.simulator",
        description="A simulated Okta pushes an invented staff into a SCIM 2.0 server: hires, changes, "
        "moves, leavers and returners, each read back and checked.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("url", metavar="URL", help="base URL, up to and without /Users")
    parser.add_argument("--user", required=True, metavar="SUBDOMAIN", help="the SCIM user name")
    parser.add_argument("--key-file", required=True, type=Path, metavar="F", help="file that holds the key")
    parser.add_argument("--kind", choices=("wizard", "catalogue"), default="wizard", help="kind of Okta app")
    parser.add_argument("--scheme", choices=("basic", "bearer", "raw"), default="basic", help="how the key goes")
    parser.add_argument("--encoding", choices=("percent", "plus"), default="percent", help="style of queries")
    parser.add_argument("--people", type=_count, default=25, metavar="N", help="size of the staff (25)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed, the same staff (1)")
    parser.add_argument("--leave-behind", action="store_true", help="keep the people on the server afterwards")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 100_000:
        raise argparse.ArgumentTypeError("a staff has 1 to 100000 people")
    return number


def _table(exchanges: list[Exchange]) -> Table:
    """What was sent, and how long the answers took."""
    table = plain_table("Requests")
    table.add_column("request", min_width=16)
    for name in ("number", "median", "slowest"):
        table.add_column(name, justify="right")
    table.add_column("answers")
    kinds: dict[str, list[Exchange]] = {}
    for exchange in exchanges:
        kinds.setdefault(_kind(exchange), []).append(exchange)
    for kind, of_kind in sorted(kinds.items()):
        times = [exchange.milliseconds for exchange in of_kind]
        answers = Counter(str(exchange.status or "none") for exchange in of_kind)
        table.add_row(
            kind,
            str(len(of_kind)),
            f"{statistics.median(times):.1f} ms",
            f"{max(times):.1f} ms",
            ", ".join(f"{count} × {status}" for status, count in sorted(answers.items())),
        )
    return table


def _kind(exchange: Exchange) -> str:
    path, _, query = exchange.path.partition("?")
    shape = "/Users/{id}" if path.startswith("/Users/") else path
    return f"{exchange.method} {shape}{' ?filter' if query.startswith('filter') else ''}"


if __name__ == "__main__":
    sys.exit(main())

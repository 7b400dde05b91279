"""`python -m benchmarks [reports|steps|pull]`: measures, prints, writes RESULTS.md, REPORTS.md, STEPS.md or PULL.md.
Ends with 0 whatever the numbers are.
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from benchmarks import cores as cores_
from benchmarks import measure, profiling, pull, report, reports, rules, steps
from benchmarks.crowd import Crowd
from benchmarks.load import WrongAnswer
from benchmarks.servers import NAMES, NotStarted


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("hot-paths", "reports", "steps", "pull"), default="hot-paths")
    parser.add_argument("--people", type=int, default=Crowd().people, help="how many there are, for reports and pull")
    parser.add_argument("--lessons", type=int, default=Crowd().lessons, help="how many there are, for reports")
    parser.add_argument("--seconds", type=float, default=0.7, help="length of one server's turn in a round")
    parser.add_argument("--rounds", type=int, default=30)
    every = (*NAMES, *rules.NAMES)
    parser.add_argument("--only", default=",".join(every), help=f"some of {', '.join(every)}, separated by commas")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    parser.add_argument("--profile", choices=("sqlite", "postgres"), help="profile this server instead of measuring")
    arguments = parser.parse_args()
    names = [name.strip() for name in arguments.only.split(",")]
    if not set(names) <= set(every):
        parser.error(f"--only takes {', '.join(every)}")
    console = Console()
    if arguments.what == "reports":
        try:
            crowd = Crowd(people=arguments.people, lessons=arguments.lessons)
            reports.run(crowd, console, write=not arguments.no_write)
        except NotStarted as error:
            sys.exit(f"benchmarks: {error}")
        return
    if arguments.what == "steps":
        try:
            steps.run(console, write=not arguments.no_write)
        except NotStarted as error:
            sys.exit(f"benchmarks: {error}")
        return
    if arguments.what == "pull":
        try:
            pull.run(arguments.people, console, write=not arguments.no_write)
        except NotStarted as error:
            sys.exit(f"benchmarks: {error}")
        return
    cores = cores_.choose()
    if not cores.pinned:
        console.print("[yellow]Processes cannot be pinned to two cores here: the numbers will be worth less.[/yellow]")
    try:
        if arguments.profile:
            profiling.profile(arguments.profile, cores, seconds=arguments.seconds)
            return
        seconds, rounds = arguments.seconds, arguments.rounds
        changes = {name: rules.changes(name, cores) for name in rules.NAMES if name in names}
        started = [name for name in names if name in NAMES]
        measured = measure.run(started, cores, seconds=seconds, rounds=rounds) if started else {}
    except (NotStarted, WrongAnswer) as error:
        sys.exit(f"benchmarks: {error}")
    report.show(measured, changes, cores, seconds=seconds, rounds=rounds, console=console)
    if not arguments.no_write:
        report.write(measured, changes, cores, seconds=seconds, rounds=rounds)
        console.print(f"Written to {report.RESULTS.name}.")


if __name__ == "__main__":
    main()

"""Rollbook with its clock turned: `python -m rollbook.simulator.turned 2026-12-01T06:00:00Z worker --once`.

For demonstrations of what happens at an hour. Nothing but the process itself sees the turned clock.
"""

import runpy
import sys
from datetime import UTC, datetime

from rollbook import clock


def turn(moment: datetime) -> None:
    """From now on this process believes that it began at an aware instant."""
    real = clock.now
    by = moment - real()
    clock.now = lambda: real() + by


def main() -> None:
    """The first argument is the instant, in UTC; the others are the command line's."""
    if len(sys.argv) < 3:
        sys.exit(
            "usage: python -m rollbook.simulator.turned INSTANT COMMAND …, with an instant as 2026-12-01T06:00:00Z"
        )
    try:
        moment = datetime.strptime(sys.argv[1], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        sys.exit(f"{sys.argv[1]!r} is no instant; write it as 2026-12-01T06:00:00Z.")
    turn(moment)
    sys.argv = ["rollbook", *sys.argv[2:]]
    runpy.run_module("rollbook", run_name="__main__")


if __name__ == "__main__":
    main()

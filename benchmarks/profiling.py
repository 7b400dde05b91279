"""Where a server's time goes: `rollbook serve` under cProfile in each of its threads, the load as in a measurement.

Run with arguments of Rollbook this module is the profiled server itself; `profile` starts it so.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import signal
import sys
import tempfile
import threading
from itertools import count
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import load, servers
from benchmarks.cores import Cores

LINES = 60
_PROFILE = "BENCHMARKS_PROFILE"  # where the server writes what it saw


def profile(name: str, cores: Cores, *, seconds: float) -> None:
    """Plays against one of Rollbook's servers and prints the functions that took the most time themselves."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "profile")
        os.environ[_PROFILE] = str(path)
        try:
            with servers.running(name, cores, module="benchmarks.profiling") as server:
                played = uvloop.run(load.play(server.target, count(1), seconds))
        finally:
            del os.environ[_PROFILE]
        print(f"{played.requests} requests in {played.seconds:.1f} s, slowed down by the profiler")
        statistics = pstats.Stats(str(path))
        statistics.strip_dirs().sort_stats("tottime").print_stats(LINES)
        statistics.sort_stats("cumulative").print_stats("rollbook|app|users|keys|log|events|queue|mapping", LINES)


def _serve(path: Path) -> None:
    """Runs the command line; what each thread did is summed up when all have ended."""
    profiles = [cProfile.Profile()]

    def in_thread(*_: Any) -> None:
        mine = cProfile.Profile()
        profiles.append(mine)
        mine.enable()

    # uvicorn, once it has drained, hands the signal on to whoever had it before.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    threading.setprofile(in_thread)
    profiles[0].enable()
    try:
        from rollbook.cli import main

        main()
    finally:
        profiles[0].disable()
        statistics = pstats.Stats(profiles[0])
        for other in profiles[1:]:
            statistics.add(other)
        statistics.dump_stats(path)


if __name__ == "__main__":
    sys.argv[0] = "rollbook"
    _serve(Path(os.environ[_PROFILE]))

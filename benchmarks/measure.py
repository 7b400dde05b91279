"""Runs of all servers, interleaved: every round plays against each of them for a while, so that what else the machine
does meets them alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

import uvloop

from benchmarks import load, servers
from benchmarks.cores import Cores
from benchmarks.servers import Running

# A process keeps its luck (where its memory lies in the caches) for as long as it lives: several are asked.
ROUNDS_A_START = 10
WARM_UP_SECONDS = 3.0  # until PostgreSQL has counted its tables, and prepared what comes again


@dataclass(slots=True)
class Measured:
    """What the rounds say about one server. Rates are requests per second, costs CPU milliseconds per request."""

    name: str
    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    generator_shares: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    megabytes: float = 0.0

    @property
    def rate(self) -> float:
        return median(self.rates)

    @property
    def cost(self) -> float:
        return median(self.costs)

    @property
    def generator_share(self) -> float:
        """The part of its core that the load generator used, at most in any round."""
        return max(self.generator_shares)

    def milliseconds(self, quantile: float) -> float:
        """A quantile of the latencies of all rounds."""
        ordered = sorted(self.latencies)
        return ordered[int(quantile * (len(ordered) - 1))] * 1000


def run(names: Iterable[str], cores: Cores, *, seconds: float, rounds: int) -> dict[str, Measured]:
    """Starts every server, plays rounds of `seconds` on each, stops them, and does so again until there were `rounds`.

    Raises NotStarted, WrongAnswer.
    """
    measured = {name: Measured(name) for name in names}
    for begun in range(0, rounds, ROUNDS_A_START):
        with ExitStack() as undo:
            started = [undo.enter_context(servers.running(name, cores)) for name in measured]
            numbers = itertools.count(1)
            for server in started:
                uvloop.run(load.play(server.target, numbers, WARM_UP_SECONDS))
            for turn in range(min(ROUNDS_A_START, rounds - begun)):
                # Another one begins each round, so that nobody always comes after the same neighbour.
                for server in started[turn % len(started) :] + started[: turn % len(started)]:
                    _measure(server, measured[server.name], numbers, seconds)
    return measured


def _measure(server: Running, measured: Measured, numbers: itertools.count[int], seconds: float) -> None:
    before = server.family.cpu_seconds()
    played = uvloop.run(load.play(server.target, numbers, seconds))
    cpu = server.family.cpu_seconds() - before
    measured.rates.append(played.requests / played.seconds)
    measured.costs.append(cpu / played.requests * 1000)
    measured.generator_shares.append(played.generator_seconds / played.seconds)
    measured.latencies += played.latencies
    measured.megabytes = server.family.megabytes()

"""The load generator: keep-alive connections that play lives on end, with prepared bytes and as little parsing as
the checks allow, so that it never is what is measured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from benchmarks import lifecycle
from benchmarks.lifecycle import Requests, Target

CONNECTIONS = 16
ANSWER_SECONDS = 30
_LAST_CHUNK = b"\r\n0\r\n\r\n"


class WrongAnswer(Exception):
    """A server answered otherwise than Okta would expect; what it measured is worth nothing."""


@dataclass(slots=True)
class Played:
    """What one round measured: seconds it lasted, a latency in seconds per answer, CPU seconds of the generator."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    generator_seconds: float = 0.0

    @property
    def requests(self) -> int:
        return len(self.latencies)


class _Player(asyncio.Protocol):
    """One connection: sends a request, checks the answer, sends the next."""

    def __init__(self, requests: Requests, numbers: Iterator[int], deadline: float) -> None:
        self.latencies: list[float] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._numbers = numbers
        self._deadline = deadline
        self._received = b""
        self._awaited = 0  # bytes of the answer under way; 0 until its head is there
        self._chunked = False
        self._step = -1
        self._number = self._user_id = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self._next()

    def data_received(self, data: bytes) -> None:
        self._received = received = self._received + data if self._received else data
        if not self._awaited:
            end = received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._body_at = end + 4
            length = _content_length(received[:end])
            self._chunked = length is None
            self._awaited = self._body_at + (length or 0)
        if len(received) < self._awaited or (self._chunked and not received.endswith(_LAST_CHUNK)):
            return
        now = time.perf_counter()
        self.latencies.append(now - self._sent_at)
        status, body = int(received[9:12]), received[self._body_at :]
        self._received, self._awaited = b"", 0
        trouble = lifecycle.wrong(self._step, self._number, self._user_id, status, body)
        if trouble is not None:
            self._end(WrongAnswer(trouble))
        elif now >= self._deadline:
            self._end(None)
        else:
            if self._step == 1:
                self._user_id = lifecycle.id_of(body)
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or WrongAnswer("the server closed the connection"))

    def _next(self) -> None:
        self._step = (self._step + 1) % len(lifecycle.STEPS)
        if self._step == 0:
            self._number = b"%08d" % next(self._numbers)
        request = self._requests.build(self._step, self._number, self._user_id)
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def _end(self, error: Exception | None) -> None:
        if not self.ended.done():
            if error is None:
                self.ended.set_result(None)
            else:
                self.ended.set_exception(error)
            self._transport.close()


async def play(target: Target, numbers: Iterator[int], seconds: float) -> Played:
    """Plays against one server for so long; each number makes one user. Raises WrongAnswer."""
    loop = asyncio.get_running_loop()
    cpu, start = time.process_time(), time.perf_counter()
    requests = Requests(target)
    players = []
    for _ in range(CONNECTIONS):
        _, player = await loop.create_connection(
            lambda: _Player(requests, numbers, start + seconds), "127.0.0.1", target.port
        )
        players.append(player)
    try:
        async with asyncio.timeout(seconds + ANSWER_SECONDS):
            await asyncio.gather(*(player.ended for player in players))
    except TimeoutError:
        raise WrongAnswer(f"no answer came within {ANSWER_SECONDS} seconds") from None
    played = Played(time.perf_counter() - start, generator_seconds=time.process_time() - cpu)
    for player in players:
        played.latencies += player.latencies
    return played


def _content_length(head: bytes) -> int | None:
    """None where the body comes in chunks; what is checked in it stands in one of them."""
    head = head.lower()
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        return None if b"\r\ntransfer-encoding:" in head else 0
    end = head.find(b"\r\n", at + 17)
    return int(head[at + 17 : end if end >= 0 else len(head)])

"""An org on loopback that answers byte for byte what a test says, remembers what it was asked, and a clock that jumps.

The org with people, groups and pages is the simulator's; this one is for what no well-behaved server would send.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import pytest

from rollbook.okta.client import Client
from rollbook.okta.conversation import Conversation
from rollbook.okta.failures import OktaFailure
from rollbook.okta.org_address import OrgAddress

TOKEN = "00-the-token-of-the-tests"

# What an answer may be: all of it, pieces with a pause before each, or None for silence until the other side leaves.
Raw = bytes | Sequence[bytes] | None


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]


@dataclass
class Org:
    """A listening server; `answer` gets each request. A connection is closed after an answer that says so."""

    answer: Callable[[Asked], Raw]
    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0  # the most requests that were under way together
    _under_way: int = 0
    _conversations: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, 0, ssl=self.tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Clients leave first; what was said to them ends before the loop does."""
        self._server.close()
        if self._conversations:
            await asyncio.wait(self._conversations, timeout=5)

    @property
    def address(self) -> OrgAddress:
        return OrgAddress("https" if self.tls else "http", self.host, self.port, local=True)

    @property
    def url(self) -> str:
        return self.address.url

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        conversation = asyncio.current_task()
        assert conversation is not None
        self._conversations.add(conversation)
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self._conversations.discard(conversation)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        request = Asked(method, target, headers)
        self.asked.append(request)
        self._under_way += 1
        self.at_once = max(self.at_once, self._under_way)
        try:
            return await self._send(self.answer(request), reader, writer)
        finally:
            self._under_way -= 1

    async def _send(self, raw: Raw, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if raw is None:
            await reader.read()
            return False
        pieces = [raw] if isinstance(raw, bytes) else raw
        for piece in pieces:
            if len(pieces) > 1:
                await asyncio.sleep(0.02)
            writer.write(piece)
            await writer.drain()
        return b"Connection: close" not in b"".join(pieces)


@dataclass
class Clock:
    """A clock that jumps when somebody sleeps."""

    at: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds
        await asyncio.sleep(0)


def client(org: Org | OrgAddress, clock: Clock | None = None, **options: Any) -> Client:
    """A client of the org that never really waits."""
    clock = clock or Clock()
    address = org.address if isinstance(org, Org) else org
    how = {"clock": clock, "sleep": clock.sleep, "jitter": lambda: 0.5, **options}
    return Client(Conversation(address, TOKEN, **how))


def reply(status: int, body: Any = None, *headers: str, media: str = "application/json", packed: bool = False) -> bytes:
    """A whole answer; a body that is not bytes goes as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {media}", *headers]
    if packed:
        raw = gzip.compress(raw)
        lines.append("Content-Encoding: gzip")
    return "\r\n".join([*lines, f"Content-Length: {len(raw)}", "", ""]).encode() + raw


def error(status: int, code: str = "E0000007") -> bytes:
    """A refusal as Okta writes it; its own words must never come out on our side."""
    return reply(status, {"errorCode": code, "errorSummary": "words of the org", "errorCauses": []})


def person(okta_id: str, status: str = "ACTIVE", **profile: Any) -> dict[str, Any]:
    """A user of the directory as Okta shows one."""
    names = {
        "login": f"{okta_id}@acme.example",
        "email": f"{okta_id}@acme.example",
        "firstName": "Leo",
        "lastName": "Linden",
    }
    return {
        "id": okta_id,
        "status": status,
        "created": "2026-01-05T09:00:00.000Z",
        "type": {"id": "oty1"},
        "profile": {**names, **profile},
        "credentials": {"provider": {"type": "OKTA", "name": "OKTA"}},
        "_links": {"self": {"href": "https://acme.okta.com/api/v1/users/x"}},
    }


PEOPLE = [person("00uada"), person("00uleo")]


def asking(answer: Callable[[Asked], Raw], work: Callable[[Client, Org], Awaitable[Any]], **options: Any) -> Any:
    """What the work with a client of such an org comes to."""

    async def run() -> Any:
        async with Org(answer) as org, client(org, **options) as okta:
            return await work(okta, org)

    return asyncio.run(run())


def failing(answer: Callable[[Asked], Raw], **options: Any) -> tuple[OktaFailure, int]:
    """How reading people fails, and after how many requests."""

    async def work(okta: Client, org: Org) -> tuple[OktaFailure, int]:
        with pytest.raises(OktaFailure) as failure:
            await okta.people(None, None)
        return failure.value, len(org.asked)

    outcome: tuple[OktaFailure, int] = asking(answer, work, **options)
    return outcome

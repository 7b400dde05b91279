"""Requests byte by byte, the door without a socket, and what every answer under /scim must be."""

from __future__ import annotations

import base64
import json
import re
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp

from tests.conftest import Tenant
from tests.servers import ThreadServer

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
SCIM_TYPES = {
    None,
    *("invalidFilter", "tooMany", "uniqueness", "mutability", "invalidSyntax", "invalidPath", "noTarget"),
    *("invalidValue", "invalidVers", "sensitive"),
}


@dataclass(frozen=True)
class Heard:
    """An answer as it came; `body` is the parsed JSON, None where there was no content."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content) if self.content else None

    @property
    def detail(self) -> str:
        return str(self.body["detail"])


def check(heard: Heard, *, method: str = "GET") -> Heard:
    """Asserts what holds for every answer: media type, JSON, the Error schema from 400 on, no 5xx but 501."""
    assert heard.status < 500 or heard.status == 501, (heard.status, heard.content[:300])
    assert heard.headers["content-type"] == "application/scim+json"
    if heard.status in (204, 304) or method == "HEAD":
        assert heard.content == b""
        return heard
    body = heard.body
    assert isinstance(body, dict)
    if heard.status >= 400:
        assert body["schemas"] == [ERROR]
        assert body["status"] == str(heard.status)
        assert body.keys() <= {"schemas", "scimType", "status", "detail"}
        assert body.get("scimType") in SCIM_TYPES
        assert re.search(r"\w", body["detail"])
        assert "Traceback" not in body["detail"]
    return heard


def basic(tenant: Tenant) -> str:
    """The Authorization header's value."""
    return basic_of(tenant.company.subdomain, tenant.key)


def basic_of(subdomain: str, key: str) -> str:
    """The same of any name and key."""
    return "Basic " + base64.b64encode(f"{subdomain}:{key}".encode()).decode()


class Connection:
    """A TCP connection to the server, written and read by hand."""

    def __init__(self, server: ThreadServer, *, timeout: float = 20) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=timeout)
        self._file = self._socket.makefile("rb")

    def send(self, content: bytes) -> None:
        self._socket.sendall(content)

    def hear(self) -> Heard:
        """The next answer; raises AssertionError where the connection ends before it."""
        line = self._file.readline()
        assert line.startswith(b"HTTP/1.1 "), line
        headers: dict[str, str] = {}
        while (row := self._file.readline().strip()) != b"":
            name, _, value = row.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        return Heard(int(line.split()[1]), headers, self._file.read(length))

    def ended(self) -> bool:
        """Whether the server closes the connection, within the timeout."""
        try:
            return self._file.read(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def exchange(server: ThreadServer, content: bytes, *, timeout: float = 20) -> Heard:
    """Sends bytes over a connection of their own and gives the answer."""
    with Connection(server, timeout=timeout) as connection:
        connection.send(content)
        return connection.hear()


def request(method: str, target: str, tenant: Tenant | None = None, body: bytes | None = None, **headers: str) -> bytes:
    """The bytes of a request; keyword `content_type` is the header Content-Type, and so on."""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1"]
    if tenant is not None and "authorization" not in headers:
        lines.append(f"Authorization: {basic(tenant)}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body is not None and "transfer_encoding" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


async def ask_door(
    door: ASGIApp,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    query: bytes = b"",
    client: tuple[str, int] | None = ("127.0.0.1", 50000),
    scheme: str = "http",
    body: AsyncIterator[bytes] | None = None,
) -> Heard:
    """One request to the ASGI application itself; `body` gives its parts as they arrive."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "scheme": scheme,
        "client": client,
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if body is not None:
            async for part in body:
                return {"type": "http.request", "body": part, "more_body": True}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await door(scope, receive, send)
    start = sent[0]
    received = {name.decode(): value.decode() for name, value in start["headers"]}
    return Heard(start["status"], received, b"".join(message.get("body", b"") for message in sent[1:]))

"""The HTTP/1.1 protocol below the doors: malformed, slow and oversized requests are answered in SCIM JSON.

Okta shows its administrator a parse error instead of the cause when an answer is no JSON, and at this point nobody
knows yet which door was meant. Where the address is known to be the management API's, the answer is a problem of
RFC 9457 instead.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

HEADER_SECONDS = 15
BODY_SECONDS = 15
MAX_HEADER_BYTES = 64 * 1024
# Set in the scope of a request whose body took too long: the door hears of a disconnect, and this is why.
TOO_SLOW = "rollbook.too_slow"
# Doors read the body of these before they do anything; another request may be at work while its body still comes.
_BODY_FIRST = frozenset({"POST", "PUT", "PATCH"})


class _GatheringTransport(asyncio.Transport):
    """A transport that keeps an answer's head until its body, or the first part of it, is written.

    uvicorn writes the two one after the other, and uvloop sends each at once: twice the work for the kernel, twice the
    packets, and a client that wakes up for half an answer.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._head = b""

    def write(self, data: Any) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1"):  # 100 is an answer by itself
            self._head = data
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Sends a head that no body followed: that of an answer to HEAD, or the last one before closing."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        self._head = b""
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def is_reading(self) -> bool:
        return self._transport.is_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)


def slow_body() -> str:
    """The sentence for a body that did not arrive."""
    return f"The body did not arrive within {BODY_SECONDS} seconds; send the request again."


class RollbookProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a deadline for headers, another for the body, and a limit for headers.

    Most requests arrive whole, in one piece: they need no timer.
    """

    url = b""  # of the request that is being read; uvicorn fills it in
    _deadline: asyncio.TimerHandle | None = None
    _body_deadline: asyncio.TimerHandle | None = None
    _header_bytes = 0  # received since the message began: at least what its headers take
    _chunk = 0
    _in_headers = True
    _in_body = False
    _oversized = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # it is of TCP
        self._gathering = _GatheringTransport(transport)
        super().connection_made(self._gathering)
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        self._stop_body_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._chunk = len(data)
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        if self._in_body and self._body_deadline is None and not self.transport.is_closing():
            self._body_deadline = self.loop.call_later(BODY_SECONDS, self._too_slow_body)
        if not self._in_headers:
            self._stop_deadline()
        elif self.transport.is_closing():
            return
        elif self._header_bytes > MAX_HEADER_BYTES:
            self._refuse_size()
        elif self._deadline is None:
            self._start_deadline()

    def on_message_begin(self) -> None:
        self._in_headers = True
        self._header_bytes = self._header_bytes or self._chunk
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._header_bytes > MAX_HEADER_BYTES:  # else they cannot be too many, and need no counting
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > MAX_HEADER_BYTES:
                self._oversized = True
                raise ValueError("oversized headers")  # the parser stops and send_400_response answers
        self._in_headers = False
        self._in_body = True
        self._header_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_headers = self._in_body = False
        self._stop_body_deadline()

    def on_response_complete(self) -> None:
        self._gathering.flush()
        if self._body_deadline is not None:  # that of the next request, of which nothing was read meanwhile
            self._stop_body_deadline()
            self._body_deadline = self.loop.call_later(BODY_SECONDS, self._too_slow_body)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """What the parser could not read, or was told not to go on with."""
        if self._oversized:
            self._refuse_size()
        else:
            self._refuse(400, "This is no well-formed HTTP/1.1 request; nothing was done.")

    def _start_deadline(self) -> None:
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_body_deadline(self) -> None:
        if self._body_deadline is not None:
            self._body_deadline.cancel()
            self._body_deadline = None

    def _too_slow_body(self) -> None:
        self._body_deadline = None
        if self.transport.is_closing():
            return
        if self.pipeline:  # an earlier request is being answered, and meanwhile we read nothing
            self._body_deadline = self.loop.call_later(BODY_SECONDS, self._too_slow_body)
        elif self.cycle.response_started:  # nobody waits for the body, which would only hold the connection
            self.transport.close()
        elif self.cycle.scope["method"] not in _BODY_FIRST:
            self.cycle.keep_alive = False  # at work without it; the connection ends with the answer
        else:
            cast("dict[str, Any]", self.cycle.scope)[TOO_SLOW] = True
            self._refuse(408, slow_body())

    def _too_slow(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self._refuse(408, f"The headers did not arrive within {HEADER_SECONDS} seconds; send the request again.")

    def _refuse_size(self) -> None:
        self._refuse(431, "The headers are larger than 64 KiB; send fewer or shorter ones.")

    def _refuse(self, status: int, detail: str) -> None:
        media, error = _problem(status, detail) if self.url.startswith(b"/api/") else _scim_error(status, detail)
        content = json.dumps(error).encode()
        self.transport.write(
            STATUS_LINE[status]
            + b"content-type: "
            + media
            + b"\r\ncontent-length: "
            + str(len(content)).encode()
            + b"\r\nconnection: close\r\n\r\n"
            + content
        )
        self.transport.close()


def _scim_error(status: int, detail: str) -> tuple[bytes, dict[str, Any]]:
    schemas = ["urn:ietf:params:scim:api:messages:2.0:Error"]
    return b"application/scim+json", {"schemas": schemas, "status": str(status), "detail": detail}


def _problem(status: int, detail: str) -> tuple[bytes, dict[str, Any]]:
    """As the management API tells its own refusals (api/problems.py)."""
    title = HTTPStatus(status).phrase
    return b"application/problem+json", {"type": "about:blank", "title": title, "status": status, "detail": detail}

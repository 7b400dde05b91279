"""The HTTP/1.1 protocol below the doors: malformed requests, slow and oversized headers are answered in SCIM JSON.

Okta shows its administrator a parse error instead of the cause when an answer is no JSON, and at this point nobody
knows yet which door was meant.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

HEADER_SECONDS = 15
MAX_HEADER_BYTES = 64 * 1024


class RollbookProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a deadline and a limit for headers."""

    _deadline: asyncio.TimerHandle | None = None
    _header_bytes = 0  # received since the message began: at least what its headers take
    _chunk = 0
    _in_headers = True
    _oversized = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._chunk = len(data)
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
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
        self._header_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_headers = False

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

    def _too_slow(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self._refuse(408, f"The headers did not arrive within {HEADER_SECONDS} seconds; send the request again.")

    def _refuse_size(self) -> None:
        self._refuse(431, "The headers are larger than 64 KiB; send fewer or shorter ones.")

    def _refuse(self, status: int, detail: str) -> None:
        error: dict[str, Any] = {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": str(status),
            "detail": detail,
        }
        content = json.dumps(error).encode()
        self.transport.write(
            STATUS_LINE[status]
            + b"content-type: application/scim+json\r\ncontent-length: "
            + str(len(content)).encode()
            + b"\r\nconnection: close\r\n\r\n"
            + content
        )
        self.transport.close()

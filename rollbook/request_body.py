"""Receiving a request's body for a door: its media type, and its size counted while it streams.

The deadline is http_protocol.py's; what the bytes say, and in which shape a refusal is told, is the door's.
"""

from __future__ import annotations

from functools import lru_cache

from starlette.types import Receive, Scope

from rollbook.http_protocol import TOO_SLOW, slow_body

MAX_BODY = 1024 * 1024
# A body that turns out too large is received this much further and forgotten, so that a client that sends first
# and reads then gets to read why; of one that goes on the connection is closed.
LINGER = 7 * MAX_BODY


class BodyRefused(Exception):
    """Why a body was not taken: the status, a sentence, and whether the connection ends with the answer."""

    def __init__(self, status: int, message: str, *, closing: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.closing = closing


async def read(scope: Scope, receive: Receive, headers: dict[bytes, bytes], *, media: tuple[str, ...]) -> bytes:
    """The body as received; what a header says of its length is not believed. `media` are the types that are read.

    Raises BodyRefused: 415 for another media type or any encoding, 413 beyond MAX_BODY, 408 for one that took
    too long, 400 for one whose sender went away.
    """
    _refuse_media(headers.get(b"content-encoding", b"identity"), headers.get(b"content-type", b""), media)
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > MAX_BODY + LINGER:
        raise _too_large()
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect" and TOO_SLOW in scope:
            raise BodyRefused(408, slow_body())
        if message["type"] == "http.disconnect":
            raise BodyRefused(400, "The connection closed before the body was complete.")
        part = message.get("body", b"")
        size += len(part)
        if size <= MAX_BODY:
            parts.append(part)
        else:
            parts.clear()
            if size > MAX_BODY + LINGER:
                raise _too_large()
        more = message.get("more_body", False)
    if size > MAX_BODY:
        raise _too_large()
    return b"".join(parts)


@lru_cache(maxsize=64)
def _refuse_media(encoding: bytes, content_type: bytes, offered: tuple[str, ...]) -> None:
    if encoding.strip().lower() not in (b"identity", b""):
        raise BodyRefused(415, "Compressed bodies are not read; send it without Content-Encoding.")
    media = content_type.split(b";")[0].strip().lower().decode("latin-1")
    if media and media not in offered:
        raise BodyRefused(415, f"The body must be {' or '.join(offered)}, not {media[:80]}.")


def _too_large() -> BodyRefused:
    return BodyRefused(
        413, f"The body is larger than {MAX_BODY:,} bytes, and nothing was done. Send less at once.", closing=True
    )

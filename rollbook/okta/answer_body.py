"""The body of one answer of Okta, read no further than a ceiling, packed or not. What it says is answers.py's."""

from __future__ import annotations

import zlib

import httpx2

from rollbook.okta import failures

MOST_BYTES = 16 * 1024 * 1024
PACKING = "gzip"  # the one packing that we ask for and can stop in the middle of

_STEP = 256 * 1024


async def read(response: httpx2.Response, ceiling: int = MOST_BYTES) -> bytes:
    """The whole body, unpacked. Raises OktaFailure where it is too long, packed otherwise, or ends early."""
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    if packing not in ("identity", "", PACKING):
        raise failures.unreadable("it is packed in a way that was not asked for")
    unpack = zlib.decompressobj(wbits=31) if packing == PACKING else None
    body = bytearray()
    async for chunk in response.aiter_raw():
        if unpack is None:
            body += chunk
            _check_length(body, ceiling)
        else:
            _unpack(unpack, chunk, body, ceiling)
    if unpack is not None and not unpack.eof:
        raise failures.unreadable("it ends in the middle")
    return bytes(body)


def _unpack(unpack: zlib._Decompress, chunk: bytes, body: bytearray, ceiling: int) -> None:
    """Adds a chunk in steps: a few bytes may unpack to any number."""
    while chunk and not unpack.eof:
        try:
            body += unpack.decompress(chunk, _STEP)
        except zlib.error:
            raise failures.unreadable("it is packed wrongly") from None
        _check_length(body, ceiling)
        chunk = unpack.unconsumed_tail


def _check_length(body: bytearray, ceiling: int) -> None:
    if len(body) > ceiling:
        raise failures.unreadable(f"it is longer than {ceiling // (1024 * 1024)} MiB")

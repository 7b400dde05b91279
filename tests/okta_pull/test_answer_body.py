"""The body of an answer: never read, unpacked or kept beyond its ceiling, and never taken for whole where it is not."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import httpx2
import pytest

from rollbook.okta import answer_body
from rollbook.okta.failures import OktaFailure
from tests.okta_pull.org import failing, reply


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    block = b" " * (1024 * 1024)
    return b"".join(packer.compress(block) for _ in range(size)) + packer.flush()


def test_an_answer_that_is_too_long_is_not_read_to_its_end() -> None:
    packed = bomb(200)
    assert len(packed) < 300_000
    failure, requests = failing(lambda _: reply(200, packed, "Content-Encoding: gzip"), tries_again=0)
    assert failure.message == (
        "Okta's answer cannot be used: it is longer than 16 MiB. See that the org address is right, and that nothing "
        "answers in Okta's place."
    )
    assert requests == 1
    failure, _ = failing(lambda _: reply(200, b" " * (17 * 1024 * 1024)), tries_again=0)
    assert "longer than 16 MiB" in failure.message


class Chunks(httpx2.AsyncByteStream):
    """A body that comes in pieces of so many bytes."""

    def __init__(self, body: bytes, size: int) -> None:
        self._body, self._size = body, size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for place in range(0, len(self._body), self._size):
            yield self._body[place : place + self._size]


def read_body(body: bytes, *, packed: bool, chunk: int = 1, ceiling: int = 1000) -> bytes:
    headers = {"content-encoding": "gzip"} if packed else {}
    return asyncio.run(answer_body.read(httpx2.Response(200, headers=headers, stream=Chunks(body, chunk)), ceiling))


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001])
@pytest.mark.parametrize("packed", [False, True])
def test_the_ceiling_of_an_answer_is_exact(size: int, packed: bool) -> None:
    body = b"x" * size
    sent = gzip.compress(body) if packed else body
    if size > 1000:
        with pytest.raises(OktaFailure, match="longer than"):
            read_body(sent, packed=packed)
    else:
        assert read_body(sent, packed=packed) == body


def test_what_unpacks_to_ever_more_takes_no_more_memory_than_the_ceiling() -> None:
    packed = bomb(64)  # in one chunk: a few kilobytes on the wire
    tracemalloc.start()
    try:
        with pytest.raises(OktaFailure, match="longer than"):
            read_body(packed, packed=True, chunk=len(packed), ceiling=1024 * 1024)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 * 1024 * 1024


def test_a_packed_answer_that_ends_early_is_not_taken_for_whole() -> None:
    whole = gzip.compress(b"[]")
    assert read_body(whole, packed=True) == b"[]"
    for end in range(1, len(whole)):
        with pytest.raises(OktaFailure, match="ends in the middle"):
            read_body(whole[:end], packed=True)

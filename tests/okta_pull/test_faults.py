"""What may go wrong on the way: what is tried again, what the end is called, and that none of it tells the token."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import traceback
import zlib

import pytest

from rollbook.okta.answers import Page, Person
from rollbook.okta.client import Client
from rollbook.okta.failures import OktaFailure
from tests.okta_pull.org import PEOPLE, TOKEN, Clock, Org, Raw, asking, client, error, failing, reply

FAULTS: dict[str, tuple[str, Raw]] = {
    "500": ("unreachable", error(500, "E0000009")),
    "502 with a page": ("unreachable", reply(502, b"<html>Bad gateway</html>", media="text/html")),
    "503": ("unreachable", reply(503, b"")),
    "504": ("unreachable", reply(504, b"", "Connection: close")),
    "408": ("unreachable", reply(408, b"")),
    "closed without a word": ("unreachable", [b"", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Len"]),
    "cut off": ("unreachable", reply(200, PEOPLE, "Connection: close")[:-10]),
    "not HTTP": ("unreachable", b"SSH-2.0-OpenSSH\r\n\r\nConnection: close"),
    "never answered": ("unreachable", None),
    "a drop at a time": ("unreachable", [reply(200, PEOPLE)[:9], *[b"x"] * 400]),
    "a page of HTML": ("unreadable", reply(200, b"<html>Sign in</html>", media="text/html")),
    "half of the JSON": ("unreadable", reply(200, json.dumps(PEOPLE).encode()[:-9])),
    "another shape": ("unreadable", reply(200, {"items": PEOPLE})),
    "204": ("unreadable", reply(204, b"")),
    "206": ("unreadable", reply(206, PEOPLE)),
    "404 without Okta's code": ("unreadable", reply(404, b"<html>Not found</html>", media="text/html")),
    "packed by half": ("unreadable", reply(200, gzip.compress(b"[]")[:-9], "Content-Encoding: gzip")),
    "packed wrongly": ("unreadable", reply(200, zlib.compress(b"[]"), "Content-Encoding: gzip")),
    "packed as not asked": ("unreadable", reply(200, PEOPLE, "Content-Encoding: br")),
    "elsewhere": ("unreadable", reply(302, b"", "Location: https://acme.okta.com/login")),
    "elsewhere for ever": ("unreadable", reply(308, b"", "Location: https://evil.example/")),
}


def patience(fault: str) -> dict[str, float]:
    """A server that is slow on purpose is not waited for as long as a real one would be."""
    return {"request_seconds": 0.4} if fault in ("never answered", "a drop at a time") else {}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_changes_nothing(fault: str) -> None:
    _, raw = FAULTS[fault]
    answers = iter([raw])

    async def work(okta: Client, org: Org) -> tuple[Page[Person], int]:
        return await okta.people(None, None), len(org.asked)

    page, requests = asking(lambda _: next(answers, reply(200, PEOPLE)), work, **patience(fault))
    assert ([each.id for each in page.items], page.next) == (["00uada", "00uleo"], None)
    assert requests >= 2


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays_is_given_up_after_five_more_tries(fault: str) -> None:
    kind, raw = FAULTS[fault]
    clock = Clock()
    failure, _ = failing(lambda _: raw, clock=clock, **patience(fault))
    assert failure.kind == kind
    assert clock.slept == [0.75, 1.5, 3.0, 6.0, 12.0]
    beginnings = {"unreachable": "Okta cannot be reached: ", "unreadable": "Okta's answer cannot be used: "}
    assert failure.message.startswith(beginnings[kind])


@pytest.mark.parametrize(
    ("raw", "kind", "words"),
    [
        (error(401, "E0000011"), "refused", "Make a new one as a read-only administrator"),
        (reply(401, b""), "refused", "Make a new one as a read-only administrator"),
        (error(403, "E0000006"), "refused", "Read-only Administrator"),
        (error(404), "gone", "Okta has no group 00g1"),
        (error(400, "E0000001"), "cursor", "read from its beginning"),
        (error(410, "E0000001"), "cursor", "read from its beginning"),
    ],
)
def test_what_trying_again_cannot_mend_is_not_tried_again(raw: bytes, kind: str, words: str) -> None:
    async def work(okta: Client, org: Org) -> tuple[str, bool, int]:
        with pytest.raises(OktaFailure) as failure:
            await okta.people("00g1", f"{org.url}/api/v1/groups/00g1/users?after=2")
        return failure.value.kind, words in failure.value.message, len(org.asked)

    assert asking(lambda _: raw, work) == (kind, True, 1)


def test_no_redirect_is_followed_with_the_token() -> None:
    async def work() -> int:
        async with Org(lambda _: reply(200, PEOPLE)) as other:
            elsewhere = f"Location: {other.url}/api/v1/users"
            async with Org(lambda _: reply(302, b"", elsewhere)) as org, client(org) as okta:
                with pytest.raises(OktaFailure, match="sends us elsewhere"):
                    await okta.people(None, None)
            return other.connections

    assert asyncio.run(work()) == 0


def test_the_token_is_in_no_message_trace_or_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    raws = [raw for _, raw in FAULTS.values()] + [error(status) for status in (400, 401, 403, 404, 429)]
    shown: list[str] = []

    async def work(okta: Client, org: Org) -> None:
        shown.append(repr(okta))
        try:
            await okta.people(None, None)
        except OktaFailure as failure:
            shown.extend([repr(failure), failure.message, *traceback.format_exception(failure)])

    for raw in raws:
        asking(lambda _, raw=raw: raw, work, tries_again=0, request_seconds=0.2)
    text = "\n".join([*shown, caplog.text])
    assert len(shown) > 5 * len(raws)
    assert "receive_response_headers" in text  # the libraries did log
    assert TOKEN not in text
    assert "words of the org" not in text

"""A conversation with one Okta org: a GET at a time, as fast as Okta lets us, tried again where that may help, until it
is answered or has failed for good; and lists, page by page, as `Link` leads on.

What is asked for is client.py's, how it gets there network.py's, how long to wait pacing.py's.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import httpx2

from rollbook.errors import InvalidValue
from rollbook.okta import answer_body, answers, failures, network, pacing
from rollbook.okta.answers import Page, Refused
from rollbook.okta.failures import OktaFailure
from rollbook.okta.org_address import OrgAddress

T = TypeVar("T")

CONNECT_SECONDS = 5.0
REQUEST_SECONDS = 30.0
TRIES_AGAIN = 5
MOST_LIMITED = 10  # answers of 429 in a row
RENEWAL_SECONDS = 15.0  # while we wait, whoever waits for us is heard this often
PAGE_SIZE = 200
LONGEST_NEXT = 4096
LONGEST_TOKEN = 500

_API = "/api/v1"
_chance = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: httpx2.Headers
    body: bytes
    next: str | None  # as the header says it


def checked_token(text: str) -> str:
    """An API token as it goes into a header. Raises InvalidValue."""
    token = text.strip(" \t\r\n")
    if not token or len(token) > LONGEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidValue("This is not an Okta API token: it is one word of letters, digits, - and _.", field="token")
    return token


class Conversation:
    """One request in flight. Every method raises OktaFailure.

    `while_waiting` is awaited before every 15 seconds of waiting, and between requests that took as long; what it
    raises ends the request.
    `clock` gives seconds that only go forward, `jitter` a number from 0 to 1.
    """

    def __init__(
        self,
        address: OrgAddress,
        token: str,
        *,
        page_size: int = PAGE_SIZE,
        tries_again: int = TRIES_AGAIN,
        request_seconds: float = REQUEST_SECONDS,
        while_waiting: Callable[[], Awaitable[None]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = _chance.random,
        resolve: network.Resolve = network.look_up,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._address = address
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": answer_body.PACKING,
            "Authorization": f"SSWS {checked_token(token)}",
            "User-Agent": "Rollbook",
        }
        self._page_size = page_size
        self._tries_again = tries_again
        self._request_seconds = request_seconds
        self._while_waiting = while_waiting
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._transport = network.PinnedTransport(address, resolve=resolve, tls=tls)
        self._pace = pacing.Pace()
        self._turn = asyncio.Lock()
        self._renewed = clock()

    def __repr__(self) -> str:
        return f"<Conversation with {self._address.url}>"

    async def aclose(self) -> None:
        """Hangs up."""
        await self._transport.aclose()

    async def get(self, path: str, read: Callable[[bytes], T], *, what: str | None) -> T:
        """What `read` makes of the answer's body; `what` is asked for by an id (`the group 00g…`), or is None."""
        return await self._ask(self._at(path, {}), lambda answer: read(answer.body), what=what)

    async def page(
        self,
        path: str,
        query: Mapping[str, str],
        after: str | None,
        read: Callable[[bytes], tuple[list[T], list[Refused]]],
        *,
        what: str | None,
    ) -> Page[T]:
        """A page of a list, of which `read` makes its items and records that cannot be read; the one after `after`, the
        `next` of the page before, or the first.
        """
        url = self._at(path, {**query, "limit": str(self._page_size)})
        if after is not None:
            going_on = self._own(after)
            if going_on is None or going_on.path != url.path:  # of an org or a group that was configured before
                raise failures.cursor()
            url = going_on

        def page(answer: _Answer) -> Page[T]:
            items, refused = read(answer.body)
            return Page(items, refused, self._next(answer, url))

        return await self._ask(url, page, what=what, paging=after is not None)

    def _next(self, answer: _Answer, asked: httpx2.URL) -> str | None:
        if answer.next is None:
            return None
        found = self._own(answer.next)
        if found is None or found.path != asked.path or found == asked:
            raise failures.unreadable("its next page is elsewhere than at the org, or is the same page")
        return str(found)

    def _own(self, address: str) -> httpx2.URL | None:
        """An address that Okta gave, if it is at the org; the token goes nowhere else."""
        if len(address) > LONGEST_NEXT or not address.isascii() or not address.isprintable() or "\\" in address:
            return None
        try:
            url = httpx2.URL(address)
        except httpx2.InvalidURL:
            return None
        return url if network.is_of(url, self._address) else None

    def _at(self, path: str, query: Mapping[str, str]) -> httpx2.URL:
        return httpx2.URL(self._address.url + _API + path, params=query or None)

    async def _ask(self, url: httpx2.URL, read: Callable[[_Answer], T], *, what: str | None, paging: bool = False) -> T:
        """Asks until it can be read, fails for good, or was tried often enough."""
        async with self._turn:
            failed = limited = 0
            while True:
                await self._wait(self._pace.wait(self._clock()))
                if self._clock() - self._renewed >= RENEWAL_SECONDS:
                    await self._renew()
                try:
                    answer = await self._once(url)
                    if answer.status != 429:
                        _check_status(answer, what=what, paging=paging)
                        return read(answer)
                except OktaFailure as failure:
                    failed += 1
                    if failure.kind not in ("unreachable", "unreadable") or failed > self._tries_again:
                        raise
                    await self._wait(pacing.backoff(failed, self._jitter()))
                else:
                    limited += 1
                    pause = pacing.after_limit(answer.headers, limited, self._jitter())
                    if pause is None or limited > MOST_LIMITED:
                        raise failures.limited()
                    await self._wait(pause)

    async def _once(self, url: httpx2.URL) -> _Answer:
        """Sends it once and reads all of the answer. Raises OktaFailure where none came, or not whole."""
        timeouts = {"connect": CONNECT_SECONDS, "read": self._request_seconds, "write": CONNECT_SECONDS}
        request = httpx2.Request(
            "GET", url, headers=self._headers, extensions={"timeout": timeouts | {"pool": CONNECT_SECONDS}}
        )
        try:
            async with asyncio.timeout(self._request_seconds):
                response = await self._transport.handle_async_request(request)
                try:
                    self._pace.heard(response.headers, self._clock())
                    body = await answer_body.read(response)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx2.TimeoutException):
            raise failures.unreachable("it did not answer in time") from None
        except (httpx2.TransportError, OSError):
            raise failures.unreachable("the connection broke") from None
        return _Answer(response.status_code, response.headers, body, _linked(response))

    async def _wait(self, seconds: float) -> None:
        """Sleeps, and lets whoever waits for us renew what they hold meanwhile."""
        while seconds > 0:
            await self._renew()
            step = min(seconds, RENEWAL_SECONDS)
            await self._sleep(step)
            seconds -= step

    async def _renew(self) -> None:
        if self._while_waiting is not None:
            await self._while_waiting()
        self._renewed = self._clock()


def _check_status(answer: _Answer, *, what: str | None, paging: bool) -> None:
    """Raises OktaFailure for whatever is not 200; that somebody or something is gone, only Okta itself can say."""
    status = answer.status
    if status == 200:
        return
    if status in (401, 403):
        raise failures.refused(status)
    by_okta = answers.error_code(answer.body) is not None
    if by_okta and paging and status in (400, 410):
        raise failures.cursor()
    if by_okta and status == 404:
        raise failures.gone(what) if what else failures.unreadable("it has no list of people (404)")
    if 300 <= status < 400:
        raise failures.unreadable(f"it sends us elsewhere ({status}), where we do not follow; see the org address")
    if status >= 500 or status == 408:
        raise failures.unreachable(f"it answers {status}")
    raise failures.unreadable(f"it answers {status}")


def _linked(response: httpx2.Response) -> str | None:
    """Where `Link` says that the list goes on. Raises OktaFailure where that cannot be read: then nobody knows."""
    links = response.links
    if any("rel" not in link for link in links.values()):
        raise failures.unreadable("where its list goes on cannot be read")
    return links["next"]["url"] if "next" in links else None

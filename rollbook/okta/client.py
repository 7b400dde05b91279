"""The Okta client: what Rollbook asks Okta, one GET at a time, tried again where that may help.

There is no way to ask for anything but GET. How it gets there is network.py's, what the answers say answers.py's.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

import httpx2

from rollbook.errors import InvalidValue
from rollbook.okta import answer_body, answers, failures, network, pacing
from rollbook.okta.answers import AppUser, Page, Person, Refused, Variable
from rollbook.okta.failures import OktaFailure, RecordRefused
from rollbook.okta.org_address import OrgAddress

T = TypeVar("T")

CONNECT_SECONDS = 5.0
REQUEST_SECONDS = 30.0
TRIES_AGAIN = 5
MOST_LIMITED = 10  # answers of 429 in a row
RENEWAL_SECONDS = 15.0  # while we wait, whoever waits for us is heard this often
PAGE_SIZE = 200
MOST_PAGES_OF_GROUPS = 50
LONGEST_NEXT = 4096
LONGEST_TOKEN = 500
ASSIGNED = frozenset({"ACTIVE", "PROVISIONED", "STAGED"})  # what an assignment says of whoever may use the app

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


class Client:
    """A conversation with one org, one request in flight. Every method raises OktaFailure.

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
        return f"<Client of {self._address.url}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.aclose()

    async def people(self, group_id: str | None, after: str | None) -> Page[Person]:
        """A page of a group's users, or of the whole directory, whose plain list leaves out DEPROVISIONED ones.

        `after` is the `next` of the page before, or None.
        """
        if group_id is None:
            return await self._page("/users", {}, after, answers.people, what=None)
        path = f"/groups/{_segment(group_id)}/users"
        return await self._page(path, {}, after, answers.people, what=f"the group {group_id}")

    async def deprovisioned(self, after: str | None) -> Page[Person]:
        """A page of everybody in the directory who was deactivated in Okta."""
        return await self._page("/users", {"filter": 'status eq "DEPROVISIONED"'}, after, answers.people, what=None)

    async def app_users(self, app_id: str, after: str | None) -> Page[AppUser]:
        """A page of whom an app is assigned to, with what Okta holds of the link."""
        path = f"/apps/{_segment(app_id)}/users"
        return await self._page(path, {}, after, answers.app_users, what=f"the app {app_id}")

    async def person(self, okta_id: str) -> Person | None:
        """One person by id, or None where Okta itself says that there is none. Raises OktaFailure, and of those
        RecordRefused where it is only this record that cannot be read.

        Okta takes a user name, or `me`, for an id as well: whoever answers to one but has another id is not meant.
        """
        if not okta_id or not okta_id.strip("."):
            return None
        try:
            url = self._at(f"/users/{_segment(okta_id)}", {})
            found = await self._ask(url, lambda answer: answers.person(answer.body), what=f"the person {okta_id}")
        except OktaFailure as failure:
            if failure.kind == "gone":
                return None
            raise
        if found.id is not None and found.id != okta_id:
            return None
        if isinstance(found, Refused):
            raise RecordRefused(found.why, found.status)
        return found

    async def is_member(self, okta_id: str, group_id: str) -> bool:
        """Whether somebody is in a group, as their own list of groups has it; whom Okta does not know is in none.

        An empty list is no answer: everybody in Okta is in its group Everyone.
        """
        after: str | None = None
        for _ in range(MOST_PAGES_OF_GROUPS):
            path = f"/users/{_segment(okta_id)}/groups"
            try:
                read = answers.some_group_ids if after is None else answers.group_ids
                page = await self._page(path, {}, after, read, what=f"the person {okta_id}")
            except OktaFailure as failure:
                if failure.kind == "gone":
                    return False
                raise
            if group_id in page.items or page.next is None:
                return group_id in page.items
            after = page.next
        raise failures.unreadable("the list of a person's groups does not end")

    async def namesakes(self, okta_id: str, names: Sequence[str]) -> list[Person] | None:
        """Whoever else has one of these names as login or e-mail, of whatever status. None where Okta does not say so
        for certain: the answer has to hold the person themselves too, or it may as well be empty by mistake.

        A `search` finds names in any case, which a `filter` does not.
        """
        asked = [f"{of} eq {_quoted(name)}" for name in names for of in ("profile.login", "profile.email")]
        condition = " or ".join([*asked, f"id eq {_quoted(okta_id)}"])
        try:
            page = await self._page("/users", {"search": condition}, None, answers.people, what=None)
        except OktaFailure as failure:
            if failure.kind != "unreadable":
                raise
            return None
        if page.refused or page.next is not None or not any(person.id == okta_id for person in page.items):
            return None
        return [person for person in page.items if person.id != okta_id]

    async def is_assigned(self, okta_id: str, app_id: str) -> bool:
        """Whether an app is assigned to somebody who may use it."""
        url = self._at(f"/apps/{_segment(app_id)}/users/{_segment(okta_id)}", {})
        try:
            found = await self._ask(url, lambda answer: answers.app_user(answer.body), what="the assignment")
        except OktaFailure as failure:
            if failure.kind == "gone":
                return False
            raise
        return isinstance(found, AppUser) and found.id == okta_id and found.status in ASSIGNED

    async def variables(self) -> list[Variable]:
        """The variables of people's profiles, for the field map."""
        url = self._at("/meta/schemas/user/default", {})
        return await self._ask(url, lambda answer: answers.variables(answer.body), what="its own schema")

    async def group_name(self, group_id: str) -> str:
        """The name of a group; OktaFailure `gone` where Okta knows none by this id."""
        url = self._at(f"/groups/{_segment(group_id)}", {})
        return await self._ask(url, lambda answer: answers.group_name(answer.body), what=f"the group {group_id}")

    async def _page(
        self,
        path: str,
        query: dict[str, str],
        after: str | None,
        read: Callable[[bytes], tuple[list[T], list[Refused]]],
        *,
        what: str | None,
    ) -> Page[T]:
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

    def _at(self, path: str, query: dict[str, str]) -> httpx2.URL:
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


def _quoted(text: str) -> str:
    """A text as a filter has it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _segment(id_: str) -> str:
    return quote(id_, safe="")

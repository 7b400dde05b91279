"""How fast Okta is asked: half of its limit at most, after a 429 not before its window ends, by its own clock."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections import Counter
from email.utils import formatdate

import pytest

from rollbook.okta import pacing
from rollbook.okta.failures import OktaFailure
from rollbook.okta.pacing import Pace
from tests.okta_pull.org import Asked, Clock, Org, client, error, person, reply

LONG = bool(os.environ.get("ROLLBOOK_LONG"))
PAGES = 500 if LONG else 75  # at 200 people each, the long run reads 100,000
LIMIT, WINDOW = 60, 60
OKTA_EPOCH = 4_000_000_000  # Okta's clock is decades before ours: nothing but its own Date may count


def shown(limit: int, remaining: int, left: int) -> dict[str, str]:
    return {
        "x-rate-limit-limit": str(limit),
        "x-rate-limit-remaining": str(remaining),
        "x-rate-limit-reset": str(OKTA_EPOCH + left),
        "date": formatdate(OKTA_EPOCH, usegmt=True),
    }


@pytest.mark.parametrize(
    ("limit", "remaining", "waits"),
    [(60, 59, 0), (60, 31, 0), (60, 30, 41), (60, 0, 41), (1, 0, 41), (3, 2, 41), (5, 4, 0), (5, 3, 41), (600, 301, 0)],
)
def test_once_half_of_a_window_is_spent_the_next_request_waits_for_its_end(
    limit: int, remaining: int, waits: int
) -> None:
    pace = Pace()
    pace.heard(shown(limit, remaining, left=40), at=500.0)
    assert pace.wait(500.0) == waits
    assert pace.wait(520.0) == max(0, waits - 20)
    assert pace.wait(541.0) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-rate-limit-limit": "60"},
        shown(60, 0, left=0) | {"x-rate-limit-limit": "-60"},
        shown(60, 0, left=40) | {"x-rate-limit-remaining": "none"},
        shown(60, 0, left=40) | {"x-rate-limit-reset": "soon"},
        shown(60, 0, left=40) | {"x-rate-limit-limit": "9" * 5000},
        shown(60, 0, left=-30),
        shown(60, 0, left=86_400),
        shown(0, 0, left=40),
    ],
)
def test_headers_that_say_nothing_stop_nobody(headers: dict[str, str]) -> None:
    pace = Pace()
    pace.heard(headers, at=500.0)
    assert pace.wait(500.0) == 0


def test_a_429_waits_for_the_end_of_its_window_and_a_little_by_chance() -> None:
    assert pacing.after_limit(shown(60, 0, left=40), 1, jitter=0.0) == 41
    assert pacing.after_limit(shown(60, 0, left=40), 1, jitter=1.0) == 43
    assert pacing.after_limit({"retry-after": "7"}, 1, jitter=0.0) == 8
    assert pacing.after_limit(shown(60, 0, left=86_400), 1, jitter=0.0) is None
    without_window = [pacing.after_limit(shown(0, 0, left=0), times, jitter=0.0) for times in range(1, 8)]
    assert without_window == [1, 2, 4, 8, 16, 30, 30]
    assert [pacing.after_limit({}, times, jitter=0.0) for times in (1, 2, 3)] == [1, 2, 4]


def test_the_wait_after_a_failure_grows_to_a_ceiling() -> None:
    assert [pacing.backoff(times, jitter=1.0) for times in (1, 2, 3, 4, 5, 6, 60)] == [1, 2, 4, 8, 16, 30, 30]
    assert pacing.backoff(3, jitter=0.0) == 2


class Limited:
    """An org that allows 60 requests a minute of its own clock, and counts."""

    def __init__(self, clock: Clock, others: int = 0) -> None:
        self.clock = clock
        self.others = others  # requests of other programs at the beginning of each window
        self.windows: Counter[int] = Counter()
        self.refused = 0

    def __call__(self, asked: Asked) -> bytes:
        self.clock.at += 0.2  # each request takes its time
        instant = self.clock.at + 0.7  # whole seconds of the two clocks do not meet
        window = int(instant // WINDOW)
        self.windows[window] += 1
        spent = self.windows[window] + self.others
        headers = (
            f"X-Rate-Limit-Limit: {LIMIT}",
            f"X-Rate-Limit-Remaining: {max(0, LIMIT - spent)}",
            f"X-Rate-Limit-Reset: {OKTA_EPOCH + (window + 1) * WINDOW}",
            f"Date: {formatdate(OKTA_EPOCH + int(instant), usegmt=True)}",
        )
        if spent > LIMIT:
            self.refused += 1
            return reply(429, {"errorCode": "E0000047"}, *headers)
        page = int(asked.target.rpartition("after=")[2]) if "after=" in asked.target else 0
        people = [person(f"00u{page * 200 + number}") for number in range(200 if LONG else 2)]
        if page + 1 < PAGES:
            link = f"http://{asked.headers['host']}/api/v1/groups/00g1/users?limit=200&after={page + 1}"
            headers += (f'Link: <{link}>; rel="next"',)
        return reply(200, people, *headers)


async def read_everybody(org: Limited) -> int:
    people = 0
    async with Org(org) as server, client(server, org.clock) as okta:
        after = None
        while True:
            page = await okta.people("00g1", after)
            people += len(page.items)
            after = page.next
            if after is None:
                return people


@pytest.mark.long
def test_a_whole_directory_at_sixty_requests_a_minute_without_a_violation() -> None:
    org = Limited(Clock())
    assert asyncio.run(read_everybody(org)) == PAGES * (200 if LONG else 2)
    assert org.refused == 0
    assert max(org.windows.values()) <= LIMIT // 2
    assert sum(org.windows.values()) == PAGES
    full = sorted(org.windows)[1:-1]
    assert [org.windows[window] for window in full] == [LIMIT // 2] * len(full)  # and not slower than that


def test_where_others_spend_the_limit_we_still_go_on_one_by_one() -> None:
    org = Limited(Clock(), others=45)
    assert asyncio.run(read_everybody(org)) == PAGES * (200 if LONG else 2)
    assert org.refused == 0
    assert set(org.windows.values()) == {1}


def test_after_a_429_nothing_is_asked_until_the_window_ends() -> None:
    clock = Clock()
    asked_at: list[float] = []

    def answer(_: Asked) -> bytes:
        asked_at.append(clock.at)
        if len(asked_at) <= 3:
            headers = shown(60, 0, left=40)
            return reply(429, {"errorCode": "E0000047"}, *(f"{name}: {value}" for name, value in headers.items()))
        return reply(200, [])

    async def ask() -> None:
        async with Org(answer) as server, client(server, clock) as okta:
            await okta.people(None, None)

    asyncio.run(ask())
    assert len(asked_at) == 4
    assert [after - before for before, after in itertools.pairwise(asked_at)] == [42.0] * 3


def test_a_limit_that_stays_spent_ends_in_a_sentence() -> None:
    async def ask() -> int:
        async with Org(lambda _: error(429, "E0000047")) as server, client(server) as okta:
            with pytest.raises(OktaFailure, match="Reports, Rate Limits") as failure:
                await okta.people(None, None)
            assert failure.value.kind == "limited"
            return len(server.asked)

    assert asyncio.run(ask()) == 11


def test_whoever_waits_for_us_is_heard_at_least_every_fifteen_seconds() -> None:
    clock = Clock()
    renewed: list[float] = []
    answers = iter([reply(429, {}, *(f"{name}: {value}" for name, value in shown(60, 0, left=100).items()))])

    async def renew() -> None:
        renewed.append(clock.at)

    async def ask() -> None:
        async with (
            Org(lambda _: next(answers, reply(200, []))) as server,
            client(server, clock, while_waiting=renew) as okta,
        ):
            await okta.people(None, None)

    asyncio.run(ask())
    assert sum(clock.slept) == 102.0
    gaps = [after - before for before, after in itertools.pairwise([*renewed, clock.at])]
    assert max(gaps) <= 15


def test_whoever_waits_for_us_is_heard_between_slow_answers() -> None:
    """Somebody in so many groups that one question takes longer than a lease lasts."""
    clock = Clock()
    renewed: list[float] = []

    async def renew() -> None:
        renewed.append(clock.at)

    def answer(asked: Asked) -> bytes:
        clock.at += 9
        page = int(asked.target.rpartition("after=")[2]) if "after=" in asked.target else 0
        link = f"http://{asked.headers['host']}/api/v1/users/00uleo/groups?after={page + 1}"
        return reply(200, [{"id": f"00g{page}"}], *([f'Link: <{link}>; rel="next"'] if page < 20 else []))

    async def ask() -> bool:
        async with Org(answer) as server, client(server, clock, while_waiting=renew) as okta:
            return await okta.is_member("00uleo", "00gnone")

    began = clock.at
    assert not asyncio.run(ask())
    assert clock.at - began == 9 * 21
    gaps = [after - before for before, after in itertools.pairwise([began, *renewed, clock.at])]
    assert max(gaps) <= 15 + 9


def test_a_lease_that_was_lost_while_waiting_ends_the_request() -> None:
    class LeaseLost(Exception):
        pass

    async def lost() -> None:
        raise LeaseLost

    async def ask() -> int:
        async with Org(lambda _: error(503)) as server, client(server, while_waiting=lost) as okta:
            with pytest.raises(LeaseLost):
                await okta.people(None, None)
            return len(server.asked)

    assert asyncio.run(ask()) == 1

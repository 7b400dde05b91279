"""Lists in pages: they go on at the org and in the same list, or not at all."""

from __future__ import annotations

import pytest

from rollbook.okta.client import Client
from rollbook.okta.failures import OktaFailure
from tests.okta_pull.org import PEOPLE, Asked, Org, asking, failing, reply

CURSOR_OF = "/api/v1/users?after=2&limit=200"


def next_page(asked: Asked, target: str, *more: str) -> bytes:
    host = asked.headers["host"]
    links = (f'Link: <http://{host}{asked.target}>; rel="self"', f'Link: <http://{host}{target}>; rel="next"')
    return reply(200, PEOPLE, *links, *more)


def test_pages_follow_the_address_that_okta_gives() -> None:
    def answer(asked: Asked) -> bytes:
        return reply(200, []) if "after=2" in asked.target else next_page(asked, CURSOR_OF)

    async def work(okta: Client, org: Org) -> list[str]:
        first = await okta.people(None, None)
        second = await okta.people(None, first.next)
        assert first.next == f"{org.url}{CURSOR_OF}"
        assert (second.items, second.next) == ([], None)
        return [each.target for each in org.asked]

    assert asking(answer, work) == ["/api/v1/users?limit=200", CURSOR_OF]


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/api/v1/users?after=2",
        "http://evil.example/api/v1/users?after=2",
        "http://{host}@evil.example/api/v1/users?after=2",
        "http://{host}\\@evil.example/api/v1/users?after=2",
        "http://{host}.evil.example/api/v1/users?after=2",
        "http://evil.example#{host}/api/v1/users?after=2",
        "http://ada:word@{host}/api/v1/users?after=2",
        "https://{host}/api/v1/users?after=2",
        "http://127.0.0.1/api/v1/users?after=2",
        "http://localhost:9/api/v1/users?after=2",
        "http://{host}/api/v1/groups?after=2",
        "http://{host}/api/v1/users/../groups?after=2",
        "http://{host}/api/v1/users?after=2#there",
        "http://{host}/api/v1/users?limit=200",  # the very page that was asked for
        "http://{host}/api/v1/users?after=" + "2" * 5000,
        "/api/v1/users?after=2",
        "//evil.example/api/v1/users",
        "http://[::1",
        "",
    ],
    ids=lambda link: link[:50],
)
def test_a_list_that_goes_on_elsewhere_is_not_followed(link: str) -> None:
    def answer(asked: Asked) -> bytes:
        return reply(200, PEOPLE, f'Link: <{link.replace("{host}", asked.headers["host"])}>; rel="next"')

    failure, requests = failing(answer)
    assert (failure.kind, requests) == ("unreadable", 6)


@pytest.mark.parametrize(
    "link", ["<http://x/>", "garbage", '<http://x/>; title="a=b"; rel="next"', "<http://x/a;b>; rel=next"]
)
def test_a_list_of_which_nobody_knows_whether_it_goes_on_is_not_taken_for_whole(link: str) -> None:
    failure, _ = failing(lambda _: reply(200, PEOPLE, f"Link: {link}"))
    assert failure.kind == "unreadable"


@pytest.mark.parametrize(
    "after",
    [
        "https://umbra.okta.com/api/v1/users?after=2",
        "http://{host}/api/v1/groups/00g1/users?after=2",
        "http://ada@{host}/api/v1/users?after=2",
        "2",
        "",
    ],
)
def test_a_place_in_another_list_begins_this_one_anew(after: str) -> None:
    """The org or the group was changed while a run stood still; the old place is not asked for."""

    async def work(okta: Client, org: Org) -> int:
        with pytest.raises(OktaFailure) as failure:
            await okta.people(None, after.replace("{host}", f"127.0.0.1:{org.port}"))
        assert failure.value.kind == "cursor"
        return org.connections

    assert asking(lambda _: reply(200, PEOPLE), work) == 0

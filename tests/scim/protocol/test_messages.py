"""The list response and the paging parameters."""

from __future__ import annotations

import pytest

from rollbook.scim.protocol.errors import InvalidValue
from rollbook.scim.protocol.messages import Page, list_response, parse_page


def test_items_per_page_is_what_is_there() -> None:
    assert list_response([{"id": "1"}], 7, 7) == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 7,
        "startIndex": 7,
        "itemsPerPage": 1,
        "Resources": [{"id": "1"}],
    }
    assert list_response([], 2, 101)["itemsPerPage"] == 0


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ({}, Page(1, 100)),
        ({"startIndex": "1", "count": "2"}, Page(1, 2)),
        ({"startIndex": "101", "count": "100"}, Page(101, 100)),
        ({"startIndex": "0"}, Page(1, 100)),
        ({"startIndex": "-5", "count": "-5"}, Page(1, 0)),
        ({"count": "0"}, Page(1, 0)),
        ({"count": "5000"}, Page(1, 200)),
        ({"count": "", "startIndex": " "}, Page(1, 100)),
        ({"startindex": "3", "COUNT": "4"}, Page(3, 4)),
        ({"count": " 7"}, Page(1, 7)),
        ({"startIndex": "9" * 300, "count": "9" * 300}, Page(2**53 - 1, 200)),
    ],
)
def test_a_page_is_read_leniently(query: dict[str, str], page: Page) -> None:
    assert parse_page(query, default=100, cap=200) == page


@pytest.mark.parametrize("text", ["ten", "1.5", "1e3", "１", "1_0", "0x10", "1 2", "9" * 500])
def test_a_page_that_is_no_number_is_refused(text: str) -> None:
    for name in ("startIndex", "count"):
        with pytest.raises(InvalidValue, match=name):
            parse_page({name: text}, default=100, cap=200)


def test_the_default_never_exceeds_the_cap() -> None:
    assert parse_page({}, default=100, cap=50).count == 50

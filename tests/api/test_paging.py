"""Lists in pages: a walk sees whatever was there from beginning to end exactly once, whatever is written meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rollbook import clock
from rollbook.database import Tx
from rollbook.people import group_managers, groups, memberships, users
from rollbook.people.profiles import Profile
from tests.api.conftest import Api
from tests.cast import scim_user
from tests.conftest import OPERATOR


def walk(api: Api, path: str, limit: int, between: Callable[[], None] = lambda: None, **filters: Any) -> list[Any]:
    """Every item, page by page."""
    items: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get(path, limit=limit, **filters, **cursor)
        assert len(page["items"]) <= limit
        items += page["items"]
        if page["next"] is None:
            return items
        assert len(page["items"]) == limit
        cursor = {"cursor": page["next"]}
        between()


def person(number: int) -> Profile:
    return Profile(f"leo{number}", f"leo{number}@acme.example", "Leo", f"Linden {number}", location="Lyon")


def hire(api: Api, numbers: range) -> list[str]:
    def work(tx: Tx) -> list[str]:
        return [users.create(tx, api.id, person(n), actor=OPERATOR, now=clock.now()).id for n in numbers]

    return api.house.write(work)


@pytest.mark.parametrize("limit", [1, 3, 7, 12, 13, 200])
def test_pages_of_any_size_are_the_whole_list(limit: int, api: Api) -> None:
    ids = hire(api, range(12))
    assert [user["id"] for user in walk(api, "/users", limit)] == ids
    assert [user["id"] for user in walk(api, "/users", limit, location="Lyon")] == ids


@pytest.mark.parametrize("seed", range(5))
def test_a_walk_sees_everybody_who_was_there_all_the_time_once(seed: int, api: Api) -> None:
    chance = random.Random(seed)
    there = hire(api, range(30))
    numbers = iter(range(100, 1000))
    touched: set[str] = set()

    def meddle() -> None:
        """Somebody comes, somebody is renamed, somebody goes or comes back."""

        def work(tx: Tx) -> None:
            how: dict[str, Any] = {"actor": OPERATOR, "now": clock.now()}
            users.create(tx, api.id, person(next(numbers)), **how)
            renamed, gone = (users.get(tx, api.id, chance.choice(there)) for _ in range(2))
            users.set_fields(tx, renamed, {"family_name": f"Aaa {next(numbers)}"}, **how)
            touched.add(gone.id)
            (users.archive if gone.active else users.restore)(tx, users.get(tx, api.id, gone.id), **how)

        api.house.write(work)

    seen = [user["id"] for user in walk(api, "/users", chance.randint(2, 6), meddle)]
    assert len(seen) == len(set(seen))
    assert seen == sorted(seen)
    assert set(there) - touched <= set(seen)


def many_of_each(api: Api) -> Iterator[tuple[str, int]]:
    """(address, how many there are) of every list, each with more than a page."""

    def work(tx: Tx) -> str:
        how: dict[str, Any] = {"actor": OPERATOR, "now": clock.now()}
        bakers = groups.create(tx, api.id, "Bakers", **how)
        for number in range(4):
            groups.create(tx, api.id, f"Group {number}", **how)
            user = users.create(tx, api.id, person(number), role="manager", **how)
            memberships.join(tx, bakers, user, **how)
            group_managers.appoint(tx, bakers, user, **how)
        return bakers.id

    bakers = api.house.write(work)
    for number in range(4):
        api.send("POST", "/fields", {"name": f"Field {number}"}, 201)
        api.issue()
        api.tenant.scim.post("/Users", json=scim_user(person(50 + number)))
    leo = api.get("/users")["items"][0]["id"]
    for place in ("Turin", "Lyon", "Bern"):
        api.send("PATCH", f"/users/{leo}", {"location": place})
    yield "/users", 8
    yield "/groups", 6  # Everyone, too
    yield f"/groups/{bakers}/members", 4
    yield f"/groups/{bakers}/managers", 4
    yield "/fields", 5  # the hire date, too
    yield "/keys", 6
    yield "/links", 4
    yield "/log", 4
    yield f"/users/{leo}/events", 6


def test_every_list_comes_in_pages(api: Api) -> None:
    for path, count in many_of_each(api):
        whole = api.get(path)
        assert (len(whole["items"]), whole["next"]) == (count, None), path
        for limit in (1, 3):
            assert walk(api, path, limit) == whole["items"], path


def test_a_cursor_goes_with_its_list_and_its_filters(api: Api) -> None:
    hire(api, range(3))
    cursor = api.get("/users", limit=1)["next"]
    assert api.get("/users", limit=2, cursor=cursor)["next"] is None
    for path, filters in (
        ("/users", {"location": "Lyon"}),
        ("/users", {"archived": "any"}),
        ("/groups", {}),
        ("/links", {}),
    ):
        refused = api.get(path, 400, cursor=cursor, **filters)
        assert refused["detail"] == "The cursor cannot be used; begin without one."


def test_a_cursor_of_another_company_tells_nothing(api: Api, other: Api) -> None:
    hire(other, range(3))
    ids = hire(api, range(3))
    cursor = other.get("/users", limit=1)["next"]
    assert {user["id"] for user in api.get("/users", cursor=cursor)["items"]} <= set(ids)

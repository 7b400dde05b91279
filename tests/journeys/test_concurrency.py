"""Fifty provisioning clients write to the same ten people at once. Nobody sees a failure of ours, and the log, read
from its oldest line to its newest, leads to the rows as they are: what was written to one person came one by one.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from rollbook.activity import log as provisioning_log
from rollbook.database.tables import users
from tests import history
from tests.cast import CORE, ENTERPRISE, patch
from tests.conftest import House, Tenant
from tests.servers import PLAIN, ThreadServer

CLIENTS = 50
REQUESTS = 200 if os.environ.get("ROLLBOOK_LONG") else 12
PEOPLE = 10


def document(number: int, chance: random.Random, **more: Any) -> dict[str, Any]:
    body = {
        "schemas": [CORE, ENTERPRISE],
        "userName": f"leo{number}@acme.example",
        "name": {"givenName": "Leo", "familyName": chance.choice(("Linden", "Lark"))},
        "emails": [{"value": f"leo{number}@acme.example", "primary": True}],
        "externalId": f"00uleo{number}",
        "title": chance.choice(("Baker", "Cook", "Waiter")),
        ENTERPRISE: {"costCenter": chance.choice(("Lyon", "Turin"))},
    }
    return body | more


async def act(http: httpx2.AsyncClient, ids: list[str], chance: random.Random) -> httpx2.Response:
    number = chance.randrange(PEOPLE)
    path = f"/Users/{ids[number]}"
    kind = chance.randrange(6)
    if kind == 0:
        return await http.post("/Users", json=document(number, chance))
    if kind == 1:
        # Somebody else's user name or e-mail, one in three: refused, or theirs where the other gave it up.
        other = chance.randrange(PEOPLE) if chance.random() < 0.3 else number
        return await http.put(path, json=document(number, chance, userName=f"LEO{other}@acme.example"))
    if kind == 2:
        return await http.put(path, json=document(number, chance, active=chance.random() < 0.5))
    if kind == 3:
        return await http.patch(path, json=patch({"op": "replace", "value": {"active": chance.random() < 0.5}}))
    if kind == 4:
        title = chance.choice(("Baker", "Cook", "Waiter"))
        return await http.patch(path, json=patch({"op": "replace", "path": "title", "value": title}))
    other = chance.randrange(PEOPLE)
    value = [{"value": f"leo{other}@acme.example", "primary": True}]
    return await http.patch(path, json=patch({"op": "replace", "path": "emails", "value": value}))


async def crowd(url: str, auth: tuple[str, str], ids: list[str]) -> Counter[str]:
    answers: Counter[str] = Counter()
    limits = httpx2.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx2.AsyncClient(
        base_url=f"{url}/scim/v2", auth=auth, limits=limits, timeout=60, verify=PLAIN
    ) as http:

        async def client(number: int) -> None:
            chance = random.Random(number)
            for _ in range(REQUESTS):
                answer = await act(http, ids, chance)
                answers[f"{answer.request.method} {answer.status_code}"] += 1

        await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return answers


@pytest.mark.long
def test_fifty_clients_at_ten_people_leave_a_log_that_explains_every_row(
    acme: Tenant, house: House, server: ThreadServer, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(0)
    ids = [acme.scim.post("/Users", json=document(number, chance)).json()["id"] for number in range(PEOPLE)]
    answers = asyncio.run(crowd(server.url, (acme.company.subdomain, acme.key), ids))
    assert sum(answers.values()) == CLIENTS * REQUESTS
    allowed = {"POST 201", "POST 409", "PUT 200", "PUT 409", "PATCH 200", "PATCH 409"}
    assert set(answers) <= allowed, answers
    record_property("requests", ", ".join(f"{answer}: {times}" for answer, times in sorted(answers.items())))
    assert {"POST 201", "POST 409", "PUT 200", "PUT 409", "PATCH 200", "PATCH 409"} <= set(answers), answers

    lines = house.read(lambda tx: provisioning_log.search(tx, acme.id, limit=1_000_000))
    assert len(lines) == PEOPLE + CLIENTS * REQUESTS
    rows = {row["id"]: row for row in house.read(lambda tx: history.rows(tx, users, acme.id))}
    explained = history.replayed(lines[::-1])
    assert set(explained) == set(rows) == set(ids)
    for user_id, row in rows.items():
        assert {name: row[name] for name in history.SHOWN} == explained[user_id]
    assert house.read(lambda tx: history.contradictions(tx, acme.id)) == []

"""How many statements a request costs: what a company adds to our extension is paid for by those who use it alone."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from rollbook.database.sqlite import SqliteEngine
from rollbook.people.fields import Field
from rollbook.scim.app import ScimDoor
from rollbook.scim.user_schema import ROLLBOOK_USER as OURS
from tests.cast import CLEO, DEACTIVATE, LEO, MONA, patch, scim_user
from tests.conftest import House, Tenant
from tests.scim.own import hire
from tests.scim.wire import Heard, ask_door, basic

PLAIN = {"title": "Technician", OURS: {"hireDate": "2026-11-24T00:00:00.000Z"}}
RICH = {OURS: {"shoeSize": 42, "nick": "Lee"}}
# What is asked, and what it costs on SQLite and on PostgreSQL, where writes that nobody waits for are one statement.
# BEGIN and COMMIT are not counted. {0} has nothing in our extension but a hire date, {1} has two values.
COSTS: dict[str, tuple[str, str, Any, int, int]] = {}


def cost(name: str, method: str, path: str, body: Any, sqlite: int, postgresql: int) -> None:
    COSTS[name] = (method, path, body, sqlite, postgresql)


cost("create", "POST", "", scim_user(CLEO), 3, 2)
cost("create with a hire date", "POST", "", scim_user(CLEO, **PLAIN), 6, 5)
cost("create with own fields", "POST", "", scim_user(CLEO, **RICH), 9, 4)
cost("read", "GET", "/{0}", None, 1, 1)
cost("read with own fields", "GET", "/{1}", None, 2, 2)
cost("look up", "GET", f"?filter={quote(f'userName eq {json.dumps(LEO.user_name)}')}", None, 1, 1)
cost("look up with own fields", "GET", f"?filter={quote(f'userName eq {json.dumps(MONA.user_name)}')}", None, 2, 2)
cost("list", "GET", "?startIndex=1&count=1", None, 4, 4)
cost("list with own fields", "GET", "", None, 5, 5)
cost("replace", "PUT", "/{0}", scim_user(LEO, title="Lead"), 3, 2)
cost("replace with own fields", "PUT", "/{1}", scim_user(MONA, **{OURS: {"shoeSize": 43, "nick": "Lee"}}), 8, 4)
cost("replace that clears own fields", "PUT", "/{1}", scim_user(MONA), 10, 5)
cost("change", "PATCH", "/{0}", patch({"op": "replace", "path": "title", "value": "Lead"}), 3, 2)
cost("change an own field", "PATCH", "/{1}", patch({"op": "replace", "path": f"{OURS}:nick", "value": "Mo"}), 8, 4)
cost("archive", "PATCH", "/{0}", DEACTIVATE, 7, 2)
cost("archive with own fields", "PATCH", "/{1}", DEACTIVATE, 8, 3)


@contextmanager
def counted(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The statements that the database is given meanwhile."""
    given: list[str] = []
    engine = house.installation.database.engine
    if isinstance(engine, SqliteEngine):
        connect = engine._connect

        def traced(**how: Any) -> Any:
            connection = connect(**how)
            connection.set_trace_callback(given.append)
            return connection

        with monkeypatch.context() as patched:
            patched.setattr(engine, "_local", threading.local())  # every reader opens a connection anew
            patched.setattr(engine, "_connect", traced)
            engine._writer.set_trace_callback(given.append)
            yield given
            engine._writer.set_trace_callback(None)
        return
    execute = psycopg.Connection.execute

    def noted(self: Any, query: Any, *of: Any, **how: Any) -> Any:
        given.append(str(query))
        return execute(self, query, *of, **how)

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Connection, "execute", noted)
        yield given


async def body_of(content: Any) -> AsyncIterator[bytes]:
    yield json.dumps(content).encode()


@pytest.mark.parametrize("name", COSTS)
def test_a_request_costs_so_many_statements(
    name: str,
    acme: Tenant,
    make_field: Callable[..., Field],
    house: House,
    engine: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_field(acme, "Shoe size", "number")
    make_field(acme, "Nick")
    method, path, body, on_sqlite, on_postgresql = COSTS[name]
    people = [hire(acme, scim_user(LEO, **PLAIN)), hire(acme, scim_user(MONA, **RICH))]
    target, _, query = path.format(*people).partition("?")
    door = ScimDoor(house.installation.database, house.installation.pepper, base_url="http://127.0.0.1:8000/scim/v2")
    headers = {"authorization": basic(acme), "content-type": "application/scim+json"}

    def ask() -> Heard:
        sent = None if body is None else body_of(body)
        of = {"headers": headers, "query": query.encode(), "body": sent}
        return asyncio.run(ask_door(door, method, f"/scim/v2/Users{target}", **of))  # type: ignore[arg-type]  # its parts are of several types

    with counted(house, monkeypatch) as given:
        heard = ask()
    assert heard.status in (200, 201), heard.body
    work = [statement for statement in given if not statement.startswith(("BEGIN", "COMMIT", "SET ", "PRAGMA"))]
    expected = on_sqlite if engine == "sqlite" else on_postgresql
    assert len(work) == expected, "\n".join(statement[:150] for statement in work)

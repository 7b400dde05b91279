"""The door itself: an ASGI application under /api. It knows the key, the limits and the headers of every answer; what
an operation does is its resource's module's, and what holds for every operation is operation.py's.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from functools import cached_property
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from rollbook import clock
from rollbook.api import (
    assignments,
    company,
    description,
    fields,
    group_assignments,
    groups,
    keys,
    lessons,
    links,
    log,
    okta_connection,
    okta_runs,
    operation,
    outbox,
    paths,
    reports,
    rule_previews,
    triggers,
    user_links,
    users,
)
from rollbook.api.call import KEY, Call
from rollbook.api.operation import PREFIX
from rollbook.api.problems import Problem
from rollbook.database import Database
from rollbook.key_use import KeyUse
from rollbook.origin import PLAIN_HTTP, Networks, is_plain
from rollbook.people.tokens import Pepper
from rollbook.presented_key import presented
from rollbook.rate_limit import RateLimit

BURST = 100
DOCUMENT = f"{PREFIX}/openapi.json"
RESOURCES = (
    *(company, users, user_links, groups, rule_previews, fields),
    *(lessons, paths, assignments, group_assignments, triggers, outbox, reports),
    *(keys, links, log),
    *(okta_connection, okta_runs),
)

ROUTES = [route for resource in RESOURCES for route in resource.routes.routes if isinstance(route, APIRoute)]
# A browser keeps the key that somebody typed into it, and sends it along whoever's page asks.
_OTHER_SITE = "A page of another site sent this from a browser, and nothing was done; use a program."
_SAFE = frozenset({"GET", "HEAD"})
_OUR_OWN = frozenset({b"none", b"same-origin"})
_HEADERS = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]


class ApiDoor:
    """The ASGI application that answers every address under /api."""

    def __init__(
        self, database: Database, pepper: Pepper, *, public_url: str, per_minute: int, proxies: Networks = ()
    ) -> None:
        self.key_use = KeyUse(database, pepper)
        self.rate_limit = RateLimit(per_minute=per_minute, burst=BURST)
        self._database = database
        self._pepper = pepper
        self._public_url = public_url
        self._proxies = proxies
        self._app = FastAPI(
            openapi_url=None,
            redirect_slashes=False,
            telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
            exception_handlers={HTTPException: self._not_here},
        )
        self._app.router.routes.extend(ROUTES)

    @cached_property
    def document(self) -> bytes:
        """The OpenAPI document."""
        return msgspec.json.encode(description.describe(ROUTES, server=self._public_url))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        subdomain, key = presented(headers.get(b"authorization", b""))
        call = Call(
            self._database,
            self._pepper,
            self.rate_limit,
            key=key,
            subdomain=subdomain,
            id=clock.new_id(),
            now=clock.now(),
        )
        answered = _Answered(send, call.id)
        try:
            if is_plain(scope, self._proxies, scope["headers"]):
                await Problem(403, PLAIN_HTTP).answer(call.id)(scope, receive, answered.send)
            elif scope["method"] not in _SAFE and headers.get(b"sec-fetch-site", b"none") not in _OUR_OWN:
                await Problem(403, _OTHER_SITE).answer(call.id)(scope, receive, answered.send)
            elif scope["path"] == DOCUMENT and scope["method"] in _SAFE:
                # Made when it is first asked for, beside the loop: it takes half a second.
                document = await asyncio.to_thread(lambda: self.document)
                await Response(document, media_type="application/json")(scope, receive, answered.send)
            else:
                await self._app({**scope, KEY: call}, receive, answered.send)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a problem and we its kind and place
            await self._broken(scope, receive, answered, call, error)
        if answered.status == 401:
            self.key_use.failed(subdomain, call.now)
        elif call.holder is not None:
            self.key_use.used(call.holder, key, call.now)

    async def _broken(self, scope: Scope, receive: Receive, answered: _Answered, call: Call, error: Exception) -> None:
        if answered.status is not None:
            operation.broke_off(call, error)
            return
        response = await operation.refusal(call, error, scope["method"])
        await response(scope, receive, answered.send)

    async def _not_here(self, request: Request, error: Exception) -> Response:
        """No operation has this address, or none of this method."""
        assert isinstance(error, HTTPException)
        call: Call = request.scope[KEY]
        path = request.scope["path"]
        methods = {"GET"} if path == DOCUMENT else set()
        methods |= {method for route in ROUTES if route.path_regex.match(path) for method in route.methods or ()}
        if methods:
            offered = ", ".join(sorted(methods))
            detail = f"{request.method[:20]} is not offered here; {offered} is."
            problem = Problem(405, detail, headers={"Allow": offered})
        else:
            problem = Problem(404, f"There is nothing at this address; {DOCUMENT} says what is where.")
        return await operation.refusal(call, problem, request.method)


class _Answered:
    """Sends an answer with the headers that each has, and remembers its status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id.encode()
        self.status: int | None = None

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = [*message.get("headers", ()), *_HEADERS, (b"x-request-id", self._request_id)]
            message = {**message, "headers": own}
        await self._send(message)

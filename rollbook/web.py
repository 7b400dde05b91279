"""Assembles the web server: the SCIM door, the management API, the console, health and metrics, and the worker."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from rollbook import clock
from rollbook.console import pages
from rollbook.database import schema
from rollbook.errors import Unavailable
from rollbook.http_protocol import RollbookProtocol
from rollbook.installation import Installation
from rollbook.jobs import heartbeat, worker
from rollbook.logs import kind_and_place
from rollbook.origin import is_local
from rollbook.scim import metrics as scim_metrics
from rollbook.scim.app import ScimDoor
from rollbook.supervisor import end_with_parent

log = structlog.get_logger()

DRAIN_SECONDS = 20
KEEP_ALIVE_SECONDS = 75


class Application:
    """The ASGI application: /scim and /api go straight to their doors, everything else through Starlette."""

    def __init__(self, installation: Installation, *, with_worker: bool) -> None:
        self._installation = installation
        self._with_worker = with_worker
        settings = installation.settings
        self._scim = ScimDoor(
            installation.database, installation.pepper, base_url=settings.scim_base_url, proxies=settings.proxies
        )
        # Imported here: whoever only wants `listen` need not wait for FastAPI.
        from rollbook.api.app import ApiDoor

        self._api = ApiDoor(
            installation.database,
            installation.pepper,
            public_url=settings.public_url,
            per_minute=settings.api_requests_per_minute,
            proxies=settings.proxies,
        )
        self._rest = Starlette(
            routes=[*_operations(installation), *pages.routes(installation)],
            exception_handlers={Exception: _broken},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            # "//scim" too: whatever a client makes of our base URL is answered in SCIM JSON.
            if path.startswith("/scim") or path.lstrip("/").lower().startswith("scim"):
                await self._scim(scope, receive, send)
            elif path == "/api" or path.startswith("/api/"):
                await self._api(scope, receive, send)
            else:
                await self._rest(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self._background():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    @contextlib.asynccontextmanager
    async def _background(self) -> AsyncIterator[None]:
        uses = (self._scim.key_use, self._api.key_use)
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(use.keep_flushing()) for use in uses]
        if self._with_worker:
            tasks.append(asyncio.create_task(worker.run_for(self._installation)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(Unavailable):
                for use in uses:
                    await use.flush()


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int


def listen(address: Address) -> socket.socket:
    """The listening socket; raises OSError where the port is taken. Port 0 picks a free one."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((address.host, address.port))
    except OSError:
        sock.close()
        raise
    sock.set_inheritable(True)
    return sock


def serve(installation: Installation, sock: socket.socket, *, with_worker: bool, supervised: bool = False) -> None:
    """Serves until told to stop, then drains for at most DRAIN_SECONDS; supervised, also when the parent is gone."""
    config = uvicorn.Config(
        Application(installation, with_worker=with_worker),
        http=RollbookProtocol,
        ws="none",
        lifespan="on",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = uvicorn.Server(config)
    if supervised:
        end_with_parent(lambda: setattr(server, "should_exit", True))
    # What is loaded by now stays until the end: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    server.run(sockets=[sock])


async def _broken(_: Request, error: Exception) -> Response:
    """A page that failed says so and gives the number under which its cause is logged."""
    request_id = clock.new_id()
    log.error("a page broke", **kind_and_place(error), request_id=request_id)
    return PlainTextResponse(f"This page failed. Tell the operator the request id {request_id}.\n", status_code=500)


def _operations(installation: Installation) -> list[Route]:
    """What an operator's machines ask: does it live, is it ready, how is it going."""
    settings, database = installation.settings, installation.database

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        checks: dict[str, object] = {}
        try:
            beat = await database.read(heartbeat.last)
            checks["database"] = "ok"
            newest = await asyncio.get_running_loop().run_in_executor(None, schema.is_newest, settings)
            checks["migrations"] = "ok" if newest else "run: rollbook migrate"
        except Unavailable:
            return JSONResponse({"database": "does not answer"}, status_code=503)
        age = (clock.now() - clock.moment(beat)).total_seconds() if beat else None
        checks["worker"] = "never seen" if age is None else f"seen {age:.0f} s ago"
        return JSONResponse(checks, status_code=200 if newest else 503)

    async def metrics(request: Request) -> Response:
        if not is_local(request.scope, settings.proxies):
            return PlainTextResponse("Metrics are for this machine and trusted proxies.\n", status_code=403)
        scim_metrics.publish()
        return Response(generate_latest(_registry()), media_type=CONTENT_TYPE_LATEST)

    def _registry() -> CollectorRegistry:
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return REGISTRY
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # prometheus_client does not type it
        return registry

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]

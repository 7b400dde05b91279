"""Two servers of the simulator's tests: a real SCIM server in memory, and one that answers from a script."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import uvicorn
from scim2_models import ScimProvider, UnauthorizedException
from scim2_server.applications.asgi import ASGIApplication
from scim2_server.memory import AsyncInMemoryStorage
from scim2_server.requests import ScimRequest
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)

# base64 of "acme:a-key" and the same key as a Bearer token
CREDENTIALS = ("Basic YWNtZTphLWtleQ==", "Bearer a-key")


class GuardedApplication(ASGIApplication):
    """scim2-server's own application behind the key `a-key` of the company `acme`."""

    def check_auth(self, request: ScimRequest) -> None:
        if request.header("Authorization") not in CREDENTIALS:
            raise UnauthorizedException


@contextmanager
def scim_server() -> Iterator[str]:
    """An empty SCIM server on a loopback port; gives its base URL."""
    config = load_default_service_provider_config()
    provider = ScimProvider.from_discovery(
        load_default_schemas().values(), load_default_resource_types().values(), config=config
    )
    app = GuardedApplication(AsyncInMemoryStorage(), provider)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v2"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


@dataclass(frozen=True)
class Reply:
    """One scripted answer; `delay` in seconds."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


@dataclass(frozen=True)
class Request:
    """What came in, headers as a list in the order of the wire."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass
class Script:
    """A server that captures every request and answers it with the next reply."""

    replies: list[Reply]
    requests: list[Request] = field(default_factory=list)
    base_url: str = ""


@contextmanager
def scripted_server(*replies: Reply) -> Iterator[Script]:
    script = Script(list(replies))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            script.requests.append(Request(self.command, self.path, list(self.headers.items()), body))
            reply = script.replies.pop(0) if script.replies else Reply(599, "the script is over")
            time.sleep(reply.delay)
            content = reply.body.encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/scim+json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(BrokenPipeError):  # a client that lost its patience is gone
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 (names of http.server)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    script.base_url = f"http://127.0.0.1:{server.server_address[1]}/scim/v2"
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)

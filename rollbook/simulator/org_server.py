"""The simulated org over real HTTP on loopback, in threads of its own. What it answers is in org_api.py."""

from __future__ import annotations

import select
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from rollbook.simulator.org import Org
from rollbook.simulator.org_api import Api, Reply

HOST = "127.0.0.1"
SILENCE = 120.0  # seconds after which the org itself ends a silence
NO_LINGER = struct.pack("ii", 1, 0)  # closing sends RST


class OrgServer:
    """Serves an org on a port of 127.0.0.1 (0 takes a free one) until `close`; `delay` seconds before each answer.

    A server of the same port may be started again: the org forgot nothing meanwhile. A context manager.
    """

    def __init__(self, org: Org, *, port: int = 0, delay: float = 0.0) -> None:
        self.org = org
        self.delay = delay
        self._server = _Server((HOST, port), _handler(Api(org), self))
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """`http://127.0.0.1:PORT`, the org's URL."""
        return f"http://{HOST}:{self.port}"

    @property
    def host(self) -> str:
        """`127.0.0.1:PORT`, as ROLLBOOK_OKTA_HOSTS names a simulated org."""
        return f"{HOST}:{self.port}"

    def close(self) -> None:
        """Stops listening and tears every connection, silent ones too."""
        self._server.shutdown()
        self._server.server_close()
        self._server.tear()
        self._thread.join(timeout=10)

    def __enter__(self) -> OrgServer:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(NO_LINGER)) == NO_LINGER:
            self.close_request(request)  # without the FIN that a shutdown would send first
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of the org's; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def tear(self) -> None:
        with self._lock:
            for connection in self._open:
                with suppress(OSError):  # it has just been closed by the other side
                    connection.shutdown(socket.SHUT_RDWR)


def _handler(api: Api, server: OrgServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 1 << 16

        def respond(self) -> None:
            with api.org.log.under_way():
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path, _, query = self.path.partition("?")
                origin = f"http://{self.headers.get('Host') or server.host}"
                given = self.headers.get("Authorization") or ""
                reply = api.answer(self.command, path, dict(parse_qsl(query)), given, origin)
                if server.delay:
                    time.sleep(server.delay)
                self.finish_with(reply)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = respond  # noqa: N815 (http.server's)

        def finish_with(self, reply: Reply) -> None:
            if reply.end == "silence":
                select.select([self.connection], [], [], SILENCE)
            if reply.end in ("silence", "reset"):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if reply.end == "cut" or self.command == "HEAD":
                self.close_connection = True
            if self.command != "HEAD":
                self.wfile.write(reply.body if reply.end != "cut" else reply.body[: len(reply.body) // 2])
            self.wfile.flush()

        def date_time_string(self, timestamp: float | None = None) -> str:
            """By the org's clock, as the instant is at which a window of its limit ends."""
            return super().date_time_string(api.org.clock.time() if timestamp is None else timestamp)

        def log_message(self, format: str, *args: Any) -> None:
            pass  # org.log keeps what matters, without the token

    return Handler

"""The door itself: an ASGI application under /scim that checks limits before it works, and answers SCIM JSON always.

Which handler an address has is in routes.py; this module knows credentials, limits and errors.
"""

from __future__ import annotations

import re
import time
from urllib.parse import unquote_to_bytes

import structlog
from starlette.types import Receive, Scope, Send

from rollbook import clock, request_body
from rollbook.activity import log as provisioning_log
from rollbook.database import Collision, Database
from rollbook.errors import Conflict, InvalidValue, NotFound, RollbookError, Unauthorized, Unavailable
from rollbook.key_use import KeyUse
from rollbook.logs import kind_and_place
from rollbook.origin import PLAIN_HTTP, Networks, is_plain
from rollbook.people.tokens import Pepper
from rollbook.presented_key import presented
from rollbook.request_body import BodyRefused
from rollbook.scim import routes
from rollbook.scim.exchange import Answer, Request, Service
from rollbook.scim.metrics import observe
from rollbook.scim.protocol import body, errors
from rollbook.scim.protocol.errors import ScimError

LONGEST_PATH = 400
LONGEST_HINT = 2000
MOST_PARAMETERS = 64
_MEDIA = ("application/scim+json", "application/json")
_CONTENT_TYPE = (b"content-type", b"application/scim+json")

log = structlog.get_logger()

_SLASHES = re.compile(r"/{2,}")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class ScimDoor:
    """The ASGI application that answers every address under /scim."""

    def __init__(
        self,
        database: Database,
        pepper: Pepper,
        *,
        base_url: str,
        proxies: Networks = (),
    ) -> None:
        self.key_use = KeyUse(database, pepper)
        self._service = Service(database, pepper, base_url, self.key_use)
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request: Request | None = None
        request_id = clock.new_id()
        try:
            try:
                headers = dict(scope["headers"])
                request, handler = self._request(scope, headers, request_id)
                request.query = _query(scope["query_string"])
                if request.method in _WITH_BODY:
                    request.document = body.parse_object(await request_body.read(scope, receive, headers, media=_MEDIA))
                answer = await handler(request)
                if request.holder is not None:
                    self.key_use.used(request.holder, request.key, request.now)
            except (ScimError, RollbookError, Collision, BodyRefused) as error:
                answer = await self._refusal(request, error)
                error.__traceback__ = None  # its frames hold the error and the whole body in a cycle
        except Exception as error:  # noqa: BLE001 - whatever it is, Okta gets SCIM JSON and we get its kind and place
            answer = _broken(error, request_id)
        await _send(send, answer, request_id)
        observe(scope["method"], answer.status, time.perf_counter() - started)

    def _request(self, scope: Scope, headers: dict[bytes, bytes], request_id: str) -> tuple[Request, routes.Handler]:
        if is_plain(scope, self._proxies, scope["headers"]):
            raise errors.Forbidden(PLAIN_HTTP)
        path = scope["path"]
        if "//" in path or path[-1:] == "/":
            path = _SLASHES.sub("/", path).rstrip("/")
        handler, resource_id = routes.find(scope["method"], path)
        subdomain, key = presented(headers.get(b"authorization", b""))
        return (
            Request(
                service=self._service,
                method=scope["method"],
                path=_legible(path, LONGEST_PATH),
                resource_id=resource_id,
                query={},
                if_match=_text(headers.get(b"if-match")),
                if_none_match=_text(headers.get(b"if-none-match")),
                key=key,
                subdomain=subdomain,
                id=request_id,
                now=clock.now(),
            ),
            handler,
        )

    async def _refusal(
        self, request: Request | None, error: ScimError | RollbookError | Collision | BodyRefused
    ) -> Answer:
        """Turns an error into its answer. What is wrong with a request is told only to whoever holds a key; the
        refusal of a write, and a filter not understood, is logged first."""
        refusal = error if isinstance(error, ScimError) else _as_scim(error)
        if request is None:
            return _error(refusal)
        if refusal.status == 401:
            self.key_use.failed(request.subdomain, request.now)
            return _error(refusal)
        if refusal.status >= 500:
            return _error(refusal)
        if request.holder is None:
            try:
                await routes.admit(request)
            except (Unauthorized, Unavailable) as unknown:
                answer = await self._refusal(request, unknown)
                unknown.__traceback__ = None
                closing = tuple(header for header in _error(refusal).headers if header[0] == b"connection")
                return Answer(answer.status, answer.body, answer.headers + closing)
        if request.method != "GET" or refusal.scim_type == "invalidFilter":
            await self._log_refusal(request, refusal, error)
        return _error(refusal)

    async def _log_refusal(self, request: Request, refusal: ScimError, error: Exception) -> None:
        holder = request.holder
        assert holder is not None
        user_id = request.user_id or getattr(error, "holder_id", None)
        hint = _legible(refusal.detail, LONGEST_HINT)
        entry = request.entry(refusal.status, "refused", user_id=user_id, hint=hint)
        try:
            await self._service.database.write(
                lambda tx: provisioning_log.write(tx, holder.company_id, entry, now=request.now), brief=True
            )
        except (Unavailable, Collision) as failure:
            log.warning("a refusal was not logged", kind=type(failure).__name__, request_id=request.id)


def _query(raw: bytes) -> dict[str, str]:
    """The parameters, the first of each; a stray ampersand or an unknown one does not matter."""
    if not raw:
        return {}
    query: dict[str, str] = {}
    parts = raw.split(b"&", MOST_PARAMETERS)
    if len(parts) > MOST_PARAMETERS:
        raise errors.InvalidValue(f"The query of the address has more than {MOST_PARAMETERS} parameters.")
    try:
        for part in parts:
            if part:  # what is not ASCII had to be percent-encoded
                name, _, value = part.partition(b"=")
                query.setdefault(_unquoted(name), _unquoted(value))
    except UnicodeDecodeError:
        raise errors.InvalidValue("The query of the address is not UTF-8, percent-encoded.") from None
    return query


def _unquoted(text: bytes) -> str:
    """As `urllib.parse.parse_qsl` reads a part, at a quarter of what that takes."""
    if b"+" in text:
        text = text.replace(b"+", b" ")
    return unquote_to_bytes(text).decode() if b"%" in text else text.decode("ascii")


def _legible(text: str, longest: int) -> str:
    """The text as the log can keep it: any path may be asked for, and refusals quote it, NUL characters included."""
    if text.isprintable() and len(text) <= longest:
        return text
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)[:longest]


def _text(header: bytes | None) -> str | None:
    return header.decode("latin-1") if header is not None else None


def _as_scim(error: RollbookError | Collision | BodyRefused) -> ScimError:
    """What the rooms raise, in the words of RFC 7644 table 9."""
    if isinstance(error, BodyRefused):
        headers = {"Connection": "close"} if error.closing else {}
        return ScimError(error.message, status=error.status, headers=headers)
    if isinstance(error, Unauthorized):
        return errors.Unauthorized(
            error.message, headers={"WWW-Authenticate": 'Basic realm="Rollbook", charset="UTF-8"'}
        )
    if isinstance(error, NotFound):
        return errors.NotFound(error.message)
    if isinstance(error, Conflict):
        return errors.Uniqueness(error.message)
    if isinstance(error, InvalidValue):
        return errors.InvalidValue(error.message)
    if isinstance(error, Collision):
        # Okta retries by itself after 429 with whole seconds, and after nothing else.
        return errors.TooManyRequests("Others are changing the same person just now; send the request again.", 1)
    if isinstance(error, Unavailable):
        return errors.Unavailable(error.message, headers={"Retry-After": "5"})
    return errors.Forbidden(error.message)


def _error(error: ScimError) -> Answer:
    headers = tuple((name.lower().encode(), value.encode()) for name, value in error.headers.items())
    return Answer(error.status, error.to_json(), headers)


def _broken(error: Exception, request_id: str) -> Answer:
    log.error("a request broke", **kind_and_place(error), request_id=request_id)
    return _error(
        ScimError(
            f"Rollbook failed on this request and changed nothing. Tell its operator the request id {request_id}.",
            status=500,
        )
    )


async def _send(send: Send, answer: Answer, request_id: str) -> None:
    content = body.dumps(answer.body) if answer.body is not None else b""
    headers = [_CONTENT_TYPE, (b"x-request-id", request_id.encode()), *answer.headers]
    if answer.body is not None:  # 204 and 304 have no length (RFC 9110 section 8.6)
        headers.append((b"content-length", b"%d" % len(content)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})

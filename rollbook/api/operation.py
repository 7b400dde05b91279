"""What holds for every operation, whatever its resource: which parameters there are, how a body is read, and that each
refusal is a problem told only to whoever holds a key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NoReturn, get_origin

import structlog
from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from rollbook import clock, request_body
from rollbook.api import problems
from rollbook.api.call import KEY, Call
from rollbook.api.problems import Problem, invalid, wrong
from rollbook.errors import NotFound, RollbookError
from rollbook.logs import kind_and_place
from rollbook.request_body import BodyRefused

PREFIX = "/api/v1"
MEDIA = ("application/json",)
MAX_DEPTH = 32
_SHOWN = 100  # characters of what a client sent that an answer repeats

log = structlog.get_logger()

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Operation(APIRoute):
    """A route whose every refusal is a problem, and which takes no parameter that it does not name."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        parameters = _names(self)

        async def answer(request: Request) -> Response:
            try:
                _refuse_ids(request)
                _refuse_parameters(request, parameters)
                return await handle(_Received(request.scope, request.receive))
            except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a problem and we its kind and place
                return await refusal(request.scope[KEY], error, request.method)

        return answer


def router(name: str) -> APIRouter:
    """The operations of one resource."""
    return APIRouter(prefix=f"{PREFIX}/{name}", tags=[name], route_class=Operation, strict_content_type=False)


async def refusal(call: Call, error: Exception, method: str) -> Response:
    """The answer for an error. What is wrong with a request is told only to whoever holds a key."""
    problem = problems.of(error, method=method)
    if problem is None:
        return _broken(call, error)
    if call.holder is None and problem.status_code not in (401, 429, 500, 503):
        try:
            await call.admit()
        except (RollbookError, Problem) as unknown:
            closing = dict(problem.headers or {}) if "Connection" in (problem.headers or {}) else {}
            problem = problems.of(unknown, method=method) or problem
            problem.headers = dict(problem.headers or {}) | closing
        except Exception as failure:  # noqa: BLE001 - as above
            return _broken(call, failure)
    return problem.answer(call.id)


def broke_off(call: Call, error: Exception) -> None:
    """An answer that had begun ends without its last chunk, which the client sees; why is for the operator."""
    log.warning("an answer broke off", **kind_and_place(error), request_id=call.id)


def _broken(call: Call, error: Exception) -> Response:
    log.error("a request broke", **kind_and_place(error), request_id=call.id)
    detail = f"Rollbook failed on this request; look before you send it again. The operator finds it as {call.id}."
    return Problem(500, detail).answer(call.id)


class _Received(Request):
    """A request whose body is counted while it comes, and is JSON without tricks."""

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            try:
                self._body = await request_body.read(self.scope, self.receive, dict(self.scope["headers"]), media=MEDIA)
            except BodyRefused as error:  # FastAPI lets only its own kind pass
                headers = {"Connection": "close"} if error.closing else None
                raise Problem(error.status, error.message, headers=headers) from None
        return self._body

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = _parsed(await self.body())
        return self._json


def _parsed(content: bytes) -> Any:
    """The document. Raises a Problem for what is no JSON of RFC 8259, too deep, or says a member twice."""
    try:
        document = json.loads(content.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):  # no UTF-8, no JSON, a number of a thousand digits, nested without end
        raise invalid("The body is no JSON (RFC 8259) in UTF-8.", wrong("body", "", "This is no JSON.")) from None
    _refuse_deep(document)
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError
    return members


def _no_number(_: str) -> NoReturn:
    raise ValueError


def _refuse_deep(document: Any) -> None:
    """Level by level, so that no depth is any trouble to us either."""
    level = [document]
    for _ in range(MAX_DEPTH):
        inner = [value for value in level if isinstance(value, dict | list)]
        if not inner:
            return
        level = [item for value in inner for item in (value.values() if isinstance(value, dict) else value)]
    message = f"This is nested deeper than {MAX_DEPTH} levels."
    raise invalid("The body is nested too deeply.", wrong("body", "", message))


def _names(route: APIRoute) -> dict[str, bool]:
    """The query parameters of an operation, those of a model among them, and which may be given more than once."""
    names: dict[str, bool] = {}
    for parameter in route.dependant.query_params:
        alone = {parameter.alias: parameter.field_info}
        fields = getattr(parameter.field_info.annotation, "model_fields", None) or alone
        names |= {name: get_origin(field.annotation) is list for name, field in fields.items()}
    return names


def _refuse_ids(request: Request) -> None:
    """What cannot be an id never reaches the database, and is no different from an unknown one."""
    for name, value in request.path_params.items():
        if name.endswith("_id") and not clock.ID.fullmatch(value):
            raise NotFound(f"There is no {name.removesuffix('_id')} {_shown(value)!r} in this company.")


def _refuse_parameters(request: Request, known: Mapping[str, bool]) -> None:
    """A parameter that nobody reads would be a filter that does not filter."""
    given = [name for name, _ in request.query_params.multi_items()]
    errors = [wrong("query", _shown(name), "There is no such parameter here.") for name in given if name not in known]
    twice = [name for name, many in known.items() if given.count(name) > 1 and not many]
    errors += [wrong("query", name, "This was given twice.") for name in twice]
    errors += [
        wrong("query", name, "This holds a NUL character.")
        for name, value in request.query_params.multi_items()
        if name in known and "\x00" in value
    ]
    if errors:
        names = ", ".join(error["name"] for error in errors[:5])
        raise invalid(f"The query of the address cannot be used; see errors: {names}.", *errors[: problems.MOST_ERRORS])


def _shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)[:_SHOWN]

"""Refusals of the management API: problem+json (RFC 9457), always and everywhere below /api.

What the rooms raise and what is wrong with a request becomes a `Problem` here; nothing of an exception's own text does.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from rollbook.database import Collision
from rollbook.errors import Conflict, Forbidden, InvalidValue, NotFound, RollbookError, Unauthorized, Unavailable

MEDIA = "application/problem+json"
CHALLENGE = {"WWW-Authenticate": 'Basic realm="Rollbook", charset="UTF-8"'}
UNAUTHORIZED = (
    "The subdomain or the key is missing, wrong, expired or revoked, or the key is not one of scope api. An operator "
    "issues one with: rollbook key issue SUBDOMAIN --scope api"
)
MOST_ERRORS = 20
LONGEST_NAME = 100

# The last part of `type`, for the refusals that a program may want to tell apart from others of their status.
INVALID = "invalid-request"
CONFLICT = "conflict"
TYPES = {
    INVALID: "What was sent cannot be used; `errors` says where and why.",
    CONFLICT: "The wanted state belongs to somebody else; `field` says of what, `holder_id` whose it is, if known.",
}


class Problem(HTTPException):
    """A refusal as it is told: `type_` is one of TYPES or None, `more` are members beyond those of RFC 9457."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        type_: str | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(status, detail, headers)
        self.type_ = type_
        self.more = more

    def answer(self, request_id: str) -> Response:
        """The answer; `instance` is the id under which the operator finds the request."""
        body: dict[str, Any] = {
            "type": f"urn:rollbook:problem:{self.type_}" if self.type_ else "about:blank",
            "title": HTTPStatus(self.status_code).phrase,
            "status": self.status_code,
            "detail": self.detail,
            "instance": f"urn:uuid:{request_id}",
        }
        more = {name: value for name, value in self.more.items() if value is not None}
        return Response(msgspec.json.encode(body | more), self.status_code, self.headers, MEDIA)


def invalid(detail: str, *errors: dict[str, str]) -> Problem:
    """400, with what is wrong where: `{"in": "body", "name": "email", "message": …}`."""
    return Problem(400, detail, type_=INVALID, errors=list(errors) or None)


def wrong(place: str, name: str, message: str) -> dict[str, str]:
    """One entry of `errors`; `place` is body, query or path."""
    return {"in": place, "name": name[:LONGEST_NAME], "message": message}


def of(error: Exception, *, method: str) -> Problem | None:
    """The problem that an exception is, or None where it is one that nobody meant."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return Problem(error.status_code, "This request cannot be used as it was sent.")
    if isinstance(error, RequestValidationError):
        return _of_validation(error.errors())
    if isinstance(error, RollbookError):
        return _of_room(error, method)
    if isinstance(error, Collision):
        detail = "Others are changing the same thing just now; send the request again."
        return Problem(503, detail, headers={"Retry-After": "1"})
    return None


def _of_room(error: RollbookError, method: str) -> Problem | None:
    if isinstance(error, Unauthorized):
        return Problem(401, UNAUTHORIZED, headers=CHALLENGE)
    if isinstance(error, NotFound):
        return Problem(404, error.message)
    if isinstance(error, Conflict):
        return Problem(409, error.message, type_=CONFLICT, field=error.field, holder_id=error.holder_id)
    if isinstance(error, InvalidValue):
        place = "query" if method == "GET" else "body"
        return invalid(error.message, wrong(place, error.field, error.message))
    if isinstance(error, Forbidden):
        return Problem(403, error.message)
    if isinstance(error, Unavailable):
        return Problem(503, error.message, headers={"Retry-After": "5"})
    return None


def _of_validation(found: Sequence[Any]) -> Problem:
    errors = []
    for error in found[:MOST_ERRORS]:
        place, *names = (str(part) for part in error["loc"])
        errors.append(wrong(place, ".".join(names), _sentence(place, error)))
    named = ", ".join(f"{error['in']} {error['name']}".strip() for error in errors[:5])
    return invalid(f"This request cannot be used; see errors: {named}.", *errors)


def _sentence(place: str, error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "There is no such parameter here." if place == "query" else "There is no such member here."
    if error["type"] == "missing":
        return "The body is missing." if len(error["loc"]) == 1 else "This is required."
    if error["type"] == "model_attributes_type":
        return "The body must be a JSON object."
    return str(error["msg"]).removeprefix("Value error, ") + "."

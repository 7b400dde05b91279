"""The OpenAPI document: what FastAPI gathers from the operations, with the refusals that all of them share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from rollbook.api.problems import MEDIA, TYPES

_ABOUT = """\
The management API of Rollbook. Authenticate with HTTP Basic: the company's subdomain as user name, a key of scope `api`
as password (or `Authorization: Bearer KEY`).

Lists answer `{"items": […], "next": cursor or null}`: send `next` back as `cursor`, with the same filters, until it is
null. Every refusal is `application/problem+json` (RFC 9457). An unknown member of a body, or an unknown parameter, is
refused. A key that asks too often is told so with 429 and `Retry-After`.
"""
_TAGS = {
    "company": "Whose key this is.",
    "users": "People: made, changed, archived, restored; and what happened to each.",
    "groups": "Named sets of people, who is in them and who manages them.",
    "rule-previews": "Whom a rule of a smart group would mean.",
    "fields": "What the company keeps of its people beside the usual.",
    "lessons": "One thing to read, in Markdown.",
    "paths": "Lessons one after the other.",
    "assignments": "Who is to do what until when, and has done it.",
    "group-assignments": "What groups are assigned, and how far that is.",
    "triggers": "What is assigned to whoever joins a group, or completes something.",
    "outbox": "Which mails were sent, wait or were withheld.",
    "reports": "About everybody who is here, as JSON or CSV.",
    "keys": "API keys: listed and revoked. A key issues no keys.",
    "links": "Whom Okta's de-provisioning does not reach, and what to click.",
    "log": "The provisioning log.",
    "okta": "The standard integration: how the company's Okta is read, and what fills which field.",
    "okta/runs": "The runs of the standard integration, their plans, and the yes to one that is held.",
}
REFUSALS = {
    "400": "What was sent cannot be used; `errors` says where and why.",
    "401": "The subdomain or the key is missing, wrong, expired, revoked or of another scope.",
    "403": "This may not be done with a key, or plain http came over a network.",
    "404": "There is no such thing in this company.",
    "408": "The body did not arrive in time.",
    "409": "The wanted state belongs to somebody else: `field` says of what, `holder_id` whose it is.",
    "413": "The body is larger than a mebibyte.",
    "415": "The body is no JSON, or compressed.",
    "429": "The key asks too often.",
    "500": "Rollbook failed; the operator finds the cause under `instance`.",
    "503": "The database did not take the work; the same request may be sent again.",
}
_WITH_RETRY = {"429", "503"}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "A refusal (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "title": "Type",
            "description": "What a program can tell refusals apart by.",
            "enum": ["about:blank", *(f"urn:rollbook:problem:{name}" for name in TYPES)],
        },
        "title": {"type": "string", "title": "Title"},
        "status": {"type": "integer", "title": "Status"},
        "detail": {"type": "string", "title": "Detail", "description": "One sentence for people."},
        "instance": {"type": "string", "title": "Instance", "description": "The request's id, as a URN."},
        "errors": {
            "type": "array",
            "title": "Errors",
            "description": "What is wrong where.",
            "items": {
                "type": "object",
                "title": "Error",
                "required": ["in", "name", "message"],
                "properties": {
                    "in": {"type": "string", "title": "In", "enum": ["body", "query", "path"]},
                    "name": {"type": "string", "title": "Name"},
                    "message": {"type": "string", "title": "Message"},
                },
                "additionalProperties": False,
            },
        },
        "field": {"type": "string", "title": "Field", "description": "Of a conflict."},
        "holder_id": {"type": "string", "title": "Holder", "description": "Whose the wanted value is."},
    },
    "additionalProperties": False,
}
_EXAMPLE = {
    "type": "about:blank",
    "title": "Not Found",
    "status": 404,
    "detail": "There is no user '0199c0de-1e00-7000-8000-000000000001' in this company.",
    "instance": "urn:uuid:0199c0de-1e00-7000-8000-000000000009",
}


def describe(routes: Sequence[BaseRoute], *, server: str) -> dict[str, Any]:
    """The document for these routes."""
    document = get_openapi(
        title="Rollbook management API",
        version="1",
        description=_ABOUT,
        routes=routes,
        tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
        servers=[{"url": server}],
        license_info={"name": "Apache License 2.0", "identifier": "Apache-2.0"},
    )
    components = document["components"]
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    components["schemas"]["Problem"] = _PROBLEM
    components["responses"] = {f"Refusal{status}": _response(status, text) for status, text in REFUSALS.items()}
    components["securitySchemes"] = {
        "basic": {"type": "http", "scheme": "basic", "description": "SUBDOMAIN:KEY"},
        "bearer": {"type": "http", "scheme": "bearer", "description": "KEY alone: it knows its company."},
    }
    document["security"] = [{"basic": []}, {"bearer": []}]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            operation["responses"].pop("422", None)
            for status in sorted(_refusals(path, method, operation)):
                operation["responses"][status] = {"$ref": f"#/components/responses/Refusal{status}"}
    return document


def _refusals(path: str, method: str, operation: dict[str, Any]) -> set[str]:
    found = {"400", "401", "403", "429", "500", "503"}
    if "{" in path or "404" in operation["responses"]:
        found.add("404")
    if method != "get":
        found.add("409")
    if "requestBody" in operation:
        found |= {"408", "413", "415"}
    return found


def _response(status: str, text: str) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    if status == "404":
        content["example"] = _EXAMPLE
    response: dict[str, Any] = {"description": text, "content": {MEDIA: content}}
    if status in _WITH_RETRY:
        whole = {"type": "integer", "minimum": 1, "title": "Retry-After"}
        response["headers"] = {"Retry-After": {"description": "Whole seconds.", "required": True, "schema": whole}}
    if status == "401":
        challenge = {"type": "string", "title": "WWW-Authenticate"}
        response["headers"] = {"WWW-Authenticate": {"description": "Basic.", "required": True, "schema": challenge}}
    return response

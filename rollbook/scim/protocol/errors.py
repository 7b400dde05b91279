"""The refusals of SCIM (RFC 7644 section 3.12), each with its status and scimType.

What the rooms raise lies in `rollbook/errors.py`; the door turns those into these.
"""

from __future__ import annotations

from typing import Any, ClassVar

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


class ScimError(Exception):
    """A refusal that the provisioning client's administrator reads word for word.

    `detail` says what happened, to whom, and what to do. `headers` go with the answer.
    """

    default_status: ClassVar[int] = 400
    default_type: ClassVar[str | None] = None

    status: int
    scim_type: str | None
    detail: str
    headers: dict[str, str]

    def __init__(self, detail: str, *, status: int | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = self.default_status if status is None else status
        self.scim_type = self.default_type
        self.headers = {} if headers is None else headers

    def to_json(self) -> dict[str, Any]:
        """The error body: `status` is text ("409"), `scimType` is there only when there is one."""
        body: dict[str, Any] = {"schemas": [ERROR]}
        if self.scim_type is not None:
            body["scimType"] = self.scim_type
        body["status"] = str(self.status)
        body["detail"] = self.detail
        return body


# The rows of RFC 7644 table 9.


class InvalidFilter(ScimError):
    """The filter cannot be read, or asks for a comparison that is not offered."""

    default_type = "invalidFilter"


class TooMany(ScimError):
    """The request asks for more than is done in one go."""

    default_type = "tooMany"


class Uniqueness(ScimError):
    """Somebody else holds the value."""

    default_status = 409
    default_type = "uniqueness"


class Mutability(ScimError):
    """The attribute cannot be changed that way."""

    default_type = "mutability"


class InvalidSyntax(ScimError):
    """The body is not the JSON, or not the message, that the request calls for."""

    default_type = "invalidSyntax"


class InvalidPath(ScimError):
    """The path of a PATCH operation cannot be read."""

    default_type = "invalidPath"


class NoTarget(ScimError):
    """The path of a PATCH operation is read, but nothing is there that could be changed."""

    default_type = "noTarget"


class InvalidValue(ScimError):
    """A required value is missing, or a value does not suit its attribute."""

    default_type = "invalidValue"


class InvalidVers(ScimError):
    """The protocol version asked for is not spoken here."""

    default_type = "invalidVers"


class Sensitive(ScimError):
    """The request would put personal data into an address; the client must POST to `.search` instead."""

    default_status = 403
    default_type = "sensitive"


# Refusals that HTTP alone names.


class Unauthorized(ScimError):
    """The credential is missing or wrong. The door adds `WWW-Authenticate`."""

    default_status = 401


class Forbidden(ScimError):
    """The credential is right and may not do this."""

    default_status = 403


class NotFound(ScimError):
    """No such resource, or no such endpoint."""

    default_status = 404


class MethodNotAllowed(ScimError):
    """The endpoint exists and does not offer this method. The door adds `Allow`."""

    default_status = 405


class PayloadTooLarge(ScimError):
    """The body is longer than is read."""

    default_status = 413


class UnsupportedMediaType(ScimError):
    """The body is in a media type or an encoding that is not read."""

    default_status = 415


class TooManyRequests(ScimError):
    """The client is to wait `retry_after` whole seconds.

    Okta obeys an integer `Retry-After` and waits five minutes on anything else, so the header is
    always a whole number of at least 1 (`test_too_many_requests_names_whole_seconds`).
    """

    default_status = 429

    def __init__(self, detail: str, retry_after: float) -> None:
        seconds = max(1, int(-(-retry_after // 1)))
        super().__init__(detail, headers={"Retry-After": str(seconds)})
        self.retry_after = seconds


class Unavailable(ScimError):
    """The work was not taken and nothing was changed."""

    default_status = 503

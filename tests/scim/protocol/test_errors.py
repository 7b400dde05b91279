"""Errors: their statuses and their JSON."""

from __future__ import annotations

import pytest

from rollbook.scim.protocol import errors

ROWS = [
    (errors.InvalidFilter, 400, "invalidFilter"),
    (errors.TooMany, 400, "tooMany"),
    (errors.Uniqueness, 409, "uniqueness"),
    (errors.Mutability, 400, "mutability"),
    (errors.InvalidSyntax, 400, "invalidSyntax"),
    (errors.InvalidPath, 400, "invalidPath"),
    (errors.NoTarget, 400, "noTarget"),
    (errors.InvalidValue, 400, "invalidValue"),
    (errors.InvalidVers, 400, "invalidVers"),
    (errors.Sensitive, 403, "sensitive"),
    (errors.Unauthorized, 401, None),
    (errors.Forbidden, 403, None),
    (errors.NotFound, 404, None),
    (errors.MethodNotAllowed, 405, None),
    (errors.PayloadTooLarge, 413, None),
    (errors.UnsupportedMediaType, 415, None),
    (errors.Unavailable, 503, None),
]


@pytest.mark.parametrize(("kind", "status", "scim_type"), ROWS)
def test_an_error_body_is_that_of_the_rfc(kind: type[errors.ScimError], status: int, scim_type: str | None) -> None:
    error = kind("Leo is taken.")
    expected = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": str(status),
        "detail": "Leo is taken.",
    }
    if scim_type is not None:
        expected["scimType"] = scim_type
    assert error.to_json() == expected
    assert (error.status, error.scim_type, error.headers, str(error)) == (status, scim_type, {}, "Leo is taken.")


def test_too_many_requests_names_whole_seconds() -> None:
    for wait, seconds in ((0, "1"), (0.2, "1"), (1, "1"), (1.01, "2"), (30.0, "30")):
        error = errors.TooManyRequests("Slow down.", wait)
        assert (error.status, error.headers) == (429, {"Retry-After": seconds})


def test_a_refusal_may_carry_another_status_and_headers() -> None:
    error = errors.ScimError("The version has changed.", status=412, headers={"ETag": 'W/"2"'})
    assert (error.status, error.headers, error.to_json()["status"]) == (412, {"ETag": 'W/"2"'}, "412")
    assert errors.ScimError("Else.").headers == {}

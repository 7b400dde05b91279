"""A step of a story, and what may be expected of a SCIM answer; the stories are beside this file."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rollbook.simulator.app import resources
from rollbook.simulator.bodies import ENTERPRISE, JSON
from rollbook.simulator.wire import ERROR, Answer, ProvisioningError

LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a story: what was checked, whether it held, and what was seen (or went wrong)."""

    name: str
    what_was_checked: str
    ok: bool
    detail: str
    milliseconds: float


class UnmetError(Exception):
    """A step found something other than it expects; the text says what it found."""


class Found(dict[str, Any]):
    """A dict whose missing entry is a finding (UnmetError) instead of a programming error."""

    def __missing__(self, name: str) -> Any:
        raise UnmetError(f"{name} is missing: an earlier step failed, or the answer lacks it.")


def expect(holds: bool, otherwise: str) -> None:
    """Raises UnmetError with the sentence unless the condition holds."""
    if not holds:
        raise UnmetError(otherwise)


def play(name: str, what: str, run: Callable[[], str]) -> Step:
    """Runs one step; `run` gives what was seen. UnmetError and ProvisioningError make it a failed step."""
    start = time.perf_counter()
    try:
        detail, ok = run(), True
    except UnmetError as unmet:
        detail, ok = str(unmet), False
    except ProvisioningError as error:
        detail, ok = error.message, False
    return Step(name, what, ok, detail, (time.perf_counter() - start) * 1000)


def expect_status(answer: Answer, *allowed: int) -> None:
    wanted = " or ".join(map(str, allowed))
    because = f": {answer.detail}" if answer.detail else ""
    expect(answer.status in allowed, f"Expected {wanted}, the server answered {answer.status}{because}")


def expect_object(answer: Answer) -> JSON:
    """The JSON object in the body."""
    expect(not answer.fault, answer.fault)
    if answer.body is None:
        raise UnmetError("The body is empty.")
    return answer.body


def expect_list(answer: Answer) -> list[JSON]:
    """The resources of a well-formed ListResponse (RFC 7644 section 3.4.2) answered with 200."""
    expect_status(answer, 200)
    body = expect_object(answer)
    expect(LIST in _texts(body.get("schemas")), "schemas does not name the ListResponse.")
    for name in ("totalResults", "startIndex", "itemsPerPage"):
        expect(_is_number(body.get(name)), f"{name} is {body.get(name)!r}, not a number.")
    found = resources(body)
    expect(
        body["itemsPerPage"] == len(found),
        f"itemsPerPage is {body['itemsPerPage']} on a page of {len(found)}.",
    )
    return found


def expect_error(answer: Answer, *allowed: int) -> str:
    """The `detail` of a SCIM error (RFC 7644 section 3.12); also demands the SCIM media type.

    Okta shows the parser's complaint instead of the cause when an error is anything but SCIM JSON.
    """
    expect_status(answer, *allowed)
    body = expect_object(answer)
    expect(ERROR in _texts(body.get("schemas")), "schemas does not name the SCIM Error.")
    expect(bool(answer.detail), "detail is empty: the administrator would see no reason.")
    expect(
        str(body.get("status")) == str(answer.status),
        f"status in the body is {body.get('status')!r}, the answer's is {answer.status}.",
    )
    kind = answer.headers.get("content-type", "")
    expect(kind.startswith("application/scim+json"), f"The error came as {kind or 'no media type'}.")
    return answer.detail


def expect_complete_user(user: JSON) -> None:
    """What Okta needs of every user: id, userName, both names, a boolean `active` and a first e-mail."""
    name = user.get("name") if isinstance(user.get("name"), dict) else {}
    values = {
        "id": user.get("id"),
        "userName": user.get("userName"),
        "name.givenName": name.get("givenName") if isinstance(name, dict) else None,
        "name.familyName": name.get("familyName") if isinstance(name, dict) else None,
        "emails[0].value": first_email(user),
    }
    for path, value in values.items():
        expect(isinstance(value, str) and value != "", f"{path} is empty.")
    expect(isinstance(user.get("active"), bool), f"active is {user.get('active')!r}, not true or false.")


def expect_values(user: JSON, wanted: dict[str, Any]) -> None:
    """Compares attributes by their dotted path (`name.givenName`); `email` stands for the first e-mail."""
    for path, value in wanted.items():
        found = first_email(user) if path == "email" else reach(user, path)
        expect(found == value, f"{path} is {found!r}, expected {value!r}.")


def expect_enterprise(user: JSON, **wanted: str) -> None:
    """Compares attributes of the enterprise extension (RFC 7643 section 4.3)."""
    extension = user.get(ENTERPRISE)
    held = extension if isinstance(extension, dict) else {}
    for name, value in wanted.items():
        expect(held.get(name) == value, f"{name} is {held.get(name)!r}, expected {value!r}.")


def reach(user: JSON, path: str) -> Any:
    """The value at a dotted path of plain names, None where there is none."""
    value: Any = user
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def first_email(user: JSON) -> str | None:
    """`emails[0].value`: Okta's own tests look at the first entry, not at the primary one."""
    emails = user.get("emails")
    if not isinstance(emails, list) or not emails or not isinstance(emails[0], dict):
        return None
    value = emails[0].get("value")
    return value if isinstance(value, str) else None


def _texts(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

"""Forms: read within bounds, and believed only from a page of ours.

Every form carries a token made from its session (or its sign-in link) with the installation's secret, but for those
that ask for a link, which anybody may; besides, the browser's own word on where the request comes from must be ours.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from rollbook.errors import Forbidden, InvalidValue
from rollbook.people.tokens import Pepper
from rollbook.settings import Settings

MAX_BODY = 64 * 1024
MAX_FIELDS = 32
TOKEN = "form_token"  # noqa: S105 - the field's name

_FORGED = "This form did not come from a page of Rollbook, or that page is too old. Go back, reload it, and try again."


class Forged(Forbidden):
    """A form that is not ours, or no longer."""

    def __init__(self) -> None:
        super().__init__(_FORGED)


def token_for(pepper: Pepper, holder: str) -> str:
    """The token for the forms of one session id or sign-in link."""
    return pepper.digest(f"form of {holder}")


def check_token(pepper: Pepper, holder: str, form: dict[str, str]) -> None:
    """Raises Forged where the form does not carry the token of this holder."""
    given = form.get(TOKEN, "")
    if not given.isascii() or not pepper.matches(f"form of {holder}", given):
        raise Forged


def refuse_foreign(request: Request, settings: Settings) -> None:
    """Raises Forged where the browser says that another site sent the form; old browsers say nothing."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None and site != "same-origin":
        raise Forged
    # A page that sends no referrer sends `Origin: null` with its own form; then the other header must vouch for it.
    if origin is None or (origin == "null" and site == "same-origin"):
        return
    hosts = (request.headers.get("host"), urlsplit(settings.public_url).netloc)
    if origin == "null" or urlsplit(origin).netloc not in hosts:
        raise Forged


async def read(request: Request) -> dict[str, str]:
    """The fields of a form, the last of each name. Raises InvalidValue where it is none, or too large."""
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise InvalidValue("The form is larger than 64 KiB, and nothing was done.", field="form")
    if body and media != "application/x-www-form-urlencoded":
        raise InvalidValue("Forms are read as application/x-www-form-urlencoded only.", field="form")
    try:
        text = body.decode("utf-8", errors="replace")
        return dict(parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=MAX_FIELDS))
    except ValueError:
        raise InvalidValue("The form has more fields than any form of ours.", field="form") from None

"""Templates, static files and the headers of every page. What stands on a page is decided by its own module."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from rollbook.console import local_time, words

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; script-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it browsers send `Origin: null` with every form.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file whose address changes with its content, so that it may be kept for ever."""

    address: str
    content: bytes
    media_type: str


def _read_static() -> dict[str, StaticFile]:
    found = {}
    for entry in files(__package__).joinpath("static").iterdir():
        stem, _, kind = entry.name.rpartition(".")
        content = entry.read_bytes()
        address = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{kind}"
        found[entry.name] = StaticFile(address, content, _TYPES[kind])
    return found


_STATIC = _read_static()
_BY_ADDRESS = {file.address: file for file in _STATIC.values()}

_environment = Environment(
    loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_environment.globals["static"] = lambda name: f"/static/{_STATIC[name].address}"
_environment.filters |= {"at": words.at, "on": words.on, "age": words.age, "shorten": words.shorten}
_environment.filters |= {"minute": words.minute, "duration": words.duration, "here": local_time.here}
_environment.filters |= {"due": words.due, "day": words.day_of}
_environment.globals["count"] = words.count


def page(template: str, *, status: int = 200, **context: Any) -> Response:
    """A page; nothing of it may be kept by a browser or a proxy."""
    content = _environment.get_template(template).render(context)
    headers = {**HEADERS, "Cache-Control": "no-store"}
    return Response(content, status_code=status, media_type="text/html", headers=headers)


def redirect(to: str) -> Response:
    """303: read that next. `to` is an address of ours."""
    return Response(status_code=303, headers={**HEADERS, "Cache-Control": "no-store", "Location": to})


def static_file(address: str) -> Response | None:
    """The file at this address, or None."""
    file = _BY_ADDRESS.get(address)
    if file is None:
        return None
    headers = {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
    return Response(file.content, media_type=file.media_type, headers=headers)

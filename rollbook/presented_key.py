"""The key that a request presents in its Authorization header. Whether it opens anything: people/credentials.py."""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache

from rollbook.people.tokens import KEPT

LONGEST_KEPT = 300  # bytes of an Authorization header: a key and a user name need less


def presented(header: bytes) -> tuple[str | None, str]:
    """(Basic user name or None, key) from Basic, Bearer or the bare key; the key is "" where there is none."""
    # Strangers may send anything: what is no key's length is not worth remembering.
    return (_kept if len(header) <= LONGEST_KEPT else _read)(header)


def _read(header: bytes) -> tuple[str | None, str]:
    if not header:
        return None, ""
    value = header.decode("latin-1").strip()
    scheme, _, rest = value.partition(" ")
    if scheme.lower() == "bearer":
        return None, rest.strip()
    if scheme.lower() != "basic":
        return None, value
    try:
        name, colon, key = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, ""
    return (name, key) if colon else (None, "")


_kept = lru_cache(maxsize=KEPT)(_read)

"""Secrets we hand out once and keep only as digests: API keys, sign-in links, sessions.

A token reads `rb_<scope>_<company>_<prefix>_<secret>`: its company is in the public part, so that the look-up asks
one company (docs/decisions/0005), and its last six characters are a checksum, so that a mistyped one is known at once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import uuid
import zlib
from dataclasses import dataclass

SECRET_BYTES = 20  # 160 random bits: beyond guessing, so a fast digest is enough
CHECKSUM = 6
_BODY = 32  # characters of base32 that hold the 160 bits


@dataclass(frozen=True, slots=True)
class Pepper:
    """The operator's secret, and the one before it while the secret is being rotated."""

    current: bytes
    previous: bytes | None = None

    def digest(self, token: str) -> str:
        """What is stored instead of the token: HMAC-SHA-256 under the current secret, 64 hex characters."""
        return hmac.digest(self.current, token.encode(), hashlib.sha256).hex()

    def matches(self, token: str, digest: str) -> bool:
        """Whether a digest, made with the current or the previous secret, is this token's; in constant time."""
        if hmac.compare_digest(self.digest(token), digest):
            return True
        return self.previous is not None and hmac.compare_digest(self.former_digest(token), digest)

    def former_digest(self, token: str) -> str:
        """The digest under the previous secret."""
        return hmac.digest(self.previous or self.current, token.encode(), hashlib.sha256).hex()


@dataclass(frozen=True, slots=True)
class Token:
    """A token's public part, and the whole text."""

    scope: str
    company_id: str
    prefix: str
    text: str


def make(scope: str, company_id: str) -> Token:
    """A new token; only its holder ever has the text."""
    prefix = secrets.token_hex(4)
    body = base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode().lower()
    head = f"rb_{scope}_{company_id.replace('-', '')}_{prefix}_{body}"
    return Token(scope, company_id, prefix, head + _checksum(head))


def read(text: str) -> Token | None:
    """The parts of a well-formed token, or None; that it is well formed says nothing about who holds it."""
    if len(text) > 160 or not text.isascii():
        return None
    parts = text.split("_")
    if len(parts) != 5 or parts[0] != "rb" or len(parts[2]) != 32 or len(parts[3]) != 8:
        return None
    if len(parts[4]) != _BODY + CHECKSUM or _checksum(text[:-CHECKSUM]) != text[-CHECKSUM:]:
        return None
    try:
        company_id = str(uuid.UUID(hex=parts[2]))
    except ValueError:
        return None
    return Token(parts[1], company_id, parts[3], text)


def _checksum(head: str) -> str:
    return f"{zlib.crc32(head.encode()) & 0xFFFFFF:06x}"

"""Secrets we hand out once and keep only as digests: API keys, sign-in links, sessions.

A token reads `rb_<scope>_<company>_<prefix>_<secret>`: its company is in the public part, so that the look-up asks
one company (docs/decisions/0005), and its last six characters are a checksum, so that a mistyped one is known at once.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass
from functools import lru_cache

import msgspec

SECRET_BYTES = 20  # 160 random bits: beyond guessing, so a fast digest is enough
CHECKSUM = 6
LONGEST = 128
# A client sends the same key with every request. What follows from its text alone is kept in memory for so many
# tokens; whether the key still counts is asked of the database each time.
KEPT = 512
_SHAPE = re.compile(r"rb_([a-z]{1,16})_([0-9a-f]{32})_([0-9a-f]{8})_[a-z2-7]{32}[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class Pepper:
    """The operator's secret, and the one before it while the secret is being rotated."""

    current: bytes
    previous: bytes | None = None

    def digest(self, token: str) -> str:
        """What is stored instead of the token: HMAC-SHA-256 under the current secret, 64 hex characters."""
        return _digest(self.current, token)

    def matches(self, token: str, digest: str) -> bool:
        """Whether a digest, made with the current or the previous secret, is this token's; in constant time."""
        if hmac.compare_digest(self.digest(token), digest):
            return True
        return self.previous is not None and hmac.compare_digest(self.former_digest(token), digest)

    def former_digest(self, token: str) -> str:
        """The digest under the previous secret."""
        return _digest(self.previous or self.current, token)


class Token(msgspec.Struct, frozen=True):
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
    return _read(text) if len(text) <= LONGEST else None


@lru_cache(maxsize=KEPT)
def _read(text: str) -> Token | None:
    shaped = _SHAPE.fullmatch(text)
    if shaped is None or _checksum(text[:-CHECKSUM]) != text[-CHECKSUM:]:
        return None
    scope, company, prefix = shaped.groups()
    company_id = f"{company[:8]}-{company[8:12]}-{company[12:16]}-{company[16:20]}-{company[20:]}"
    return Token(scope, company_id, prefix, text)


@lru_cache(maxsize=4)
def _keyed(secret: bytes) -> hmac.HMAC:
    """The state of a digest under a secret, to be copied: setting one up costs more than the digest."""
    return hmac.new(secret, digestmod="sha256")


@lru_cache(maxsize=KEPT)
def _digest(secret: bytes, token: str) -> str:
    digest = _keyed(secret).copy()
    digest.update(token.encode())
    return digest.hexdigest()


def _checksum(head: str) -> str:
    return f"{zlib.crc32(head.encode()) & 0xFFFFFF:06x}"

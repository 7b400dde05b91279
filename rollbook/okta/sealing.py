"""An Okta token at rest: encrypted under the operator's secret, for one company. Who may use it is not decided here.

Why cryptography: docs/decisions/0013.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from rollbook.errors import Misconfigured

_FORM = "v1."  # AES-256-GCM, 12 bytes of nonce before what is sealed, in base64url
_PURPOSE = b"rollbook okta token"
_NONCE_BYTES = 12


def seal(secret: bytes, company_id: str, text: str) -> str:
    """The text, readable only with the secret and as this company's."""
    nonce = os.urandom(_NONCE_BYTES)
    sealed = _cipher(secret).encrypt(nonce, text.encode(), company_id.encode())
    return _FORM + base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(secrets: Sequence[bytes], company_id: str, sealed: str) -> str:
    """What was sealed under any of the secrets: the present one and the one before. Raises Misconfigured."""
    for secret in secrets:
        text = _opened(secret, company_id, sealed)
        if text is not None:
            return text
    raise Misconfigured(
        "The Okta token cannot be read with this ROLLBOOK_SECRET. Give the one it was stored under as "
        "ROLLBOOK_SECRET_PREVIOUS, or enter the token anew."
    )


def is_sealed_under(secret: bytes, company_id: str, sealed: str) -> bool:
    """Whether this secret opens it: where only the one before does, it is to be sealed anew."""
    return _opened(secret, company_id, sealed) is not None


def _opened(secret: bytes, company_id: str, sealed: str) -> str | None:
    try:
        raw = base64.b64decode(sealed.removeprefix(_FORM), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if not sealed.startswith(_FORM) or len(raw) <= _NONCE_BYTES:
        return None
    try:
        return _cipher(secret).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], company_id.encode()).decode()
    except InvalidTag:
        return None


def _cipher(secret: bytes) -> AESGCM:
    """A key of its own, so that what is derived from the secret elsewhere tells nothing about it."""
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret))

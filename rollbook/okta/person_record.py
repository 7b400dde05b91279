"""What is kept of a person of Okta's: those variables that a run needs, as texts. A record that cannot be kept as it is
says why. The rows are directory.py's; what follows from them is planning.py's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from rollbook.people.claims import LONGEST_KEY
from rollbook.people.folding import fold
from rollbook.people.profiles import LONGEST

ABSENT = "ABSENT"  # our word: Okta answered that it knows nobody of this id
UNREADABLE = "UNREADABLE"  # and this: not even the status could be read
UNKNOWN = "UNKNOWN"  # seen in the app's list alone

# Okta's words. Whoever is to set a password, or was locked out by a wrong one, is a person in good standing.
ALIVE = frozenset({"ACTIVE", "PROVISIONED", "RECOVERY", "PASSWORD_EXPIRED", "LOCKED_OUT"})
DEPROVISIONED = "DEPROVISIONED"
SUSPENDED = "SUSPENDED"
GONE = frozenset({ABSENT, DEPROVISIONED})

_ID = re.compile(r"[A-Za-z0-9_.-]{1,100}", re.ASCII)
_STATUS = re.compile(r"[A-Z_]{1,40}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_encode = msgspec.json.Encoder(order="sorted").encode


class Kept(msgspec.Struct, frozen=True):
    """What a run keeps of one person. `profile` holds texts by variable; what is blank in Okta is not in it.
    `login_key` and `email_key` are what is their user name and their e-mail here, folded.
    """

    okta_id: str
    status: str
    profile: dict[str, str]
    refused: str | None = None
    login_key: str | None = None
    email_key: str | None = None

    @property
    def digest(self) -> str:
        """Of all that planning looks at."""
        looked_at = (self.status, self.profile, self.refused, self.login_key, self.email_key)
        return hashlib.sha256(_encode(looked_at)).hexdigest()[:32]


def kept(
    okta_id: str, status: str, profile: Mapping[str, Any], variables: Sequence[str], names: tuple[str, str]
) -> Kept:
    """What is kept of a person as Okta answered; of several faults the first is told, by the variable's name alone.

    `names` are the variables that are the user name and the e-mail here.
    """
    texts: dict[str, str] = {}
    refused: str | None = None
    if not _STATUS.fullmatch(status):
        status, refused = UNREADABLE, "Okta's record has no status that could be read."
    for name in variables:
        try:
            text = _text(profile.get(name))
        except _Fault as fault:
            refused = refused or f"Okta's {name} {fault}"
        else:
            if text:
                texts[name] = text
    login, email = (key(texts.get(name)) for name in names)
    return Kept(okta_id, status, texts, refused, login, email)


def key(text: str | None) -> str | None:
    """A name folded for comparison; None for none, and for one that no index holds, which no user of ours can have."""
    if not text:
        return None
    folded = fold(text)
    return folded if len(folded.encode()) <= LONGEST_KEY else None


class _Fault(Exception):
    """Why a value cannot be kept."""


def _text(value: Any) -> str:
    """A value as text: a list's entries with commas between. Raises _Fault."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and len(value) <= LONGEST:
        value = ", ".join(filter(None, map(_text, value)))
    elif isinstance(value, int | float):
        value = str(value)
    if not isinstance(value, str):
        raise _Fault("is no text that could be kept.")
    text = value.strip()
    if len(text) > LONGEST:
        raise _Fault(f"is {len(text):,} characters long; at most {LONGEST:,} can be kept.")
    if _CONTROL.search(text):
        raise _Fault("holds a control character or line break.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _Fault("holds half a character.") from None
    return text

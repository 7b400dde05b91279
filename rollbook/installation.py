"""Opening an installation: its settings, its database at the newest schema, its secret, each checked before use."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from rollbook import settings as settings_
from rollbook.database import Database, Tx, facts, open_database, schema
from rollbook.errors import Misconfigured
from rollbook.people.tokens import Pepper
from rollbook.settings import Settings

_SECRET = "secret_check"  # noqa: S105 - the name of the row, not the secret


@dataclass(frozen=True, slots=True)
class Installation:
    """Everything a door, a worker or a command needs to begin."""

    settings: Settings
    database: Database
    pepper: Pepper

    def close(self) -> None:
        """Finishes what is under way and lets go."""
        self.database.close()


def open_installation(settings: Settings | None = None) -> Installation:
    """Opens and checks; an empty database is set up. Raises Misconfigured or Unavailable with what to do."""
    settings = settings or settings_.read()
    pepper = pepper_of(settings)
    schema.prepare(settings)
    database = open_database(settings)
    try:
        database.engine.write(lambda tx: _check_secret(tx, pepper))
    except BaseException:
        database.close()
        raise
    return Installation(settings, database, pepper)


def pepper_of(settings: Settings) -> Pepper:
    """The secret, and the one before it while it is being rotated. Raises Misconfigured."""
    previous = settings.secret_previous.get_secret_value()
    return Pepper(settings_.secret_of(settings), previous.encode() if previous else None)


def _check_secret(tx: Tx, pepper: Pepper) -> None:
    """Keys and sessions of another secret would all fail one by one; better that the process says so at once."""
    kept = facts.get(tx, _SECRET)
    current = _check_value(pepper.current)
    if kept is None:
        facts.put_first(tx, _SECRET, current)
    elif kept != current:
        if pepper.previous is None or kept != _check_value(pepper.previous):
            raise Misconfigured(
                "ROLLBOOK_SECRET is not the one this database was made with. Set the right one; to rotate, give the "
                "old one as ROLLBOOK_SECRET_PREVIOUS."
            )
        facts.put(tx, _SECRET, current)


def _check_value(secret: bytes) -> str:
    return hmac.digest(secret, b"rollbook secret check", hashlib.sha256).hex()

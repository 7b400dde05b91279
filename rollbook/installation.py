"""Opening an installation: its settings, its database at the newest schema, its secret, each checked before use."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from rollbook import settings as settings_
from rollbook.database import Database, Tx, open_database, schema
from rollbook.database.tables import installation
from rollbook.errors import Misconfigured
from rollbook.people.tokens import Pepper
from rollbook.settings import Settings

_SECRET = "secret_check"  # noqa: S105 - the name of the row, not the secret
_GET = select(installation.c.value).where(installation.c.name == bindparam("row"))
_PUT = insert(installation).on_conflict_do_nothing()
_SET = update(installation).where(installation.c.name == bindparam("row"))


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
    row = tx.one(_GET, {"row": _SECRET})
    current = _check_value(pepper.current)
    if row is None:
        tx.run(_PUT, {"name": _SECRET, "value": current})
    elif row[0] != current:
        if pepper.previous is None or row[0] != _check_value(pepper.previous):
            raise Misconfigured(
                "ROLLBOOK_SECRET is not the one this database was made with. Set the right one; to rotate, give the "
                "old one as ROLLBOOK_SECRET_PREVIOUS."
            )
        tx.run(_SET, {"row": _SECRET, "value": current})


def _check_value(secret: bytes) -> str:
    return hmac.digest(secret, b"rollbook secret check", hashlib.sha256).hex()

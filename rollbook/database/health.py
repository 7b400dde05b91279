"""What the database server itself is set to: whether it keeps what it acknowledged, and what time it thinks it is."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from rollbook.database.schema import engine_for
from rollbook.settings import Settings

_DURABLE = ("fsync", "full_page_writes", "synchronous_commit")


def forgetful_setting(settings: Settings) -> str | None:
    """The setting, with its value, under which an acknowledged write may be lost in a power cut; None is good."""
    with engine_for(settings).connect() as connection:
        if connection.dialect.name == "sqlite":
            mode = str(connection.execute(text("PRAGMA journal_mode")).scalar())
            return None if mode == "wal" else f"journal_mode = {mode}"
        for name in _DURABLE:
            if str(connection.execute(text(f"SHOW {name}")).scalar()) == "off":
                return f"{name} = off"
    return None


def server_time(settings: Settings) -> datetime | None:
    """The server's clock; None for SQLite, which shares this machine's."""
    with engine_for(settings).connect() as connection:
        if connection.dialect.name == "sqlite":
            return None
        moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return moment

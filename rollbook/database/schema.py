"""The schema's version: bringing a database to the newest one, and telling whether it is there."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, inspect, text
from sqlalchemy.exc import OperationalError

from rollbook.errors import Misconfigured, Unavailable
from rollbook.settings import Settings

HERE = Path(__file__).parent
# A migration's file begins with its revision. Read from the names, since every command asks for them and Alembic takes
# longer to import than a command to run.
REVISIONS = tuple(sorted(path.name[:4] for path in (HERE / "migrations").glob("[0-9]*.py")))
NEWEST = REVISIONS[-1]

_GUARD = 0x524F4C4C  # an advisory lock of PostgreSQL: "ROLL"


def migrate(settings: Settings) -> str:
    """Brings the database to the newest schema and returns its name; several machines may do so at once."""
    with _connected(settings) as connection, _one_at_a_time(settings, connection):
        _upgrade(connection)
        connection.commit()
    return NEWEST


def prepare(settings: Settings) -> None:
    """Sets up a database that holds no table yet; one with an older schema is only ever changed by `migrate`.

    Raises Misconfigured naming the command where the schema is not the newest.
    """
    with _connected(settings) as connection:
        present = _revision(connection)
        empty = present is None and not inspect(connection).get_table_names()
    if present == NEWEST:
        return
    if empty:
        migrate(settings)
        return
    if present is not None and present not in REVISIONS:
        raise Misconfigured(
            f"The database has schema {present}, which this version of Rollbook does not know: it was written by "
            "a newer one. Install that version."
        )
    raise Misconfigured("The database has an older schema; run: rollbook migrate")


def is_newest(settings: Settings) -> bool:
    """Whether the schema is this version's; raises Unavailable where the database does not answer."""
    with _connected(settings) as connection:
        return _revision(connection) == NEWEST


def engine_for(settings: Settings) -> Engine:
    """An SQLAlchemy engine, for schema work only; the rooms' statements go another way."""
    address = settings.database_url.get_secret_value()
    if address:
        return create_engine(f"postgresql+psycopg://{address.partition('://')[2]}", poolclass=NullPool)
    path = settings.sqlite_path
    assert path is not None
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"timeout": 30})
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA journal_mode = WAL"))
    return engine


@contextmanager
def _connected(settings: Settings) -> Iterator[Connection]:
    try:
        with engine_for(settings).connect() as connection:
            yield connection
    except OperationalError:
        raise Unavailable("The database does not answer; check ROLLBOOK_DATABASE_URL and that it runs.") from None


@contextmanager
def _one_at_a_time(settings: Settings, connection: Connection) -> Iterator[None]:
    path = settings.sqlite_path
    if path is None:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _GUARD})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _GUARD})
            connection.commit()
        return
    with path.with_suffix(".migrating").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def _revision(connection: Connection) -> str | None:
    """The revision that the database says it has, or None."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE / "alembic"))
    config.set_main_option("version_locations", str(HERE / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

"""The schema's version: bringing a database to the newest one, and telling whether it is there."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, inspect, text
from sqlalchemy.exc import DatabaseError, OperationalError

from rollbook.database.sqlite import make_file
from rollbook.errors import Misconfigured, Unavailable
from rollbook.settings import Settings

HERE = Path(__file__).parent
# A migration's file begins with its revision. Read from the names, since every command asks for them and Alembic takes
# longer to import than a command to run.
REVISIONS = tuple(sorted(path.name[:4] for path in (HERE / "migrations").glob("[0-9]*.py")))
NEWEST = REVISIONS[-1]

_GUARD = 0x524F4C4C  # an advisory lock of PostgreSQL: "ROLL"


def migrate(settings: Settings) -> str:
    """Brings the database to the newest schema and returns its name; several machines may do so at once.

    All or nothing. Raises Misconfigured for the database of a newer version, Unavailable where a step failed.
    """
    with _connected(settings) as connection, _one_at_a_time(settings, connection):
        _refuse_newer(_revision(connection))
        _upgrade(connection)
    return NEWEST


def prepare(settings: Settings) -> None:
    """Sets up a database that holds no table yet; one with an older schema is only ever changed by `migrate`.

    Raises Misconfigured naming the command where the schema is not the newest.
    """
    if is_newest(settings):
        return
    # Somebody else may be setting it up at this moment: what they have not finished is no older schema.
    with _connected(settings) as connection, _one_at_a_time(settings, connection):
        present = _revision(connection)
        if present == NEWEST:
            return
        if present is None and not inspect(connection).get_table_names():
            _upgrade(connection)
            return
        _refuse_newer(present)
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
    make_file(path)
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"timeout": 30})
    event.listen(engine, "connect", _prepare_sqlite)
    # By itself the driver begins no transaction before CREATE TABLE, and half a migration would stay.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")


@contextmanager
def _connected(settings: Settings) -> Iterator[Connection]:
    try:
        connection = engine_for(settings).connect()
    except OperationalError:
        raise Unavailable("The database does not answer; check ROLLBOOK_DATABASE_URL and that it runs.") from None
    with connection:
        try:
            yield connection
        except DatabaseError as error:
            connection.rollback()
            raise Unavailable(f"The database refused a step, and its schema stays as it was: {error.orig}") from None


@contextmanager
def _one_at_a_time(settings: Settings, connection: Connection) -> Iterator[None]:
    """A transaction on the connection that no other process has at the same time; committed unless it raises."""
    path = settings.sqlite_path
    if path is None:
        with connection.begin():
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _GUARD})
            yield
        return
    with path.with_suffix(".migrating").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        with connection.begin():
            yield


def _refuse_newer(present: str | None) -> None:
    if present is not None and present not in REVISIONS:
        raise Misconfigured(
            f"The database has schema {present}, which this version of Rollbook does not know: it was written by "
            "a newer one. Install that version."
        )


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

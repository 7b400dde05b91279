"""The schema's version: bringing a database to the newest one, and telling whether it is there."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, inspect, text
from sqlalchemy.exc import OperationalError

from rollbook.errors import Misconfigured, Unavailable
from rollbook.settings import Settings

_GUARD = 0x524F4C4C  # an advisory lock of PostgreSQL: "ROLL"


def migrate(settings: Settings) -> str:
    """Brings the database to the newest schema and returns its name; several machines may do so at once."""
    with _connected(settings) as connection, _one_at_a_time(settings, connection):
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
        return _head()


def prepare(settings: Settings) -> None:
    """Sets up a database that holds no table yet; one with an older schema is only ever changed by `migrate`.

    Raises Misconfigured naming the command where the schema is not the newest.
    """
    with _connected(settings) as connection:
        present = MigrationContext.configure(connection).get_current_revision()
        empty = present is None and not inspect(connection).get_table_names()
    if present == _head():
        return
    if empty:
        migrate(settings)
        return
    if present is not None and present not in {revision.revision for revision in _script().walk_revisions()}:
        raise Misconfigured(
            f"The database has schema {present}, which this version of Rollbook does not know: it was written by "
            "a newer one. Install that version."
        )
    raise Misconfigured("The database has an older schema; run: rollbook migrate")


def is_newest(settings: Settings) -> bool:
    """Whether the schema is this version's; raises Unavailable where the database does not answer."""
    with _connected(settings) as connection:
        return MigrationContext.configure(connection).get_current_revision() == _head()


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


def _config() -> Config:
    config = Config()
    here = Path(__file__).parent
    config.set_main_option("script_location", str(here / "alembic"))
    config.set_main_option("version_locations", str(here / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _head() -> str:
    head = _script().get_current_head()
    assert head is not None
    return head

"""Rows for the tests of the engines: facts of the installation, written, changed and read by name."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import bindparam, insert, select, update

from rollbook.database import Database, Tx
from rollbook.database.postgres import PostgresEngine
from rollbook.database.sqlite import SqliteEngine
from rollbook.database.tables import installation

PUT = insert(installation)
GET = select(installation.c.value).where(installation.c.name == bindparam("row"))
SET = update(installation).where(installation.c.name == bindparam("row"))
ALL = select(installation.c.name).order_by(installation.c.name)


def put(name: str, value: str = "x") -> Callable[[Tx], str]:
    def work(tx: Tx) -> str:
        tx.run(PUT, {"name": name, "value": value})
        return name

    return work


def names(database: Database | SqliteEngine | PostgresEngine) -> set[str]:
    engine = database.engine if isinstance(database, Database) else database
    return {row[0] for row in engine.read(lambda tx: tx.all(ALL))}

"""The one way to the rows: `Database` with `read(fn)` and `write(fn)`, on SQLite or PostgreSQL.

Rooms receive a `Tx` and hand it statements of SQLAlchemy Core; nothing above this package knows the engine.
"""

from rollbook.database.engine import Collision, Database, open_database
from rollbook.database.statements import Row, Tx

__all__ = ["Collision", "Database", "Row", "Tx", "open_database"]

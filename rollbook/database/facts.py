"""Facts of the installation itself, of no company: a name and a text each, in the table `installation`."""

from __future__ import annotations

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from rollbook.database.statements import Tx
from rollbook.database.tables import installation

_GET = select(installation.c.value).where(installation.c.name == bindparam("row"))
_INSERT = insert(installation)
_PUT_FIRST = _INSERT.on_conflict_do_nothing()
_PUT = _INSERT.on_conflict_do_update(index_elements=["name"], set_={"value": _INSERT.excluded.value})


def get(tx: Tx, name: str) -> str | None:
    """The fact, or None where nobody stated it."""
    row = tx.one(_GET, {"row": name})
    return row[0] if row else None


def put(tx: Tx, name: str, value: str) -> None:
    """States the fact, whatever it was before."""
    tx.run(_PUT, {"name": name, "value": value})


def put_first(tx: Tx, name: str, value: str) -> None:
    """States the fact where nobody has; of two who do so at once, the first stands."""
    tx.run(_PUT_FIRST, {"name": name, "value": value})

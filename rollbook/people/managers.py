"""Who somebody's manager is: the provisioning client sends text, and whichever user it names is the manager.

The link is found when it is asked for and never stored, so a manager who arrives later is linked from then on.
"""

from __future__ import annotations

from sqlalchemy import bindparam

from rollbook.database import Tx
from rollbook.database.tables import users as table
from rollbook.people import record
from rollbook.people.folding import fold
from rollbook.people.record import User

_NAMED = record.SELECT.where(
    table.c.deleted_at.is_(None),
    record.any_of(
        table.c.id == bindparam("text"),
        table.c.external_id == bindparam("text"),
        table.c.user_name_key == bindparam("key"),
        table.c.email_claim == bindparam("key"),
    ),
)


def find(tx: Tx, user: User) -> User | None:
    """The one user whose id, external id, user name or e-mail the manager's text is; None where none or two match."""
    if user.manager_value is None:
        return None
    text = user.manager_value.strip()
    rows = tx.all(_NAMED, {"company": user.company_id, "text": text, "key": fold(text)})
    return record.of_row(rows[0]) if len(rows) == 1 else None


def name(tx: Tx, user: User) -> str | None:
    """The manager's name as people read it: as sent, else of the user it names, else the text itself."""
    if user.manager_name is not None:
        return user.manager_name
    manager = find(tx, user)
    return manager.display_name if manager is not None else user.manager_value

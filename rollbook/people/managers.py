"""Who somebody's manager is: the provisioning client sends text, and whichever user it names is the manager.

The link is found when it is asked for and never stored, so a manager who arrives later is linked from then on.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam

from rollbook.database import Tx
from rollbook.database.statements import Answer
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
    rows = _ask(tx, user).all()
    return record.of_row(rows[0]) if len(rows) == 1 else None


def names(tx: Tx, people: Sequence[User]) -> dict[str, str]:
    """As `name`, for many at once, by the user's id; who has no manager is not in it."""
    asked = {user.id: _ask(tx, user) for user in people if user.manager_name is None and user.manager_value is not None}
    found = {user.id: user.manager_name or user.manager_value or "" for user in people}
    for user_id, answer in asked.items():
        rows = answer.all()
        if len(rows) == 1:
            found[user_id] = record.of_row(rows[0]).display_name
    return {user_id: text for user_id, text in found.items() if text}


def name(tx: Tx, user: User) -> str | None:
    """The manager's name as people read it: as sent, else of the user it names, else the text itself."""
    if user.manager_name is not None:
        return user.manager_name
    manager = find(tx, user)
    return manager.display_name if manager is not None else user.manager_value


def _ask(tx: Tx, user: User) -> Answer:
    text = (user.manager_value or "").strip()
    return tx.send(_NAMED, {"company": user.company_id, "text": text, "key": fold(text)})

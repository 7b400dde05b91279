"""Whom a row is about: one person, somebody new, or two who must not be taken for one. What it changes is plan.py's."""

from __future__ import annotations

from rollbook.database import Tx
from rollbook.errors import Conflict, InvalidValue
from rollbook.people import record
from rollbook.people.authorization import Target, Who, authorize
from rollbook.people.csv.columns import ARCHIVED, NAMING, YES, Cells
from rollbook.people.csv.roster import Holder, Roster
from rollbook.people.folding import fold
from rollbook.people.record import User

WORDS = {"id": "id", "external_id": "external id", "user_name": "user name", "email": "e-mail"}


def find(tx: Tx, row: int, cells: Cells, roster: Roster, *, who: Who) -> User | None:
    """Whom the row is about, None where it makes somebody new: by id, else external id, user name, e-mail.

    Raises Conflict where it could be two, or another row is about the same person; InvalidValue, Forbidden.
    """
    if not any(cells.get(column) for column in NAMING):
        raise InvalidValue(f"The row says nothing of whom it is about; fill in {', '.join(NAMING)}.", field="id")
    _refuse_address_of_another_row(row, cells, roster)
    found, by = _holder(cells, roster)
    if found is None:
        return None
    other_row = roster.seen.rows.setdefault(found.id, row)
    if other_row != row:
        raise Conflict(f"Row {other_row} is about the same person; leave one of the two.", field=by)
    user = roster.users[found.id]
    record.refuse_deleted(user)
    authorize(tx, who, "see_people", Target(user=user))
    sent = text_of(cells, "external_id")
    if sent is not None and user.external_id not in (None, sent) and by != "id":
        raise Conflict(
            f"The {WORDS[by]} is that of user {user.id}, who has another external id. If they are one person, "
            "give the id as well.",
            field="external_id",
            holder_id=user.id,
        )
    if by == "email" and not user.active and (sent or text_of(cells, "user_name")):
        raise Conflict(
            f"The e-mail is that of user {user.id} (archived), another name is not. If they are one person, give "
            "the id as well; if not: rollbook user create",
            field="email",
            holder_id=user.id,
        )
    return user


def whose(roster: Roster, holder: Holder) -> str:
    """Somebody who has a name, in words."""
    if (made_by := roster.seen.made.get(holder.id)) is not None:
        return f"the person of row {made_by}"
    return f"user {holder.id}" + (" (deleted)" if holder.deleted else "" if holder.active else " (archived)")


def text_of(cells: Cells, column: str) -> str | None:
    """What a cell says, None for nothing."""
    return (cells.get(column) or "").strip() or None


def _refuse_address_of_another_row(row: int, cells: Cells, roster: Roster) -> None:
    """Where a row says by the e-mail alone who is meant, no other row may give the e-mail to somebody: another run
    of the same file would take the one for the other.
    """
    if (address := fold(cells.get("email") or "")) == "":
        return
    alone = not any(cells.get(column) for column in ("id", "external_id", "user_name"))
    addresses = roster.seen.addresses
    other_row = addresses.setdefault(address, row) if alone else addresses.get(address, row)
    if other_row != row:
        raise Conflict(f"Row {other_row} has the same e-mail and no other name; give both an id.", field="email")


def _holder(cells: Cells, roster: Roster) -> tuple[Holder | None, str]:
    if (id_ := text_of(cells, "id")) is not None:
        user = roster.users.get(id_.lower())
        if user is None:
            raise InvalidValue(
                "Nobody in this company has this id; leave the cell empty to make a new person.", field="id"
            )
        return Holder(user.id, user.active, user.deleted_at is not None), "id"
    for column, key in (("external_id", str), ("user_name", fold)):
        if (text := text_of(cells, column)) is not None:
            holder = roster.holder(column, key(text))
            if holder is not None and not holder.deleted:
                return holder, column
    if (text := text_of(cells, "email")) is None:
        return None, ""
    people = [holder for holder in roster.with_email(fold(text)) if not holder.deleted]
    if fold(cells.get(ARCHIVED) or "") not in YES:  # who is archived by their e-mail is one of two the next time
        people = [holder for holder in people if holder.active] or people
    if len(people) > 1:
        listed = " and ".join(sorted(whose(roster, holder) for holder in people))
        raise Conflict(f"The e-mail is that of {listed}; give the id of the one who is meant.", field="email")
    return (people[0], "email") if people else (None, "")

"""Who is there and has which name, as the rows before this one leave it. What a row changes is plan.py's."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from sqlalchemy import bindparam, select

from rollbook.database import Tx
from rollbook.database.tables import users as table
from rollbook.people import field_values, record
from rollbook.people.csv.columns import ARCHIVED, Cells
from rollbook.people.folding import fold
from rollbook.people.record import User

T = TypeVar("T")


class Holder(NamedTuple):
    """Who has a name: the id of their record, or the row that makes them."""

    id: str
    active: bool = True
    deleted: bool = False


@dataclass
class Seen:
    """What the rows so far were about: each person once.

    A preview writes nothing, so it remembers besides whose names the rows would change, and to what.
    """

    rows: MutableMapping[str, int] = field(default_factory=dict)  # a person's id -> the row about them
    made: MutableMapping[str, int] = field(default_factory=dict)  # the same of those whom a row makes
    addresses: MutableMapping[str, int] = field(default_factory=dict)  # the folded e-mail that alone says who -> row
    moved: MutableMapping[str, bool] = field(default_factory=dict)  # whose names are not those in the database
    names: MutableMapping[str, Holder] = field(default_factory=dict)  # "column:key" -> who has it now
    emails: MutableMapping[str, tuple[Holder, ...]] = field(default_factory=dict)  # those of archived people too

    def draft(self) -> Seen:
        """The same for a few more rows, which count only once they are kept: a transaction may run twice."""
        return Seen(
            ChainMap({}, self.rows),
            ChainMap({}, self.made),
            ChainMap({}, self.addresses),
            ChainMap({}, self.moved),
            ChainMap({}, self.names),
            ChainMap({}, self.emails),
        )

    def keep(self, draft: Seen, *, names: bool) -> None:
        """Takes over what the draft has seen; `names` too where they stand in no database."""
        self.rows.update(_new(draft.rows))
        self.made.update(_new(draft.made))
        self.addresses.update(_new(draft.addresses))
        if names:
            self.moved.update(_new(draft.moved))
            self.names.update(_new(draft.names))
            self.emails.update(_new(draft.emails))


@dataclass
class Roster:
    """The people whom some rows may be about, as stored, and what earlier rows did to their names."""

    seen: Seen
    users: dict[str, User] = field(default_factory=dict)
    custom: dict[str, dict[str, str]] = field(default_factory=dict)  # user id -> field id -> value
    _names: dict[str, Holder] = field(default_factory=dict)
    _emails: dict[str, list[Holder]] = field(default_factory=dict)

    def add(self, user: User, user_name_key: str | None, email_key: str | None) -> None:
        """Takes in a person as stored; the keys are None where a deleted person gave the name up."""
        self.users[user.id] = user
        holder = Holder(user.id, user.active, user.deleted_at is not None)
        if user.external_id is not None:
            self._names[f"external_id:{user.external_id}"] = holder
        if user_name_key is not None:
            self._names[f"user_name:{user_name_key}"] = holder
        if email_key is not None:
            self._emails.setdefault(email_key, []).append(holder)

    def holder(self, column: str, key: str) -> Holder | None:
        """Who has this external id or folded user name; or, by `email`, the active person with the folded address."""
        if column == "email":
            return next((holder for holder in self.with_email(key) if holder.active), None)
        name = f"{column}:{key}"
        if name in self.seen.names:
            return self.seen.names[name]
        holder = self._names.get(name)
        return None if holder is None or holder.id in self.seen.moved else holder

    def with_email(self, key: str) -> list[Holder]:
        """Everybody with this folded address, archived people too."""
        stored = [holder for holder in self._emails.get(key, ()) if holder.id not in self.seen.moved]
        return [*stored, *self.seen.emails.get(key, ())]

    def move(self, before: User | None, after: User, new_id: str) -> None:
        """From now on the person has the names of `after`; `new_id` is whoever is not in the database yet."""
        holder = Holder(before.id if before else new_id, after.active)
        self.seen.moved[holder.id] = True
        self.seen.names[f"user_name:{fold(after.user_name)}"] = holder
        if after.external_id is not None:
            self.seen.names[f"external_id:{after.external_id}"] = holder
        address = fold(after.email)
        self.seen.emails[address] = (*self.seen.emails.get(address, ()), holder)


# One name at a time: a list of names PostgreSQL may answer by walking everybody, as long as it has not yet counted a
# table that is being filled (measured: 200 ms a batch, against 45). The statements of a batch share a round trip.
WHO_HAS = {
    column: select(table.c.id).where(record.OF_COMPANY, table.c[column] == bindparam("key"))
    for column in ("external_id", "user_name_key", "email_key", "email_claim")
}
ONE = select(*record.COLUMNS, table.c.user_name_key, table.c.email_key).where(
    record.OF_COMPANY, table.c.id == bindparam("user")
)
_ONE_LOCKED = ONE.with_for_update()


def load(tx: Tx, company_id: str, rows: Sequence[Cells], seen: Seen, *, custom: bool, lock: bool) -> Roster:
    """The people whom these rows may be about, and whoever has a name that they give; with `lock` nobody else changes
    them until this transaction ends.
    """
    roster = Roster(seen)
    wanted = _wanted(rows)
    ids = wanted.pop("id") | _having(tx, company_id, wanted)
    _add(tx, company_id, roster, ids, lock=lock)
    if any(said.get(ARCHIVED) for said in rows):
        # A restore claims the person's address, which the row need not say.
        archived = {fold(user.email) for user in roster.users.values() if not user.active and not user.deleted_at}
        _add(tx, company_id, roster, _having(tx, company_id, {"email_claim": archived}) - ids, lock=False)
    if custom:
        roster.custom = field_values.of_people(tx, company_id, list(roster.users))
    return roster


def _having(tx: Tx, company_id: str, wanted: Mapping[str, set[str]]) -> set[str]:
    """The ids of whoever has one of these keys."""
    answers = [
        tx.send(WHO_HAS[column], {"company": company_id, "key": key})
        for column, keys in wanted.items()
        for key in sorted(keys)
    ]
    return {row[0] for answer in answers for row in answer.all()}


def _add(tx: Tx, company_id: str, roster: Roster, ids: set[str], *, lock: bool) -> None:
    statement = _ONE_LOCKED if lock else ONE
    answers = [tx.send(statement, {"company": company_id, "user": id_}) for id_ in sorted(ids)]
    for row in filter(None, [answer.one() for answer in answers]):
        roster.add(record.of_row(row[:-2]), *row[-2:])


def _wanted(rows: Sequence[Cells]) -> dict[str, set[str]]:
    wanted: dict[str, set[str]] = {"id": set(), "external_id": set(), "user_name_key": set(), "email_key": set()}
    for said in rows:
        wanted["id"].add((said.get("id") or "").strip().lower())
        wanted["external_id"].add((said.get("external_id") or "").strip())
        wanted["email_key"].add(fold(said.get("email") or ""))
        wanted["user_name_key"].add(fold(said.get("user_name") or said.get("email") or ""))
    return {column: keys - {""} for column, keys in wanted.items()}


def _new(dict_: MutableMapping[str, T]) -> dict[str, T]:
    assert isinstance(dict_, ChainMap)
    return dict(dict_.maps[0])

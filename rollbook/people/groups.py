"""Groups: named sets of a company's people. Who is in them is memberships.py's, who manages them
group_managers.py's.

*Everyone* is made with the company: whoever is active belongs, nobody is put in or taken out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import bindparam, func, insert, select, update

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Row, Tx
from rollbook.database.tables import groups as table
from rollbook.errors import Conflict, InvalidValue, NotFound
from rollbook.people import rule_versions, rulebook
from rollbook.people.folding import fold

Kind = Literal["everyone", "custom", "smart"]

EVERYONE = "Everyone"
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Group:
    """A group as stored; instants are text (`clock.text`). Its members are those of its `version` (0 where they are put
    in by hand); `followed` says that something is assigned to whoever joins.
    """

    id: str
    company_id: str
    name: str
    kind: Kind
    archived_at: str | None
    created_at: str
    version: int = 0
    followed: bool = False


_COLUMNS = (
    table.c.id,
    table.c.company_id,
    table.c.name,
    table.c.kind,
    table.c.archived_at,
    table.c.created_at,
    table.c.version,
    table.c.followed,
)
_OF_COMPANY = table.c.company_id == bindparam("company")
_ONE = select(*_COLUMNS).where(_OF_COMPANY, table.c.id == bindparam("group"))
# Whoever puts people into the group meanwhile need not wait: no group is ever deleted. They do wait where its name
# changes or goes (rename, archive, restore): an UPDATE of a unique column locks the row against them by itself.
_ONE_LOCKED = _ONE.with_for_update(key_share=True)
_NAMED = select(*_COLUMNS).where(_OF_COMPANY, table.c.name_key == bindparam("key"))
_ALL = select(*_COLUMNS).where(_OF_COMPANY, table.c.archived_at.is_(None)).order_by(table.c.name_key, table.c.id)
_ARCHIVED = select(*_COLUMNS).where(_OF_COMPANY, table.c.archived_at.is_not(None)).order_by(table.c.name, table.c.id)
_AFTER = select(*_COLUMNS).where(_OF_COMPANY, table.c.id > bindparam("after")).order_by(table.c.id)
_PAGE = _AFTER.where(table.c.archived_at.is_(None)).limit(bindparam("limit"))
_ARCHIVED_PAGE = _AFTER.where(table.c.archived_at.is_not(None)).limit(bindparam("limit"))
_COUNT = select(func.count()).where(_OF_COMPANY, table.c.archived_at.is_(None))
_INSERT = insert(table)
_UPDATE = update(table).where(_OF_COMPANY, table.c.id == bindparam("group"))


def create(tx: Tx, company_id: str, name: str, *, kind: Kind = "custom", actor: Actor, now: datetime) -> Group:
    """A new group without members. Raises InvalidValue for what is no name, Conflict where another group has it."""
    name = _checked(name)
    if tx.careful:
        _refuse_taken(tx, company_id, name, None)
    at = clock.text(now)
    group = Group(clock.new_id(), company_id, name, kind, None, at)
    values = {"company_id": company_id, "id": group.id, "name": name, "name_key": fold(name)}
    tx.run(_INSERT, values | {"kind": kind, "version": 0, "followed": 0, "created_at": at, "updated_at": at})
    events.record(tx, company_id, "GroupCreated", group.id, {"name": [None, name]}, actor=actor, now=now)
    return group


def find(tx: Tx, company_id: str, group_id: str, *, lock: bool = False) -> Group | None:
    """The group with this id, archived or not; with `lock` nobody else changes it until this transaction ends."""
    row = tx.one(_ONE_LOCKED if lock else _ONE, {"company": company_id, "group": group_id})
    return _group(row) if row else None


def get(tx: Tx, company_id: str, group_id: str, *, lock: bool = False) -> Group:
    """As `find`; raises NotFound."""
    group = find(tx, company_id, group_id, lock=lock)
    if group is None:
        raise NotFound(f"There is no group {group_id!r} in this company.")
    return group


def named(tx: Tx, company_id: str, text: str, *, lock: bool = False) -> Group:
    """The group that a person means by an id or a name, without regard to case. Raises NotFound."""
    group = find(tx, company_id, text, lock=lock)
    if group is None:
        row = tx.one(_NAMED, {"company": company_id, "key": fold(text)})
        group = get(tx, company_id, _group(row).id, lock=lock) if row else None
    if group is None:
        raise NotFound(f"There is no group {text!r} in this company; `rollbook group list` shows those there are.")
    return group


def all_of(tx: Tx, company_id: str, *, archived: bool = False) -> list[Group]:
    """The groups of a company by name, or those that were archived."""
    return [_group(row) for row in tx.all(_ARCHIVED if archived else _ALL, {"company": company_id})]


def search(tx: Tx, company_id: str, *, archived: bool = False, after: str = "", limit: int = 100) -> list[Group]:
    """A page of the groups in the order of ids, those after the id `after`: the living ones, or the archived."""
    values = {"company": company_id, "after": after, "limit": limit}
    return [_group(row) for row in tx.all(_ARCHIVED_PAGE if archived else _PAGE, values)]


def rename(tx: Tx, group: Group, name: str, *, actor: Actor, now: datetime) -> Group:
    """Gives a group another name. Idempotent. Raises InvalidValue, and Conflict where another group has it."""
    name = _checked(name)
    _refuse_fixed(group)
    if name == group.name:
        return group
    key = None if group.archived_at else fold(name)
    if tx.careful and key is not None:
        _refuse_taken(tx, group.company_id, name, group)
    _change(tx, group, {"name": name, "name_key": key}, now)
    rulebook.renew_if_any(tx, group.company_id)
    changes = {"name": [group.name, name]}
    events.record(tx, group.company_id, "GroupRenamed", group.id, changes, actor=actor, now=now)
    return get(tx, group.company_id, group.id)


def archive(tx: Tx, group: Group, *, actor: Actor, now: datetime) -> Group:
    """Out of every list; members and managers are kept, and the name is free for another group. Idempotent.

    A smart group follows nothing any more, and rules that read the group take it for empty.
    """
    _refuse_fixed(group)
    if group.archived_at:
        return group
    at = clock.text(now)
    _change(tx, group, {"archived_at": at, "name_key": None}, now)
    rulebook.renew_if_any(tx, group.company_id)
    if group.kind == "smart":
        rule_versions.give_up(tx, group.company_id, group.id)
    rule_versions.start_readers(tx, group.company_id, group.id, actor=actor, now=now)
    changes = {"archived_at": [None, at]}
    events.record(tx, group.company_id, "GroupArchived", group.id, changes, actor=actor, now=now)
    return get(tx, group.company_id, group.id)


def restore(tx: Tx, group: Group, *, actor: Actor, now: datetime) -> Group:
    """The same group again; a smart one is built anew. Idempotent. Raises Conflict where another group has the name."""
    if group.archived_at is None:
        return group
    if tx.careful:
        _refuse_taken(tx, group.company_id, group.name, group)
    _change(tx, group, {"archived_at": None, "name_key": fold(group.name)}, now)
    rulebook.renew_if_any(tx, group.company_id)
    if group.kind == "smart":
        rule_versions.start_again(tx, group.company_id, group.id, actor=actor, now=now)
    rule_versions.start_readers(tx, group.company_id, group.id, actor=actor, now=now)
    changes = {"archived_at": [group.archived_at, None]}
    events.record(tx, group.company_id, "GroupRestored", group.id, changes, actor=actor, now=now)
    return get(tx, group.company_id, group.id)


def set_followed(tx: Tx, group: Group, followed: bool, *, now: datetime) -> Group:
    """Says whether something is assigned to whoever joins: from here on their events say so. Idempotent."""
    if followed == group.followed:
        return group
    _change(tx, group, {"followed": int(followed)}, now)
    rulebook.renew(tx, group.company_id)
    return get(tx, group.company_id, group.id)


def count(tx: Tx, group: Group, version: int, *, now: datetime) -> None:
    """From here on the members of this version of its rule are those of a smart group."""
    _change(tx, group, {"version": version}, now)


def refuse_archived(group: Group) -> None:
    """Raises Conflict where the group was archived: whom it holds stays as it was."""
    if group.archived_at:
        raise Conflict(f"The group {group.name} is archived; restore it first.", field="archived_at")


def _change(tx: Tx, group: Group, values: dict[str, str | int | None], now: datetime) -> None:
    tx.run(_UPDATE, {"company": group.company_id, "group": group.id, **values, "updated_at": clock.text(now)})


def _refuse_fixed(group: Group) -> None:
    if group.kind == "everyone":
        raise Conflict(f"{group.name} is every active person of the company and cannot be changed.", field="kind")


def _refuse_taken(tx: Tx, company_id: str, name: str, mine: Group | None) -> None:
    row = tx.one(_NAMED, {"company": company_id, "key": fold(name)})
    if row is not None and (mine is None or _group(row).id != mine.id):
        holder = _group(row)
        raise Conflict(f"The group {holder.name} has this name already.", field="name", holder_id=holder.id)


def _checked(name: str) -> str:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidValue(
            f"A group's name is a text of 1 to {LONGEST_NAME} characters, without line breaks.", field="name"
        )
    return name


def _group(row: Row) -> Group:
    id_, company_id, name, kind, archived_at, created_at, version, followed = row
    return Group(id_, company_id, name, kind, archived_at, created_at, version, bool(followed))

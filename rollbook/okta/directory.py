"""The people of Okta's as they were last read: written page by page, walked through when a run plans.

What is kept of one is person_record.py's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Insert, bindparam, delete, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from rollbook.database import Tx
from rollbook.database.tables import okta_people as table
from rollbook.database.tables import users
from rollbook.okta.matching import Names
from rollbook.okta.person_record import UNKNOWN, UNREADABLE, Kept

WALKED_AT_ONCE = 500
ASKED_AT_ONCE = 20
MOST_MISSING = 100  # runs are counted no further: whoever is gone for good costs no write
FORGOTTEN_AFTER = 60  # runs without a person who is nobody here


class Person(msgspec.Struct, frozen=True):
    """A row, in the order of COLUMNS. `profile` is JSON text."""

    okta_id: str
    login_key: str | None
    email_key: str | None
    status: str
    listed: int
    profile: str
    digest: str
    app_status: str | None
    app_external_id: str | None
    app_run: str | None
    refused: str | None
    read_run: str
    missing_runs: int

    @property
    def texts(self) -> dict[str, str]:
        """What Okta says, by variable."""
        texts: dict[str, str] = msgspec.json.decode(self.profile)
        return texts

    @property
    def names(self) -> Names:
        return Names(self.okta_id, self.login_key, self.email_key, self.status, bool(self.listed))


class Seen(msgspec.Struct, frozen=True):
    """As much of a row as a page is compared with."""

    digest: str
    status: str
    listed: int
    read_run: str
    app_status: str | None
    app_external_id: str | None
    app_run: str | None


COLUMNS = tuple(table.c[name] for name in Person.__struct_fields__)
_SEEN = (table.c.okta_id, *(table.c[name] for name in Seen.__struct_fields__))
_OF_COMPANY = table.c.company_id == bindparam("company")
_NEXT = (
    select(*COLUMNS)
    .where(_OF_COMPANY, table.c.okta_id > bindparam("after"))
    .order_by(table.c.okta_id)
    .limit(WALKED_AT_ONCE)
)
_SOME = select(*COLUMNS).where(_OF_COMPANY, table.c.okta_id.in_(bindparam("okta_ids", expanding=True)))
_SEEN_OF_SOME = select(*_SEEN).where(_OF_COMPANY, table.c.okta_id.in_(bindparam("okta_ids", expanding=True)))
# The company stands in both branches, so that an index answers each.
_NAMESAKES = select(table.c.okta_id, table.c.login_key, table.c.email_key, table.c.status, table.c.listed).where(
    or_(
        _OF_COMPANY & table.c.login_key.in_(bindparam("logins", expanding=True)),
        _OF_COMPANY & table.c.email_key.in_(bindparam("emails", expanding=True)),
    ),
    table.c.read_run == bindparam("run"),
)
_OF_STATUS = select(*COLUMNS).order_by(table.c.okta_id).limit(WALKED_AT_ONCE)
_ANYBODY = select(table.c.okta_id).where(_OF_COMPANY).limit(1)
_INSERT = insert(table)


def _upsert(*columns: str) -> Insert:
    return _INSERT.on_conflict_do_update(
        index_elements=["company_id", "okta_id"], set_={name: _INSERT.excluded[name] for name in columns}
    )


_READ = ("login_key", "email_key", "status", "listed", "profile", "digest", "refused", "read_run")
_PUT_LISTED = _upsert(*_READ, "missing_runs")
_PUT_UNLISTED = _upsert(*_READ)
_REFUSALS = {
    listed: _upsert("status", "listed", "digest", "refused", "read_run", *(("missing_runs",) if listed else ()))
    for listed in (False, True)
}
_PUT_APP = _upsert("app_status", "app_external_id", "app_run")
# Somebody of ours whom the run has not met in any list.
_UNSEEN = (
    select(users.c.id, users.c.external_id)
    .select_from(
        users.outerjoin(
            table,
            (table.c.company_id == users.c.company_id)
            & (table.c.okta_id == users.c.external_id)
            & (table.c.read_run == bindparam("run")),
        )
    )
    .where(
        users.c.company_id == bindparam("company"),
        users.c.external_id.is_not(None),
        users.c.archived_at.is_(None),
        users.c.deleted_at.is_(None),
        users.c.link != "exempt",
        users.c.id > bindparam("after"),
        table.c.okta_id.is_(None),
    )
    .order_by(users.c.id)
    .limit(ASKED_AT_ONCE)
)


def seen(tx: Tx, company_id: str, okta_ids: Collection[str]) -> dict[str, Seen]:
    """What is kept of these people, by Okta's id."""
    if not okta_ids:
        return {}
    rows = tx.among(_SEEN_OF_SOME, {"company": company_id}, okta_ids=okta_ids)
    return {row[0]: Seen(*row[1:]) for row in rows}


def people(tx: Tx, company_id: str, okta_ids: Sequence[str]) -> list[Person]:
    """These people."""
    if not okta_ids:
        return []
    return [Person(*row) for row in tx.among(_SOME, {"company": company_id}, okta_ids=okta_ids)]


def after(tx: Tx, company_id: str, okta_id: str) -> list[Person]:
    """The next WALKED_AT_ONCE people in the order of Okta's ids."""
    return [Person(*row) for row in tx.all(_NEXT, {"company": company_id, "after": okta_id})]


def of_status(tx: Tx, company_id: str, run_id: str, statuses: Collection[str], *, after: str) -> list[Person]:
    """The next WALKED_AT_ONCE people whom this run read with one of these statuses, in the order of Okta's ids."""
    query = _OF_STATUS.where(
        table.c.company_id == company_id,
        table.c.okta_id > after,
        table.c.read_run == run_id,
        table.c.status.in_(sorted(statuses)),
    )
    return [Person(*row) for row in tx.search(query)]


def unseen(tx: Tx, company_id: str, run_id: str, *, after: str) -> list[tuple[str, str]]:
    """(our id, Okta's id) of the next ASKED_AT_ONCE active users whom this run met in no list, in the order of our ids;
    whoever is exempt is nobody's to ask for.
    """
    rows = tx.all(_UNSEEN, {"company": company_id, "run": run_id, "after": after})
    return [(user_id, okta_id) for user_id, okta_id in rows]


def put(tx: Tx, company_id: str, person: Kept, *, listed: bool, run_id: str) -> None:
    """Keeps a person as they were read just now; what the app's list says of them stays."""
    row = {
        "company_id": company_id,
        "okta_id": person.okta_id,
        "login_key": person.login_key,
        "email_key": person.email_key,
        "status": person.status,
        "listed": int(listed),
        "profile": msgspec.json.encode(person.profile).decode(),
        "digest": person.digest,
        "refused": person.refused,
        "read_run": run_id,
        "missing_runs": 0,
    }
    tx.run(_PUT_LISTED if listed else _PUT_UNLISTED, row)


def refuse(tx: Tx, company_id: str, okta_id: str, why: str, status: str | None, *, listed: bool, run_id: str) -> None:
    """Okta has the person, but the record makes no sense: what was kept of them before stays, except the status. Where
    not even that can be read now, what Okta said once proves nothing.
    """
    row = {
        "company_id": company_id,
        "okta_id": okta_id,
        "status": status or UNREADABLE,
        "listed": int(listed),
        "profile": "{}",
        "digest": UNREADABLE,
        "refused": why,
        "read_run": run_id,
        "missing_runs": 0,
    }
    tx.run(_REFUSALS[listed], row)


def put_app(tx: Tx, company_id: str, okta_id: str, status: str, external_id: str | None, *, run_id: str) -> None:
    """Keeps what the app's list says of a person, whoever is in no other list too."""
    row = {
        "company_id": company_id,
        "okta_id": okta_id,
        "status": UNKNOWN,
        "listed": 0,
        "profile": "{}",
        "digest": "",
        "app_status": status,
        "app_external_id": external_id,
        "app_run": run_id,
        "read_run": "",
        "missing_runs": 0,
    }
    tx.run(_PUT_APP, row)


def note_seen(tx: Tx, company_id: str, okta_ids: Sequence[str], values: Mapping[str, Any]) -> None:
    """Of people of whom nothing else changed: which run met them, where."""
    _write(tx, company_id, okta_ids, values)


def note_missing(tx: Tx, company_id: str, okta_ids: Sequence[str], *, anew: bool = False) -> None:
    """One complete run more did not find them listed; `anew` the first one, whatever was counted before."""
    _write(tx, company_id, okta_ids, {"listed": 0, "missing_runs": 1 if anew else table.c.missing_runs + 1})


def note_unassigned(tx: Tx, company_id: str, okta_ids: Sequence[str]) -> None:
    """The app's list has them no more."""
    _write(tx, company_id, okta_ids, {"app_status": null(), "app_external_id": null()})


def forget(tx: Tx, company_id: str, okta_ids: Sequence[str]) -> None:
    """Keeps nothing of these people."""
    if okta_ids:
        query = delete(table).where(table.c.company_id == company_id, table.c.okta_id.in_(okta_ids))
        tx.search(query.returning(table.c.okta_id))


def has_people(tx: Tx, company_id: str) -> bool:
    """Whether anything is kept of anybody."""
    return tx.one(_ANYBODY, {"company": company_id}) is not None


def forget_some(tx: Tx, company_id: str, *, limit: int = 500) -> int:
    """Keeps nothing of at most so many people, whoever they are, as they mean nothing in another org; how many they
    were.
    """
    query = select(table.c.okta_id).where(table.c.company_id == company_id).limit(limit)
    found = [row[0] for row in tx.search(query)]
    forget(tx, company_id, found)
    return len(found)


def namesakes(
    tx: Tx, company_id: str, run_id: str, login_keys: Collection[str], email_keys: Collection[str]
) -> list[Names]:
    """Whoever this run has read and who has one of these names."""
    if not login_keys and not email_keys:
        return []
    values = {"company": company_id, "run": run_id}
    rows = tx.among(_NAMESAKES, values, logins=login_keys, emails=email_keys)
    return [Names(okta_id, login, email, status, bool(listed)) for okta_id, login, email, status, listed in rows]


def _write(tx: Tx, company_id: str, okta_ids: Sequence[str], values: Mapping[str, Any]) -> None:
    if okta_ids:
        query = update(table).where(table.c.company_id == company_id, table.c.okta_id.in_(okta_ids))
        tx.search(query.values(**values).returning(table.c.okta_id))

"""Returners: somebody deleted who may be back under a new record, and joining the two."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.errors import Conflict
from rollbook.people import returners, users
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from tests.cast import ADA, LEO, MONA
from tests.conftest import OPERATOR, House

CLIENT = Actor("scim", "key", "request")


def hire(house: House, company_id: str, profile: Profile = LEO, **how: Any) -> User:
    return house.write(lambda tx: users.create(tx, company_id, profile, actor=OPERATOR, now=clock.now(), **how))


def do(house: House, verb: Any, user: User) -> User:
    result: User = house.write(
        lambda tx: verb(tx, users.get(tx, user.company_id, user.id), actor=OPERATOR, now=clock.now())
    )
    return result


def join(house: House, old: User, new: User) -> User:
    return house.write(
        lambda tx: returners.join(
            tx,
            users.get(tx, old.company_id, old.id),
            users.get(tx, new.company_id, new.id),
            actor=OPERATOR,
            now=clock.now(),
        )
    )


def pairs(house: House, company_id: str) -> list[tuple[str, str]]:
    return [(pair.old.id, pair.new.id) for pair in house.read(lambda tx: returners.search(tx, company_id))]


@pytest.mark.parametrize(
    ("fields", "back"),
    [
        ({}, True),
        ({"user_name": "LEO@ACME.example", "email": "new@acme.example"}, True),
        ({"user_name": "new@acme.example", "email": "Leo@acme.example"}, True),
        ({"user_name": "new@acme.example", "email": "new@acme.example"}, False),
    ],
)
def test_whoever_has_a_former_name_may_be_back(
    house: House, company_id: str, fields: dict[str, str], back: bool
) -> None:
    old = do(house, users.delete, hire(house, company_id))
    new = hire(house, company_id, msgspec.structs.replace(LEO, external_id=None, **fields))
    assert pairs(house, company_id) == ([(old.id, new.id)] if back else [])


def test_nobody_is_back_who_was_only_archived_or_is_unknown(house: House, company_id: str) -> None:
    do(house, users.archive, hire(house, company_id))
    do(house, users.delete, hire(house, company_id, MONA))
    assert pairs(house, company_id) == []


def test_a_privileged_one_is_back_only_once_freed(house: House, company_id: str) -> None:
    ada = do(house, users.delete, hire(house, company_id, ADA, role="admin"))
    assert pairs(house, company_id) == []
    do(house, users.free, ada)
    new = hire(house, company_id, ADA)
    assert pairs(house, company_id) == [(ada.id, new.id)]


def test_joining_makes_one_timeline_and_raises_no_role(house: House, company_id: str) -> None:
    old = hire(house, company_id, role="manager")
    old = do(house, users.free, do(house, users.delete, old))
    new = hire(house, company_id)
    for _ in range(2):
        joined = join(house, old, new)
    assert (joined.id, joined.role) == (new.id, "learner")
    assert pairs(house, company_id) == []
    lines = house.read(lambda tx: returners.timeline(tx, new))
    told = [line.kind for line in lines]
    assert told == [
        "UserCreated",
        "UserArchived",
        "UserDeleted",
        "UserFreed",
        "AlarmResolved",
        "UserCreated",
        *["UserJoined"] * 2,
    ]
    assert [line.id for line in lines] == sorted(line.id for line in lines)


def test_an_archived_record_that_is_joined_gives_its_names_up(house: House, company_id: str) -> None:
    old = do(house, users.archive, hire(house, company_id))
    new = hire(house, company_id, MONA)
    join(house, old, new)
    assert hire(house, company_id).active


def test_what_cannot_be_joined_is_told(house: House, company_id: str) -> None:
    leo, mona, ada = (hire(house, company_id, profile) for profile in (LEO, MONA, ADA))
    with pytest.raises(Conflict, match="same user"):
        join(house, leo, leo)
    with pytest.raises(Conflict, match="is active"):
        join(house, leo, mona)
    do(house, users.delete, leo)
    do(house, users.delete, ada)
    with pytest.raises(Conflict, match="was deleted"):
        join(house, leo, ada)
    join(house, leo, mona)
    cleo = hire(house, company_id)
    with pytest.raises(Conflict, match="already"):
        join(house, leo, cleo)

"""Returners: somebody deleted who may be back under a new record, and joining the two."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.errors import Conflict
from rollbook.people import deletion, field_values, fields, group_managers, groups, memberships, returners, users
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


def test_whoever_is_joined_has_the_groups_and_fields_of_before(house: House, company_id: str) -> None:
    """What the new record has already stays; managing a group is for a person to give again."""
    how: dict[str, Any] = {"actor": OPERATOR, "now": clock.now()}
    old = hire(house, company_id, role="manager")
    bakers, cooks = (house.write(lambda tx, n=n: groups.create(tx, company_id, n, **how)) for n in ("Bakers", "Cooks"))
    region, size = (house.write(lambda tx, n=n: fields.create(tx, company_id, n, **how)) for n in ("Region", "Size"))

    def before(tx: Tx) -> None:
        for group in (bakers, cooks):
            memberships.join(tx, group, old, **how)
        group_managers.appoint(tx, bakers, old, **how)
        groups.archive(tx, cooks, **how)
        for field, value in ((region, "North"), (size, "7")):
            field_values.set_value(tx, old, field, value, **how)

    house.write(before)
    old = house.write(lambda tx: deletion.free(tx, deletion.delete(tx, old, **how), **how))
    new = hire(house, company_id)
    house.write(lambda tx: field_values.set_value(tx, new, size, "8", **how))
    assert join(house, old, new).id == new.id
    assert house.read(lambda tx: memberships.groups_of(tx, new)) == {bakers.id: "Bakers"}
    assert house.read(lambda tx: group_managers.managed_by(tx, company_id, new.id)) == {}
    assert house.read(lambda tx: field_values.custom_of(tx, new)) == {"Region": "North", "Size": "8"}
    told = [event.kind for event in house.read(lambda tx: events.of_subject(tx, company_id, new.id))]
    assert told[-3:] == ["UserJoined", "GroupJoined", "UserFieldChanged"]


@pytest.mark.parametrize(
    ("names", "back"),
    [
        ({}, True),
        ({"user_name": "LEO@ACME.example", "email": "new@acme.example"}, True),
        ({"user_name": "new@acme.example", "email": "Leo@acme.example"}, True),
        ({"user_name": "new@acme.example", "email": "new@acme.example"}, False),
    ],
)
def test_whoever_has_a_former_name_may_be_back(
    house: House, company_id: str, names: dict[str, str], back: bool
) -> None:
    old = do(house, deletion.delete, hire(house, company_id))
    new = hire(house, company_id, msgspec.structs.replace(LEO, external_id=None, **names))
    assert pairs(house, company_id) == ([(old.id, new.id)] if back else [])


def test_nobody_is_back_who_was_only_archived_or_is_unknown(house: House, company_id: str) -> None:
    do(house, users.archive, hire(house, company_id))
    do(house, deletion.delete, hire(house, company_id, MONA))
    assert pairs(house, company_id) == []


def test_a_privileged_one_is_back_only_once_freed(house: House, company_id: str) -> None:
    ada = do(house, deletion.delete, hire(house, company_id, ADA, role="admin"))
    assert pairs(house, company_id) == []
    do(house, deletion.free, ada)
    new = hire(house, company_id, ADA)
    assert pairs(house, company_id) == [(ada.id, new.id)]


def test_joining_makes_one_timeline_and_raises_no_role(house: House, company_id: str) -> None:
    old = hire(house, company_id, role="manager")
    old = do(house, deletion.free, do(house, deletion.delete, old))
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
    do(house, deletion.delete, leo)
    do(house, deletion.delete, ada)
    with pytest.raises(Conflict, match="was deleted"):
        join(house, leo, ada)
    join(house, leo, mona)
    cleo = hire(house, company_id)
    with pytest.raises(Conflict, match="already"):
        join(house, leo, cleo)

"""Whoever is gone keeps no address from whoever is here: neither a link that they ask for, nor their invitation."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import outbox
from rollbook.database.tables import users as table
from rollbook.errors import Conflict
from rollbook.people import addresses, arrivals, companies, invitations, link_requests, users
from rollbook.people.folding import fold
from rollbook.people.profiles import Profile
from rollbook.people.record import User, profile_of, with_fields
from rollbook.people.roles import Role
from tests import history
from tests.cast import ADA, LEO
from tests.conftest import OPERATOR, House

OLD, NEW = ADA.email, "lovage@acme.example"
NOBODY = Profile(OLD, OLD, "Ada", "Second")
CLIENT = Actor("scim", "key")


class Staff:
    """People who are invited and ask for links."""

    def __init__(self, house: House, company_id: str) -> None:
        self.house, self.id = house, company_id

    def do(self, verb: Any, *of: Any, actor: Actor = OPERATOR, **how: Any) -> Any:
        return self.house.write(lambda tx: verb(tx, *of, actor=actor, now=clock.now(), **how))

    def invite(self, profile: Profile, role: Role = "learner") -> User:
        user: User = self.do(invitations.invite, self.id, profile, role, pepper=self.house.installation.pepper)[0]
        return user

    def ask(self, email: str) -> list[str]:
        """To whom a link was sent, each time, once somebody has typed the address."""

        def work(tx: Tx) -> None:
            link_requests.by_address(tx, companies.by_id(tx, self.id).subdomain, email, now=clock.now())

        self.house.write(work)
        mails = self.house.read(lambda tx: history.rows(tx, outbox, self.id))
        return [mail["user_id"] for mail in mails if mail["kind"] == "link"]


@pytest.fixture
def staff(house: House, company_id: str) -> Staff:
    return Staff(house, company_id)


@pytest.fixture
def held(staff: Staff) -> User:
    """An administrator whose old address is held: provisioning gave them another."""
    ada = staff.do(users.create, staff.id, ADA, role="admin")
    moved: User = staff.do(users.update, ada, with_fields(profile_of(ada), email=NEW), actor=CLIENT)
    assert moved.sign_in_email == OLD
    return moved


def test_a_held_address_leads_to_whoever_is_here(staff: Staff, held: User) -> None:
    assert staff.ask(OLD) == [held.id]
    assert staff.invite(NOBODY, "admin").id == held.id
    with pytest.raises(Conflict, match="is not confirmed"):
        staff.invite(with_fields(NOBODY, email=NEW))


def test_a_held_address_of_somebody_who_is_gone_keeps_nobody_from_signing_in(staff: Staff, held: User) -> None:
    staff.do(users.archive, held)
    newcomer = staff.do(users.create, staff.id, with_fields(NOBODY, user_name="ada2@acme.example"))
    assert staff.ask(OLD) == [newcomer.id]
    assert staff.invite(NOBODY).id == newcomer.id


def test_an_address_that_was_held_by_somebody_who_is_gone_may_be_invited(staff: Staff, held: User) -> None:
    staff.do(users.archive, held)
    assert staff.ask(OLD) == []
    newcomer = staff.invite(with_fields(NOBODY, user_name="ada2@acme.example"))
    assert newcomer.id != held.id
    assert staff.ask(OLD) == [newcomer.id]


def test_the_address_of_somebody_who_is_archived_is_not_invited(staff: Staff) -> None:
    ada = staff.do(users.archive, staff.do(users.create, staff.id, ADA, role="admin"))
    with pytest.raises(Conflict, match="is archived") as refused:
        staff.invite(ADA, "admin")
    assert refused.value.holder_id == ada.id


def test_who_comes_back_does_not_take_an_address_back_that_somebody_has_by_now(staff: Staff, held: User) -> None:
    gone = staff.do(users.archive, held)
    newcomer = staff.invite(with_fields(NOBODY, user_name="ada2@acme.example"))
    with pytest.raises(Conflict) as refused:
        staff.do(users.restore, gone)
    assert refused.value.holder_id == newcomer.id
    assert held.id in refused.value.message
    assert newcomer.id in refused.value.message
    assert staff.ask(OLD) == [newcomer.id]
    staff.do(users.archive, newcomer)
    assert staff.do(users.restore, gone).active


def test_who_comes_back_by_the_client_does_not_take_such_an_address_back_either(staff: Staff, held: User) -> None:
    gone = staff.do(users.archive, held)
    newcomer = staff.invite(with_fields(NOBODY, user_name="ada2@acme.example"))
    with pytest.raises(Conflict) as refused:
        staff.do(users.update, gone, profile_of(gone), active=True, actor=CLIENT)
    assert refused.value.holder_id == newcomer.id


def test_a_held_address_is_given_to_nobody_else(staff: Staff, held: User) -> None:
    with pytest.raises(Conflict) as made:
        staff.do(users.create, staff.id, NOBODY)
    assert made.value.holder_id == held.id
    leo = staff.do(users.create, staff.id, LEO)
    with pytest.raises(Conflict) as moved:
        staff.do(users.update, leo, with_fields(profile_of(leo), email=OLD), actor=CLIENT)
    assert moved.value.holder_id == held.id
    assert moved.value.field == "email"
    with pytest.raises(Conflict) as posted:
        staff.do(arrivals.arrive, staff.id, with_fields(NOBODY, user_name="ada2@acme.example"), texts={}, actor=CLIENT)
    assert posted.value.holder_id == held.id
    staff.do(addresses.confirm, held)
    assert staff.do(users.create, staff.id, with_fields(NOBODY, user_name="ada2@acme.example")).email == OLD


def test_who_comes_back_does_not_take_an_address_that_is_held_for_somebody(staff: Staff) -> None:
    leo = staff.do(users.archive, staff.do(users.create, staff.id, with_fields(LEO, email=OLD)))
    ada = staff.do(users.create, staff.id, ADA, role="admin")
    staff.do(users.update, ada, with_fields(profile_of(ada), email=NEW), actor=CLIENT)
    with pytest.raises(Conflict) as refused:
        staff.do(users.restore, leo, actor=CLIENT)
    assert refused.value.holder_id == ada.id
    assert staff.ask(OLD) == [ada.id]


def test_an_address_that_two_people_sign_in_with_leads_to_neither(staff: Staff, held: User) -> None:
    """Two transactions at the same moment can bring it about; no constraint stands in their way."""
    leo = staff.do(users.create, staff.id, LEO)
    key = fold(OLD)

    def at_the_same_moment(tx: Tx) -> None:
        mine = (table.c.company_id == staff.id) & (table.c.id == leo.id)
        values = {"email": OLD, "email_key": key, "email_claim": key}
        tx.search(update(table).where(mine).values(**values).returning(table.c.id))

    staff.house.write(at_the_same_moment)
    assert staff.ask(OLD) == []
    with pytest.raises(Conflict, match="sign in with this address"):
        staff.invite(NOBODY)
    staff.do(addresses.confirm, held)
    assert staff.ask(OLD) == [leo.id]


def test_a_hold_that_began_in_the_same_transaction_is_known(staff: Staff) -> None:
    ada = staff.do(users.create, staff.id, ADA, role="admin")

    def work(tx: Tx) -> None:
        how: dict[str, Any] = {"actor": CLIENT, "now": clock.now()}
        users.create(tx, staff.id, LEO, **how)
        users.update(tx, ada, with_fields(profile_of(ada), email=NEW), **how)
        users.create(tx, staff.id, with_fields(NOBODY, user_name="ada2@acme.example"), **how)

    with pytest.raises(Conflict):
        staff.house.write(work)

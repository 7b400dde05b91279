"""Exemptions: a person says, with a reason, that an account is meant to have no link; Okta's own write ends it."""

from __future__ import annotations

import msgspec
import pytest

from rollbook import clock
from rollbook.activity import events
from rollbook.errors import Conflict, InvalidValue
from rollbook.people import deletion, exemptions, identity_links, users
from rollbook.people.record import User
from tests import history
from tests.cast import DEACTIVATE, LEO, scim_user
from tests.conftest import OPERATOR, House, Tenant

WHY = "A contractor, not in Okta"


def hire(house: House, company_id: str, external_id: str | None = None, *, linked: bool = False) -> User:
    profile = msgspec.structs.replace(LEO, external_id=external_id)
    return house.write(lambda tx: users.create(tx, company_id, profile, linked=linked, actor=OPERATOR, now=clock.now()))


def exempt(house: House, user: User, reason: str = WHY) -> User:
    return house.write(
        lambda tx: exemptions.exempt(
            tx, users.get(tx, user.company_id, user.id, lock=True), reason, actor=OPERATOR, now=clock.now()
        )
    )


def lift(house: House, user: User) -> User:
    return house.write(
        lambda tx: exemptions.lift(
            tx, users.get(tx, user.company_id, user.id, lock=True), actor=OPERATOR, now=clock.now()
        )
    )


def kinds(house: House, user: User) -> list[str]:
    return [event.kind for event in house.read(lambda tx: events.of_subject(tx, user.company_id, user.id))]


@pytest.mark.parametrize(("external_id", "before"), [(None, "unlinked"), ("00uleo", "known")])
def test_who_is_exempt_is_again_what_they_were_once_it_is_lifted(
    house: House, company_id: str, external_id: str | None, before: str
) -> None:
    leo = hire(house, company_id, external_id)
    first = exempt(house, leo)
    assert (first.link, first.version) == ("exempt", 2)
    assert exempt(house, leo) == first
    found = house.read(lambda tx: exemptions.find(tx, company_id, leo.id))
    assert found is not None
    assert (found.reason, found.exempted_by) == (WHY, "operator")
    assert lift(house, leo).link == before
    assert lift(house, leo).version == 3
    assert house.read(lambda tx: exemptions.find(tx, company_id, leo.id)) is None
    assert kinds(house, leo) == ["UserCreated", "LinkExempted", "ExemptionLifted"]
    assert house.read(lambda tx: history.contradictions(tx, company_id)) == []


def test_another_reason_replaces_the_first_and_both_are_told(house: House, company_id: str) -> None:
    leo = hire(house, company_id)
    exempt(house, leo)
    exempt(house, leo, "An account of the house")
    (_, first, second) = house.read(lambda tx: events.of_subject(tx, company_id, leo.id))
    assert first.changes == {"reason": [None, WHY], "link": ["unlinked", "exempt"]}
    assert second.changes == {"reason": [WHY, "An account of the house"]}
    assert len(house.read(lambda tx: exemptions.of_people(tx, company_id, [leo.id]))) == 1


def test_a_linked_user_is_not_exempted(house: House, company_id: str) -> None:
    leo = hire(house, company_id, linked=True)
    with pytest.raises(Conflict, match="Okta reaches this account"):
        exempt(house, leo)
    assert kinds(house, leo) == ["UserCreated"]


def test_a_deleted_user_is_not_exempted(house: House, company_id: str) -> None:
    leo = hire(house, company_id)
    house.write(lambda tx: deletion.delete(tx, leo, actor=OPERATOR, now=clock.now()))
    with pytest.raises(Conflict, match="was deleted"):
        exempt(house, leo)


@pytest.mark.parametrize("reason", ["", "   ", "two\nlines", "x" * 501, "a\x00b"])
def test_a_reason_must_be_given_in_words(house: House, company_id: str, reason: str) -> None:
    leo = hire(house, company_id)
    with pytest.raises(InvalidValue, match="Say why"):
        exempt(house, leo, reason)
    assert house.read(lambda tx: users.get(tx, company_id, leo.id)) == leo


def test_an_external_id_that_a_person_records_leaves_the_exemption(house: House, company_id: str) -> None:
    leo = exempt(house, hire(house, company_id))
    known = house.write(
        lambda tx: identity_links.link(tx, leo, external_id="00uleo", by_client=False, actor=OPERATOR, now=clock.now())
    )
    assert (known.link, known.external_id) == ("exempt", "00uleo")
    assert lift(house, leo).link == "known"


def test_no_rule_touches_who_is_exempt(house: House, company_id: str) -> None:
    leo = exempt(house, hire(house, company_id))
    with pytest.raises(Conflict, match="exempt: no rule links them"):
        house.write(
            lambda tx: identity_links.link(
                tx, leo, external_id="00uleo", by_client=False, rule="user name", actor=OPERATOR, now=clock.now()
            )
        )
    assert house.read(lambda tx: users.get(tx, company_id, leo.id)) == leo


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_write_of_the_provisioning_client_ends_the_exemption(house: House, acme: Tenant, method: str) -> None:
    leo = exempt(house, hire(house, acme.id))
    path = "/Users" if method == "POST" else f"/Users/{leo.id}"
    body = DEACTIVATE if method == "PATCH" else scim_user(LEO)
    answer = acme.scim.request(method, path, json=body)
    assert answer.status_code in (200, 201), answer.text
    after = house.read(lambda tx: users.get(tx, acme.id, leo.id))
    assert (after.link, after.active) == ("linked", method != "PATCH")
    assert house.read(lambda tx: exemptions.find(tx, acme.id, leo.id)) is None
    assert kinds(house, leo)[:4] == ["UserCreated", "LinkExempted", "UserLinked", "ExemptionLifted"]
    assert house.read(lambda tx: history.contradictions(tx, acme.id)) == []
    line = house.read(lambda tx: history.lines_of(tx, acme.id))[-1]
    assert '["exempt", "linked"]' in line["changes"].replace('","', '", "')


def test_reading_ends_no_exemption(house: House, acme: Tenant) -> None:
    leo = exempt(house, hire(house, acme.id))
    assert acme.scim.get(f"/Users/{leo.id}").status_code == 200
    assert house.read(lambda tx: users.get(tx, acme.id, leo.id)) == leo


def test_another_company_s_exemption_is_its_own(house: House, acme: Tenant, umbra: Tenant) -> None:
    leo = exempt(house, hire(house, acme.id))
    assert house.read(lambda tx: exemptions.find(tx, umbra.id, leo.id)) is None
    house.write(lambda tx: exemptions.forget(tx, umbra.id, leo.id))
    assert house.read(lambda tx: exemptions.find(tx, acme.id, leo.id)) is not None

"""Attacks with a stolen SCIM key, played to their end: what the key can do is to manage learners, and it is seen."""

from __future__ import annotations

import itertools
from typing import Any

import httpx2
import pytest

from rollbook import clock
from rollbook.database import Tx
from rollbook.database.tables import users
from rollbook.errors import Conflict, Unauthorized
from rollbook.people import addresses, alarms, credentials, deletion, invitations, keys, returners, sign_in
from rollbook.people import users as people
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from rollbook.people.roles import Role
from tests import history
from tests.cast import ADA, DEACTIVATE, LEO, MONA, REACTIVATE, patch, scim_user
from tests.conftest import OPERATOR, House, Tenant
from tests.servers import PLAIN, ThreadServer

EVIL = "ada@evil.example"


def person(house: House, tenant: Tenant, profile: Profile, role: Role = "learner") -> User:
    """An account that people made in Learning."""
    return house.write(lambda tx: people.create(tx, tenant.id, profile, role=role, actor=OPERATOR, now=clock.now()))


def invite(house: House, tenant: Tenant, email: str, role: Role) -> tuple[str, str]:
    """(whom it signs in, token of the link); what `rollbook user invite` does."""
    pepper = house.installation.pepper
    profile = Profile(email, email, "Ada", "Lovage")
    invited, token = house.write(
        lambda tx: invitations.invite(tx, tenant.id, profile, role, pepper=pepper, actor=OPERATOR, now=clock.now())
    )
    return invited.id, token


def opens(house: House, token: str) -> bool:
    try:
        house.read(lambda tx: sign_in.check_link(tx, token, pepper=house.installation.pepper, now=clock.now()))
    except Unauthorized:
        return False
    return True


def open_alarms(house: House, tenant: Tenant) -> set[tuple[str, str]]:
    return {(alarm.kind, alarm.subject_id) for alarm in house.read(lambda tx: alarms.open_ones(tx, tenant.id))}


def row_of(house: House, tenant: Tenant, user_id: str) -> dict[str, Any]:
    return next(row for row in house.read(lambda tx: history.rows(tx, users, tenant.id)) if row["id"] == user_id)


def take_address(acme: Tenant, user_id: str, way: str, disguise: str) -> None:
    """Gives an account the attacker's address."""
    emails = [{"value": EVIL, "type": "work", "primary": True}]
    if way == "PUT":
        body = scim_user(ADA, emails=emails)
        if disguise == "another name as well":
            body["userName"] = EVIL
        if disguise == "archived by it and restored":
            body["active"] = False
        assert acme.scim.put(f"/Users/{user_id}", json=body).status_code == 200
    else:
        value: dict[str, Any] = {"emails": emails}
        if disguise == "another name as well":
            value["userName"] = EVIL
        if disguise == "archived by it and restored":
            value["active"] = False
        if way == "PATCH with paths":
            operations = [{"op": "Replace", "path": name, "value": item} for name, item in value.items()]
        else:
            operations = [{"op": "replace", "value": value}]
        assert acme.scim.patch(f"/Users/{user_id}", json=patch(*operations)).status_code == 200
    if disguise != "plainly":
        assert acme.scim.patch(f"/Users/{user_id}", json=DEACTIVATE).status_code == 200
        assert acme.scim.patch(f"/Users/{user_id}", json=REACTIVATE).status_code == 200


WAYS = ("PUT", "PATCH", "PATCH with paths")
DISGUISES = ("plainly", "another name as well", "archived by it and restored")


@pytest.mark.parametrize(
    ("way", "disguise", "role"), [*itertools.product(WAYS, DISGUISES, ("creator", "manager", "admin"))]
)
def test_a_stolen_key_leads_no_privileged_sign_in_to_an_address_of_its_own(
    acme: Tenant, house: House, way: str, disguise: str, role: Role
) -> None:
    ada = person(house, acme, ADA, role)
    _, link_of_before = invite(house, acme, ADA.email, role)

    take_address(acme, ada.id, way, disguise)

    shown = acme.scim.get(f"/Users/{ada.id}").json()
    assert shown["emails"][0]["value"] == EVIL  # stored and given back as sent
    assert ("address_held", ada.id) in open_alarms(house, acme)
    assert not opens(house, link_of_before)
    with pytest.raises(Conflict, match="not confirmed"):
        invite(house, acme, EVIL, role)
    who, link = invite(house, acme, ADA.email, role)
    assert who == ada.id
    assert opens(house, link)

    def confirm(tx: Tx) -> None:
        addresses.confirm(tx, people.get(tx, acme.id, ada.id, lock=True), actor=OPERATOR, now=clock.now())

    house.write(confirm)
    assert ("address_held", ada.id) not in open_alarms(house, acme)
    assert invite(house, acme, EVIL, role)[0] == ada.id


def test_moving_the_address_twice_does_not_make_the_second_one_the_confirmed(acme: Tenant, house: House) -> None:
    ada = person(house, acme, ADA, "admin")
    for address in ("first@evil.example", EVIL, "FIRST@evil.example"):
        value = [{"value": address, "primary": True}]
        acme.scim.patch(f"/Users/{ada.id}", json=patch({"op": "replace", "path": "emails", "value": value}))
        assert house.read(lambda tx: people.get(tx, acme.id, ada.id)).sign_in_email == ADA.email
    value = [{"value": "ADA@acme.example", "primary": True}]
    acme.scim.patch(f"/Users/{ada.id}", json=patch({"op": "replace", "path": "emails", "value": value}))
    assert house.read(lambda tx: people.get(tx, acme.id, ada.id)).confirmed_email is None


def test_the_same_attack_on_two_companies_mixes_nobody_up(acme: Tenant, umbra: Tenant, house: House) -> None:
    adas = {tenant.id: person(house, tenant, ADA, "admin") for tenant in (umbra, acme)}
    for tenant in (umbra, acme):
        take_address(tenant, adas[tenant.id].id, "PUT", "plainly")
    for tenant in (umbra, acme):
        assert invite(house, tenant, ADA.email, "admin")[0] == adas[tenant.id].id


def test_an_administrator_s_held_address_is_given_to_no_newcomer(acme: Tenant, house: House) -> None:
    ada = person(house, acme, ADA, "admin")
    take_address(acme, ada.id, "PUT", "another name as well")
    newcomer = acme.scim.post("/Users", json=scim_user(ADA))
    assert (newcomer.status_code, newcomer.json()["scimType"]) == (409, "uniqueness")
    assert ada.id in newcomer.json()["detail"]
    assert invite(house, acme, ADA.email, "admin")[0] == ada.id
    with pytest.raises(Conflict, match="is here already"):
        invite(house, acme, ADA.email, "learner")


def test_a_restored_administrator_is_told_and_signs_in_where_they_did(acme: Tenant, house: House) -> None:
    ada = person(house, acme, ADA, "admin")
    acme.scim.patch(f"/Users/{ada.id}", json=DEACTIVATE)
    assert ("last_admin_archived", acme.id) in open_alarms(house, acme)
    back = acme.scim.post(
        "/Users", json=scim_user(ADA, emails=[{"value": EVIL, "primary": True}], externalId="00uevil")
    )
    assert (back.status_code, back.json()["id"]) == (201, ada.id)
    assert {("privileged_restored", ada.id), ("address_held", ada.id)} <= open_alarms(house, acme)
    assert ("last_admin_archived", acme.id) not in open_alarms(house, acme)
    after = house.read(lambda tx: people.get(tx, acme.id, ada.id))
    assert (after.role, after.sign_in_email) == ("admin", ADA.email)


def test_a_learner_s_open_links_end_with_a_change_of_address_and_not_of_title(acme: Tenant, house: House) -> None:
    leo = person(house, acme, LEO)
    _, link = invite(house, acme, LEO.email, "learner")
    acme.scim.patch(f"/Users/{leo.id}", json=patch({"op": "replace", "path": "title", "value": "Baker"}))
    acme.scim.patch(f"/Users/{leo.id}", json=patch({"op": "replace", "path": "userName", "value": "LEO@acme.example"}))
    assert opens(house, link)
    value = [{"value": EVIL, "primary": True}]
    acme.scim.patch(f"/Users/{leo.id}", json=patch({"op": "replace", "path": "emails", "value": value}))
    assert not opens(house, link)
    assert open_alarms(house, acme) == set()


def test_a_re_used_name_with_another_external_id_is_given_nobody_s_history(acme: Tenant, house: House) -> None:
    leo = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    acme.scim.patch(f"/Users/{leo}", json=DEACTIVATE)
    before = row_of(house, acme, leo)
    for active in (True, False, None):
        answer = acme.scim.post("/Users", json=scim_user(LEO, externalId="00uanother", active=active))
        assert answer.status_code == 409
        assert leo in answer.json()["detail"]
        assert "externalId" in answer.json()["detail"]
    assert row_of(house, acme, leo) == before


def test_an_account_of_before_with_a_role_is_linked_by_no_post(acme: Tenant, house: House) -> None:
    mona = person(house, acme, MONA, "manager")
    answer = acme.scim.post("/Users", json=scim_user(MONA))
    assert answer.status_code == 409
    assert "privileged" in answer.json()["detail"]
    assert house.read(lambda tx: people.get(tx, acme.id, mona.id)) == mona


def test_a_deleted_administrator_s_name_is_taken_by_nobody_until_a_person_frees_it(acme: Tenant, house: House) -> None:
    ada = person(house, acme, ADA, "admin")
    assert acme.scim.delete(f"/Users/{ada.id}").status_code == 204
    assert ("privileged_deleted", ada.id) in open_alarms(house, acme)
    assert acme.scim.get(f"/Users/{ada.id}").status_code == 404
    answer = acme.scim.post("/Users", json=scim_user(ADA))
    assert answer.status_code == 409
    assert "rollbook user free" in answer.json()["detail"]
    leo = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    rename = patch({"op": "replace", "path": "userName", "value": "ADA@acme.example"})
    assert acme.scim.patch(f"/Users/{leo}", json=rename).status_code == 409

    def free(tx: Tx) -> None:
        deletion.free(tx, people.get(tx, acme.id, ada.id, lock=True), actor=OPERATOR, now=clock.now())

    house.write(free)
    assert ("privileged_deleted", ada.id) not in open_alarms(house, acme)
    again = acme.scim.post("/Users", json=scim_user(ADA))
    assert again.status_code == 201
    new = house.read(lambda tx: people.get(tx, acme.id, again.json()["id"]))
    assert new.id != ada.id
    assert new.role == "learner"
    lines = house.read(lambda tx: returners.timeline(tx, new))
    assert [line.kind for line in lines] == ["UserCreated"]


def test_a_scim_key_opens_nothing_but_scim(acme: Tenant, house: House, server: ThreadServer) -> None:
    pepper = house.installation.pepper
    ada = person(house, acme, ADA, "admin")
    assert house.read(lambda tx: sign_in.session(tx, acme.key, pepper=pepper, now=clock.now())) is None
    assert not opens(house, acme.key)
    with pytest.raises(Unauthorized):
        house.write(lambda tx: sign_in.consume_link(tx, acme.key, pepper=pepper, now=clock.now()))
    with pytest.raises(Unauthorized):
        house.read(
            lambda tx: credentials.claim(tx, acme.key, subdomain=None).holder("api", pepper=pepper, now=clock.now())
        )
    with httpx2.Client(
        base_url=server.url, auth=(acme.company.subdomain, acme.key), verify=PLAIN, follow_redirects=True
    ) as http:
        http.cookies.set("rollbook_session", acme.key)
        for path in ("/", "/provisioning", f"/sign-in/{acme.key}", "/api/v1/users", f"/api/v1/users/{ada.id}/events"):
            answer = http.get(path)
            assert ADA.email not in answer.text
            assert "Ada Lovage" not in answer.text


def test_an_api_key_opens_no_scim(acme: Tenant, house: House) -> None:
    def issue(tx: Tx) -> str:
        pepper = house.installation.pepper
        return keys.issue(tx, acme.id, "api", pepper=pepper, actor=OPERATOR, now=clock.now())[1]

    key = house.write(issue)
    for auth in ((acme.company.subdomain, key), None):
        headers = {} if auth else {"Authorization": f"Bearer {key}"}
        answer = acme.scim.get("/Users", auth=auth, headers=headers)
        assert answer.status_code == 401

"""Erasing a person: no datum of theirs is left in any table, that there was somebody is, and nobody else is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from rollbook import clock
from rollbook.activity import events
from rollbook.database import Tx
from rollbook.database.tables import metadata
from rollbook.database.tables import users as table
from rollbook.people import alarms, erasure, exemptions, refused_matches, sign_in
from rollbook.people import users as people
from rollbook.people.profiles import Profile
from tests import history
from tests.cast import DEACTIVATE, ENTERPRISE, MONA, REACTIVATE, patch, scim_user
from tests.conftest import OPERATOR, House, Tenant
from tests.people import okta_rows

MARK = "xq7"
PERSON = Profile(
    f"{MARK}leo@acme.example",
    f"{MARK}leo@acme.example",
    f"{MARK}Leo",
    f"{MARK}Linden",
    location=f"{MARK} Lyon",
    business_unit=f"{MARK} Sales",
    external_id=f"00u{MARK}",
)
EVERYTHING = {
    "title": f"{MARK} Baker",
    "nickName": f"{MARK} Ly",
    "locale": f"{MARK}-FR",
    "preferredLanguage": f"{MARK}-fr",
    "timezone": f"{MARK}/Paris",
    "phoneNumbers": [{"value": f"{MARK} 555", "type": "work"}],
    "addresses": [{"formatted": f"{MARK} Rue", "type": "home"}],
    ENTERPRISE: {
        "costCenter": f"{MARK} Lyon",
        "division": f"{MARK} Sales",
        "department": f"{MARK} Bakery",
        "employeeNumber": f"{MARK} 701",
        "manager": {"value": f"{MARK}mona", "displayName": f"{MARK} Mona"},
    },
}


def company_rows(tx: Tx, company_id: str) -> dict[str, str]:
    """Every table of a company as text, in lower case, by its name."""
    found = {}
    for name, of in metadata.tables.items():
        if "company_id" in of.columns:
            found[name] = json.dumps(
                sorted(map(str, tx.search(select(of).where(of.c.company_id == company_id))))
            ).lower()
    return found


def of_okta(tx: Tx, company_id: str, user_id: str) -> None:
    """What the standard integration read of the person, and planned for them; and what of somebody else."""
    okta_rows.connect(tx, company_id)
    user = people.get(tx, company_id, user_id)
    known_as = {"profile": f'{{"login": "{MARK}"}}', "app_external_id": user_id}
    okta_rows.person(tx, company_id, f"00u{MARK}", f"{MARK}leo@acme.example", **known_as)
    okta_rows.person(tx, company_id, "00uelse", user.email, **known_as)
    okta_rows.person(tx, company_id, "00umona", MONA.user_name)
    run_id = okta_rows.run(tx, company_id)
    told = {"changes": f'{{"location": ["{MARK} Lyon", null]}}', "reason": f"The user name {MARK}leo is the same."}
    okta_rows.change(tx, company_id, run_id, "change", user_id=user_id, okta_id=f"00u{MARK}", **told)
    okta_rows.change(tx, company_id, run_id, "set_aside", okta_id=f"00u{MARK}", why_not=f"{MARK}", **told)
    okta_rows.change(tx, company_id, run_id, "create", okta_id="00umona", changes='{"location": [null, "Turin"]}')
    if user.link != "linked":
        exemptions.exempt(tx, user, f"{MARK} is a contractor", actor=OPERATOR, now=clock.now())
    refused_matches.refuse(tx, company_id, user_id, f"00u{MARK}wrong", actor=OPERATOR, now=clock.now())


def erase(house: House, tenant: Tenant, user_id: str) -> None:
    def work(tx: Tx) -> None:
        erasure.erase(tx, people.get(tx, tenant.id, user_id, lock=True), actor=OPERATOR, now=clock.now())

    house.write(work)


def live(house: House, acme: Tenant, role: Any) -> str:
    """A life with everything in it: created, changed, refused, held, signed in, archived, restored."""
    created = acme.scim.post("/Users", json=scim_user(PERSON, **EVERYTHING))
    user_id: str = created.json()["id"]
    path = f"/Users/{user_id}"
    pepper = house.installation.pepper

    def enter(tx: Tx) -> None:
        people.set_role(tx, people.get(tx, acme.id, user_id), role, actor=OPERATOR, now=clock.now())
        for used in (True, False):
            link = sign_in.issue_link(tx, acme.id, user_id, pepper=pepper, actor=OPERATOR, now=clock.now())
            if used:
                sign_in.consume_link(tx, link, pepper=pepper, now=clock.now())

    house.write(enter)
    other = scim_user(PERSON, emails=[{"value": f"{MARK}second@acme.example", "primary": True}])
    assert acme.scim.put(path, json=other).status_code == 200
    assert acme.scim.post("/Users", json=scim_user(PERSON)).status_code == 409
    assert acme.scim.put(path, json=scim_user(PERSON, userName="")).status_code == 400
    assert acme.scim.put(path, json=scim_user(PERSON, active=f"{MARK} perhaps")).status_code == 400
    assert (
        acme.scim.patch(path, json=patch({"op": "replace", "path": f'x[y eq "{MARK}"', "value": 1})).status_code == 400
    )
    for name in (PERSON.user_name.upper(), f"{MARK}second@acme.example"):
        assert acme.scim.get("/Users", params={"filter": f'userName co "{name}"'}).status_code == 400
    assert acme.scim.patch(f"/Users/{MARK}leo@acme.example", json=DEACTIVATE).status_code == 404
    for message in (DEACTIVATE, REACTIVATE):
        assert acme.scim.patch(path, json=message).status_code == 200
    return user_id


@pytest.mark.parametrize("role", ["learner", "admin"])
@pytest.mark.parametrize("end", ["active", "archived", "deleted"])
def test_nothing_of_an_erased_person_is_left(acme: Tenant, house: House, role: str, end: str) -> None:
    user_id = live(house, acme, role)
    house.write(lambda tx: of_okta(tx, acme.id, user_id))
    if end == "archived":
        acme.scim.patch(f"/Users/{user_id}", json=DEACTIVATE)
    elif end == "deleted":
        acme.scim.delete(f"/Users/{user_id}")
    before = house.read(lambda tx: company_rows(tx, acme.id))
    assert all(MARK in before[name] for name in ("users", "okta_people", "okta_changes", "refused_matches"))
    erase(house, acme, user_id)
    for name, text in house.read(lambda tx: company_rows(tx, acme.id)).items():
        assert MARK not in text, (name, text[max(0, text.index(MARK) - 300) :][:600])
    rest = house.read(lambda tx: (history.rows(tx, table, acme.id), events.of_subject(tx, acme.id, user_id)))
    assert [(row["id"], row["role"], row["email"]) for row in rest[0]] == [(user_id, "learner", erasure.ERASED)]
    assert rest[1][0].kind == "UserCreated"
    assert [event.kind for event in rest[1] if event.kind != "AlarmResolved"][-1] == "UserErased"
    open_kinds = {alarm.kind for alarm in house.read(lambda tx: alarms.open_ones(tx, acme.id))}
    assert open_kinds.isdisjoint({"address_held", "privileged_deleted", "privileged_restored"})


def test_what_was_read_and_planned_of_an_account_of_before_goes_too(acme: Tenant, house: House) -> None:
    """Never linked, exempt with a reason that names them, in Okta under their own name."""
    user = house.write(lambda tx: people.create(tx, acme.id, PERSON, actor=OPERATOR, now=clock.now()))
    house.write(lambda tx: of_okta(tx, acme.id, user.id))
    assert MARK in house.read(lambda tx: company_rows(tx, acme.id))["link_exemptions"]
    erase(house, acme, user.id)
    after = house.read(lambda tx: company_rows(tx, acme.id))
    assert [name for name, text in after.items() if MARK in text] == []
    assert "00umona" in after["okta_people"]
    assert after["okta_changes"].count("turin") == 1
    assert after["okta_changes"].count(erasure.ERASED) == 2


def test_erasing_twice_is_erasing_once(acme: Tenant, house: House) -> None:
    user_id = live(house, acme, "learner")
    erase(house, acme, user_id)
    before = house.read(lambda tx: company_rows(tx, acme.id))
    erase(house, acme, user_id)
    assert house.read(lambda tx: company_rows(tx, acme.id)) == before


def test_a_person_whose_user_name_reads_erased_is_erased_all_the_same(acme: Tenant, house: House) -> None:
    user_id = acme.scim.post("/Users", json=scim_user(PERSON, userName=erasure.ERASED)).json()["id"]
    erase(house, acme, user_id)
    assert MARK not in house.read(lambda tx: company_rows(tx, acme.id))["users"]


def test_an_erased_person_s_names_are_free_and_the_record_stays_apart(acme: Tenant, house: House) -> None:
    user_id = live(house, acme, "admin")
    erase(house, acme, user_id)
    again = acme.scim.post("/Users", json=scim_user(PERSON))
    assert again.status_code == 201
    assert again.json()["id"] != user_id
    assert acme.scim.get(f"/Users/{user_id}").status_code == 404
    for method, body in (("PATCH", REACTIVATE), ("PUT", scim_user(PERSON)), ("DELETE", None)):
        assert acme.scim.request(method, f"/Users/{user_id}", json=body).status_code == 404


def test_two_erased_people_do_not_stand_in_each_other_s_way(acme: Tenant, house: House) -> None:
    for number in range(3):
        body = scim_user(PERSON, userName=f"{MARK}{number}", externalId=f"00u{MARK}{number}")
        erase(house, acme, acme.scim.post("/Users", json=body).json()["id"])
    assert acme.scim.get("/Users").json()["totalResults"] == 0


def test_another_company_loses_nothing(acme: Tenant, umbra: Tenant, house: House) -> None:
    """Somebody of the same names lived the same life there."""
    live(house, umbra, "admin")
    before = house.read(lambda tx: company_rows(tx, umbra.id))
    erase(house, acme, live(house, acme, "admin"))
    assert house.read(lambda tx: company_rows(tx, umbra.id)) == before


def test_nobody_else_loses_anything(acme: Tenant, house: House) -> None:
    mona = acme.scim.post("/Users", json=scim_user(MONA, externalId="00umona")).json()["id"]
    acme.scim.patch(f"/Users/{mona}", json=DEACTIVATE)
    user_id = live(house, acme, "learner")

    def of_mona(tx: Tx) -> Any:
        lines = history.lines_of(tx, acme.id)
        return (
            [row for row in history.rows(tx, table, acme.id) if row["id"] == mona],
            events.of_subject(tx, acme.id, mona),
            [line for line in lines if line["subject_id"] == mona],
        )

    before = house.read(of_mona)
    erase(house, acme, user_id)
    assert house.read(of_mona) == before

"""The life of one person as both kinds of Okta's apps drive it, with the probes of Okta's CRUD test in between."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from rollbook.simulator.app import Kind, ProvisioningApp
from rollbook.simulator.people import OktaUser, person
from rollbook.simulator.wire import Encoding, Wire, equals
from tests.conftest import Tenant
from tests.servers import ThreadServer

APPS: list[tuple[Kind, Encoding]] = [("wizard", "percent"), ("catalogue", "plus")]


class Probe:
    """Reads the server beside the app, as the steps of the CRUD test do."""

    def __init__(self, tenant: Tenant) -> None:
        self._scim = tenant.scim

    def by_user_name(self, user_name: str) -> list[dict[str, Any]]:
        answer = self._scim.get("/Users", params={"filter": equals("userName", user_name)})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["Resources"]
        return found

    def by_id(self, user_id: str | None) -> dict[str, Any]:
        answer = self._scim.get(f"/Users/{user_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def leo() -> OktaUser:
    user = person("leo@acme.example", "Leo", "Linden", random.Random(4))
    return replace(user, title="Technician", cost_center="Lyon", division="Sales", manager_id="mona@acme.example")


@pytest.mark.parametrize(("kind", "encoding"), APPS, ids=[kind for kind, _ in APPS])
def test_the_crud_sequence_holds_at_every_probe(
    kind: Kind, encoding: Encoding, acme: Tenant, server: ThreadServer, leo: OktaUser
) -> None:
    wire = Wire(
        base_url=f"{server.url}/scim/v2", user=acme.company.subdomain, key=acme.key, encoding=encoding, patience=1
    )
    app, probe = ProvisioningApp(wire=wire, kind=kind, seed=7), Probe(acme)
    assert app.test_connection() == 0

    user_id = app.assign(leo).external_id
    (found,) = probe.by_user_name("leo@acme.example")
    assert found["id"] == user_id
    assert found["userName"] == "leo@acme.example"
    assert found["emails"][0]["value"] == "leo@acme.example"
    assert found["name"] == {"formatted": "Leo Linden", "familyName": "Linden", "givenName": "Leo"}

    leonard = replace(leo, first_name="Leonard")
    app.push_profile(leonard)
    assert probe.by_id(user_id)["name"] == {
        "formatted": "Leonard Linden",
        "familyName": "Linden",
        "givenName": "Leonard",
    }
    before = probe.by_id(user_id)

    app.deactivate(leonard)
    assert probe.by_id(user_id)["active"] is False

    assert app.reactivate(leonard).external_id == user_id
    after = probe.by_id(user_id)
    assert after["active"] is True
    assert after | {"meta": None} == before | {"meta": None}

    app.unassign(leonard)
    assert probe.by_id(user_id)["active"] is False
    assert [user["id"] for user in probe.by_user_name("leo@acme.example")] == [user_id]
    assert app.tasks == []
    wire.close()


@pytest.mark.parametrize(("kind", "encoding"), APPS, ids=[kind for kind, _ in APPS])
def test_an_import_sees_everybody_once(
    kind: Kind, encoding: Encoding, acme: Tenant, server: ThreadServer, leo: OktaUser
) -> None:
    wire = Wire(base_url=f"{server.url}/scim/v2", key=acme.key, scheme="bearer", encoding=encoding, patience=1)
    app = ProvisioningApp(wire=wire, kind=kind, seed=7)
    people = [replace(leo, id=f"00u{n}", login=f"l{n}@acme.example", email=f"l{n}@acme.example") for n in range(105)]
    for user in people:
        app.assign(user)
    app.deactivate(people[0])
    imported = app.import_users()
    assert [user["userName"] for user in imported] == [user.login for user in people]
    assert [user["userName"] for user in imported if not user["active"]] == ["l0@acme.example"]
    assert app.tasks == []
    wire.close()

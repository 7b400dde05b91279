"""POST: nobody yet, somebody to link, somebody to bring back, or a conflict."""

from __future__ import annotations

from tests.cast import DEACTIVATE, LEO, scim_user
from tests.conftest import Tenant


def test_a_hire_arrives_and_comes_back_whole(acme: Tenant) -> None:
    created = acme.scim.post("/Users", json=scim_user(LEO))
    assert created.status_code == 201, created.text
    user_id = created.json()["id"]
    assert acme.scim.post("/Users", json=scim_user(LEO)).status_code == 409
    archived = acme.scim.patch(f"/Users/{user_id}", json=DEACTIVATE)
    assert archived.json()["active"] is False
    back = acme.scim.post("/Users", json=scim_user(LEO))
    assert back.status_code == 201
    assert back.json()["id"] == user_id
    assert back.json()["active"] is True

"""Other people's reading of the RFCs as a judge: scim2-tester plays a client, scim2-models parses our answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import EnterpriseUser, Error, ListResponse, ResourceType, Schema, ServiceProviderConfig, User
from scim2_tester import Status, check_server

from rollbook.people.fields import Field
from tests.cast import DEACTIVATE, ENTERPRISE, LEO, MONA, scim_user
from tests.conftest import Tenant

DETAILED: dict[str, Any] = {
    "title": "Technician",
    "nickName": "Lee",
    "profileUrl": "https://acme.example/people/leo",
    "phoneNumbers": [{"value": "+33 4 00 00 00 01", "type": "work", "primary": True}],
    "addresses": [{"locality": "Lyon", "country": "FR", "type": "work"}],
    ENTERPRISE: {"costCenter": "Lyon", "employeeNumber": "701984", "manager": {"value": "mona@acme.example"}},
}


# Where the tester asks for more than the RFCs do, and we do what our clients need: (check, attribute) -> why.
OUR_WAY = {
    ("check_replace_attribute", "name"): "the tester wants no name.formatted, which is derived and readOnly",
    ("check_replace_attribute", "emails"): "an only address sent as not primary is given back as primary",
    ("check_remove_attribute", "active"): "a person is active or archived; removing the mark changes nothing",
}


@pytest.mark.parametrize("with_own_fields", [False, True])
def test_scim2_tester_finds_no_failure_with_users_and_discovery(
    with_own_fields: bool, acme: Tenant, make_field: Callable[..., Field]
) -> None:
    if with_own_fields:
        make_field(acme, "Shoe size", "number")
        make_field(acme, "Contract until", "date")
        make_field(acme, "Region", "choice", choices=["North", "South"])
        make_field(acme, "Größe der Schuhe")
        make_field(acme, "Mood", owner="learning")
    client = SyncSCIMClient(acme.scim)
    client.discover()
    user = client.get_resource_model("User")
    assert user is not None
    learning = next(model for model in user.get_extension_models().values() if model.__name__ == "LearningUser")
    # The tester fills attributes of the types dateTime and decimal with random text, unless an example is given.
    learning.model_fields["hire_date"].examples = [datetime(2026, 11, 24, tzinfo=UTC)]
    if with_own_fields:
        learning.model_fields["shoe_size"].examples = [42.5]
        learning.model_fields["contract_until"].examples = [datetime(2027, 1, 31, tzinfo=UTC)]
        own = {"shoe_size", "contract_until", "region", "grosse_der_schuhe"}
        assert own | {"hire_date"} <= learning.model_fields.keys()
        assert "mood" not in learning.model_fields

    results = check_server(client, resource_types=["User"])
    failed = {
        (str(result.title), str((result.data or {}).get("urn")) if isinstance(result.data, dict) else ""): result.reason
        for result in results
        if result.status not in (Status.SUCCESS, Status.SKIPPED)
    }
    assert {what: reason for what, reason in failed.items() if what not in OUR_WAY} == {}
    counted = Counter(result.status for result in results)
    assert counted[Status.SUCCESS] >= 95, counted
    assert counted[Status.SKIPPED] <= 1, [result.reason for result in results if result.status is Status.SKIPPED]


def test_scim2_models_reads_what_we_answer_about_users(acme: Tenant) -> None:
    model = User[EnterpriseUser]
    created = acme.scim.post("/Users", json=scim_user(LEO, **DETAILED))
    parsed = model.model_validate(created.json())
    assert parsed.user_name == "leo@acme.example"
    assert parsed[EnterpriseUser].cost_center == "Lyon"
    acme.scim.post("/Users", json=scim_user(MONA))

    user_id = created.json()["id"]
    for answer in (
        acme.scim.get(f"/Users/{user_id}"),
        acme.scim.put(f"/Users/{user_id}", json=scim_user(LEO, **DETAILED, displayName="Stale")),
        acme.scim.patch(f"/Users/{user_id}", json=DEACTIVATE),
    ):
        assert answer.status_code == 200, answer.text
        assert model.model_validate(answer.json()).id == user_id

    listed = ListResponse[model].model_validate(acme.scim.get("/Users").json())
    assert [user.user_name for user in listed.resources or ()] == ["leo@acme.example", "mona@acme.example"]
    assert listed.total_results == 2


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/ServiceProviderConfig", ServiceProviderConfig),
        ("/ResourceTypes", ListResponse[ResourceType]),
        ("/Schemas", ListResponse[Schema]),
        ("/Users/nobody", Error),
        ("/Users?filter=title%20eq%20%22x%22", Error),
    ],
)
def test_scim2_models_reads_discovery_and_errors(path: str, model: Any, acme: Tenant) -> None:
    model.model_validate(acme.scim.get(path).json())

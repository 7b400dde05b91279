"""A company's own fields as a provisioning client meets them: what it sends, and what became of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from rollbook import clock
from rollbook.activity import log
from rollbook.people import field_values, fields, users
from rollbook.people.fields import Field
from rollbook.scim.user_schema import ROLLBOOK_USER as OURS
from tests.cast import CORE, ENTERPRISE, LEO, scim_user
from tests.conftest import OPERATOR, House, Tenant

REGIONS = ("North", "South", "Île-de-France")


def sent(**values: Any) -> dict[str, Any]:
    return scim_user(LEO, schemas=[CORE, ENTERPRISE, OURS], **{OURS: values})


ALL = {
    "shoeSize": 42.5,
    "contractUntil": "2027-01-31T00:00:00.000Z",
    "region": "north",
    "nick": " Leo the Ömlaut ",
}
TYPED = {
    "Shoe size": "42.5",
    "Contract until": "2027-01-31",
    "Region": "North",
    "Nick": "Leo the Ömlaut",
}


def typed(house: House, tenant: Tenant, user_id: str) -> dict[str, str]:
    return house.read(lambda tx: field_values.custom_of(tx, users.get(tx, tenant.id, user_id)))


def ours(tenant: Tenant, user_id: str) -> Any:
    """What GET shows of our extension, None where it is not there; `schemas` says the same."""
    shown = tenant.scim.get(f"/Users/{user_id}").json()
    assert (OURS in shown["schemas"]) == (OURS in shown)
    return shown.get(OURS)


def last_line(house: House, tenant: Tenant) -> log.Entry:
    line = house.read(lambda tx: log.last(tx, tenant.id))
    assert line is not None
    return line


def hire(tenant: Tenant, body: dict[str, Any]) -> str:
    answer = tenant.scim.post("/Users", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def find(tenant: Tenant, filter_: str) -> Any:
    return tenant.scim.get(f"/Users?filter={quote(filter_)}")


def change_field(house: House, field: Field, **changes: Any) -> Field:
    return house.write(lambda tx: fields.change(tx, field, actor=OPERATOR, now=clock.now(), **changes))

"""Companies with fields of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rollbook import clock
from rollbook.people import fields
from rollbook.people.fields import Field
from tests.conftest import OPERATOR, House, Tenant
from tests.scim.own import REGIONS


@pytest.fixture
def make(house: House) -> Callable[..., Field]:
    """Makes a field: `make(acme, "Shoe size", "number")`; Okta SCIM owns it unless another is named."""

    def field(tenant: Tenant, name: str, type_: Any = "text", owner: Any = "scim", **how: Any) -> Field:
        return house.write(
            lambda tx: fields.create(tx, tenant.id, name, type_, owner=owner, actor=OPERATOR, now=clock.now(), **how)
        )

    return field


@pytest.fixture
def own(acme: Tenant, make: Callable[..., Field]) -> dict[str, Field]:
    """One field of each type, Okta SCIM's, by attribute; and one of Learning's."""
    made = [
        make(acme, "Shoe size", "number"),
        make(acme, "Contract until", "date"),
        make(acme, "Region", "choice", choices=REGIONS),
        make(acme, "Nick", "text"),
        make(acme, "Mood", "text", owner="learning"),
    ]
    return {field.attribute: field for field in made}

"""Companies with fields of their own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rollbook.people.fields import Field
from tests.conftest import Tenant
from tests.scim.own import REGIONS


@pytest.fixture
def own(acme: Tenant, make_field: Callable[..., Field]) -> dict[str, Field]:
    """One field of each type, Okta SCIM's, by attribute; and one of Learning's."""
    made = [
        make_field(acme, "Shoe size", "number"),
        make_field(acme, "Contract until", "date"),
        make_field(acme, "Region", "choice", choices=REGIONS),
        make_field(acme, "Nick", "text"),
        make_field(acme, "Mood", "text", owner="learning"),
    ]
    return {field.attribute: field for field in made}

"""A company of each test's own, without a server."""

from __future__ import annotations

import pytest

from rollbook import clock
from rollbook.people import companies
from tests.conftest import OPERATOR, House


@pytest.fixture
def company_id(house: House) -> str:
    subdomain = f"acme-{clock.new_id()}"
    return house.write(lambda tx: companies.create(tx, subdomain, "Acme", actor=OPERATOR, now=clock.now())).id

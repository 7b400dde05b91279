"""A company with a simulated org, for tests of the pull."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import House
from tests.okta_pull.pull import Company, company_of


@pytest.fixture
def company(house: House, company_id: str) -> Iterator[Company]:
    with company_of(house, company_id) as made:
        yield made

"""A school for each test."""

from __future__ import annotations

import pytest

from tests.conftest import House
from tests.learning.school import School


@pytest.fixture
def school(house: House, company_id: str) -> School:
    return School(house, company_id)

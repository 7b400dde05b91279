"""A company with a simulated org, for tests of the pull."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from rollbook import clock
from rollbook.people import companies
from tests.conftest import OPERATOR, House
from tests.okta_pull.pull import Company, company_of

_numbers = itertools.count(1)


@pytest.fixture
def other_id(house: House) -> str:
    """Otto's company."""
    subdomain = f"umbra-{os.getpid()}-{next(_numbers)}"
    return house.write(lambda tx: companies.create(tx, subdomain, "Umbra", actor=OPERATOR, now=clock.now())).id


@pytest.fixture
def company(house: House, company_id: str) -> Iterator[Company]:
    with company_of(house, company_id) as made:
        yield made

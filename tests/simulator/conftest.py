"""The SCIM server in memory, behind the key `a-key` of acme."""

from collections.abc import Iterator

import pytest

from tests.simulator.servers import scim_server


@pytest.fixture
def server() -> Iterator[str]:
    with scim_server() as base_url:
        yield base_url

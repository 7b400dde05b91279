"""Every file of exchanges/ is one conversation and one test, on both databases. A new quirk is a new file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import House, Tenant
from tests.okta.conversation import EXCHANGES, HEADERS, Player, read

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "conformance.md"
FILES = sorted(EXCHANGES.glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_conversation_goes_as_recorded(file: Path, house: House, acme: Tenant) -> None:
    Player(house, acme, read(file)).play()


def test_the_documentation_names_every_conversation_and_no_other() -> None:
    named = re.findall(r"`((?:okta|entra|onelogin|jumpcloud|google|ping)-[a-z0-9-]+)`", DOCUMENTATION.read_text())
    assert {file.stem for file in FILES} == set(named)


def test_every_client_has_a_conversation() -> None:
    clients = {read(file).client.split()[0] for file in FILES}
    assert clients == set(HEADERS)


def test_a_difference_anywhere_fails_the_conversation(house: House, acme: Tenant) -> None:
    conversation = read(EXCHANGES / "okta-test-connection.json")
    first = conversation.steps[0]
    first.answer["totalResults"] += 1
    with pytest.raises(AssertionError, match="step 1"):
        Player(house, acme, conversation).play()

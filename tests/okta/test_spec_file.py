"""Okta's SCIM 2.0 test file, all of it, on both databases. The file is Okta's and is looked for outside."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cast import LEO, scim_user
from tests.conftest import Tenant
from tests.okta.runscope import Runner, holds, value_at
from tests.servers import ThreadServer

FOLDER = Path(os.environ.get("ROLLBOOK_OKTA_TESTS") or Path(__file__).parents[3] / "shared" / "okta")
SPEC = FOLDER / "Okta-SCIM-20-SPEC-Test.json"
OLD_SPEC = FOLDER / "Okta-SCIM-20-SPEC-Test-old.json"

needs_files = pytest.mark.skipif(
    not SPEC.exists(),
    reason=f"Okta's test file {SPEC.name} is not in {FOLDER}; set ROLLBOOK_OKTA_TESTS to the folder that holds it",
)


@pytest.fixture
def runner(acme: Tenant, server: ThreadServer) -> Runner:
    """A runner for a company that has one active user."""
    assert acme.scim.post("/Users", json=scim_user(LEO)).status_code == 201
    credentials = base64.b64encode(f"{acme.company.subdomain}:{acme.key}".encode()).decode()
    address = "Leopoldine731Marigold402@acme.example"
    return Runner(
        {
            "SCIMBaseURL": f"{server.url}/scim/v2",
            "auth": f"Basic {credentials}",
            "randomGivenName": "Leopoldine731",
            "randomFamilyName": "Marigold402",
            "randomUsername": address,
            "randomEmail": address,
            "randomUsernameCaps": address.upper(),
            "InvalidUserEmail": "nobody-at-all@acme.example",
            "UserIdThatDoesNotExist": "010101001010101011001010101011",
        }
    )


def steps_of(file: Path) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = json.loads(file.read_bytes())["steps"]
    return steps


@needs_files
def test_the_spec_file_holds_in_every_assertion(runner: Runner) -> None:
    runner.play(steps_of(SPEC))
    assert runner.failures == []
    assert (runner.requests, runner.assertions) == (12, 52)


@needs_files
def test_the_spec_file_of_before_holds_too(runner: Runner) -> None:
    runner.play(steps_of(OLD_SPEC))
    assert runner.failures == []
    assert runner.requests == 10


@needs_files
def test_the_refused_request_goes_out_with_the_files_own_credentials() -> None:
    refused = [step for step in steps_of(SPEC) if step.get("headers", {}).get("Authorization") == ["non-token"]]
    assert len(refused) == 1


@pytest.mark.parametrize(
    ("comparison", "found", "wanted", "expected"),
    [
        ("equal_number", 200, "200", True),
        ("equal_number", 201, "200", False),
        ("equal", True, "true", True),
        ("equal", "Leo", "leo", False),
        ("not_empty", False, None, False),
        ("not_empty", [], None, False),
        ("is_a_number", "1", None, False),
        ("is_a_number", True, None, False),
        ("has_value", ["urn:a"], "urn:b", False),
        ("is_less_than", 700.0, "600", False),
    ],
)
def test_the_runner_can_tell_wrong_from_right(comparison: str, found: Any, wanted: Any, expected: bool) -> None:
    assert holds(comparison, found, wanted) is expected


def test_what_is_not_there_satisfies_nothing() -> None:
    missing = value_at({"Resources": []}, "Resources[0].id")
    assert not holds("not_empty", missing, None)
    assert not holds("equal", missing, "None")
    assert value_at({"Resources": [{"emails": [{"value": "a"}]}]}, "Resources[0].emails[0].value") == "a"

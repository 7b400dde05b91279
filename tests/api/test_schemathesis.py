"""Schemathesis reads the OpenAPI document and tries the server for what the document does not say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.test_okta import connect
from tests.cast import LEO, MONA, scim_user
from tests.servers import ThreadServer, clean_environment

LONG = bool(os.environ.get("ROLLBOOK_LONG"))
PHASES = "examples,coverage,fuzzing,stateful" if LONG else "fuzzing"
EXAMPLES = "60" if LONG else "2"  # of each operation, and of each sequence of them
LEAST = 3000 if LONG else 100

# All of its checks but one: "valid data should have been accepted" knows no cursor of another list, no field that the
# company does not have, no choices for a field of type text. Those are valid by the document and of no use.
NOT_ASKED = "positive_data_acceptance"
# It would end the key that it comes with.
NOT_TRIED = "revoke_key"


def run(api: Api, server: ThreadServer, directory: Path, *arguments: str) -> str:
    """What it prints; every choice it makes follows from the seed."""
    url = f"{server.url}/api/v1/openapi.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", url, "--auth", f"{api.subdomain}:{api.key}"),
            *("--seed", "1", "--workers", "1", "--checks", "all", "--exclude-checks", NOT_ASKED),
            *("--exclude-operation-id", NOT_TRIED, "--continue-on-failure", "--no-color", "--warnings", "off"),
            *arguments,
        ],
        cwd=directory,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    return done.stdout


def populate(api: Api) -> None:
    """Some of each thing, so that there is something to find."""
    api.hire(MONA, "manager")
    api.tenant.scim.post("/Users", json=scim_user(LEO))
    api.send("POST", "/groups", {"name": "Bakers"}, 201)
    api.send("POST", "/fields", {"name": "Region"}, 201)
    connect(api)
    api.send("POST", "/okta/runs", {"purpose": "preview"}, 202)


@pytest.mark.long
def test_the_document_and_the_server_agree(
    api: Api, server: ThreadServer, tmp_path: Path, record_property: Callable[[str, Any], None]
) -> None:
    populate(api)
    told = run(api, server, tmp_path, "--phases", PHASES, "--max-examples", EXAMPLES)
    (line,) = [line.strip() for line in told.splitlines() if "generated" in line]
    assert int(line.split()[0].replace(",", "")) >= LEAST
    if LONG:
        record_property("schemathesis", line)

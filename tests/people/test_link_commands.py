"""`rollbook links`, `user exempt`, `user unlink` and `disconnect`, as an operator types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rollbook import clock, settings
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.installation import open_installation
from rollbook.people import companies, identity_links, search
from tests import postgres
from tests.people import okta_rows
from tests.servers import environment, program, rollbook

LEO, MONA, CLEO = "leo@acme.example", "mona@acme.example", "cleo@acme.example"


@pytest.fixture
def own(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """An installation of this test alone, with the company acme, two learners and a manager."""
    url = "" if engine == "sqlite" else postgres.new_database(request.getfixturevalue("postgres_server"))
    env = environment(tmp_path, url)
    told(env, "migrate")
    told(env, "company", "create", "acme", "--name", "Acme")
    for name in (LEO, MONA, CLEO):
        told(env, "user", "create", "acme", name, "--given", name.split("@")[0].title(), "--family", "Linden")
    told(env, "user", "role", "acme", CLEO, "manager")
    return env


def told(env: dict[str, str], *arguments: str) -> Any:
    done = rollbook(env, *arguments, *([] if arguments == ("migrate",) else ["--json"]))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if arguments != ("migrate",) else None


def refused(env: dict[str, str], *arguments: str) -> str:
    done = rollbook(env, *arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


def write(env: dict[str, str], work: Any) -> None:
    """What the standard integration does, straight into the database."""
    installation = open_installation(settings.read(env))
    try:
        installation.database.engine.write(lambda tx: work(tx, companies.get(tx, "acme").id))
    finally:
        installation.close()


def match(tx: Tx, company_id: str) -> None:
    okta_rows.connect(tx, company_id)
    okta_rows.person(tx, company_id, "00uleo", LEO, app_status="ACTIVE")
    identity_links.link(
        tx,
        search.named(tx, company_id, LEO),
        external_id="00uleo",
        by_client=False,
        rule="user name",
        actor=Actor("task", "run"),
        now=clock.now(),
    )


def test_links_tells_who_why_since_when_and_what_to_do(own: dict[str, str]) -> None:
    write(own, match)
    rows = told(own, "links", "acme")
    leo = told(own, "user", "show", "acme", LEO)
    assert rows[0] == {
        "user": leo,
        "link": "known",
        "since": rows[0]["since"],
        "reason": "The external id is recorded, but no provisioning client has written to this account yet. "
        "Okta's assignment holds no id, so Okta sends nothing.",
        "what_to_do": "In Okta open the Learning app, Assignments, Leo Linden, and click Provision User.",
        "okta_status": "assigned without an id",
    }
    assert [(row["user"]["user_name"], row["link"], row["okta_status"]) for row in rows[1:]] == [
        (MONA, "unlinked", "unknown"),
        (CLEO, "unlinked", "unknown"),
    ]
    printed = rollbook(own, "links", "acme").stdout
    assert "assigned without an id" in printed
    assert "click Provision User" in printed


def test_a_person_is_exempted_and_included_again(own: dict[str, str]) -> None:
    exempt = told(own, "user", "exempt", "acme", MONA, "--reason", "A contractor")
    assert exempt["link"] == "exempt"
    assert [row["user"]["user_name"] for row in told(own, "links", "acme")] == [LEO, CLEO]
    (row,) = told(own, "links", "acme", "--exempt")
    assert (row["user"], row["link"]) == (exempt, "exempt")
    assert "A contractor" in row["reason"]
    for name in (LEO, CLEO):
        told(own, "user", "exempt", "acme", name, "--reason", "A contractor")
    assert "Everybody active is linked, but for 3 exempt" in rollbook(own, "links", "acme").stdout
    for name in (LEO, CLEO, MONA):
        assert told(own, "user", "exempt", "acme", name, "--lift")["link"] == "unlinked"
    assert "Nobody is exempt" in rollbook(own, "links", "acme", "--exempt").stdout
    for arguments in ((), ("--lift", "--reason", "both")):
        assert "Say why with --reason" in refused(own, "user", "exempt", "acme", MONA, *arguments)


def test_a_match_is_undone_once(own: dict[str, str]) -> None:
    write(own, match)
    assert told(own, "user", "unlink", "acme", LEO)["external_id"] is None
    assert "nothing to undo" in refused(own, "user", "unlink", "acme", LEO)


def test_a_preview_of_disconnecting_changes_nothing(own: dict[str, str]) -> None:
    told(own, "key", "issue", "acme", "--scope", "scim")
    write(own, match)
    before = told(own, "user", "list", "acme")
    found = told(own, "disconnect", "acme", "okta", "--people", "archive", "--preview")
    assert found == {
        "source": "okta",
        "connected": True,
        "choice": "archive",
        "people": 1,
        "archived_already": 0,
        "privileged": [],
        "fields": [],
        "keys": 0,
        "done": False,
    }
    assert told(own, "disconnect", "acme", "scim", "--people", "keep", "--preview")["keys"] == 1
    assert told(own, "user", "list", "acme") == before
    assert told(own, "key", "list", "acme")[0]["revoked_at"] is None


def test_when_the_command_returns_people_are_done(own: dict[str, str]) -> None:
    write(own, match)
    for name, external_id in ((MONA, "00umona"), (CLEO, "00ucleo")):
        told(own, "user", "link", "acme", name, "--external-id", external_id)
    found = told(own, "disconnect", "acme", "okta", "--people", "archive", "--yes")
    assert (found["people"], [user["user_name"] for user in found["privileged"]], found["done"]) == (3, [CLEO], True)
    assert [user["user_name"] for user in told(own, "user", "list", "acme")] == [CLEO]
    assert {user["user_name"] for user in told(own, "user", "list", "acme", "--archived")} == {LEO, MONA}
    told(own, "disconnect", "acme", "okta", "--people", "hand-over", "--yes")
    assert told(own, "user", "show", "acme", CLEO)["link"] == "unlinked"
    assert program(own, "worker", "--once").returncode == 0
    assert {user["user_name"] for user in told(own, "user", "list", "acme", "--archived")} == {LEO, MONA}


def test_the_question_counts_whom_it_archives_and_says_what_is_gone(own: dict[str, str]) -> None:
    write(own, match)
    told(own, "user", "link", "acme", CLEO, "--external-id", "00ucleo")
    asked = {
        choice: rollbook(own, "disconnect", "acme", "okta", "--people", choice, "--json", stdin="n\n")
        for choice in ("archive", "hand-over")
    }
    gone = "Switch okta off? The token is deleted, and a run that is open is ended; "
    assert f"{gone}1 active person is archived, and 1 privileged stays" in asked["archive"].stderr
    assert f"{gone}2 active people are handed over to Learning" in asked["hand-over"].stderr
    assert "Switch" not in asked["archive"].stdout


def test_disconnecting_is_asked_first(own: dict[str, str]) -> None:
    told(own, "key", "issue", "acme", "--scope", "scim")
    done = rollbook(own, "disconnect", "acme", "scim", "--people", "keep", stdin="n\n")
    assert done.returncode == 1
    assert "Switch scim off? 1 SCIM key is revoked; 0 active people stay as they are" in done.stderr
    assert told(own, "key", "list", "acme")[0]["revoked_at"] is None
    assert "is no source" in refused(own, "disconnect", "acme", "saml", "--people", "keep", "--yes")
    assert "is no choice" in refused(own, "disconnect", "acme", "scim", "--people", "drop", "--yes")

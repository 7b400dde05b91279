"""`rollbook group create --rule`, `group rule`, `group preview`: when a command returns, the group is right."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rollbook.cli import app
from rollbook.errors import Conflict, InvalidValue
from tests import postgres
from tests.servers import environment

LYON = 'location = "Lyon"'


@pytest.fixture(autouse=True)
def own(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """An installation of this test alone, with the company acme and three people."""
    url = "" if engine == "sqlite" else postgres.new_database(request.getfixturevalue("postgres_server"))
    for name in [name for name in os.environ if name.startswith("ROLLBOOK_")]:
        monkeypatch.delenv(name)
    for name, value in environment(tmp_path, url).items():
        monkeypatch.setenv(name, value)
    run("migrate")
    run("company", "create", "acme", "--name", "Acme")
    for given, town in (("Leo", "Lyon"), ("Mona", "Turin"), ("Cleo", "lyon")):
        run("user", "create", "acme", f"{given}@acme.example", "--given", given, "--family", "Linden")
        run("user", "set", "acme", f"{given}@acme.example", "location", town)


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    if done.exception is not None:
        raise done.exception
    return done.stdout


def told(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def members(group: str) -> list[str]:
    return sorted(member["given_name"] for member in told("group", "members", "acme", group))


def test_a_group_with_a_rule_is_full_when_the_command_returns() -> None:
    made = told("group", "create", "acme", "Lyon", "--rule", LYON)
    assert {name: made[name] for name in ("name", "kind", "members", "rule", "building")} == {
        "name": "Lyon",
        "kind": "smart",
        "members": 2,
        "rule": LYON,
        "building": None,
    }
    assert members("Lyon") == ["Cleo", "Leo"]
    run("user", "set", "acme", "mona@acme.example", "location", "LYON")
    assert members("Lyon") == ["Cleo", "Leo", "Mona"]
    assert told("group", "create", "acme", "Bakers")["rule"] is None


def test_a_rule_is_shown_and_given() -> None:
    run("group", "create", "acme", "Town", "--rule", LYON)
    assert run("group", "rule", "acme", "Town") == f"{LYON}\n"
    assert told("group", "rule", "acme", "Town", "location = turin and not group everyone")["members"] == 0
    assert run("group", "rule", "acme", "Town", "location = turin") == 'location = "turin"\n'
    assert members("Town") == ["Mona"]
    listed = {group["name"]: (group["members"], group["rule"]) for group in told("group", "list", "acme")}
    assert listed == {"Everyone": (3, None), "Town": (1, 'location = "turin"')}
    assert told("group", "show", "acme", "Town")["rule"] == 'location = "turin"'
    run("group", "create", "acme", "Bakers")
    assert run("group", "rule", "acme", "Bakers") == "Bakers is filled without a rule.\n"
    with pytest.raises(InvalidValue, match="a field is expected here"):
        run("group", "rule", "acme", "Town", "town = Lyon")
    with pytest.raises(Conflict, match="A rule fills Town"):
        run("group", "add", "acme", "Town", "leo@acme.example")


def test_a_preview_says_who_would_be_in_and_who_would_come_and_go() -> None:
    run("group", "create", "acme", "Town", "--rule", LYON)
    seen = told("group", "preview", "acme", "name starts with leo or location = Turin", "--group", "Town")
    names = {part: [person["name"] for person in found["first"]] for part, found in seen.items()}
    assert names == {"members": ["Leo Linden", "Mona Linden"], "joining": ["Mona Linden"], "leaving": ["Cleo Linden"]}
    assert [seen[part]["count"] for part in ("members", "joining", "leaving")] == [2, 1, 1]
    assert run("group", "preview", "acme", "location = Turin").splitlines() == [
        "1 would be in: Mona Linden",
        "1 would come: Mona Linden",
        "0 would leave",
    ]
    assert members("Town") == ["Cleo", "Leo"]
    with pytest.raises(InvalidValue, match="Town would read itself"):
        run("group", "preview", "acme", "group Town", "--group", "Town")


def test_archiving_and_restoring_a_group_settles_what_reads_it() -> None:
    lyon = told("group", "create", "acme", "Lyon", "--rule", LYON)
    run("group", "create", "acme", "Readers", "--rule", "group Lyon")
    run("group", "archive", "acme", "Lyon")
    assert members("Readers") == []
    run("user", "set", "acme", "mona@acme.example", "location", "Lyon")
    run("group", "restore", "acme", lyon["id"])
    assert members("Lyon") == members("Readers") == ["Cleo", "Leo", "Mona"]

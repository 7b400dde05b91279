"""`python -m rollbook.simulator org`: what it prints, obeys and ends with."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from rollbook.simulator.__main__ import main
from rollbook.simulator.app import ProvisioningApp
from rollbook.simulator.org import Org
from rollbook.simulator.org_commands import COMMANDS, HELP, obey
from rollbook.simulator.org_program import main as org_main
from rollbook.simulator.wire import Wire


@pytest.fixture
def org(server: str) -> Org:
    org = Org(ProvisioningApp(wire=Wire(base_url=server, user="acme", key="a-key"), kind="catalogue"))
    org.fill(3)
    return org


def test_as_a_program_it_serves_prints_what_rollbook_needs_obeys_and_ends_on_a_signal() -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "rollbook.simulator", "org", "--port", "0", "--people", "7", "--token", "t1", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert program.stdin
    assert program.stdout
    try:
        told = json.loads(program.stdout.readline())
        path = f"{told['address']}/api/v1/groups/{told['group']}/users"
        people = httpx2.get(path, headers={"Authorization": "SSWS t1"}, trust_env=False).json()
        assert len(people) == told["people"] == 7
        program.stdin.write(f"leave {people[0]['profile']['login']}\n")
        program.stdin.flush()
        assert program.stdout.readline().startswith(people[0]["profile"]["login"])
        assert len(httpx2.get(path, headers={"Authorization": "SSWS t1"}, trust_env=False).json()) == 6
        program.stdin.close()
        program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=20) == 0
    finally:
        program.kill()
        program.wait()
        program.stdout.close()


def test_lines_name_the_address_token_group_and_app(capsys: pytest.CaptureFixture[str]) -> None:
    assert org_main(["--port", "0", "--people", "2", "--token", "t1"], io.StringIO("\nlist\nquit\n")) == 0
    shown = capsys.readouterr().out
    for word in ("address  http://127.0.0.1:", "token    t1", "group    00g", "app      0oa", "ROLLBOOK_OKTA_HOSTS="):
        assert word in shown
    assert shown.count("ACTIVE  in the group  not assigned") == 2


def test_a_taken_port_is_one_clear_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert main(["org", "--people", "1", "--port", str(other.getsockname()[1])]) == 1
    assert "is taken" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--port", "70000"], "from 0 to 65535"),
        (["--people", "-1"], "at most 100000 people"),
        (["--limit", "0"], "at least one request"),
        (["--push", "http://127.0.0.1:9"], "needs --user and --key-file"),
        (["--push", "http://127.0.0.1:9", "--user", "acme", "--key-file", "/nowhere"], "cannot be read"),
    ],
)
def test_wrong_arguments_end_with_a_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["org", *arguments])
    assert ending.value.code == 2
    assert sentence in capsys.readouterr().err


def test_a_key_never_leaves_the_machine_in_clear(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("a-key")
    with pytest.raises(SystemExit):
        main(["org", "--push", "http://learn.acme.example", "--user", "acme", "--key-file", str(key)])
    assert "must begin with https://" in capsys.readouterr().err


def test_help_shows_an_example_and_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["org", "--help"])
    shown = capsys.readouterr().out
    assert "python -m rollbook.simulator org --port 9000" in shown
    assert [verb for verb in COMMANDS if verb != "help" and verb not in shown] == []


def test_a_life_is_typed_line_by_line(org: Org) -> None:
    login = org.user(org.roll.after(-1).__next__()[1]).login
    assert obey(org, f"before {login}") == f"{login} is ACTIVE, assigned without an id."
    assert obey(org, f"provision {login}").startswith(f"{login} is ACTIVE, assigned as ")
    assert obey(org, f"set {login} hireDate 2026-01-07").startswith(login)
    assert org.user(login).extra["hireDate"] == "2026-01-07"
    assert obey(org, f"suspend {login}").startswith(f"{login} is SUSPENDED")
    assert obey(org, f"unsuspend {login}").startswith(f"{login} is ACTIVE")
    assert obey(org, f"leave {login}").startswith(login)
    assert obey(org, f"join {login}").startswith(login)
    assert obey(org, f"deactivate {login}") == f"{login} is DEPROVISIONED, not assigned."
    assert "not in the group" in obey(org, "list 1")
    assert obey(org, f"reactivate {login} assign").startswith(f"{login} is ACTIVE, assigned as ")
    assert obey(org, f"unassign {login}") == f"{login} is ACTIVE, not assigned."
    assert obey(org, f"confirm {login}").startswith(f"{login} is ACTIVE, assigned as ")
    assert obey(org, f"assign {login}").startswith(f"{login} is ACTIVE, assigned as ")
    assert obey(org, f"delete {login}") == f"{login} is gone."
    assert obey(org, f"suspend {login}") == f"There is nobody called {login}."


def test_faults_the_clock_cursors_and_the_token_are_typed_too(org: Org) -> None:
    before = org.clock.now()
    assert obey(org, "fault 500 2") == "500 comes next."
    assert obey(org, "clock 9").startswith("It is ")
    assert (org.clock.now() - before).total_seconds() >= 9 * 3600
    assert obey(org, "expire") == "Every cursor has expired."
    assert obey(org, "restrict") == "The token is answered 403."
    assert obey(org, "revoke") == "The token is answered 401."
    assert org.tokens == {}
    assert obey(org, "help") == HELP


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("dance", "There is no dance: help lists what there is."),
        ("leave", "leave lacks a word: help shows how it is written."),
        ("fault 502", "There is no fault 502: help lists them."),
        ("leave nobody@acme.example", "There is nobody called nobody@acme.example."),
        ("clock abc", "abc is no number of hours that a clock can be turned by."),
        ("clock nan", "nan is no number of hours that a clock can be turned by."),
        ("clock 1e99", "1e99 is no number of hours that a clock can be turned by."),
        ("clock 1e8", "1e8 is no number of hours that a clock can be turned by."),
        ("list abc", "abc is no number: help shows how it is written."),
        ("fault timeout x", "There is no fault timeout: help lists them."),
        ('set "leo', "A quotation mark is left open."),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(org: Org, line: str, sentence: str) -> None:
    assert obey(org, line) == sentence

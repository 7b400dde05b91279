"""`python -m rollbook.simulator`: what it does to a server, prints, and exits with."""

from pathlib import Path

import pytest

from rollbook.simulator.__main__ import main
from rollbook.simulator.app import resources
from rollbook.simulator.wire import Wire
from tests.simulator.servers import Reply, scripted_server


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "acme.key"
    path.write_text("a-key\n")
    return str(path)


def left(base_url: str) -> list[str]:
    answer = Wire(base_url=base_url, user="acme", key="a-key").ask("GET", "/Users")
    return [user["userName"] for user in resources(answer)]


@pytest.mark.parametrize("kind", ["wizard", "catalogue"])
def test_a_staff_lives_through_either_kind_of_app_and_is_taken_away(
    server: str, key_file: str, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    assert main([server, "--user", "acme", "--key-file", key_file, "--kind", kind, "--people", "12"]) == 0
    shown = capsys.readouterr().out
    assert "12 people, 12 of them created" in shown
    assert "All 11 steps held." in shown
    assert ("PATCH /Users/{id}" in shown) == (kind == "catalogue")
    assert left(server) == []


def test_leave_behind_keeps_the_staff_and_a_second_run_finds_it(server: str, key_file: str) -> None:
    arguments = [server, "--user", "acme", "--key-file", key_file, "--people", "3", "--leave-behind"]
    assert main([*arguments, "--scheme", "bearer", "--encoding", "plus"]) == 0
    assert len(left(server)) == 3


def test_people_whom_the_server_had_before_are_not_taken_away(server: str, key_file: str) -> None:
    arguments = [server, "--user", "acme", "--key-file", key_file, "--people", "1", "--seed", "9"]
    assert main([*arguments, "--leave-behind"]) == 0
    before = left(server)
    assert main(arguments) == 0
    assert left(server) == before


def test_a_refusal_is_shown_as_a_task_and_fails_the_run(key_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    listing = '{"totalResults": 0, "Resources": []}'
    refusal = Reply(409, '{"detail": "The user name is taken by Leo."}')
    with scripted_server(*[Reply(200, listing)] * 4, refusal) as script:
        assert main([script.base_url, "--user", "acme", "--key-file", key_file, "--people", "1"]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "Task 1: Automatic provisioning of user" in shown
    assert "Errors reported by remote server: The user name is taken by Leo." in shown


def test_a_wrong_key_ends_the_run_after_one_request(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.key"
    path.write_text("b-key")
    assert main([server, "--user", "acme", "--key-file", str(path)]) == 1
    assert "1 of 1 steps did not hold." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("url", "key", "sentence"),
    [
        ("learn.acme.example", "a-key", "is not an http or https address"),
        ("http://learn.acme.example/scim/v2", "a-key", "must begin with https://"),
        ("http://127.0.0.1:9/scim/v2", "two words", "The key holds a space"),
        ("http://127.0.0.1:9/scim/v2", None, "cannot be read"),
    ],
)
def test_wrong_arguments_end_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str, key: str | None, sentence: str
) -> None:
    path = tmp_path / "key"
    if key is not None:
        path.write_text(key)
    with pytest.raises(SystemExit) as ending:
        main([url, "--user", "acme", "--key-file", str(path)])
    assert ending.value.code == 2
    assert sentence in capsys.readouterr().err


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "python -m rollbook.simulator http://127.0.0.1:8000/scim/v2 --user acme" in capsys.readouterr().out

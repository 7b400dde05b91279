"""The commands of the learning side, as an operator types them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rollbook import clock
from rollbook.cli import app
from rollbook.errors import RollbookError
from rollbook.learning import due
from tests import postgres
from tests.servers import clean_environment, environment

Command = Callable[..., Any]


@pytest.fixture
def rollbook(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Command:
    """`rollbook("lesson", "list", "acme")` is what --json prints; with `says`, the sentence of a refusal."""
    url = "" if engine == "sqlite" else postgres.new_database(request.getfixturevalue("postgres_server"))
    variables = environment(tmp_path, url)

    def work() -> None:
        """A worker of its own, until nothing is due: its log keeps hold of where it was written first."""
        command = [sys.executable, "-m", "rollbook", "worker", "--once"]
        subprocess.run(command, env=clean_environment() | variables, check=True, timeout=60, capture_output=True)

    def run(*words: str, says: bool = False, plain: bool = False, given: str | None = None) -> Any:
        if words == ("worker",):
            return work()
        result = CliRunner().invoke(app, [*words, *([] if plain else ["--json"])], env=variables, input=given)
        if says:
            assert isinstance(result.exception, RollbookError), result.output
            return result.exception.message
        assert result.exit_code == 0, result.exception
        return result.output if plain else json.loads(result.output)

    run("migrate")
    run("company", "create", "acme", "--name", "Acme")
    for name in ("leo", "mona"):
        run("user", "create", "acme", f"{name}@acme.example", "--given", name.title(), "--family", "Linden")
    return run


def lesson(rollbook: Command, title: str = "Food safety") -> str:
    words = ("lesson", "create", "acme", "--title", title, "--body-file", "-", "--publish")
    made: str = rollbook(*words, given=f"# {title}\n")["id"]
    return made


def statuses(rollbook: Command, *words: str) -> list[tuple[str, str, str]]:
    return [(row["user"], row["title"], row["status"]) for row in rollbook("assignments", "acme", *words)]


def test_a_lesson_from_a_file_to_the_archive_and_back(rollbook: Command, tmp_path: Path) -> None:
    assert "There is no lesson" in rollbook("lesson", "list", "acme", plain=True)
    text = tmp_path / "food.md"
    text.write_bytes("\ufeff# Wäsche\r\n".encode())
    made = rollbook("lesson", "create", "acme", "--title", "Food safety", "--body-file", str(text))
    assert (made["state"], made["body"]) == ("draft", "# Wäsche\n")
    assert "is a draft" in rollbook("assign", "acme", "food safety", "--user", "leo@acme.example", says=True)
    assert rollbook("lesson", "publish", "acme", "FOOD SAFETY")["state"] == "published"
    changed = rollbook("lesson", "change", "acme", made["id"], "--title", "Hygiene", "--description", "Hands")
    assert (changed["title"], changed["description"], changed["body"]) == ("Hygiene", "Hands", "# Wäsche\n")
    assert rollbook("lesson", "archive", "acme", "Hygiene")["state"] == "archived"
    assert rollbook("lesson", "list", "acme") == []
    assert [row["title"] for row in rollbook("lesson", "list", "acme", "--state", "archived")] == ["Hygiene"]
    assert rollbook("lesson", "restore", "acme", "Hygiene")["state"] == "published"
    assert rollbook("lesson", "show", "acme", "hygiene") == rollbook("lesson", "show", "acme", made["id"])
    assert "no state" in rollbook("lesson", "list", "acme", "--state", "lost", says=True)


@pytest.mark.parametrize(("raw", "sentence"), [(b"\xff\xfe", "no UTF-8 text"), (None, "cannot be read")])
def test_a_file_that_is_no_text_is_named(rollbook: Command, tmp_path: Path, raw: bytes | None, sentence: str) -> None:
    path = tmp_path / "lesson.md"
    if raw is not None:
        path.write_bytes(raw)
    said = rollbook("lesson", "create", "acme", "--title", "T", "--body-file", str(path), says=True)
    assert sentence in said
    assert str(path) in said


def test_a_path_of_lessons_is_done_in_its_order(rollbook: Command) -> None:
    one, two = lesson(rollbook, "One"), lesson(rollbook, "Two")
    words = ("--lesson", "One", "--lesson", two, "--enforced-order", "--certification", "--publish")
    path = rollbook("path", "create", "acme", "--title", "First week", *words)
    assert [found["id"] for found in path["lessons"]] == [one, two]
    assert (path["enforced_order"], path["certification"], path["state"]) == (True, True, "published")
    assert rollbook("path", "show", "acme", "first week") == path
    assert [row["title"] for row in rollbook("path", "list", "acme")] == ["First week"]
    rollbook("assign", "acme", "First week", "--user", "leo@acme.example")
    said = rollbook("complete", "acme", "Two", "leo@acme.example", says=True)
    assert said == "The lessons of the path First week are done in their order; One comes first."
    rollbook("complete", "acme", "One", "leo@acme.example", "--score", "60")
    done = rollbook("complete", "acme", "Two", "leo@acme.example", "--score", "81")
    assert (done["title"], done["status"], done["score"]) == ("First week", "completed", 71)
    changed = rollbook("path", "change", "acme", "First week", "--lesson", two, "--no-enforced-order")
    assert ([found["title"] for found in changed["lessons"]], changed["enforced_order"]) == (["Two"], False)
    assert rollbook("path", "archive", "acme", "First week")["state"] == "archived"
    assert rollbook("path", "restore", "acme", "First week")["state"] == "published"


def test_a_person_is_assigned_completes_and_is_assigned_again(rollbook: Command) -> None:
    assert "Nothing of this kind is assigned" in rollbook("assignments", "acme", plain=True)
    lesson(rollbook)
    to_leo = ("acme", "Food safety", "--user", "leo@acme.example")
    first = rollbook("assign", *to_leo, "--due", "2020-01-31", "--no-notify")
    assert (first["round"], first["status"], first["due_on"]) == (1, "overdue", "2020-01-31")
    assert statuses(rollbook, "--overdue") == [("leo@acme.example", "Food safety", "overdue")]
    assert rollbook("assign", *to_leo)["id"] == first["id"]
    assert rollbook("complete", "acme", "Food safety", "leo@acme.example", "--score", "90")["score"] == 90
    assert rollbook("assign", *to_leo)["round"] == 2
    assert rollbook("withdraw", *to_leo)["status"] == "withdrawn"
    assert statuses(rollbook, "--user", "leo@acme.example") == []
    assert statuses(rollbook, "--withdrawn", "--lesson", "Food safety") == [
        ("leo@acme.example", "Food safety", "withdrawn")
    ]
    for words, sentence in (
        (("assign", "acme", "Food safety"), "either --user or --group"),
        (("assign", *to_leo, "--group", "Everyone"), "either --user or --group"),
        (("assign", *to_leo, "--due", "31.1.2027"), "'31.1.2027' is no day; write it as YYYY-MM-DD"),
        (("assign", *to_leo, "--due-days", "3"), "belong to --group"),
        (("assign", "acme", "Knives", "--user", "leo@acme.example"), "There is no lesson or path 'Knives'"),
        (("withdraw", "acme", "Food safety", "--user", "mona@acme.example"), "is not assigned to Mona Linden"),
        (("complete", "acme", "Food safety", "mona@acme.example"), "is not assigned to Mona Linden"),
    ):
        assert sentence in rollbook(*words, says=True)


def test_a_group_is_assigned_in_the_command_itself_and_the_task_has_nothing_left_to_do(rollbook: Command) -> None:
    lesson(rollbook)
    rollbook("group", "create", "acme", "Bakers")
    for name in ("leo", "mona"):
        rollbook("group", "add", "acme", "Bakers", f"{name}@acme.example")
    to_bakers = ("acme", "Food safety", "--group", "Bakers")
    act = rollbook("assign", *to_bakers, "--due", "2027-01-31")
    assert (act["state"], act["done"], act["total"], act["newcomers"]) == ("open", 2, 2, True)
    before = rollbook("assignments", "acme")
    assert [row["due_on"] for row in before] == ["2027-01-31"] * 2
    assert rollbook("assign", *to_bakers, "--due", "2027-01-31") == act
    rollbook("worker")
    assert rollbook("assignments", "acme") == before
    assert rollbook("assign", *to_bakers, "--due-days", "5", "--no-newcomers")["due_days"] == 5
    assert {row["due_on"] for row in rollbook("assignments", "acme")} == {due.in_days(clock.now(), 5)}
    rollbook("complete", "acme", "Food safety", "leo@acme.example")
    taken = rollbook("withdraw", *to_bakers)
    assert (taken["state"], taken["done"]) == ("withdrawn", 1)
    assert statuses(rollbook) == [("leo@acme.example", "Food safety", "completed")]
    assert "is not assigned to the group Bakers" in rollbook("withdraw", *to_bakers, says=True)


def test_triggers_are_made_listed_and_ended(rollbook: Command) -> None:
    one, two = lesson(rollbook, "One"), lesson(rollbook, "Two")
    assert "Nothing sets anything off" in rollbook("trigger", "list", "acme", plain=True)
    joined = rollbook("trigger", "create", "acme", "One", "--group", "Everyone", "--due-days", "14", "--no-notify")
    completed = rollbook("trigger", "create", "acme", "Two", "--after", "One")
    assert (joined["when"], joined["of"], joined["assigns"], joined["notify"]) == ("joined", "Everyone", "One", False)
    assert (completed["completed_id"], completed["content_id"], completed["due_days"]) == (one, two, None)
    assert rollbook("trigger", "list", "acme") == [joined, completed]
    assert rollbook("trigger", "end", "acme", joined["id"])["ended_at"] is not None
    assert rollbook("trigger", "list", "acme") == [completed]
    assert len(rollbook("trigger", "list", "acme", "--ended")) == 2
    assert "either --group or --after" in rollbook("trigger", "create", "acme", "One", says=True)
    rollbook("assign", "acme", "One", "--user", "leo@acme.example")
    rollbook("complete", "acme", "One", "leo@acme.example")
    rollbook("worker")
    assert statuses(rollbook) == [
        ("leo@acme.example", "One", "completed"),
        ("leo@acme.example", "Two", "incomplete"),
    ]

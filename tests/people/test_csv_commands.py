"""`rollbook import` and `rollbook export`, as the operator runs them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.servers import environment, rollbook

FILE = """\
E-Mail;Given name;Family name;Role;Location
leo@acme.example;Léo;Linden;;Lyon
mona@acme.example;Mona;Marigold;chef;
ada@acme.example;Ada;Lovage;admin;"=1+1"
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    settings = environment(tmp_path_factory.mktemp("csv"))
    assert rollbook(settings, "company", "create", "acme", "--name", "Acme").returncode == 0
    return settings


def test_a_file_goes_in_and_out_again(home: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(FILE, encoding="utf-8-sig")

    planned = rollbook(home, "import", "acme", str(file), "--dry-run")
    assert planned.returncode == 1
    assert planned.stderr == "rollbook: 1 row could not be followed.\n"
    assert planned.stdout.splitlines() == [
        "Row 2: create leo@acme.example",
        "Row 3, role: 'chef' is no role; use one of learner, creator, manager, admin.",
        "Row 4: create ada@acme.example",
        "Would be: 2 created, 0 unchanged.",
    ]
    assert json.loads(rollbook(home, "user", "list", "acme", "--json").stdout) == []

    strict = rollbook(home, "import", "acme", str(file), "--strict")
    assert (strict.returncode, strict.stderr) == (1, "rollbook: 1 row could not be followed; nothing was written.\n")
    assert strict.stdout == "Row 3, role: 'chef' is no role; use one of learner, creator, manager, admin.\n"
    assert json.loads(rollbook(home, "user", "list", "acme", "--json").stdout) == []

    done = rollbook(home, "import", "acme", "-", "--json", stdin=FILE)
    document = json.loads(done.stdout)
    people = {user["email"]: user for user in json.loads(rollbook(home, "user", "list", "acme", "--json").stdout)}
    assert done.returncode == 1
    assert (document["dry_run"], document["written"]) == (False, True)
    assert document["counts"] == {"create": 2, "change": 0, "archive": 0, "restore": 0, "unchanged": 0, "error": 1}
    assert [(row["row"], row["action"], row["user_id"]) for row in document["rows"]] == [
        (2, "create", people["leo@acme.example"]["id"]),
        (3, "error", None),
        (4, "create", people["ada@acme.example"]["id"]),
    ]
    assert document["rows"][1]["problems"] == [
        {"column": "role", "problem": "'chef' is no role; use one of learner, creator, manager, admin."}
    ]

    out = tmp_path / "out.csv"
    written = rollbook(home, "export", "acme", "people", "--output", str(out), "--excel")
    assert (written.returncode, written.stdout, written.stderr) == (0, "", f"Written to {out}.\n")
    assert out.read_bytes().startswith(b"\xef\xbb\xbfid,external_id,user_name,")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) in ([file, out], [out, file])
    assert "'=1+1" in out.read_text("utf-8")
    again = rollbook(home, "import", "acme", str(out), "--strict")
    assert (again.returncode, again.stdout, again.stderr) == (0, "2 unchanged.\n", "")

    shown = json.loads(rollbook(home, "export", "acme", "people", "--json").stdout)
    assert shown["columns"][:4] == ["id", "external_id", "user_name", "email"]
    assert [row[4] for row in shown["rows"]] == ["Léo", "Ada"]
    assert rollbook(home, "export", "acme", "people").stdout == out.read_bytes().decode("utf-8-sig")

    changed = rollbook(
        home, "import", "acme", "-", "--dry-run", stdin="email,location,archived\nleo@acme.example,-,yes\n"
    )
    assert changed.stdout == (
        "Row 2: archive leo@acme.example  location: Lyon → –, archived: no → yes\nWould be: 1 archived, 0 unchanged.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (
            ("import", "acme", "/nowhere/people.csv"),
            "",
            "/nowhere/people.csv cannot be read: No such file or directory.",
        ),
        (("import", "acme", "-"), "", "The file is empty."),
        (("import", "nobody", "-"), "email\n", "There is no company 'nobody'"),
        (("import", "acme", "-"), "email,shoe\n", "No column is called 'shoe'. The columns are id, external_id,"),
        (("export", "acme", "cars"), "", "'cars' cannot be exported; use one of people, assignments."),
        (("export", "acme", "assignments", "--archived"), "", "Assignments are exported of active people alone;"),
        (("export", "acme", "people", "--output", "/nowhere/x.csv"), "", "/nowhere/x.csv cannot be written: No such"),
    ],
)
def test_a_refusal_is_one_sentence(home: dict[str, str], arguments: tuple[str, ...], stdin: str, said: str) -> None:
    refused = rollbook(home, *arguments, stdin=stdin)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"rollbook: {said}")
    assert refused.stderr.count("\n") == 1
    assert refused.stdout == ""


def test_a_file_that_names_nobody_is_no_mistake(home: dict[str, str]) -> None:
    done = rollbook(home, "import", "acme", "-", stdin="email,name\n\n,\n")
    assert (done.returncode, done.stdout) == (0, "The file names nobody; nothing is to be done.\n")

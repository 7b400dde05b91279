"""`rollbook report`, as its user types it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from rollbook import clock
from rollbook.learning import assignments, lessons
from rollbook.people import companies, search, users
from tests.cast import LEO
from tests.conftest import OPERATOR, House
from tests.servers import environment, rollbook

HOW: dict[str, Any] = {"actor": OPERATOR}


@pytest.fixture
def acme(house: House) -> str:
    """A company in which Leo is late with one lesson; returns its subdomain."""
    subdomain = f"rep-{clock.new_id()[:23]}"

    def work(tx: Any) -> None:
        how = {**HOW, "now": clock.now()}
        company = companies.create(tx, subdomain, "Acme", **how)
        leo = users.create(tx, company.id, LEO, **how)
        lesson = lessons.create(tx, company.id, "=Food safety", "text", publish=True, **how)
        assignments.assign(tx, leo, lesson, act_id=clock.new_id(), due_on="2020-01-01", **how)

    house.write(work)
    return subdomain


@pytest.fixture
def run(house: House, database_url: str) -> Any:
    directory: Path = house.installation.settings.data_dir
    return lambda *arguments: rollbook(environment(directory, database_url), "report", *arguments)


def test_it_prints_a_table_json_and_csv(run: Any, acme: str) -> None:
    shown = run(acme, "overdue", "--location", "Lyon").stdout
    assert "Leo Linden" in shown
    assert "=Food safety" in shown
    document = json.loads(run(acme, "overdue", "--json").stdout)
    assert document["columns"][:3] == ["Id", "Name", "E-mail"]
    assert [row[1] for row in document["rows"]] == ["Leo Linden"]
    titles, line = csv.reader(io.StringIO(run(acme, "overdue", "--csv").stdout, newline=""))
    assert dict(zip(titles, line, strict=True))["Lesson or path"] == "'=Food safety"


def test_it_has_something_to_say_where_there_is_nothing(run: Any, acme: str) -> None:
    assert run(acme, "overdue", "--location", "Turin").stdout.strip() == "Nothing is overdue."
    assert json.loads(run(acme, "overdue", "--location", "Turin", "--json").stdout)["rows"] == []
    assert run(acme, "provisioning").stdout.strip() == "Provisioning changed nothing on these days."


def test_the_audit_report_is_read_and_recorded(run: Any, acme: str, house: House) -> None:
    today = clock.now().date().isoformat()
    document = json.loads(run(acme, "audit", "--as-of", today, "--json").stdout)
    assert [row[1] for row in document["rows"]] == ["Leo Linden"]
    company = house.read(lambda tx: companies.get(tx, acme))
    from rollbook.activity import events

    told = house.read(lambda tx: events.of_subject(tx, company.id, company.id))
    assert [event.changes for event in told if event.kind == "AuditReportRead"] == [{"as_of": [None, today]}]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("grades",), "there are gradebook, learners, content, groups, overdue, activity, provisioning, and audit."),
        (("audit",), "--as-of YYYY-MM-DD"),
        (("audit", "--as-of", "soon"), "'soon' is no day"),
        (("audit", "--as-of", "2026-01-01", "--location", "Lyon"), "takes no filter"),
        (("learners", "--as-of", "2026-01-01"), "Only the audit report is as of a day"),
        (("learners", "--custom", "Region"), "write NAME=VALUE"),
        (("learners", "--json", "--csv"), "take one of --csv and --json"),
        (("provisioning", "--location", "Lyon"), "takes no filter location"),
    ],
)
def test_a_refusal_is_one_sentence(run: Any, acme: str, arguments: tuple[str, ...], sentence: str) -> None:
    done = run(acme, *arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_what_people_are_assigned_is_exported_without_leavers(
    house: House, run: Any, acme: str, database_url: str
) -> None:
    variables = environment(house.installation.settings.data_dir, database_url)
    titles, line = csv.reader(io.StringIO(rollbook(variables, "export", acme, "assignments").stdout, newline=""))
    row = dict(zip(titles, line, strict=True))
    assert (row["Name"], row["Lesson or path"], row["Status"]) == ("Leo Linden", "'=Food safety", "overdue")

    def archive(tx: Any) -> None:
        company = companies.get(tx, acme)
        leo = search.named(tx, company.id, "leo@acme.example", lock=True)
        users.archive(tx, leo, **{**HOW, "now": clock.now()})

    house.write(archive)
    assert len(rollbook(variables, "export", acme, "assignments").stdout.splitlines()) == 1

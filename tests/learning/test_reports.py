"""Reports: who may read which, about whom; what is refused; and what a download looks like."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from rollbook import clock, spreadsheet
from rollbook.activity.events import Actor
from rollbook.errors import Conflict, Forbidden, InvalidValue, NotFound
from rollbook.learning import assignments, content, reports
from rollbook.learning.reports import EXPORTS, REPORTS, Filters, Page, filters
from rollbook.people import companies, field_values, fields, group_managers, users
from rollbook.people.authorization import Who
from rollbook.people.profiles import Profile
from tests.cast import CLEO, LEO, MONA, OTTO
from tests.conftest import OPERATOR
from tests.learning.school import School

TODAY = date(2026, 11, 24)


def ask(school: School, name: str, who: Who | None = None, /, **narrowed: Any) -> Page:
    """A report as the operator reads it, narrowed as a person types it."""

    def work(tx: Any) -> Page:
        chosen = filters.read(tx, school.id, **narrowed)
        return reports.run(tx, who or Who(school.id, OPERATOR, "admin"), name, chosen, limit=1000, today=TODAY)

    return school.house.read(work)


def table(page: Page) -> list[dict[str, Any]]:
    return [dict(zip((column["key"] for column in page.columns), row, strict=True)) for row in page.rows]


def test_an_unknown_report_is_told_which_there_are(school: School) -> None:
    with pytest.raises(NotFound, match="gradebook, learners, content, groups, overdue, activity, provisioning, and au"):
        ask(school, "grades")


def test_a_learner_s_line_says_how_far_they_are(school: School) -> None:
    leo, safety, bread = school.hire(), school.lesson(), school.lesson("Bread")
    late, taken_back = school.lesson("Late"), school.lesson("Taken back")
    school.assign(leo, safety)
    done = school.complete(leo, safety, score=81)
    school.assign(leo, bread, due_on="2026-11-24")
    school.assign(leo, late, due_on="2026-11-23")
    school.do(assignments.withdraw, school.assign(leo, taken_back))
    assert table(ask(school, "learners")) == [
        {
            "user_id": leo.id,
            "name": "Leo Linden",
            "email": "leo@acme.example",
            "location": "Lyon",
            "business_unit": "Sales",
            "department": None,
            "manager": None,
            "assigned": 3,
            "completed": 1,
            "incomplete": 1,
            "overdue": 1,
            "average_score": 81.0,
            "last_activity": done.completed_at,
        }
    ]
    line = ["completed 81", "incomplete", "overdue", None]
    page = ask(school, "gradebook")
    titles = ["Bread", "Food safety", "Late", "Taken back"]
    assert [column["title"] for column in page.columns] == ["Id", "Name", "E-mail", *titles]
    assert page.rows == [[leo.id, "Leo Linden", "leo@acme.example", line[1], line[0], line[2], None]]
    (row,) = table(ask(school, "overdue"))
    assert (row["title"], row["due_on"], row["days_overdue"], row["returned"]) == ("Late", "2026-11-23", 1, False)


def test_archived_content_is_hidden_with_its_assignments_until_it_is_asked_for(school: School) -> None:
    leo, safety = school.hire(), school.lesson()
    school.assign(leo, safety, due_on="2020-01-01")
    school.do(content.archive, school.content(safety))
    for name in ("overdue", "assignments", "content"):
        assert ask(school, name).rows == []
        assert len(ask(school, name, archived_content=True).rows) == 1
        assert len(ask(school, name, content="Food safety").rows) == 1
    assert table(ask(school, "learners"))[0]["assigned"] == 0
    assert table(ask(school, "groups"))[0]["assigned"] == 0
    assert sum(row["assigned"] for row in table(ask(school, "activity", until="2026-12-31"))) == 0


def test_a_draft_has_no_line(school: School) -> None:
    school.lesson(publish=False)
    assert ask(school, "content").rows == []
    assert len(ask(school, "gradebook").columns) == 3


def test_only_members_of_the_version_that_is_switched_on_count(school: School) -> None:
    leo = school.hire()
    bakers = school.group(leo)
    assert [row["members"] for row in table(ask(school, "groups", group="bakers"))] == [1]
    assert len(ask(school, "learners", group="Bakers").rows) == 1

    def switch(tx: Any, **_: Any) -> None:
        from sqlalchemy import update

        from rollbook.database.tables import groups

        tx.run(update(groups).where(groups.c.company_id == school.id, groups.c.id == bakers.id), {"version": 1})

    school.do(switch)
    assert [row["members"] for row in table(ask(school, "groups", group="Bakers"))] == [0]
    assert ask(school, "learners", group="Bakers").rows == []


def test_filters_hold_together(school: School) -> None:
    leo, cleo = school.hire(), school.hire(CLEO)
    school.do(fields.create, school.id, "Region", "choice", choices=["North", "South"])
    region = school.ask(fields.named, school.id, "Region")
    for person, value in ((leo, "North"), (cleo, "South")):
        school.do(field_values.set_value, person, region, value)

    def found(**narrowed: Any) -> list[str]:
        return [row["name"] for row in table(ask(school, "learners", **narrowed))]

    assert found() == ["Cleo Clover", "Leo Linden"]
    assert found(location="Lyon") == found(custom={"region": "NORTH"}) == found(business_unit="Sales") == ["Leo Linden"]
    assert found(custom={"Region": "South"}, location="Lyon") == []
    assert found(group="Everyone", custom={"custom.Region": "South"}) == ["Cleo Clover"]
    school.assign(leo, school.lesson(), due_on="2020-01-01")
    assert found(status="overdue") == found(content="food SAFETY") == ["Leo Linden"]
    assert found(status="completed") == found(since="2020-01-01", until="2020-02-01") == []


@pytest.mark.parametrize(
    ("narrowed", "error", "field"),
    [
        ({"since": "yesterday"}, InvalidValue, "since"),
        ({"until": "2026-02-30"}, InvalidValue, "until"),
        ({"since": "2026-02-02", "until": "2026-02-01"}, InvalidValue, "since"),
        ({"status": "late"}, InvalidValue, "status"),
        ({"by": "month"}, InvalidValue, "by"),
        ({"custom": {"Hire date": "soon"}}, InvalidValue, "custom.Hire date"),
        ({"custom": {"Hire date": " "}}, InvalidValue, "custom"),
        ({"custom": {"Region": "North"}}, InvalidValue, "custom"),
        ({"group": "Bakers"}, InvalidValue, "group"),
        ({"content": "Bread"}, InvalidValue, "content"),
        ({"content": "Food safety"}, Conflict, "title"),
        ({"by": "week"}, InvalidValue, "by"),
    ],
)
def test_what_is_no_filter_is_refused(school: School, narrowed: dict[str, Any], error: Any, field: str | None) -> None:
    school.lesson()
    school.lesson()
    with pytest.raises(error) as refused:
        ask(school, "learners", **narrowed)
    assert getattr(refused.value, "field", None) == field


def test_a_report_refuses_what_it_cannot_be_narrowed_by(school: School) -> None:
    with pytest.raises(InvalidValue, match="takes no filter location; it takes by, since, until"):
        ask(school, "provisioning", location="Lyon")
    with pytest.raises(InvalidValue, match="The report overdue takes no filter status"):
        ask(school, "overdue", status="overdue")


@pytest.mark.parametrize("cursor", ["", "x", "ü", "WyJhIl0", "WzEsMl0", "bm8=", "A" * 5000])
@pytest.mark.parametrize("name", ["learners", "overdue"])
def test_a_cursor_of_another_s_making_is_refused(school: School, name: str, cursor: str) -> None:
    who = Who(school.id, OPERATOR, "admin")
    with pytest.raises(InvalidValue, match="begin again without one") as refused:
        school.ask(reports.run, who, name, after=cursor, today=TODAY)
    assert refused.value.field == "cursor"
    with pytest.raises(InvalidValue):
        school.ask(reports.run, who, "activity", after=reports.cursor(("soon",)), today=TODAY)


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_has_bounds(school: School, limit: int) -> None:
    with pytest.raises(InvalidValue, match="1 to 1000 rows"):
        school.ask(reports.run, Who(school.id, OPERATOR, "admin"), "learners", limit=limit, today=TODAY)


def test_a_manager_reads_of_the_people_of_their_groups_alone(school: School) -> None:
    leo, cleo, mona = school.hire(), school.hire(CLEO), school.hire(MONA, "manager")
    safety = school.lesson()
    for person in (leo, cleo, mona):
        school.assign(person, safety, due_on="2020-01-01")
    bakers = school.group(leo)
    school.group(cleo, name="Millers")
    school.do(group_managers.appoint, bakers, mona)
    who = Who(school.id, Actor("user", mona.id), "manager")
    for name in ("learners", "gradebook", "overdue", "assignments"):
        assert {row["user_id"] for row in table(ask(school, name, who))} == {leo.id}, name
        assert len(ask(school, name).rows) == 3
    assert [row["name"] for row in table(ask(school, "groups", who))] == ["Bakers"]
    assert [row["assigned"] for row in table(ask(school, "content", who))] == [1]
    assert sum(row["joined"] for row in table(ask(school, "activity", who, until="2026-12-31"))) <= 1
    assert ask(school, "learners", who, group="Millers").rows == []
    with pytest.raises(Forbidden, match="see provisioning"):
        ask(school, "provisioning", who)


@pytest.mark.parametrize("role", ["learner", "creator"])
def test_whoever_manages_nobody_reads_no_report(school: School, role: Any) -> None:
    leo = school.hire(LEO, role)
    for name in (*REPORTS, *EXPORTS):
        with pytest.raises(Forbidden):
            ask(school, name, Who(school.id, Actor("user", leo.id), role))


def test_a_key_reads_as_an_administrator(school: School) -> None:
    leo = school.hire()
    who = Who(school.id, Actor("api", "key"), "admin")
    assert [row["user_id"] for row in table(ask(school, "learners", who))] == [leo.id]
    assert len(ask(school, "provisioning", who).rows) == 30


def test_another_company_is_in_no_report_whatever_is_asked(school: School) -> None:
    """Otto's company asks with the ids of this one."""
    leo, safety = school.hire(), school.lesson()
    school.assign(leo, safety, due_on="2020-01-01")
    bakers = school.group(leo)
    umbra = school.do(companies.create, f"umbra-{clock.new_id()[:18]}", "Umbra")
    otto = school.do(users.create, umbra.id, OTTO)
    who = Who(umbra.id, OPERATOR, "admin")
    for name, report in (REPORTS | EXPORTS).items():
        for chosen in (Filters(), Filters(content_id=safety.id), Filters(group_id=bakers.id)):
            if chosen.given <= report.takes:
                page = school.ask(reports.run, who, name, chosen, today=TODAY)
                text = repr((page.columns, page.rows))
                assert not any(mine in text for mine in (leo.id, "leo@acme", safety.id, "Food", bakers.id, "Bakers"))
    everybody = school.ask(reports.run, who, "learners", today=TODAY)
    assert [row[0] for row in everybody.rows] == [otto.id]
    for named in ({"group": bakers.id}, {"content": safety.id}):
        with pytest.raises(InvalidValue, match="There is no "):
            school.ask(filters.read, umbra.id, **named)


def test_what_fell_due_while_somebody_was_away_is_marked(school: School) -> None:
    leo, safety = school.hire(), school.lesson()
    school.assign(leo, safety, due_on="2026-11-20", now=clock.moment("2026-11-01T08:00:00.000000Z"))
    leo = school.do(users.archive, leo, now=clock.moment("2026-11-10T08:00:00.000000Z"))
    school.do(users.restore, leo, now=clock.moment("2026-11-22T08:00:00.000000Z"))
    (row,) = table(ask(school, "overdue"))
    assert row["returned"] is True


def test_a_reassignment_takes_nothing_out_of_the_past(school: School) -> None:
    leo, safety = school.hire(), school.lesson()
    for day in ("2026-11-02", "2026-11-09"):
        at = clock.moment(f"{day}T08:00:00.000000Z")
        school.assign(leo, safety, now=at)
        school.complete(leo, safety, now=at)
    found = {row["day"]: row for row in table(ask(school, "activity"))}
    for day in ("2026-11-02", "2026-11-09"):
        assert (found[day]["assigned"], found[day]["completed"]) == (1, 1)
    weeks = table(ask(school, "activity", by="week", since="2026-11-02", until="2026-11-15"))
    assert [(row["day"], row["assigned"]) for row in weeks] == [("2026-11-02", 1), ("2026-11-09", 1)]


def test_provisioning_counts_what_the_client_did_and_nobody_else(school: School) -> None:
    okta: dict[str, Any] = {"actor": Actor("scim", "key")}
    leo = school.do(users.create, school.id, LEO, linked=True, **okta)
    leo = school.do(users.set_fields, leo, {"department": "Bread"}, **okta)
    leo = school.do(users.archive, leo, **okta)
    leo = school.do(users.restore, leo, **okta)
    school.do(users.archive, leo)
    school.hire(MONA)
    today = clock.now().date()
    page = school.ask(reports.run, Who(school.id, OPERATOR, "admin"), "provisioning", today=today)
    assert page.rows[-1] == [today.isoformat(), 1, 1, 1, 1]


def test_a_download_has_no_formula_and_every_row_once(school: School) -> None:
    for number in range(7):
        name = f"p{number}@acme.example"
        school.hire(Profile(name, name, "=HYPERLINK(1)", f"Linden {number}", location="+Lyon"))
    who = Who(school.id, OPERATOR, "admin")
    engine = school.house
    lines = list(spreadsheet.write(reports.rows(engine, who, "learners", today=TODAY)))
    titles = "Id,Name,E-mail,Location,Business Unit,Department,Manager,Assigned,Completed,Incomplete,Overdue"
    assert lines[0] == f"{titles},Average score,Last activity\r\n"
    assert [line.split(",")[1] for line in lines[1:]] == [f"'=HYPERLINK(1) Linden {number}" for number in range(7)]
    assert all(",'+Lyon," in line for line in lines[1:])
    assert len(list(reports.rows(engine, who, "learners", limit=3, today=TODAY))) == 4
    assert [len(page.rows) for page in reports.pages(engine, who, "assignments", today=TODAY)] == [0]

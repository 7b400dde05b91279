"""Exporting people: who is in it, that no cell is a formula, and that an import takes it back as it was."""

from __future__ import annotations

import csv
import io
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollbook import clock, spreadsheet
from rollbook.database import Tx
from rollbook.people import deletion, field_values, users
from rollbook.people.csv import exporting
from rollbook.people.profiles import Profile
from tests.cast import ADA, LEO, MONA
from tests.conftest import OPERATOR, House
from tests.people.spreadsheets import Company, actions, another

PROPERTY: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}
# What a spreadsheet may take for something else, and whatever else a record can hold: no control characters.
ANYTHING = st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp", "Cs"))
HOSTILE = st.text(st.sampled_from("=+-@'\"\\,; |<>abé漢🥖\u200b"), min_size=1, max_size=12) | st.text(
    ANYTHING, min_size=1, max_size=30
)
VISIBLE = HOSTILE.filter(lambda text: text.isprintable())
OPTIONAL = ("location", "business_unit", "department", "job_title", "manager_name", "locale")
HEADINGS = (
    "id,external_id,user_name,email,given_name,family_name,role,job_title,business_unit,department,location,"
    'manager_name,hire_date,locale,time_zone,"custom.Région, Nord",archived'
)


@pytest.fixture
def company(house: House, company_id: str) -> Company:
    return Company(house, company_id)


def read_back(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_columns_are_those_of_an_import_and_the_company_s_own(company: Company) -> None:
    region = company.field("Région, Nord")
    leo = company.hire()
    company.do(field_values.set_value, leo, region, "Lyon")
    assert company.export().splitlines() == [
        HEADINGS,
        f"{leo.id},00uleo,leo@acme.example,leo@acme.example,Leo,Linden,learner,,Sales,,Lyon,,,,,Lyon,no",
    ]


def test_archived_people_are_in_it_only_where_asked_for_and_deleted_ones_never(company: Company) -> None:
    company.hire(ADA, "admin")
    company.do(users.archive, company.hire(LEO))
    company.do(deletion.delete, company.hire(MONA))
    assert [row["given_name"] for row in read_back(company.export(archived=False))] == ["Ada"]
    assert [(row["given_name"], row["archived"]) for row in read_back(company.export())] == [
        ("Ada", "no"),
        ("Leo", "yes"),
    ]


def test_pages_follow_each_other_without_gap(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "PAGE", 3)
    for number in range(8):
        company.hire(Profile(f"leo{number}", f"leo{number}@acme.example", "Leo", "Linden"))
    assert [row["user_name"] for row in read_back(company.export())] == [f"leo{number}" for number in range(8)]


@settings(max_examples=25, **PROPERTY)
@given(data=st.data())
def test_an_export_comes_back_unchanged_and_without_a_formula(house: House, data: st.DataObject) -> None:
    """Some 25 × 3 × 10 cells, half of them made of what a spreadsheet takes for something else."""
    company = another(house)
    own = company.field(data.draw(st.text(st.sampled_from("=+-@',; ab."), min_size=1).map(lambda text: f"F{text}x")))
    for number in range(3):
        texts = {name: data.draw(HOSTILE) for name in OPTIONAL}
        texts |= {name: data.draw(HOSTILE) + "x" for name in ("given_name", "family_name")}
        texts |= {"user_name": data.draw(VISIBLE) + f"-{number}", "email": f"=leo{number}@acme.example"}
        user = company.hire(Profile(**texts), active=bool(number % 2))
        company.do(field_values.set_value, user, own, data.draw(VISIBLE))
    text = company.export()
    for row in csv.reader(io.StringIO(text, newline="")):
        assert [cell for cell in row if cell and cell[0] in "=+-@\t\r\0"] == []
    told = company.events()
    for separator in ",;\t":
        saved = io.StringIO(newline="")
        csv.writer(saved, delimiter=separator).writerows(csv.reader(io.StringIO(text, newline="")))
        assert actions(company.preview(saved.getvalue())) == {"unchanged": 3}
    assert actions(company.run(text)) == {"unchanged": 3}
    assert company.events() == told


def test_a_dash_among_blanks_that_somebody_has_comes_back_and_clears_nothing(company: Company) -> None:
    company.hire(Profile("leo", "leo@acme.example", "Leo", "Linden", locale=" -", location="- ", department="' -"))
    assert actions(company.run(company.export())) == {"unchanged": 1}
    assert company.named("leo").department == "' -"


def test_a_dash_among_blanks_that_was_typed_clears_as_one_alone_does(company: Company) -> None:
    company.hire(Profile("leo", "leo@acme.example", "Leo", "Linden", locale="fr", location="Lyon"))
    company.run("user_name,locale,location\r\nleo, - ,-\r\n")
    leo = company.named("leo")
    assert (leo.locale, leo.location) == (None, None)


def test_a_manager_whom_provisioning_named_by_id_comes_back_unchanged(company: Company) -> None:
    company.hire(Profile("leo", "leo@acme.example", "Leo", "Linden", manager_value="00umona"))
    assert read_back(company.export())[0]["manager_name"] == "00umona"
    assert actions(company.run(company.export())) == {"unchanged": 1}


def test_an_export_makes_the_same_people_in_another_company(company: Company, house: House) -> None:
    company.field("Region")
    region = company.field("Size", "number")
    for profile, role in ((ADA, "admin"), (LEO, "learner"), (MONA, "manager")):
        company.do(field_values.set_value, company.hire(profile, role), region, "7.5")  # type: ignore[arg-type]  # a role
    company.do(users.archive, company.named("mona@acme.example"))
    twin = another(house)
    twin.field("Size", "number")
    twin.field("Region")
    rows = [{**row, "id": ""} for row in read_back(company.export())]
    text = "".join(spreadsheet.write([list(rows[0]), *(list(row.values()) for row in rows)]))
    assert actions(twin.run(text)) == {"create": 3}
    assert [{**row, "id": ""} for row in read_back(twin.export())] == [
        {column: row[column] for column in read_back(twin.export())[0]} for row in rows
    ]


def test_a_long_export_is_never_held_whole(
    company: Company, record_property: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 100)

    def hire(tx: Tx, start: int) -> None:
        for number in range(start, start + 200):
            profile = Profile(f"leo{number}", f"leo{number}@acme.example", "Leo", "Linden", location="x" * 500)
            users.create(tx, company.id, profile, vetted=True, actor=OPERATOR, now=clock.now())

    for start in range(0, 4000, 200):
        company.house.write(lambda tx, start=start: hire(tx, start))
    engine = company.house.installation.database.engine
    rows = sum(1 for _ in exporting.rows(engine, company.id))  # whatever is kept for good is made now
    tracemalloc.start()
    size = sum(len(line) for line in spreadsheet.write(exporting.rows(engine, company.id)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    record_property("characters exported", size)
    record_property("most memory taken", peak)
    assert rows == 4001
    assert peak < size / 4  # two pages of forty, as objects


def test_a_company_without_people_has_headings(company: Company) -> None:
    assert read_back(company.export()) == []
    assert company.export().startswith("id,external_id,")

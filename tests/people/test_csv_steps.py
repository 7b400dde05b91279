"""An import as a whole: it does what its preview says, twice is once, in small steps, beside others, after a kill."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from rollbook import clock
from rollbook import settings as settings_
from rollbook.database import Collision, Tx
from rollbook.errors import Unavailable
from rollbook.installation import open_installation
from rollbook.people import companies, field_values
from rollbook.people.csv.importing import MOST_PEOPLE, Engine, Import
from rollbook.people.profiles import Profile
from tests import history
from tests.cast import LEO, MONA
from tests.conftest import OPERATOR, House
from tests.people.spreadsheets import Company, actions, another, outcome
from tests.servers import clean_environment, environment

T = TypeVar("T")

LONG = bool(os.environ.get("ROLLBOOK_LONG"))
ROWS = 20_000 if LONG else 2_000
KILLS = 20 if LONG else 3
PROPERTY: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@pytest.fixture
def company(house: House, company_id: str) -> Company:
    return Company(house, company_id)


CELLS = {
    "id": ["", "", "", "{leo}", "{mona}", "{old}", "nobody"],
    "external_id": ["", "", "00uleo", "00unew"],
    "user_name": ["", "", "leo@acme.example", "MONA@acme.example", "new", "old"],
    "email": ["", "leo@acme.example", "mona@acme.example", "new@acme.example", "New2@acme.example", "no address"],
    "given_name": ["", "Leo", "Lea", "Lea"],
    "family_name": ["", "Linden", "Linden", "-"],
    "role": ["", "", "learner", "creator", "boss"],
    "location": ["", "Lyon", "'-", "-"],
    "hire_date": ["", "2024-01-01", "01/01/2024"],
    "archived": ["", "", "yes", "no"],
    "custom.Size": ["", "7", "7.0", "-", "big"],
}
FILES = st.lists(st.tuples(*(st.sampled_from(cells) for cells in CELLS.values())), min_size=1, max_size=7)


@settings(max_examples=400 if LONG else 60, **PROPERTY)
@given(file=FILES)
def test_what_a_preview_foretells_happens_and_twice_is_once(house: House, file: list[tuple[str, ...]]) -> None:
    company = another(house)
    size = company.field("Size", "number")
    people = {
        "leo": company.hire(LEO),
        "mona": company.hire(MONA, "manager"),
        "old": company.hire(Profile("old", "leo@acme.example", "Leo", "Old"), active=False),
    }
    company.do(field_values.set_value, people["leo"], size, "7")
    ids = {name: user.id for name, user in people.items()}
    rows = [",".join(cells).format(**ids) for cells in file]
    text = "\n".join([",".join(CELLS), *rows])
    untouched = company.export()
    planned = company.preview(text)
    assert company.export() == untouched
    done = company.run(text)
    assert outcome(done) == outcome(planned)
    assert house.read(lambda tx: history.contradictions(tx, company.id)) == []
    for plan in done:
        event(plan.action)

    followed = [rows[plan.row - 2] for plan in done if plan.action != "error"]
    told, exported = company.events(), company.export()
    assert set(actions(company.run("\n".join([",".join(CELLS), *followed])))) <= {"unchanged"}
    assert (company.events(), company.export()) == (told, exported)


class Watched:
    """An engine that counts its writes and lets something happen before each of them."""

    def __init__(self, engine: Engine, before: Callable[[], None] = lambda: None) -> None:
        self._engine, self._before = engine, before
        self.seconds: list[float] = []

    def read(self, fn: Callable[[Tx], T]) -> T:
        return self._engine.read(fn)

    def write(self, fn: Callable[[Tx], T]) -> T:
        self._before()
        began = time.monotonic()
        try:
            return self._engine.write(fn)
        finally:
            self.seconds.append(time.monotonic() - began)


def wide(rows: int) -> bytes:
    lines = [f"leo{n}@acme.example,Leo,Linden {n},{'Lyon' * 250}\n" for n in range(rows)]
    return ("email,given_name,family_name,location\n" + "".join(lines)).encode()


def test_a_long_file_is_carried_out_in_steps_while_others_write(
    company: Company, record_property: Callable[[str, object], None]
) -> None:
    engine = Watched(company.house.installation.database.engine)
    ended, beside = threading.Event(), 0

    def write_beside() -> None:
        nonlocal beside
        while not ended.is_set():
            company.hire(Profile(f"mona{beside}", f"mona{beside}@acme.example", "Mona", "Marigold"))
            beside += 1

    others = threading.Thread(target=write_beside)
    others.start()
    try:
        done = sum(plan.action == "create" for plan in Import(engine, io.BytesIO(wide(ROWS)), who=company.who).run())
    finally:
        ended.set()
        others.join()
    record_property("rows", ROWS)
    record_property("writes", len(engine.seconds))
    record_property("the longest in ms", round(max(engine.seconds) * 1000))
    record_property("writes of others meanwhile", beside)
    assert done == ROWS
    assert len(engine.seconds) >= ROWS / MOST_PEOPLE
    assert beside > 10


@pytest.mark.parametrize("way", ["preview", "run"])
def test_a_long_file_is_never_held_whole(
    house: House, way: str, record_property: Callable[[str, object], None]
) -> None:
    """Each row has a thousand characters; what stays of it is who it was about."""
    peaks = []
    for rows in (100, 400, 1600):  # whatever is kept for good is made by the first
        company, content = another(house), io.BytesIO(wide(rows))
        task = company.opened(content.getvalue())
        tracemalloc.start()
        assert sum(1 for _ in getattr(task, way)()) == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    per_row = round((peaks[2] - peaks[1]) / 1200)
    record_property("bytes that stay of a row", per_row)
    assert per_row < 900


def test_two_imports_of_one_file_at_once_make_everybody_once(company: Company) -> None:
    content = wide(300)
    plans: list[Any] = []
    both = [threading.Thread(target=lambda: plans.append(company.run(content))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(plans) == 2
    assert {plan.action for made in plans for plan in made} <= {"create", "unchanged"}
    assert sum(plan.action == "create" for made in plans for plan in made) == 300
    assert len({user.user_name for user in company.people()}) == len(company.people()) == 300
    assert company.house.read(lambda tx: history.contradictions(tx, company.id)) == []


def test_a_name_that_somebody_takes_meanwhile_fails_its_row_alone(company: Company) -> None:
    taken = Profile("else", "leo1@acme.example", "Lea", "Linden", external_id="00uelse")

    def take() -> None:
        if not company.people():
            company.hire(taken)

    engine = Watched(company.house.installation.database.engine, take)
    text = b"external_id,user_name,email,given_name,family_name\n" + b"".join(
        b"00u%d,leo%d,leo%d@acme.example,Leo,Linden\n" % (n, n, n) for n in range(3)
    )
    plans = list(Import(engine, io.BytesIO(text), who=company.who).run())
    assert [plan.action for plan in plans] == ["create", "error", "create"]
    assert "who has another external id" in plans[1].problems[0].message
    assert sorted(user.user_name for user in company.people()) == ["else", "leo0", "leo2"]


def test_where_a_step_meets_others_each_row_is_tried_by_itself(company: Company) -> None:
    refusals: list[Exception] = [Collision("serialization"), Collision("serialization")]

    def refuse() -> None:
        if refusals:
            raise refusals.pop()

    engine = Watched(company.house.installation.database.engine, refuse)
    plans = list(Import(engine, io.BytesIO(wide(3)), who=company.who).run())
    assert [plan.action for plan in plans] == ["error", "create", "create"]
    assert plans[0].problems[0].message == "Others are changing the same person just now; import the file again."
    assert actions(company.run(wide(3))) == {"create": 1, "unchanged": 2}


def test_a_database_that_takes_no_write_ends_the_import_and_the_next_one_goes_on(company: Company) -> None:
    writes = iter(range(100))

    def refuse() -> None:
        if next(writes) == 1:
            raise Unavailable("The database did not take the write.")

    engine = Watched(company.house.installation.database.engine, refuse)
    done = []
    with pytest.raises(Unavailable):
        done.extend(Import(engine, io.BytesIO(wide(300)), who=company.who).run())
    assert 0 < len(company.people()) < 300
    again = actions(company.run(wide(300)))
    assert again["create"] + again["unchanged"] == 300
    assert again["unchanged"] > 0


@pytest.mark.timeout(300)
def test_a_killed_import_is_whole_once_it_ran_again(
    database_url: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    address = environment(tmp_path / "data", database_url)
    installation = open_installation(settings_.read(address))
    write = installation.database.engine.write
    subdomain = f"acme-{clock.new_id()}"
    made = write(lambda tx: companies.create(tx, subdomain, "Acme", actor=OPERATOR, now=clock.now()))
    company = Company(House(installation), made.id)
    company.field("Size", "number")
    rows = 1_500
    lines = [f"leo{n}@acme.example,Leo,Linden {n},{n},{('', 'yes')[n % 2]}\n" for n in range(rows)]
    file = tmp_path / "people.csv"
    file.write_text("email,given_name,family_name,custom.Size,archived\n" + "".join(lines))
    command = [sys.executable, "-m", "rollbook", "import", subdomain, str(file), "--json"]
    cut = 0
    try:
        for kill in range(KILLS):
            before = company.events()
            process = subprocess.Popen(
                command, env={**clean_environment(), **address}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            deadline = time.monotonic() + 60
            while company.events() == before and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            process.kill()
            cut += process.wait(timeout=30) != 0
            if kill == 0:
                assert cut == 1
            assert company.house.read(lambda tx: history.contradictions(tx, company.id)) == []
        ended = subprocess.run(
            command, env={**clean_environment(), **address}, capture_output=True, text=True, timeout=120, check=False
        )
        assert ended.returncode == 0, ended.stderr
        assert actions(company.run(file.read_bytes())) == {"unchanged": rows}
        assert company.house.read(lambda tx: history.contradictions(tx, company.id)) == []
        assert len(company.people(archived=False)) == rows / 2
    finally:
        installation.close()
    record_property("imports killed at work", cut)

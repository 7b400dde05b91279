"""What rules of smart groups cost: a company with twenty of them for the life cycle, and one person's change among
100,000 people with fifty rules against the same with one. Run as a process of its own it makes the twenty.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import townspeople
from benchmarks.cores import Cores
from benchmarks.servers import database_of, postgres_in, prepare, settings_of
from rollbook import clock, settings
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.installation import Installation, open_installation
from rollbook.people import companies, groups, rule_builds, smart_groups, users

NAMES = ("sqlite-change", "postgres-change")
PEOPLE = 100_000
RULES = 50
ROUNDS = 30
CHANGES = 20  # in each company and round

_OPERATOR = Actor("operator")
# A life (lifecycle.py) comes into the first and moves to the second; the others are evaluated for it.
TWENTY = (
    'location = "4130"',
    'location = "4200"',
    *(f'location = "{4300 + number}" and not role = "admin"' for number in range(10)),
    *(f'job_title contains "{title}"' for title in ("baker", "cook", "waiter", "miller", "clerk")),
    'department = "Customer Success" and job_title = "Director"',
    'hire_date >= 2026-01-01 and business_unit = "Engineering"',
    'name starts with "Mona" or manager = "Ada Lovage"',
)


def give_twenty(environment: Mapping[str, str]) -> None:
    """Makes twenty smart groups in the company acme of an environment."""
    installation = open_installation(settings.read(dict(environment)))
    try:
        company_id = installation.database.engine.read(lambda tx: companies.get(tx, "acme").id)
        _give(installation, company_id, TWENTY)
    finally:
        installation.close()


def changes(name: str, cores: Cores) -> list[float]:
    """What a change costs with fifty rules, as a multiple of what it costs with one: a ratio a round."""
    with ExitStack() as undo:
        undo.enter_context(cores.of_the_server())
        directory = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="rollbook-bench-")))
        address = ""
        if name.startswith("postgres"):
            address = database_of(undo.enter_context(postgres_in(directory)))
        environment = settings_of(directory, 8000, address)
        prepare(environment)
        installation = open_installation(settings.read(environment))
        undo.callback(installation.close)
        one = _Company(installation, address, "one", 1)
        fifty = _Company(installation, address, "fifty", RULES)
        ratios = []
        for number in range(ROUNDS):
            pair = (one, fifty) if number % 2 else (fifty, one)
            took = {company: company.change_some() for company in pair}
            ratios.append(took[fifty] / took[one])
        return ratios[2:]  # statements are prepared and rules compiled by then


class _Company:
    """100,000 people and some rules, each about a town."""

    def __init__(self, installation: Installation, address: str, name: str, rules: int) -> None:
        engine = installation.database.engine
        self._write = engine.write
        self.id = engine.write(lambda tx: companies.create(tx, name, name, actor=_OPERATOR, now=clock.now())).id
        texts = [f'location = "{townspeople.town(number)}"' for number in range(rules)]
        made = _give(installation, self.id, texts)
        people = townspeople.fill(installation.database, address, self.id, PEOPLE)
        townspeople.fill_groups(
            installation.database, address, self.id, {townspeople.town(n): made[n] for n in range(rules)}
        )
        self._movers = [people[number] for number in range(0, PEOPLE, townspeople.TOWNS)]  # all of the first town
        self._at = 0

    def change_some(self) -> float:
        """Moves people out of the first town, then back in; the median of the seconds that each took."""
        took = []
        for _ in range(CHANGES // 2):
            user_id = self._movers[self._at % len(self._movers)]
            self._at += 1
            for town in (townspeople.town(1), townspeople.town(0)):
                began = time.perf_counter()
                self._write(partial(self._move, user_id=user_id, town=town))
                took.append(time.perf_counter() - began)
        return median(took)

    def _move(self, tx: Tx, user_id: str, town: str) -> None:
        user = users.get(tx, self.id, user_id, lock=True)
        users.set_fields(tx, user, {"location": town}, actor=_OPERATOR, now=clock.now())


def _give(installation: Installation, company_id: str, rules: tuple[str, ...] | list[str]) -> list[str]:
    """Smart groups with these rules, built; their ids."""
    write = installation.database.engine.write
    made = []

    def create(tx: Tx, name: str, rule: str) -> str:
        return smart_groups.create(tx, company_id, name, rule, actor=_OPERATOR, now=clock.now()).id

    def step(tx: Tx, group_id: str) -> bool:
        return rule_builds.step(tx, company_id, group_id, 1, now=clock.now())

    for number, text in enumerate(rules):
        group_id = write(partial(create, name=f"Group {number}", rule=text))
        while write(partial(step, group_id=group_id)):
            pass
        assert write(partial(groups.get, company_id=company_id, group_id=group_id)).version == 1
        made.append(group_id)
    return made


if __name__ == "__main__":
    give_twenty(os.environ)

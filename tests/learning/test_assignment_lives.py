"""Random lives of assignments, each act played against the model; a refused one changes nothing on either side."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollbook import clock
from rollbook.errors import RollbookError
from rollbook.learning import assignment_lists, assignments, completion, content
from rollbook.people import companies, users
from tests.cast import LEO, MONA
from tests.conftest import OPERATOR, House
from tests.learning.assignment_model import Life, Refused
from tests.learning.school import School

LIVES = 300 if os.environ.get("ROLLBOOK_LONG") else 20

WHO = st.sampled_from(("Leo", "Leo", "Mona"))
LESSON = st.sampled_from(("One", "Two"))
PATHS = {"Free": ["One", "Two"], "Strict": ["Two", "One"]}
WHAT = st.sampled_from(("One", "Two", "Free", "Strict"))
DUE = st.sampled_from((None, "2020-01-31", "2030-01-31"))
SCORE = st.sampled_from((None, 0, 51, 100))
MOSTLY = st.sampled_from((True, True, True, False))

ACTS = st.one_of(
    st.tuples(st.just("assign"), WHO, WHAT, DUE, MOSTLY, MOSTLY),
    st.tuples(st.just("assign"), WHO, WHAT, DUE, MOSTLY, MOSTLY),
    st.tuples(st.just("complete"), WHO, LESSON, SCORE),
    st.tuples(st.just("complete"), WHO, LESSON, SCORE),
    st.tuples(st.just("withdraw"), WHO, WHAT),
    st.tuples(st.just("set_due"), WHO, WHAT, DUE),
    st.tuples(st.just("move"), WHO),
    st.tuples(st.just("shelve"), WHAT),
)

# One life that meets every decision for certain; chance is asked for the rest.
EVERY_TURN: list[tuple[Any, ...]] = [
    *[("assign", "Leo", what, "2030-01-31", True, True) for what in ("One", "Two", "Free", "Strict")],
    ("complete", "Leo", "One", 51),
    ("complete", "Leo", "One", 100),
    ("complete", "Leo", "Two", None),
    ("complete", "Leo", "One", None),
    ("complete", "Leo", "One", 0),
    ("withdraw", "Leo", "Free"),
    ("assign", "Leo", "Free", None, False, True),
    ("assign", "Leo", "Free", "2020-01-31", True, True),
    ("assign", "Leo", "One", "2020-01-31", True, False),
    ("set_due", "Leo", "Free", None),
    ("withdraw", "Leo", "Free"),
    ("withdraw", "Leo", "Two"),
    ("set_due", "Leo", "Free", "2030-01-31"),
    ("move", "Leo"),
    ("assign", "Leo", "Free", None, True, True),
    ("complete", "Leo", "One", 51),
    ("move", "Leo"),
    ("assign", "Leo", "Strict", None, True, True),
    ("shelve", "One"),
    ("shelve", "Free"),
    ("complete", "Leo", "Two", 51),
    ("shelve", "Strict"),
    ("shelve", "One"),
    ("shelve", "Strict"),
    ("complete", "Leo", "One", 51),
    ("shelve", "One"),
    ("assign", "Mona", "Strict", None, True, True),
    ("shelve", "Strict"),
    ("assign", "Mona", "Strict", None, True, True),
    ("complete", "Mona", "One", None),
]


class Stage:
    """The product's side of a life."""

    def __init__(self, house: House) -> None:
        name = f"lives-{clock.new_id()[:18]}"
        company = house.write(lambda tx: companies.create(tx, name, "Lives", actor=OPERATOR, now=clock.now()))
        self.school = school = School(house, company.id)
        self.people = {"Leo": school.hire(LEO), "Mona": school.hire(MONA)}
        self.content = {title: school.lesson(title) for title in ("One", "Two")}
        for title, of in PATHS.items():
            lessons = [self.content[lesson] for lesson in of]
            self.content[title] = school.path(*lessons, title=title, enforced_order=title == "Strict")
        self.who = {user.id: name for name, user in self.people.items()}
        self.what = {thing.id: title for title, thing in self.content.items()}

    def act(self, verb: str, *of: Any) -> None:
        getattr(self, verb)(*of)

    def assign(self, who: str, what: str, due: str | None, notify: bool, reassign: bool) -> None:
        how = {"due_on": due, "notify": notify, "reassign": reassign}
        self.school.assign(self._user(who), self._content(what), **how)

    def complete(self, who: str, lesson: str, score: int | None) -> None:
        self.school.complete(self._user(who), self._content(lesson), score=score)

    def withdraw(self, who: str, what: str) -> None:
        self.school.do(assignments.withdraw, self._assigned(who, what))

    def set_due(self, who: str, what: str, due: str | None) -> None:
        self.school.do(assignments.set_due, self._assigned(who, what), due)

    def move(self, who: str) -> None:
        user = self._user(who)
        self.school.do(users.archive if user.active else users.restore, user)

    def shelve(self, what: str) -> None:
        thing = self._content(what)
        self.school.do(content.restore if thing.state == "archived" else content.archive, thing)

    def held(self) -> dict[tuple[str, str], dict[str, Any]]:
        """In the words of the model."""
        found = {}
        for who, user in self.people.items():
            for one in self.school.of(user):
                past = self.school.ask(assignments.history, one)
                steps = self.school.ask(completion.progress_of, one)
                assert [past_one.round for past_one in past] == list(range(1, one.round))
                found[who, self.what[one.content_id]] = {
                    "round": one.round,
                    "state": one.state,
                    "due": one.due_on,
                    "score": one.score,
                    "past": [(past_one.state, past_one.due_on, past_one.score) for past_one in past],
                    "done": {lesson.title for lesson, at in steps if at},
                }
        return found

    def listed(self) -> Counter[tuple[str, str]]:
        lines = self.school.ask(assignment_lists.search, self.school.id)
        return Counter((line.given_name, line.title) for line in lines)

    def heard(self) -> Counter[tuple[str, str, int]]:
        """What mail spoke of, speaks of, or was to speak of when it was cancelled."""
        named = {
            one.id: (who, self.what[one.content_id])
            for who, user in self.people.items()
            for one in self.school.of(user)
        }
        return Counter((*named[item["assignment_id"]], item["round"]) for item in self.school.items())

    def _user(self, who: str) -> Any:
        return self.school.ask(users.get, self.school.id, self.people[who].id)

    def _content(self, what: str) -> Any:
        return self.school.content(self.content[what])

    def _assigned(self, who: str, what: str) -> Any:
        return self.school.ask(assignments.of_pair, self.people[who], self.content[what])


def play(house: House, acts: list[tuple[Any, ...]]) -> Counter[tuple[str, bool]]:
    stage = Stage(house)
    life = Life(["Leo", "Mona"], ["One", "Two"], PATHS, {"Strict"})
    seen: Counter[tuple[str, bool]] = Counter()
    for verb, *of in acts:
        try:
            getattr(life, verb)(*of)
            wanted = True
        except Refused:
            wanted = False
        try:
            stage.act(verb, *of)
            done = True
        except RollbookError:
            done = False
        assert done == wanted, (verb, of)
        seen[verb, done] += 1
        assert stage.held() == {key: held | {"done": set(held["done"])} for key, held in life.held.items()}
        assert stage.listed() == Counter(life.listed())
        assert {who: len(stage.school.told(user)) for who, user in stage.people.items()} == life.told
    assert stage.heard() == Counter(life.heard)
    waits = [mail for mail in stage.school.mail() if mail["state"] == "queued"]
    assert {stage.who[mail["user_id"]] for mail in waits} <= {who for who, here in life.active.items() if here}
    return seen


def test_a_life_that_meets_every_turn(house: House) -> None:
    seen = play(house, EVERY_TURN)
    assert {verb for verb, done in seen if done} == {"assign", "complete", "withdraw", "set_due", "move", "shelve"}
    assert {verb for verb, done in seen if not done} == {"assign", "complete", "withdraw", "set_due", "shelve"}


@settings(
    max_examples=LIVES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(acts=st.lists(ACTS, min_size=5, max_size=25))
def test_random_lives_are_what_the_model_says(house: House, acts: list[tuple[Any, ...]]) -> None:
    play(house, acts)

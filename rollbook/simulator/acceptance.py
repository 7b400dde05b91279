"""The twelve requests by which Okta accepts a SCIM server, with the same assertions, as steps of our own.

Okta publishes the original as a test file; the life of a user and further probes are in lifecycle.py and
probes.py, and story.py plays all of them.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

from rollbook.simulator.app import user_path
from rollbook.simulator.bodies import JSON, USER
from rollbook.simulator.checks import (
    Step,
    expect,
    expect_complete_user,
    expect_error,
    expect_list,
    expect_object,
    expect_status,
    expect_values,
    play,
    reach,
)
from rollbook.simulator.wire import Answer, ProvisioningError, Wire, equals

# The headers of Okta's test runner differ from those of its provisioning client.
RUNNER = {"User-Agent": "OKTA SCIM Integration", "Accept": "application/scim+json; charset=utf-8"}
RUNNER_POST = {**RUNNER, "Content-Type": "application/json"}

UNKNOWN_IDS = ("010101001010101011001010101011", "00919288221112222")
UNKNOWN_LOGIN = "abcdefgh@check.example"
SLOWEST_GROUPS = 600  # milliseconds


@dataclass(kw_only=True)
class Visit:
    """One acceptance visit to a server: the invented person and what the steps learnt so far.

    `made` holds the ids of the users that this visit created and will take away again.
    """

    wire: Wire
    given: str
    family: str
    first_id: str = ""
    own_id: str = ""
    made: list[str] = field(default_factory=list)

    @property
    def login(self) -> str:
        """The invented user name, with capitals in it: they must survive."""
        return f"{self.given}{self.family}@check.example"

    def body(self) -> JSON:
        return {
            "schemas": [USER],
            "userName": self.login,
            "name": {"givenName": self.given, "familyName": self.family},
            "emails": [{"primary": True, "value": self.login, "type": "work"}],
            "displayName": f"{self.given} {self.family}",
            "active": True,
        }

    def get(self, path: str, **query: object) -> Answer:
        return self.wire.send("GET", path, query=query, headers=RUNNER)

    def post(self, body: JSON) -> Answer:
        return self.wire.send("POST", "/Users", body=body, headers=RUNNER_POST)


def visit(wire: Wire, dice: random.Random) -> Visit:
    """A visit by an invented person whom no earlier visit has met, as far as chance allows."""
    letters = "".join(dice.choices("bcdfghklmnprstvz", k=8))
    return Visit(
        wire=wire,
        given=f"Rollcheck{dice.randrange(100, 1000)}",
        family=f"{letters.capitalize()}{dice.randrange(100, 1000)}",
    )


def specification(visit: Visit) -> Iterator[Step]:
    """Plays the twelve steps, after making the company's first user if there is none.

    Ends early when the very first request gets no usable answer, since all others would fail alike.
    """
    if _is_empty(visit):
        yield play(
            "First person",
            "the company has no active user yet, so an invented one is created",
            lambda: _first_person(visit),
        )
    first = play("1  List", "a page of one user: numbers, schema, complete user", lambda: _list_one(visit))
    yield first
    if not first.ok:
        return
    yield play("2  Read", "the same user by id", lambda: _read_first(visit))
    yield play("3  Find nobody", "an unknown user name gives an empty list, not 404", lambda: _nobody(visit))
    yield play("4  Unknown id", "404 as a SCIM error", lambda: _unknown(visit, UNKNOWN_IDS[0]))
    yield play("5  Not there yet", "the new user name is free", lambda: _free(visit))
    yield play("6  Create", "201, active, user name with its capitals", lambda: _create(visit))
    yield play("7  Read back", "the created user by id", lambda: _read_back(visit))
    yield play("8  Duplicate", "the same user name again is 409", lambda: _duplicate(visit))
    yield play("9  Capitals", "the user name in capitals is looked up", lambda: _capitals(visit))
    yield play("10 Groups", f"a list within {SLOWEST_GROUPS} ms (optional)", lambda: _groups(visit))
    yield play("11 No scheme", "a wrong Authorization is 401 as a SCIM error", lambda: _no_scheme(visit))
    yield play("12 Unknown id", "404 as a SCIM error", lambda: _unknown(visit, UNKNOWN_IDS[1]))


def _is_empty(visit: Visit) -> bool:
    """Whether the server lists nobody; False when that cannot be said, since step 1 will say why."""
    try:
        answer = visit.get("/Users", count=1, startIndex=1)
    except ProvisioningError:
        return False
    return answer.status == HTTPStatus.OK and (answer.body or {}).get("totalResults") == 0


def _first_person(visit: Visit) -> str:
    body = visit.body()
    login = f"first.{visit.login}"
    body |= {"userName": login, "emails": [{"primary": True, "value": login, "type": "work"}]}
    answer = visit.post(body)
    expect_status(answer, 201)
    _keep_id(visit, expect_object(answer))
    return f"created {login}"


def _list_one(visit: Visit) -> str:
    answer = visit.get("/Users", count=1, startIndex=1)
    found = expect_list(answer)
    expect(bool(found), "Resources is empty.")
    expect_complete_user(found[0])
    visit.first_id = found[0]["id"]
    return f"{expect_object(answer)['totalResults']} users, the first is {found[0]['userName']}"


def _read_first(visit: Visit) -> str:
    answer = visit.get(user_path(visit.first_id))
    expect_status(answer, 200)
    user = expect_object(answer)
    expect_complete_user(user)
    expect_values(user, {"id": visit.first_id})
    return "same id, all six attributes"


def _nobody(visit: Visit) -> str:
    found = expect_list(visit.get("/Users", filter=equals("userName", UNKNOWN_LOGIN)))
    expect(not found, f"{len(found)} users were found.")
    return "200, totalResults 0"


def _unknown(visit: Visit, user_id: str) -> str:
    return f"“{expect_error(visit.get(user_path(user_id)), 404)}”"


def _free(visit: Visit) -> str:
    found = expect_list(visit.get("/Users", filter=equals("userName", visit.login)))
    expect(not found, f"{visit.login} exists already.")
    return "200, totalResults 0"


def _create(visit: Visit) -> str:
    answer = visit.post(visit.body())
    expect_status(answer, 201)
    user = expect_object(answer)
    visit.own_id = _keep_id(visit, user)
    expect(USER in (user.get("schemas") or []), "schemas does not name the core User.")
    expect_values(
        user,
        {
            "active": True,
            "name.givenName": visit.given,
            "name.familyName": visit.family,
            "userName": visit.login,
        },
    )
    expect("password" not in user, "The password is given back.")
    return f"created {visit.login}"


def _read_back(visit: Visit) -> str:
    answer = visit.get(user_path(_own_id(visit)))
    expect_status(answer, 200)
    wanted = {"userName": visit.login, "name.givenName": visit.given, "name.familyName": visit.family}
    expect_values(expect_object(answer), wanted)
    return "names and user name as sent"


def _duplicate(visit: Visit) -> str:
    _own_id(visit)
    answer = visit.post(visit.body())
    if answer.status == 201:
        _keep_id(visit, expect_object(answer))
    return f"“{expect_error(answer, 409)}”"


def _capitals(visit: Visit) -> str:
    found = expect_list(visit.get("/Users", filter=equals("userName", visit.login.upper())))
    # Okta asserts the status alone; RFC 7643 section 4.1.1 makes userName case-insensitive.
    return "found" if found else "200, but not found: Okta would create a second account"


def _groups(visit: Visit) -> str:
    answer = visit.get("/Groups")
    if answer.status in (404, 501):
        return "no groups here"
    found = expect_list(answer)
    expect(answer.milliseconds < SLOWEST_GROUPS, f"It took {answer.milliseconds:.0f} ms.")
    return f"{len(found)} groups"


def _no_scheme(visit: Visit) -> str:
    answer = visit.wire.send(
        "GET",
        "/Users",
        query={"filter": equals("userName", visit.login.upper())},
        headers=RUNNER | {"Authorization": "non-token"},
    )
    return f"“{expect_error(answer, 401)}”"


def _keep_id(visit: Visit, user: JSON) -> str:
    user_id = reach(user, "id")
    expect(isinstance(user_id, str) and user_id != "", "id is empty.")
    visit.made.append(str(user_id))
    return str(user_id)


def _own_id(visit: Visit) -> str:
    expect(bool(visit.own_id), "There is no user to look at: the creation failed.")
    return visit.own_id

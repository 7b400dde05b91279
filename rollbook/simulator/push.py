"""A whole staff's life, pushed from the simulated Okta into any SCIM server: hires, leavers, returners.

Each act is checked by reading back what the server holds. The acceptance of a server is in story.py.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from rollbook.simulator.app import ProvisioningApp, user_path
from rollbook.simulator.bodies import JSON
from rollbook.simulator.checks import Step, expect, expect_enterprise, expect_values, play
from rollbook.simulator.lifecycle import expect_synchronized, take_away
from rollbook.simulator.people import LOCATIONS, OktaUser

Tick = Callable[[], None]


@dataclass(kw_only=True)
class Push:
    """A staff and the app it is pushed through.

    `people` are as Okta knows them now, `made` are the ids of the users that were created.
    """

    app: ProvisioningApp
    people: list[OktaUser]
    dice: random.Random
    tick: Tick = lambda: None
    made: list[str] = field(default_factory=list)

    def some(self, share: int) -> list[int]:
        """The places of every `share`-th person, at least one."""
        return list(range(0, len(self.people), share))

    def held(self, user: OktaUser) -> JSON:
        return self.app.wire.ask("GET", user_path(self.app.id_of(user)))


def push(run: Push, *, leave_behind: bool = False) -> Iterator[Step]:
    """Plays the staff's life; unless `leave_behind`, everybody created is taken away at the end.

    `run.tick` is called once per hire. Ends early when the server cannot be reached or refuses the key.
    """
    tested = play("Test connection", "a list of users comes back", lambda: f"{run.app.test_connection()} users")
    yield tested
    if not tested.ok:
        return
    yield play("Import", "all pages of users", lambda: f"{len(run.app.import_users())} users read")
    try:
        yield play("Hires", "looked up, created, read back", lambda: _hire(run))
        yield play("Profiles", "new titles arrive", lambda: _promote(run))
        yield play("Moves", "new Location and Business Unit", lambda: _move(run))
        yield play("E-mails", "new address, same user name and id", lambda: _new_addresses(run))
        yield play("User names", "a new user name and back, the same id", lambda: _rename(run))
        yield play("Leavers", "archived, still readable", lambda: _leave(run))
        yield play("Returners", "the same id, active again", lambda: _return(run))
        yield play("Tasks", "nothing is left for an administrator", lambda: _tasks(run))
    finally:
        gone = play("Tidy", "everybody created is gone", lambda: _tidy(run)) if not leave_behind else None
    if gone:
        yield gone


def _hire(run: Push) -> str:
    for user in run.people:
        before = run.app.match(user)
        assignment = expect_synchronized(run.app, run.app.assign(user))
        if before is None and assignment.external_id:
            run.made.append(assignment.external_id)
        run.tick()
    for user in run.people:
        wanted = {
            "userName": user.login,
            "email": user.email,
            "name.givenName": user.first_name,
            "active": True,
        }
        held = run.held(user)
        expect_values(held, wanted)
        expect_enterprise(held, costCenter=user.cost_center, division=user.division)
    return f"{len(run.people)} people, {len(run.made)} of them created"


def _promote(run: Push) -> str:
    places = run.some(5)
    for place in places:
        user = _put(run, place, replace(run.people[place], title=f"Senior {run.people[place].title}"))
        expect_values(run.held(user), {"title": user.title})
    return f"{len(places)} people"


def _move(run: Push) -> str:
    places = run.some(6)
    for place in places:
        user = run.people[place]
        elsewhere = run.dice.choice([city for city in LOCATIONS if city != user.cost_center])
        user = _put(run, place, replace(user, cost_center=elsewhere, division="Operations"))
        expect_enterprise(run.held(user), costCenter=elsewhere, division="Operations")
    return f"{len(places)} people"


def _new_addresses(run: Push) -> str:
    places = run.some(8)
    for place in places:
        user = run.people[place]
        user = _put(run, place, replace(user, email=f"mail.{user.email}"))
        expect_values(run.held(user), {"email": user.email, "userName": user.login})
    return f"{len(places)} people"


def _rename(run: Push) -> str:
    places = run.some(9)
    for place in places:
        user = run.people[place]
        before = run.app.id_of(user)
        for login in (f"new.{user.login}", user.login):  # and back, so that the next run finds them
            user = _put(run, place, replace(user, login=login))
            expect_values(run.held(user), {"userName": login, "id": before})
    return f"{len(places)} people"


def _leave(run: Push) -> str:
    places = run.some(4)
    for place in places:
        user = run.people[place]
        run.people[place] = expect_synchronized(run.app, run.app.deactivate(user)).user
        expect_values(run.held(user), {"active": False})
    return f"{len(places)} people"


def _return(run: Push) -> str:
    places = run.some(4)
    for place in places:
        user = run.people[place]
        before = run.app.id_of(user)
        after = expect_synchronized(run.app, run.app.reactivate(user))
        run.people[place] = after.user
        expect(after.external_id == before, f"The id changed from {before} to {after.external_id}.")
        expect_values(run.held(user), {"active": True})
    return f"{len(places)} people"


def _tasks(run: Push) -> str:
    expect(not run.app.tasks, "; ".join(task.text for task in run.app.tasks[:3]))
    return "none"


def _put(run: Push, place: int, user: OktaUser) -> OktaUser:
    run.people[place] = expect_synchronized(run.app, run.app.push_profile(user)).user
    return run.people[place]


def _tidy(run: Push) -> str:
    return take_away(run.app.wire, run.made)

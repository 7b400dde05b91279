"""The life of one invented user, from assignment to removal, as Okta's CRUD test plays it.

After each act the server is asked what it now holds. The requests are app.py's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from rollbook.simulator.app import Kind, ProvisioningApp, resources, user_path
from rollbook.simulator.bodies import JSON, status_change
from rollbook.simulator.checks import Step, UnmetError, expect, expect_enterprise, expect_values, play
from rollbook.simulator.people import Assignment, OktaUser
from rollbook.simulator.wire import Wire, equals


@dataclass(kw_only=True)
class Life:
    """One user's life through one app; `user` is the person as Okta knows them now."""

    app: ProvisioningApp
    user: OktaUser
    made: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.app.id_of(self.user)

    def read(self) -> JSON:
        return self.app.wire.ask("GET", user_path(self.id))


def life_cycle(life: Life) -> Iterator[Step]:
    """Assign, read, update, e-mail, user name, deactivate, assign again, unassign; the rest is skipped
    when the creation fails."""
    kind = life.app.kind
    created = play(f"Assign ({kind})", "looked up, then created, then found by user name", lambda: _assign(life))
    yield created
    if not created.ok:
        return
    yield play(f"Profile ({kind})", "a new first name and Location arrive", lambda: _update(life))
    yield play(f"Cleared ({kind})", "an emptied title is accepted and gone", lambda: _clear(life))
    yield play(f"E-mail ({kind})", "a new e-mail, the same user name and id", lambda: _email(life))
    yield play(f"User name ({kind})", "a new user name, the same id", lambda: _rename(life))
    yield play(f"Deactivate ({kind})", "still readable by id, active false", lambda: _deactivate(life))
    yield play(f"Same again ({kind})", "a repeated deactivation is quiet", lambda: _same_again(life))
    yield play(f"Assign again ({kind})", "found archived, same id, active true", lambda: _assign_again(life))
    yield play(f"Unassign ({kind})", "active false", lambda: _unassign(life))


def new_life(wire: Wire, kind: Kind, user: OktaUser, made: list[str]) -> Life:
    return Life(app=ProvisioningApp(wire=wire, kind=kind), user=user, made=made)


def expect_synchronized(app: ProvisioningApp, assignment: Assignment) -> Assignment:
    """Raises UnmetError with the text of the newest task unless the act went through."""
    if assignment.sync != "SYNCHRONIZED":
        raise UnmetError(app.tasks[-1].text if app.tasks else "Nothing was sent.")
    return assignment


def take_away(wire: Wire, ids: Iterable[str]) -> str:
    """Deletes users, and archives those whose deletion is refused; raises UnmetError when neither works."""
    deleted = archived = 0
    for user_id in dict.fromkeys(ids):
        if wire.send("DELETE", user_path(user_id)).status in (200, 204, 404):
            deleted += 1
            continue
        answer = wire.send("PATCH", user_path(user_id), body=status_change(False))
        expect(answer.status in (200, 204), f"{user_id} could be neither deleted nor archived.")
        archived += 1
    return f"{deleted} deleted" + (f", {archived} left archived" if archived else "")


def _assign(life: Life) -> str:
    expect_synchronized(life.app, life.app.assign(life.user))
    life.made.append(life.id)
    query = {"filter": equals("userName", life.user.login)}
    found = resources(life.app.wire.ask("GET", "/Users", query=query))
    expect(len(found) == 1, f"{len(found)} users are found by {life.user.login}.")
    expect_values(
        found[0],
        {
            "id": life.id,
            "userName": life.user.login,
            "email": life.user.email,
            "name.givenName": life.user.first_name,
            "name.familyName": life.user.last_name,
        },
    )
    return f"{life.user.login} is {life.id}"


def _update(life: Life) -> str:
    life.user = replace(life.user, first_name="Renamed", cost_center="Porto")
    expect_synchronized(life.app, life.app.push_profile(life.user))
    user = life.read()
    expect_values(user, {"name.givenName": "Renamed", "id": life.id})
    expect_enterprise(user, costCenter="Porto")
    return "first name and costCenter as sent"


def _clear(life: Life) -> str:
    life.user = replace(life.user, title="")
    expect_synchronized(life.app, life.app.push_profile(life.user))
    held = life.read().get("title")
    expect(held in (None, ""), f"title is still {held!r}.")
    return "no title any more"


def _email(life: Life) -> str:
    before, address = life.user.login, f"new.{life.user.email}"
    life.user = expect_synchronized(life.app, life.app.change_email(life.user, address)).user
    expect_values(life.read(), {"email": address, "userName": before, "id": life.id})
    return address


def _rename(life: Life) -> str:
    login = f"renamed.{life.user.login}"
    life.user = expect_synchronized(life.app, life.app.rename(life.user, login)).user
    expect_values(life.read(), {"userName": login, "email": life.user.email, "id": life.id})
    return login


def _deactivate(life: Life) -> str:
    life.user = expect_synchronized(life.app, life.app.deactivate(life.user)).user
    expect_values(life.read(), {"active": False, "id": life.id})
    return "archived, and shown so"


def _same_again(life: Life) -> str:
    before = life.read()
    answer = life.app.wire.send("PATCH", user_path(life.id), body=status_change(False))
    expect(answer.status in (200, 204), f"The server answered {answer.status}: {answer.detail}")
    after = life.read()
    expect_values(after, {"active": False})
    same = before.get("meta") == after.get("meta")
    return f"{answer.status}, {'no new version' if same else 'though a new version was written'}"


def _assign_again(life: Life) -> str:
    before = life.id
    life.user = expect_synchronized(life.app, life.app.reactivate(life.user)).user
    expect(life.id == before, f"The id changed from {before} to {life.id}.")
    expect_values(life.read(), {"active": True, "id": before, "email": life.user.email})
    return "the same id, active"


def _unassign(life: Life) -> str:
    expect_synchronized(life.app, life.app.unassign(life.user))
    expect_values(life.read(), {"active": False})
    return "archived"

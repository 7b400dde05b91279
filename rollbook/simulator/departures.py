"""The scenes of the demo about leaving and coming back, and about a second app.

What comes before is in scenes.py.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

from rollbook.simulator.browser import use_link
from rollbook.simulator.cast import LEO, NORA, Play, expect_fields, first_assignment, through
from rollbook.simulator.checks import Step, expect, expect_values, play
from rollbook.simulator.people import staff

LEAVERS = slice(5, 10)
SECOND_STAFF = 6


def leavers(demo: Play) -> Iterator[Step]:
    yield play("Suspended", "Okta sends nothing, the person stays", lambda: _suspend(demo))
    yield play("Leo's link", "a one-time link; opening it uses nothing up", lambda: _open_link(demo))
    yield play("Leo leaves", "archived by a PUT; his link is refused at once", lambda: _leo_leaves(demo))
    yield play("Five more leave", "out of the lists, still readable for Okta", lambda: _more_leave(demo))
    yield play("Drift", "without an id Okta sends nothing; we name her", lambda: _drift(demo))
    yield play("Cure", "Provision User links Nora; then she can leave", lambda: _cure(demo))


def returners(demo: Play) -> Iterator[Step]:
    yield play("Leo returns", "the same id, active, nothing lost", lambda: _leo_returns(demo))
    yield play("Timeline", "archived and restored are in his events", lambda: _timeline(demo))
    yield play("Old link", "his link from before stays refused", lambda: _old_link(demo))
    yield play("A leaver returns", "under a new e-mail, with the same id", lambda: _return_renamed(demo))


def second_app(demo: Play) -> Iterator[Step]:
    yield play("Second key", "a catalogue app with a key of its own, as Bearer", lambda: _second_key(demo))
    yield play("Hires", "created through the second app, + in its queries", lambda: _second_hires(demo))
    yield play("Leaver", "archived by a PATCH without a path", lambda: _second_leaver(demo))
    yield play("Returner", "found archived, the same id, PATCH and PUT", lambda: _second_returner(demo))


def _suspend(demo: Play) -> str:
    user = demo.hires[10]
    before = len(demo.wizard.wire.exchanges)
    demo.wizard.suspend(user)
    expect(len(demo.wizard.wire.exchanges) == before, "Something was sent.")
    expect_values(demo.held(user), {"active": True})
    return f"{user.display_name} is suspended in Okta alone"


def _open_link(demo: Play) -> str:
    visits = [use_link(demo.links[LEO.email], press=False) for _ in range(2)]
    expect(all(visit.opened == 200 for visit in visits), f"The link answers {visits[-1].opened}.")
    return "opened twice, as mail scanners do"


def _leo_leaves(demo: Play) -> str:
    through(demo.wizard, demo.wizard.deactivate(LEO))
    start = time.perf_counter()
    visit = use_link(demo.links[LEO.email], forge=True)
    elapsed = (time.perf_counter() - start) * 1000
    expect(not visit.signed_in, "The link still signed him in.")
    expect(400 <= (visit.pressed or 0) < 500, f"Pressing the button was answered {visit.pressed}.")
    return f"refused with {visit.pressed}, {elapsed:.0f} ms after the archive"


def _more_leave(demo: Play) -> str:
    gone = demo.hires[LEAVERS]
    for user in gone:
        through(demo.wizard, demo.wizard.unassign(user))
    active, demo.archived = demo.users(), demo.users("acme", "--archived")
    for user in (LEO, *gone):
        expect(user.login not in active, f"{user.login} is still listed.")
        expect(user.login in demo.archived, f"{user.login} is not among the archived.")
        found = demo.wizard.match(user)
        expect(found is not None, f"Okta no longer finds {user.login}: it would create a second account.")
        expect_values(found or {}, {"active": False})
    return f"{len(demo.archived)} archived, {len(active)} active"


def _drift(demo: Play) -> str:
    made = demo.ask("user", "create", "acme", NORA.email, "--given", "Nora", "--family", "Newman")
    demo.ids[NORA.email] = made["id"]
    before = len(demo.wizard.wire.exchanges)
    demo.wizard.assign_before_provisioning(NORA)
    demo.wizard.unassign(NORA)
    expect(len(demo.wizard.wire.exchanges) == before, "Something was sent.")
    named = [row["user"]["id"] for row in demo.ask("links", "acme")]
    expect(made["id"] in named, "rollbook links does not name her.")
    return "still active, and named by rollbook links"


def _cure(demo: Play) -> str:
    assignment = through(demo.wizard, demo.wizard.assign(NORA))
    expect(assignment.external_id == demo.ids[NORA.email], "A second account was made.")
    through(demo.wizard, demo.wizard.unassign(NORA))
    user = demo.user(NORA.email)
    expect_fields(user, link="linked", id=demo.ids[NORA.email])
    expect(user["archived_at"] is not None, "She is not archived.")
    return "linked, then archived"


def _leo_returns(demo: Play) -> str:
    before = demo.archived[LEO.login]
    assignment = through(demo.wizard, demo.wizard.reactivate(LEO))
    expect(assignment.external_id == before["id"], "He came back as somebody else.")
    expect_fields(demo.user(LEO.email), **(before | {"archived_at": None}))
    return f"{before['id']}, every field as before"


def _timeline(demo: Play) -> str:
    kinds = [event["kind"] for event in demo.ask("user", "events", "acme", LEO.email)]
    for kind in ("UserArchived", "UserRestored"):
        expect(kinds.count(kind) == 1, f"{kind} is there {kinds.count(kind)} times: {', '.join(kinds)}.")
    return f"{len(kinds)} events, one of each"


def _old_link(demo: Play) -> str:
    visit = use_link(demo.links[LEO.email], forge=True)
    expect(not visit.signed_in, "The link signed him in again.")
    expect(400 <= (visit.pressed or 0) < 500, f"Pressing the button was answered {visit.pressed}.")
    return f"refused with {visit.pressed}"


def _return_renamed(demo: Play) -> str:
    user = demo.hires[LEAVERS.start]
    before = demo.archived[user.login]["id"]
    back = replace(user, email=f"again.{user.email}")
    assignment = through(demo.wizard, demo.wizard.reactivate(back))
    demo.hires[LEAVERS.start] = assignment.user
    expect(assignment.external_id == before, "A second account was made.")
    expect_values(demo.held(back), {"active": True, "email": back.email, "userName": back.login})
    return back.email


def _second_key(demo: Play) -> str:
    demo.catalogue.wire.key = demo.issue_key("acme", "Okta catalogue app")
    return f"200, {demo.catalogue.test_connection()} users"


def _second_hires(demo: Play) -> str:
    people = staff(SECOND_STAFF, seed=2, domain="contractors.example")
    for user in people:
        through(demo.catalogue, demo.catalogue.assign(user))
    users = demo.users()
    for user in people:
        expect(user.login in users, f"{user.login} is missing.")
        expect_fields(users[user.login], location=user.cost_center, business_unit=user.division)
    return f"{len(people)} people of contractors.example"


def _second_leaver(demo: Play) -> str:
    user = first_assignment(demo.catalogue).user
    through(demo.catalogue, demo.catalogue.deactivate(user))
    last = demo.catalogue.wire.exchanges[-1]
    expect(last.method == "PATCH", f"The last request was {last.method}.")
    expect_values(demo.catalogue.match(user) or {}, {"active": False})
    return f"{user.display_name}, answered {last.status}"


def _second_returner(demo: Play) -> str:
    before = first_assignment(demo.catalogue)
    after = through(demo.catalogue, demo.catalogue.reactivate(before.user))
    expect(after.external_id == before.external_id, "The id changed.")
    expect_fields(demo.user(after.user.login), archived_at=None, id=before.external_id)
    return "active again"

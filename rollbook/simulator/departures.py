"""The scenes of the demo about leaving and coming back, and about a second app.

What comes before is in scenes.py.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

from rollbook.simulator.cast import LEO, NORA, Play, expect_fields, first_assignment, through
from rollbook.simulator.checks import Step, UnmetError, expect, expect_values, play
from rollbook.simulator.people import staff

LEAVERS = slice(5, 10)
SECOND_STAFF = 6


def leavers(demo: Play) -> Iterator[Step]:
    yield play("Suspended", "Okta sends nothing, the person stays", lambda: _suspend(demo))
    yield play("Leo's session", "his one-time link signs him in; he opens another", lambda: _sign_in(demo))
    yield play("Leo leaves", "archived by a PUT; session and link end at once", lambda: _leo_leaves(demo))
    yield play("Five more leave", "out of the lists, still readable for Okta", lambda: _more_leave(demo))
    yield play("Drift", "without an id Okta sends nothing; we name her", lambda: _drift(demo))
    yield play("Cure", "Provision User links Nora; then she can leave", lambda: _cure(demo))


def returners(demo: Play) -> Iterator[Step]:
    yield play("Leo returns", "the same id, active, nothing lost", lambda: _leo_returns(demo))
    yield play("Timeline", "archived and restored are in his events", lambda: _timeline(demo))
    yield play("Old link", "stays refused; a new one lets him in", lambda: _old_link(demo))
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


def _sign_in(demo: Play) -> str:
    browser, link = demo.leo, demo.links[LEO.email]
    for _ in range(2):
        expect(browser.open(link).has_button, "His link shows no button.")
    pressed = browser.press(browser.open(link))
    expect(browser.sees(demo.stage.base_url, LEO.first_name), f"He is not signed in: answered {pressed}.")
    demo.leos_page = browser.open(fresh_link(demo))
    expect(demo.leos_page.has_button, "His second link shows no button.")
    return "looking three times used nothing up, as mail scanners look"


def _leo_leaves(demo: Play) -> str:
    browser = demo.leo
    expect(browser.sees(demo.stage.base_url, LEO.first_name), "He had no session to lose.")
    through(demo.wizard, demo.wizard.deactivate(LEO))
    start = time.perf_counter()
    expect(not browser.sees(demo.stage.base_url, LEO.first_name), "His session still shows him his page.")
    refused = _press_in_vain(demo)
    elapsed = (time.perf_counter() - start) * 1000
    return f"signed out, his open page refused with {refused}, all within {elapsed:.0f} ms"


def _press_in_vain(demo: Play) -> int:
    """Presses the button of the page that lay open since before the archive."""
    if demo.leos_page is None:
        raise UnmetError("No page of his lies open.")
    pressed = demo.leo.press(demo.leos_page)
    expect(400 <= pressed < 500, f"Pressing the button was answered {pressed}.")
    expect(not demo.leo.sees(demo.stage.base_url, LEO.first_name), "The link signed him in.")
    return pressed


def fresh_link(demo: Play) -> str:
    """Another sign-in link for Leo."""
    invited = demo.ask(
        *("user", "invite", "acme", LEO.email, "--role", "learner"),
        *("--given", LEO.first_name, "--family", LEO.last_name, "--no-mail"),
    )
    return str(invited["sign_in_url"])


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
    refused = _press_in_vain(demo)
    browser = demo.leo
    browser.press(browser.open(fresh_link(demo)))
    expect(browser.sees(demo.stage.base_url, LEO.first_name), "A new link does not sign him in.")
    return f"refused with {refused}; a new link signs him in"


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

"""The first scenes of the demo: the company and its key, people from before, hires, changes.

Leavers and refusals are in departures.py and refusals.py; demo.py puts the scenes in order.
"""

import statistics
import time
from collections.abc import Iterator
from dataclasses import replace

from rollbook.simulator.bodies import ENTERPRISE
from rollbook.simulator.browser import Browser
from rollbook.simulator.cast import ADA, CLEO, LEO, MONA, Play, expect_fields, through
from rollbook.simulator.checks import (
    Found,
    Step,
    UnmetError,
    expect,
    expect_enterprise,
    expect_values,
    play,
    reach,
)
from rollbook.simulator.people import OktaUser

LEARNED_BEFORE = (MONA, CLEO, LEO)
ROLES = ("manager", "creator", "learner")
MAIL_SECONDS = 15.0
POSTMASTER = "postmaster@acme.example"
SILENCE_SECONDS = 2.0


def company(demo: Play) -> Iterator[Step]:
    yield play("Company", "rollbook company create acme", lambda: _company(demo))
    yield play("Key", "a SCIM key, shown once and never again", lambda: _key(demo))
    yield play("Ada", "invited as the admin, with a one-time sign-in link", lambda: _ada(demo))
    yield play("Mail sink", "what Rollbook mails would be seen", lambda: _sink(demo))
    yield play("Test", "Okta's Test API Credentials lists the users", lambda: _test(demo))


def before(demo: Play) -> Iterator[Step]:
    yield play("Made in Learning", "Mona, Cleo and Leo exist before Okta", lambda: _made_before(demo))
    yield play("Import", "Okta's import lists them, and reading links nobody", lambda: _import(demo))
    yield play("Not linked", "rollbook links names them and says what to do", lambda: _named(demo))
    yield play("Confirm", "Okta confirms Mona and Cleo and writes to their ids", lambda: _confirm(demo))
    yield play("Assign", "Leo is looked up, found, and written to", lambda: _assign_leo(demo))
    yield play("Linked", "same ids, roles kept, profiles as in Okta", lambda: _linked(demo))
    yield play("Nobody left", "rollbook links names none of the three", lambda: _nobody_named(demo))


def hires(demo: Play) -> Iterator[Step]:
    yield play(f"{len(demo.hires)} hires", "looked up, then created one by one", lambda: _hire(demo))
    yield play("In Learning", "learners, linked, Location and Business Unit right", lambda: _arrived(demo))
    yield play("Silence", "nobody who was provisioned got a mail", lambda: silence(demo))


def changes(demo: Play) -> Iterator[Step]:
    yield play("Profile", "a new family name, title and manager", lambda: _profile(demo))
    yield play("Move", "a new Location and Business Unit", lambda: _move(demo))
    yield play("E-mail", "a new address, same id and user name", lambda: _email(demo))
    yield play("User name", "a new user name, same id and e-mail", lambda: _rename(demo))
    yield play("Cleared", "an emptied department is empty", lambda: _clear(demo))
    yield play("In Learning", "rollbook user list shows all five changes", lambda: _changed(demo))
    yield play("Silence", "still no mail", lambda: silence(demo))


def silence(demo: Play) -> str:
    """Gives the worker time to betray itself, then looks into the sink."""
    time.sleep(SILENCE_SECONDS)
    people = {user.email for user in demo.hires} | {user.email for user in LEARNED_BEFORE}
    people |= {assignment.user.email for app in demo.apps() for assignment in app.assignments.values()}
    mails = [mail for mail in demo.stage.sink.mails() if mail.recipient in people]
    expect(not mails, f"{len(mails)} mails were sent, the first to {mails[0].recipient}." if mails else "")
    return f"0 mails to {len(people)} addresses"


def _company(demo: Play) -> str:
    made = demo.ask("company", "create", "acme", "--name", "Acme Tools")
    expect(made["subdomain"] == "acme", f"The subdomain is {made['subdomain']!r}.")
    return f"Acme Tools is {made['id']}"


def _key(demo: Play) -> str:
    demo.wizard.wire.key = demo.issue_key("acme", "Okta wizard app")
    listed = demo.ask("key", "list", "acme")
    expect(len(listed) == 1 and listed[0]["scope"] == "scim", "key list does not show the one scim key.")
    expect(demo.wizard.wire.key not in repr(listed), "key list gives the key away.")
    return f"{listed[0]['prefix']}…"


def invite_ada(demo: Play) -> str:
    """A fresh sign-in link for Ada; the first one makes her."""
    invited = demo.ask(*("user", "invite", "acme", ADA, "--role", "admin", "--given", "Ada", "--family", "Admin"))
    return str(invited["sign_in_url"])


def _ada(demo: Play) -> str:
    link = invite_ada(demo)
    expect(link.startswith(f"{demo.stage.base_url}/sign-in/"), "The link leads elsewhere.")
    browser = Browser()
    try:
        page = browser.open(link)
        expect(page.has_button, f"Her link shows no button; it answers {page.status}.")
        pressed = browser.press(page)
        expect(browser.sees(demo.stage.base_url, "Ada"), f"She is not signed in: answered {pressed}.")
    finally:
        browser.close()
    return "she is in the console"


def _sink(demo: Play) -> str:
    """Without this the silence of the sink would prove nothing."""
    demo.stage.sink.send_to_self(POSTMASTER)
    expect(demo.stage.sink.wait_for(POSTMASTER, MAIL_SECONDS) is not None, "A mail to it did not arrive.")
    return "a mail sent over SMTP arrived"


def _test(demo: Play) -> str:
    total = demo.wizard.test_connection()
    expect(total == 1, f"{total} users are listed, expected Ada alone.")
    return "200, 1 user"


def _made_before(demo: Play) -> str:
    for user in (MONA, CLEO):
        made = demo.ask(*("user", "create", "acme", user.email, "--given", user.first_name, "--family", user.last_name))
        demo.ids[user.email] = made["id"]
    invited = demo.ask(
        *("user", "invite", "acme", LEO.email, "--role", "learner", "--given", "Leo", "--family", "Learner"),
        "--no-mail",
    )
    demo.ids[LEO.email], demo.links[LEO.email] = invited["id"], invited["sign_in_url"]
    demo.ask("user", "role", "acme", MONA.email, "manager")
    demo.ask("user", "role", "acme", CLEO.email, "creator")
    return "a manager, a creator, a learner"


def _import(demo: Play) -> str:
    found = {user["userName"]: user["id"] for user in demo.wizard.import_users()}
    for user in LEARNED_BEFORE:
        expect(found.get(user.login) == demo.ids[user.email], f"{user.login} is not in the import.")
    return f"{len(found)} users read"


def _named(demo: Play) -> str:
    named = {row["user"]["id"]: row for row in demo.ask("links", "acme")}
    for user in LEARNED_BEFORE:
        row = named.get(demo.ids[user.email])
        if row is None:
            raise UnmetError(f"{user.email} is not named: reading alone must not link.")
        expect(row["link"] == "unlinked", f"{user.email} is {row['link']}.")
        expect(bool(row["what_to_do"]), f"There is no word on what to do about {user.email}.")
    return f"“{named[demo.ids[MONA.email]]['what_to_do']}”"


def _confirm(demo: Play) -> str:
    for user in (MONA, CLEO):
        through(demo.wizard, demo.wizard.confirm_match(user, demo.ids[user.email]))
    return "GET and PUT each"


def _assign_leo(demo: Play) -> str:
    assignment = through(demo.wizard, demo.wizard.assign(LEO))
    expect(assignment.external_id == demo.ids[LEO.email], "Okta was given another id: a second account.")
    return "no second account"


def _linked(demo: Play) -> str:
    users = demo.users()
    for user, role in zip(LEARNED_BEFORE, ROLES, strict=True):
        expect_fields(
            users[user.login],
            id=demo.ids[user.email],
            link="linked",
            role=role,
            external_id=user.id,
            location=user.cost_center,
            business_unit=user.division,
            job_title=user.title,
        )
    return f"still {', '.join(ROLES)}: provisioning neither raises nor lowers a role"


def _nobody_named(demo: Play) -> str:
    left = [row["user"]["id"] for row in demo.ask("links", "acme")]
    for user in LEARNED_BEFORE:
        expect(demo.ids[user.email] not in left, f"{user.email} is still named.")
    return "a later bulk deactivation will reach them"


def _hire(demo: Play) -> str:
    times: list[float] = []
    for user in demo.hires:
        start = time.perf_counter()
        through(demo.wizard, demo.wizard.assign(user))
        times.append((time.perf_counter() - start) * 1000)
        demo.tick()
    return f"median {statistics.median(times):.0f} ms from look-up to answer, slowest {max(times):.0f} ms"


def _arrived(demo: Play) -> str:
    users = demo.users()
    for user in demo.hires:
        expect(user.login in users, f"{user.login} is missing.")
        expect_fields(
            users[user.login],
            id=demo.wizard.id_of(user),
            role="learner",
            link="linked",
            external_id=user.id,
            archived_at=None,
            email=user.email,
            given_name=user.first_name,
            family_name=user.last_name,
            location=user.cost_center,
            business_unit=user.division,
            department=user.department,
            job_title=user.title,
        )
    places, units = {user.cost_center for user in demo.hires}, {user.division for user in demo.hires}
    return f"{len(users)} users, {len(places)} Locations, {len(units)} Business Units"


def _profile(demo: Play) -> str:
    changed = replace(demo.hires[0], title="Principal", last_name="Castro-Quist", manager="Mona Manager")
    user = push_hire(demo, 0, changed)
    formatted = str(reach(demo.held(user), "name.formatted"))
    expect("Castro-Quist" in formatted, f"name.formatted is the stale {formatted!r} that Okta sent back.")
    return f"{user.display_name}, also in name.formatted, which Okta sends back stale"


def _move(demo: Play) -> str:
    user = push_hire(demo, 1, replace(demo.hires[1], cost_center="Tallinn", division="Field Service"))
    expect_enterprise(demo.held(user), costCenter="Tallinn", division="Field Service")
    return f"{user.display_name} works in Tallinn for Field Service"


def _email(demo: Play) -> str:
    user = push_hire(demo, 2, replace(demo.hires[2], email=f"post.{demo.hires[2].email}"))
    expect_values(demo.held(user), {"email": user.email, "userName": user.login})
    return user.email


def _rename(demo: Play) -> str:
    user = push_hire(demo, 3, replace(demo.hires[3], login=f"new.{demo.hires[3].login}"))
    expect_values(demo.held(user), {"email": user.email, "userName": user.login})
    return user.login


def _clear(demo: Play) -> str:
    user = push_hire(demo, 4, replace(demo.hires[4], department=""))
    expect(not (demo.held(user).get(ENTERPRISE) or {}).get("department"), "The department is still there.")
    return "empty in Okta, empty here"


def _changed(demo: Play) -> str:
    users = Found((user["id"], user) for user in demo.users().values())
    named, moved, mailed, renamed, cleared = (users[demo.wizard.id_of(user)] for user in demo.hires[:5])
    expect_fields(named, job_title="Principal", family_name="Castro-Quist", manager_name="Mona Manager")
    expect_fields(moved, location="Tallinn", business_unit="Field Service")
    expect_fields(mailed, email=demo.hires[2].email, user_name=demo.hires[2].login)
    expect_fields(renamed, email=demo.hires[3].email, user_name=demo.hires[3].login)
    expect(not cleared["department"], f"The department is still {cleared['department']!r}.")
    return "under the ids they had before"


def push_hire(demo: Play, place: int, user: OktaUser) -> OktaUser:
    """Changes one of the hires in Okta and pushes the profile through the wizard app."""
    demo.hires[place] = through(demo.wizard, demo.wizard.push_profile(user)).user
    return demo.hires[place]

"""The scenes of the demo about refusals, another company, and the provisioning log that tells it all.

What comes before is in scenes.py and departures.py.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from rollbook.simulator.app import ProvisioningApp, user_path
from rollbook.simulator.bodies import creation, status_change
from rollbook.simulator.browser import Browser
from rollbook.simulator.cast import MONA, OTTO, Play, first_assignment, newest_task, through
from rollbook.simulator.checks import Step, expect, expect_error, expect_object, expect_values, play
from rollbook.simulator.people import OktaUser
from rollbook.simulator.wire import Wire

LATE = OktaUser(
    id="00uacmecast000000005",
    login="ines.late@acme.example",
    email=MONA.email,
    first_name="Inês",
    last_name="Late",
    cost_center="Porto",
    division="Sales",
)
WRITES = ("POST", "PUT", "PATCH", "DELETE")


def refusals(demo: Play) -> Iterator[Step]:
    yield play("Duplicate", "the same user name again is 409 and says whose it is", lambda: _duplicate(demo))
    yield play("Task", "a hire with Mona's e-mail fails; Okta shows our words", lambda: _task(demo))
    yield play("Retry", "corrected in Okta, retried from Tasks", lambda: _retry(demo))
    yield play("Wrong key", "401 as SCIM JSON, so that Okta can show it", lambda: _wrong_key(demo))
    yield play("Revoked key", "the second app's key ends; its next push is a task", lambda: _revoked_key(demo))
    yield play("New key", "pasted into Okta, and the task goes through", lambda: _new_key(demo))


def sealed(demo: Play, umbra: ProvisioningApp) -> Iterator[Step]:
    """The other company; `umbra` is Otto's app, whose key is put in here."""
    yield play("Umbra", "a second company with Otto as its admin", lambda: _umbra(demo, umbra))
    yield play("Otto signs in", "his one-time link opens a session, once", lambda: _otto(demo))
    yield play("Its list", "Otto alone: nobody of acme", lambda: _its_list(demo, umbra))
    yield play("Foreign id", "acme's ids are 404 to read, write and archive", lambda: _foreign_id(demo, umbra))
    yield play("Foreign key", "acme's key under umbra's name is 401", lambda: _foreign_key(demo, umbra))
    yield play("Same names", "umbra may have a Mona of the same name", lambda: _same_name(demo, umbra))


def log(demo: Play) -> Iterator[Step]:
    yield play("Every write", "the provisioning log holds each one we sent, no other", lambda: _every_write(demo))
    yield play("Decisions", "and says what was decided", lambda: _decisions(demo))
    yield play("Refusals", "rollbook log --refused holds the refused ones only", lambda: _refused(demo))
    yield play("No secrets", "neither keys nor passwords are in it", lambda: _no_secrets(demo))


def _duplicate(demo: Play) -> str:
    body = creation(replace(MONA, id=LATE.id), "filler99", with_external_id=True, with_enterprise=True)
    answer = demo.wizard.wire.send("POST", "/Users", body=body)
    detail = expect_error(answer, 409)
    kind = expect_object(answer).get("scimType")
    expect(kind == "uniqueness", f"scimType is {kind!r}, not uniqueness.")
    expect(MONA.login in detail or demo.ids[MONA.email] in detail, f"It does not say whose: “{detail}”")
    return f"“{detail}”"


def _task(demo: Play) -> str:
    expect(demo.wizard.assign(LATE).sync == "ERROR", "It was accepted.")
    task = newest_task(demo.wizard)
    expect(task.status == 409, f"The answer was {task.status}, expected 409.")
    expect(demo.ids[MONA.email] in task.detail, f"The task does not say whose it is: “{task.detail}”")
    expect("e-mail" in task.detail, f"The task does not say what clashes: “{task.detail}”")
    return f"“{task.text}”"


def _retry(demo: Play) -> str:
    corrected = replace(LATE, email=LATE.login)
    demo.wizard.push_profile(corrected)  # without an id this sends nothing; Okta only learns of it
    assignment = through(demo.wizard, demo.wizard.retry(newest_task(demo.wizard)))
    found = demo.wizard.match(corrected) or {}
    expect_values(found, {"id": assignment.external_id, "email": LATE.login, "active": True})
    expect(not demo.wizard.tasks, "A task is left.")
    return "created, no task is left"


def _wrong_key(demo: Play) -> str:
    right = demo.wizard.wire
    wire = replace(right, key=right.key[:-1] + ("a" if right.key[-1] != "a" else "b"))
    try:
        return f"“{expect_error(wire.send('GET', '/Users', query={'startIndex': 1, 'count': 2}), 401)}”"
    finally:
        wire.close()


def _revoked_key(demo: Play) -> str:
    demo.ask("key", "revoke", "acme", demo.keys["Okta catalogue app"]["id"])
    user = first_assignment(demo.catalogue).user
    assignment = demo.catalogue.push_profile(replace(user, title="Team Lead"))
    expect(assignment.sync == "ERROR", "The revoked key was accepted.")
    task = newest_task(demo.catalogue)
    expect(task.status == 401, f"The answer was {task.status}.")
    return f"“{task.detail}”"


def _new_key(demo: Play) -> str:
    demo.catalogue.wire.key = demo.issue_key("acme", "Okta catalogue app, second key")
    assignment = through(demo.catalogue, demo.catalogue.retry(newest_task(demo.catalogue)))
    expect_values(demo.catalogue.match(assignment.user) or {}, {"title": "Team Lead"})
    return "Team Lead, as pushed"


def _umbra(demo: Play, umbra: ProvisioningApp) -> str:
    demo.ask("company", "create", "umbra", "--name", "Umbra Optics")
    umbra.wire.key = demo.issue_key("umbra", "Okta of umbra")
    invited = demo.ask(*("user", "invite", "umbra", OTTO, "--role", "admin", "--given", "Otto", "--family", "Other"))
    demo.links[OTTO], demo.ids[OTTO] = invited["sign_in_url"], invited["id"]
    return "Umbra Optics, with a key of its own"


def _otto(demo: Play) -> str:
    his, somebody_elses = Browser(), Browser()
    try:
        page, copy = his.open(demo.links[OTTO]), somebody_elses.open(demo.links[OTTO])
        pressed = his.press(page)
        expect(his.sees(demo.stage.base_url, "Otto"), f"He is not signed in: answered {pressed}.")
        refused = somebody_elses.press(copy)
        expect(400 <= refused < 500, f"The second use was answered {refused}.")
        expect(not somebody_elses.sees(demo.stage.base_url, "Otto"), "The link worked a second time.")
    finally:
        his.close()
        somebody_elses.close()
    return f"signed in; the same page in another browser is refused with {refused}"


def _its_list(demo: Play, umbra: ProvisioningApp) -> str:
    imported = [user["userName"] for user in umbra.import_users()]
    expect(imported == [OTTO], f"The import shows {', '.join(imported)}.")
    listed = list(demo.users("umbra"))
    expect(listed == [OTTO], f"The command line shows {', '.join(listed)}.")
    expect(umbra.match(MONA) is None, "A filter finds Mona of acme.")
    return "import, filter and command line agree"


def _foreign_id(demo: Play, umbra: ProvisioningApp) -> str:
    path = user_path(demo.ids[MONA.email])
    unknown = umbra.wire.send("GET", "/Users/00919288221112222")
    detail = expect_error(unknown, 404)
    expect_error(umbra.wire.send("GET", path), 404)
    expect_error(umbra.wire.send("PATCH", path, body=status_change(False)), 404)
    expect_error(umbra.wire.send("DELETE", path), 404)
    expect_values(demo.held(MONA), {"active": True})
    return f"“{detail}”"


def _foreign_key(demo: Play, umbra: ProvisioningApp) -> str:
    wires: tuple[Wire, ...] = (
        replace(umbra.wire, key=demo.wizard.wire.key),
        replace(demo.wizard.wire, key=umbra.wire.key),
    )
    details = []
    for wire in wires:
        try:
            details.append(expect_error(wire.send("GET", "/Users"), 401))
        finally:
            wire.close()
    return f"“{details[0]}”"


def _same_name(demo: Play, umbra: ProvisioningApp) -> str:
    assignment = through(umbra, umbra.assign(replace(MONA, id="00uumbracast00000001")))
    expect(assignment.external_id != demo.ids[MONA.email], "It is acme's Mona.")
    expect(umbra.test_connection() == 2, "Umbra has not two people.")
    expect_values(demo.held(MONA), {"active": True, "email": MONA.email})
    return "a person of her own"


def _every_write(demo: Play) -> str:
    sent = Counter(
        (exchange.method, exchange.status)
        for wire in demo.wires()
        for exchange in wire.exchanges
        if exchange.method in WRITES and exchange.status != 401
    )
    demo.log = demo.ask("log", "acme", "--limit", "10000")
    logged = Counter((entry["method"], entry["status"]) for entry in demo.log if entry["method"] in WRITES)
    for method, status in sorted(sent | logged):
        count, held = sent[method, status], logged[method, status]
        expect(held == count, f"{count} times {method} answered {status} were sent, {held} are logged.")
    return ", ".join(f"{count} × {method} {status}" for (method, status), count in sorted(sent.items()))


def _decisions(demo: Play) -> str:
    decisions = Counter(str(entry["decision"]) for entry in demo.log)
    expect(len(decisions) >= 4, f"Only {', '.join(decisions)} are told apart.")
    return ", ".join(f"{count} {decision}" for decision, count in decisions.most_common())


def _refused(demo: Play) -> str:
    refused = demo.ask("log", "acme", "--refused")
    expect(bool(refused), "It is empty.")
    expect(all(entry["status"] >= 400 for entry in refused), "It also holds what was accepted.")
    hinted = [entry for entry in refused if entry["hint"]]
    expect(bool(hinted), "No entry says what to do.")
    return f"{len(refused)} entries: “{hinted[0]['hint']}”"


def _no_secrets(demo: Play) -> str:
    told = repr(demo.log)
    for label, key in demo.keys.items():
        expect(str(key["key"]) not in told, f"The key of {label} is in the log.")
    expect("filler99" not in told, "A password is in the log.")
    return f"looked for {len(demo.keys)} keys and the password of the refused request"

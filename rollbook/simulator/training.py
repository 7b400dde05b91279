"""The scenes of the demo about learning: a smart group, a lesson, the first mail, a mover, the gradebook and a leaver.

What provisioning brings is in scenes.py, leavers and returners as such in departures.py.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from rollbook.simulator.browser import Browser
from rollbook.simulator.cast import CLEO, Play, expect_fields, through
from rollbook.simulator.checks import Step, UnmetError, expect, play
from rollbook.simulator.mail_sink import Mail
from rollbook.simulator.people import OktaUser
from rollbook.simulator.scenes import MAIL_SECONDS, SILENCE_SECONDS, push_hire

GROUP = "People in Porto"
PLACE = "Porto"
SCORED = "completed 90"
LESSON = "Safe at the workbench"
SECOND = "Who repairs what"
TEXT = """# Before you begin

- Wear your **glasses**, also for a quick look.
- Know where the red button is.

Then read [the handbook](https://acme.example/handbook) and come back.
"""
FIRST, MOVER = 20, 22  # hires: one who works there, one who is to move there


def training(demo: Play) -> Iterator[Step]:
    yield play("Roles", "set in Learning; Okta's next push leaves them alone", lambda: _roles(demo))
    yield play("Smart group", f'location = "{PLACE}" fills itself', lambda: _group(demo))
    yield play("Lesson", "written in Markdown and published", lambda: _lesson(demo))
    yield play("Assigned", "to the group: one mail each, account and assignment in one", lambda: _assign(demo))
    yield play("The mail", "as it arrived", lambda: _show(demo))
    yield play("Its link", "good once, and leads to the lesson", lambda: _link(demo))
    yield play("Mover", "a new costCenter joins the group, and one mail follows", lambda: _move_in(demo))
    yield play("Completed", "by the learner, with the button on the page", lambda: _complete(demo))
    yield play("Second lesson", "a plain mail: the account is known by now", lambda: _second(demo))
    yield play("Gradebook", "a leaver is gone from it at once, and back with the score", lambda: _gradebook(demo))


def _roles(demo: Play) -> str:
    demo.ask("user", "role", "acme", CLEO.email, "manager")
    through(demo.wizard, demo.wizard.push_profile(replace(CLEO, title="Lead author")))
    expect_fields(demo.user(CLEO.email), role="manager", job_title="Lead author")
    demo.ask("user", "role", "acme", CLEO.email, "creator")
    return "Cleo was a manager for a moment, and is a creator again"


def _group(demo: Play) -> str:
    demo.ask("group", "create", "acme", GROUP, "--rule", f'location = "{PLACE}"')
    inside = _members(demo)
    wanted = {user["id"] for user in demo.users().values() if user["location"] == PLACE}
    expect(inside == wanted, f"{len(inside)} are in it, {len(wanted)} work in {PLACE}.")
    expect(demo.wizard.id_of(demo.hires[FIRST]) in inside, "Whoever works there is not in it.")
    return f"{len(inside)} in it"


def _lesson(demo: Play) -> str:
    made = _write(demo, LESSON)
    return f"{LESSON} is {made}"


def _assign(demo: Play) -> str:
    before = len(demo.stage.sink.mails())
    due = (date.today() + timedelta(days=14)).isoformat()  # noqa: DTZ011 (a day of this machine's calendar)
    demo.ask("assign", "acme", LESSON, "--group", GROUP, "--due", due)
    inside = _members(demo)
    mails = _arrived(demo, before, len(inside))
    addresses = [mail.recipient for mail in mails]
    expect(len(set(addresses)) == len(addresses) == len(inside), f"{len(addresses)} mails to {len(inside)} people.")
    return f"{len(mails)} people, {len(mails)} mails"


def _show(demo: Play) -> str:
    mail = _mail_to(demo, demo.hires[FIRST])
    for words in (LESSON, demo.hires[FIRST].first_name, f"{demo.stage.base_url}/sign-in/"):
        expect(words in mail.text, f"The mail does not say {words!r}.")
    return f"“{mail.subject}”\n{mail.text.strip()}"


def _link(demo: Play) -> str:
    user, browser = demo.hires[FIRST], Browser()
    try:
        page = browser.open(_link_of(_mail_to(demo, user)))
        expect(page.has_button, f"It shows no button; it answers {page.status}.")
        browser.press(page)
        expect(browser.sees(f"{demo.stage.base_url}/assignments", LESSON), "The lesson is not on the learner's page.")
        again = browser.press(page)
        expect(again >= 400, f"The link worked twice: {again}.")
    finally:
        browser.close()
    return f"{user.display_name} is in; used again it answers {again}"


def _move_in(demo: Play) -> str:
    before = len(demo.stage.sink.mails())
    push_hire(demo, MOVER, replace(demo.hires[MOVER], cost_center=PLACE))
    user = demo.hires[MOVER]
    expect(demo.wizard.id_of(user) in _members(demo), "The mover is not in the group.")
    mails = _arrived(demo, before, 1)
    expect([mail.recipient for mail in mails] == [user.email], "Somebody else was mailed.")
    return f"{user.display_name}: “{mails[0].subject}”"


def _complete(demo: Play) -> str:
    user, browser = demo.hires[MOVER], Browser()
    try:
        browser.press(browser.open(_link_of(_mail_to(demo, user))))
        assigned = _assignment(demo, user)
        page = browser.open(f"{demo.stage.base_url}/assignments/{assigned}")
        expect(page.action is not None and page.action.endswith("/complete"), "There is nothing to press.")
        pressed = browser.press(page)
        expect(pressed == 303, f"Pressing was answered {pressed}.")
    finally:
        browser.close()
    demo.ask("complete", "acme", LESSON, user.email, "--score", "90")
    expect(_of(demo, user) == SCORED, f"The gradebook says {_of(demo, user)!r}.")
    return f"{user.display_name}, with a score of 90"


def _second(demo: Play) -> str:
    _write(demo, SECOND)
    before, user = len(demo.stage.sink.mails()), demo.hires[MOVER]
    demo.ask("assign", "acme", SECOND, "--user", user.email)
    mail = _arrived(demo, before, 1)[0]
    expect(mail.recipient == user.email, "Somebody else was mailed.")
    first = _mail_to(demo, user)
    expect(mail.subject != first.subject, "The second mail announces the account again.")
    return f"“{mail.subject}”"


def _gradebook(demo: Play) -> str:
    user, before = demo.hires[MOVER], len(demo.stage.sink.mails())
    here = _people_in_gradebook(demo)
    expect(demo.wizard.id_of(user) in here, "The learner is not in the gradebook.")
    through(demo.wizard, demo.wizard.deactivate(user))
    away = _people_in_gradebook(demo)
    expect(away == here - {demo.wizard.id_of(user)}, "The leaver is still there, or others are not.")
    for name in ("learners", "overdue"):
        expect(demo.wizard.id_of(user) not in repr(demo.ask("report", "acme", name)), f"{name} shows the leaver.")
    expect(demo.wizard.id_of(user) not in _members(demo), "The group shows the leaver.")
    through(demo.wizard, demo.wizard.reactivate(user))
    expect(_people_in_gradebook(demo) == here, "Not everybody is back.")
    expect(_of(demo, user) == SCORED, "The score did not come back.")
    time.sleep(SILENCE_SECONDS)
    expect(len(demo.stage.sink.mails()) == before, "A mail was sent when the person came back.")
    return f"{len(here)} people, {len(away)} while {user.display_name} was away, {len(here)} again, no mail"


def _write(demo: Play, title: str) -> str:
    file = demo.stage.directory / "lesson.md"
    file.write_text(TEXT, encoding="utf-8")
    made = demo.ask("lesson", "create", "acme", "--title", title, "--body-file", str(file), "--publish")
    return str(made["id"])


def _members(demo: Play) -> set[str]:
    return {member["id"] for member in demo.ask("group", "members", "acme", GROUP)}


def _arrived(demo: Play, before: int, count: int) -> list[Mail]:
    """The mails since `before`, once that many are there and a while has shown that no more follow."""
    sink, deadline = demo.stage.sink, time.monotonic() + MAIL_SECONDS
    while len(sink.mails()) < before + count and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(SILENCE_SECONDS)
    mails = sink.mails()[before:]
    expect(len(mails) == count, f"{len(mails)} mails came, expected {count}.")
    return mails


def _mail_to(demo: Play, user: OktaUser) -> Mail:
    mail = demo.stage.sink.wait_for(user.email, MAIL_SECONDS)
    if mail is None:
        raise UnmetError(f"No mail came to {user.email}.")
    return mail


def _link_of(mail: Mail) -> str:
    found = re.search(r"https?://\S+/sign-in/\S+", mail.text)
    if found is None:
        raise UnmetError("The mail holds no sign-in link.")
    return found[0]


def _assignment(demo: Play, user: OktaUser) -> str:
    listed = demo.ask("assignments", "acme", "--user", user.email)
    expect(len(listed) == 1, f"{len(listed)} things are assigned, expected one.")
    return str(listed[0]["id"])


def _people_in_gradebook(demo: Play) -> set[str]:
    report = demo.ask("report", "acme", "gradebook")
    return {row[0] for row in report["rows"]}


def _of(demo: Play, user: OktaUser) -> str:
    """What the gradebook says about a person and the lesson."""
    report = demo.ask("report", "acme", "gradebook")
    row = next((row for row in report["rows"] if row[0] == demo.wizard.id_of(user)), None)
    if row is None or LESSON not in report["columns"]:
        raise UnmetError("The gradebook does not show the person or the lesson.")
    return str(row[report["columns"].index(LESSON)])

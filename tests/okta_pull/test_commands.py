"""`rollbook okta …`, as an operator types it, against a simulated org."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rollbook import clock
from rollbook.activity import queue
from rollbook.cli import okta_runs
from rollbook.installation import Installation
from rollbook.okta import runs, slots
from rollbook.people import fields, keys, search, users
from rollbook.people.profiles import Profile
from rollbook.simulator.org import Org
from rollbook.simulator.org_server import OrgServer
from rollbook.simulator.people import OktaUser
from tests.conftest import OPERATOR
from tests.okta_pull import place as place_
from tests.okta_pull.place import TOKEN, Place
from tests.servers import SECRET, clean_environment, rollbook


@pytest.fixture
def place(installation: Installation, database_url: str, tmp_path: Path) -> Iterator[Place]:
    with place_.beside(installation, database_url, tmp_path) as opened:
        opened.org.fill(8)
        yield opened


def hire(place: Place, user: OktaUser, **other: Any) -> str:
    """The same person as they are in Okta, made in Learning before."""
    profile = Profile(user.login, user.email, user.first_name, user.last_name, **other)
    return place.write(lambda tx: users.create(tx, place.company_id, profile, actor=OPERATOR, now=clock.now())).id


def person(place: Place, user: OktaUser) -> Any:
    return place.read(lambda tx: search.named(tx, place.company_id, user.login))


def somebody(place: Place, number: int = 0) -> OktaUser:
    return place.org.user(list(place.org.people)[number])


# Setting it up.


def test_it_is_tried_and_then_saved(place: Place) -> None:
    shown = place.configure("--app", place.org.app_id)
    found = shown.pop("found")
    assert (found["group_name"], found["people"], found["more"], found["assigned"]) == ("Learning", 8, False, 0)
    assert {"hireDate", "region"} <= {variable["name"] for variable in found["variables"]}
    at = shown.pop("configured_at")
    assert shown == {
        "org_url": place.server.address,
        "group_id": place.org.group_id,
        "app_id": place.org.app_id,
        "mode": "complement",
        "role_variable": None,
        "most_people": 50,
        "most_percent": 5,
        "state": "on",
        "reason": None,
        "updated_at": at,
        "token": "kept, sealed",
    }
    shown = place.run("show")
    assert (shown["org_url"], shown["last_run"]) == (place.server.address, None)
    assert clock.moment(shown["next_slot"]) == slots.following(clock.now())
    assert place.org.log.writes == []


def test_the_token_comes_from_a_file_or_from_standard_input_alone(place: Place) -> None:
    address = ["--org-url", place.server.address, "--group", place.org.group_id]
    assert "--token-file" in place.run("configure", *address, code=1)
    place.run("configure", *address, "--token-file", "-", stdin=f"{TOKEN}\n")
    assert "cannot be read" in place.run("configure", "--token-file", "/nowhere/token", code=1)
    help_ = rollbook(place.environment, "okta", "configure", "--help").stdout
    assert "--token-file" in help_
    assert "--token " not in help_


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--token-file", "WRONG"], "does not accept the API token (401)"),
        (["--group", "00gnobody"], "Okta has no group 00gnobody (404)"),
        (["--group", "../users"], "is no id of a group"),
        (["--app", "0oanobody"], "Okta has no app 0oanobody (404)"),
        (["--org-url", "http://169.254.169.254"], "begins with https"),
        (
            ["--org-url", "https://evil.example"],
            "lies under no domain that this Rollbook may ask (okta.com, 127.0.0.1:",
        ),
        (["--mode", "both"], "is no mode"),
        (["--role-variable", "learningRole"], "Only in full mode"),
        (["--whole-directory"], "not both"),
    ],
)
def test_what_does_not_work_is_told_and_not_saved(place: Place, options: list[str], said: str) -> None:
    wrong = place.directory / "wrong.txt"
    wrong.write_text("00anotherToken")
    complaint = place.configure(*[str(wrong) if option == "WRONG" else option for option in options], code=1)
    assert said in complaint
    assert complaint.count("\n") == 1
    assert "anotherToken" not in complaint
    assert "no standard integration" in place.run("show", code=1)


def test_what_is_left_out_stays(place: Place) -> None:
    place.configure("--app", place.org.app_id, "--mode", "full", "--role-variable", "learningRole")
    changed = place.run("configure", "--most-people", "10", "--app", "none")
    assert (changed["most_people"], changed["most_percent"], changed["app_id"]) == (10, 5, None)
    assert (changed["mode"], changed["role_variable"]) == ("full", "learningRole")
    changed = place.run("configure", "--mode", "complement", "--whole-directory")
    assert (changed["role_variable"], changed["group_id"]) == (None, None)


def test_a_held_run_is_dropped_when_okta_is_read_otherwise(place: Place) -> None:
    place.configure("--mode", "full", "--most-people", "0")
    place.run("sync")
    for change, said in (("configure", "was changed since"), ("off", "switched off")):
        place.org.deactivate(somebody(place, 0))
        held = place.run("sync")
        assert held["state"] == "held"
        place.run(change, *(["--whole-directory"] if change == "configure" else []))
        dropped = place.run("runs")[0]
        assert (dropped["id"], dropped["state"]) == (held["id"], "dropped")
        assert said in dropped["reason"]
        assert "nothing to approve" in place.run("approve", held["id"], code=1)


def test_the_kept_token_is_not_taken_to_another_org(place: Place) -> None:
    place.configure()
    complaint = place.run("configure", "--org-url", "https://acme.okta.com", code=1)
    assert "a token of its own" in complaint


def test_another_org_is_read_with_its_own_token_and_from_the_beginning(place: Place) -> None:
    place.configure("--mode", "full")
    place.run("sync")
    for number in range(3):
        place.org.deactivate(somebody(place, number))
    held = place.run("sync")
    assert held["state"] == "held"
    with OrgServer(Org(token="00tokenOfTheOtherOrg")) as other:
        other.org.fill(2)
        place.environment["ROLLBOOK_OKTA_HOSTS"] += f",{other.host}"
        moved = ["--org-url", other.address, "--group", other.org.group_id]
        moved += ["--token-file", place.token_file("00tokenOfTheOtherOrg")]
        asked = rollbook(place.environment, "okta", "configure", place.subdomain, *moved, "--json", stdin="n\n")
        assert "Leave" in asked.stderr
        assert "Leave" not in asked.stdout  # nothing but the document stands there
        assert place.run("configure", *moved, "--yes")["org_url"] == other.address
        assert place.run("show")["state"] == "on"
        assert place.run("plan", held["id"])["archive"]
        assert place.run("runs")[0]["state"] == "dropped"
        assert len(place.run("preview")["create"]) <= 2


def test_full_mode_beside_scim_is_refused_unless_said_and_warned_of(place: Place) -> None:
    def issue(tx: Any) -> None:
        key, _ = keys.issue(
            tx, place.company_id, "scim", pepper=place.installation.pepper, actor=OPERATOR, now=clock.now()
        )
        keys.note_use(tx, place.company_id, {key.id: (clock.now(), None)})

    place.configure("--mode", "full")
    assert "SCIM" not in place.said[-1]
    place.write(issue)
    place.run("configure", "--most-people", "9")
    assert "beside it use complement" in place.said[-1]
    place.run("configure", "--mode", "complement")
    asked = place.org.log.count
    assert "--beside-scim" in place.run("configure", "--mode", "full", code=1)
    assert place.org.log.count == asked
    assert place.run("show")["mode"] == "complement"
    assert place.run("configure", "--mode", "full", "--beside-scim")["mode"] == "full"
    assert "beside it use complement" in place.said[-1]


def test_it_is_switched_off_and_on(place: Place) -> None:
    place.configure()
    assert place.run("off")["next_slot"] is None
    assert f"switched off; first: rollbook okta on {place.subdomain}\n" in place.run("sync", code=1)
    assert place.run("on")["state"] == "on"
    assert place.run("off", "--forget-token", "--yes")["token"] is None
    assert "token" in place.run("on", code=1)
    again = f"switched off; first: rollbook okta configure {place.subdomain} --token-file FILE"
    assert again in place.run("sync", code=1)


# Fields.


def test_fields_are_mapped_listed_and_unmapped(place: Place) -> None:
    place.configure()
    place.write(lambda tx: fields.create(tx, place.company_id, "Region", actor=OPERATOR, now=clock.now()))
    hire_date = {"variable": "hireDate", "field": "hire_date", "name": "Hire date", "type": "date"}
    region = {"variable": "region", "field": "custom.Region", "name": "Region", "type": "text"}
    usual: dict[str, Any] = {"standard": False, "conflict": None}
    assert place.run("field", "hireDate", "hire_date") == hire_date | usual
    assert place.run("field", "region", "custom.Region") == region | usual
    listed = place.run("fields")
    assert sorted(listed, key=lambda row: row["variable"]) == [hire_date | usual, region | usual]
    assert "no field 'custom.Shoe size'" in place.run("field", "shoes", "custom.Shoe size", code=1)
    assert place.run("unmap", "hire_date") == [region | usual]


def test_a_variable_that_okta_does_not_know_is_warned_of(place: Place) -> None:
    place.configure()
    ended = rollbook(place.environment, "okta", "field", place.subdomain, "hiredate", "hire_date", "--json")
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["variable"] == "hiredate"
    assert "no variable hiredate yet. Did you mean hireDate" in ended.stderr
    place.org.revoke_token()
    ended = rollbook(place.environment, "okta", "field", place.subdomain, "hireDate", "hire_date", "--json")
    assert ended.returncode == 0
    assert "could not be asked" in ended.stderr


def test_okta_that_is_switched_off_is_not_asked_for_variables(place: Place) -> None:
    place.configure()
    place.run("off", "--forget-token", "--yes")
    asked = place.org.log.count
    ended = rollbook(place.environment, "okta", "field", place.subdomain, "hireDate", "hire_date", "--json")
    assert (ended.returncode, json.loads(ended.stdout)["variable"]) == (0, "hireDate")
    assert (
        "could not be asked. The standard integration is switched off; first: rollbook okta configure" in ended.stderr
    )
    assert "switched off" in place.run("fields", "--live", code=1)
    assert place.org.log.count == asked


def test_the_variables_of_the_org_are_shown_with_their_form(place: Place) -> None:
    place.configure()
    place.run("field", "hireDate", "hire_date")
    rows = {row["name"]: row for row in place.run("fields", "--live")}
    assert (rows["hireDate"]["title"], rows["hireDate"]["fills"]) == ("Hire date", "Hire date")
    assert rows["hireDate"]["samples"]
    shown = json.dumps(list(rows.values()), ensure_ascii=False)
    for user in (somebody(place, number) for number in range(8)):
        assert user.login not in shown
        assert user.last_name not in shown


# Runs.


def test_a_preview_says_what_a_sync_then_does(place: Place) -> None:
    leo = somebody(place)
    id_ = hire(place, leo)
    place.configure()
    place.run("field", "hireDate", "hire_date")
    seen = place.run("preview")
    assert seen.keys() == {"create", "change", "archive", "restore", "link", "set_aside", "held"}
    assert [(row["user"], row["user_id"]) for row in seen["link"]] == [(leo.login, id_)]
    assert seen["held"] is None
    assert seen["create"] == seen["archive"] == []
    assert person(place, leo).external_id is None
    done = place.run("sync")
    assert (done["state"], done["slot"], done["purpose"], done["asked_by"]) == ("done", None, "sync", "operator")
    found = person(place, leo)
    assert (found.external_id, found.link, found.hire_date) == (leo.id, "known", leo.extra["hireDate"])
    listed = place.run("runs")
    assert [(run["purpose"], run["state"]) for run in listed] == [("sync", "done"), ("preview", "done")]
    assert listed[0] == done
    plan = place.run("plan", done["id"])
    assert {row["state"] for row in plan["link"]} == {"applied"}
    assert place.run("show")["last_run"] == done


def test_a_sync_in_full_mode_makes_people(place: Place) -> None:
    place.configure("--mode", "full")
    assert len(place.run("preview")["create"]) == 8
    place.run("sync")
    assert person(place, somebody(place, 3)).location == somebody(place, 3).cost_center


def test_too_many_archives_wait_for_a_yes(place: Place) -> None:
    place.configure("--mode", "full")
    place.run("sync")
    leavers = [somebody(place, number) for number in range(3)]
    for user in leavers:
        place.org.deactivate(user)
    held = place.run("sync")
    assert held["state"] == "held"
    assert "3 people of 8" in held["reason"]
    refused = place.run("sync", code=1)
    assert f"okta plan {place.subdomain} {held['id']}, then say yes with okta approve or no with okta drop" in refused
    assert len(place.run("plan", held["id"])["archive"]) == 3
    assert all(person(place, user).active for user in leavers)
    assert held["question"] == 1
    done = place.run("approve", held["id"], "--yes")
    assert (done["state"], done["approved_by"]) == ("done", "operator")
    assert not any(person(place, user).active for user in leavers)
    assert "nothing to approve" in place.run("approve", held["id"], code=1)


def test_a_held_run_is_dropped(place: Place) -> None:
    place.configure("--mode", "full")
    place.run("sync")
    for number in range(3):
        place.org.deactivate(somebody(place, number))
    held = place.run("sync")
    assert place.run("drop", held["id"])["state"] == "dropped"
    assert person(place, somebody(place)).active


def test_a_revoked_token_needs_attention_until_a_new_one_is_given(place: Place) -> None:
    place.configure()
    place.org.revoke_token()
    complaint = rollbook(place.environment, "okta", "sync", place.subdomain)
    assert complaint.returncode == 1
    assert "needs attention" in complaint.stderr
    assert "Make a new one" in complaint.stderr
    shown = place.run("show")
    assert (shown["state"], shown["last_run"]["state"]) == ("needs_attention", "needs_attention")
    finding = doctor(place)
    assert finding["verdict"] == "problem"
    assert finding["fix"] == f"rollbook okta configure {place.subdomain} --token-file FILE"
    place.org.token = place.org.issue_token(f"{TOKEN}2")
    place.run("configure", "--token-file", place.token_file())
    assert place.run("show")["state"] == "on"
    assert place.run("sync")["state"] == "done"
    assert doctor(place)["verdict"] == "ok"


def test_okta_that_answers_again_needs_no_attention_any_more(place: Place) -> None:
    place.configure()
    place.org.restrict_token()
    assert rollbook(place.environment, "okta", "sync", place.subdomain).returncode == 1
    assert place.run("show")["state"] == "needs_attention"
    place.org.tokens[place.org.token] = "read"
    place.run("sync")
    assert place.run("show")["state"] == "on"


def test_a_run_that_a_worker_has_is_followed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker of this test ends it while the command looks on."""
    look = okta_runs._seen
    place.configure()
    company_id = place.company_id
    run = place.write(lambda tx: runs.create_by_hand(tx, company_id, "sync", actor=OPERATOR, now=clock.now()))
    task = place.write(lambda tx: queue.claim(tx, company_id, only=runs.PULL, now=clock.now()))
    assert task is not None

    looks: list[str] = []

    async def seen(installation: Installation, followed: runs.Run, show: Any) -> runs.Run:
        found = await look(installation, followed, show)
        looks.append(found.state)
        if len(looks) == 3:
            await installation.database.write(lambda tx: runs.end(tx, run, "done", now=clock.now()))
        return found

    monkeypatch.setattr(okta_runs, "_seen", seen)
    done = place.run("sync")
    assert (done["id"], done["state"]) == (run.id, "done")
    assert looks == ["waiting"] * 3 + ["done"]


def test_a_run_left_by_a_killed_command_goes_on(place: Place) -> None:
    place.configure("--mode", "full")
    company_id = place.company_id
    run = place.write(lambda tx: runs.create_by_hand(tx, company_id, "sync", actor=OPERATOR, now=clock.now()))
    place.write(lambda tx: queue.claim(tx, company_id, only=runs.PULL, now=clock.now() - timedelta(minutes=2)))
    assert place.run("sync")["id"] == run.id
    assert person(place, somebody(place)).external_id == somebody(place).id


# The doctor, and words.


def told(place: Place, command: str, *arguments: str) -> str:
    """What a person reads."""
    ended = rollbook(place.environment, "okta", command, place.subdomain, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_plan_says_what_became_of_each(place: Place) -> None:
    place.configure("--mode", "full", "--most-people", "0")
    place.run("sync")
    poppy, rita = somebody(place), somebody(place, 1)
    for user in (poppy, rita):
        place.org.deactivate(user)
    said = told(place, "sync")
    run = place.run("runs")[0]["id"]
    for command in ("plan", "approve", "drop"):
        assert f"rollbook okta {command} {place.subdomain} {run}" in said
    said = told(place, "plan", run)
    assert "2 would be archived" in said
    assert "False" not in said
    company_id = place.company_id
    place.write(
        lambda tx: users.archive(
            tx, users.get(tx, company_id, person(place, rita).id, lock=True), actor=OPERATOR, now=clock.now()
        )
    )
    place.run("approve", run)
    said = told(place, "plan", run)
    assert "1 was archived" in said
    assert "1 was passed over, not archived" in said
    (why_not,) = [row["why_not"] for row in place.run("plan", run)["archive"] if row["state"] == "passed_over"]
    assert why_not in said
    first = place.run("runs")[-1]["id"]
    assert "8 were created" in told(place, "plan", first)


def test_a_dropped_plan_was_not_done(place: Place) -> None:
    place.configure("--mode", "full", "--most-people", "0")
    place.run("sync")
    place.org.deactivate(somebody(place))
    held = place.run("sync")
    assert "1 person of 8 would be archived; more than 0 wait" in held["reason"]
    place.run("drop", held["id"])
    assert "1 was not archived: the run ended before" in told(place, "plan", held["id"])


def test_a_preview_beside_provisioning_says_how_many_are_nobody_here(place: Place) -> None:
    place.configure()
    said = told(place, "preview")
    assert "Whoever is here is as Okta says; nothing would change." in said
    assert "8 people in Okta are nobody here" in said
    place.run("configure", "--mode", "full")
    place.run("sync")
    said = told(place, "preview")
    assert "Everything is as Okta says; nothing would change." in said
    assert "nobody here" not in said


def doctor(place: Place) -> Any:
    ended = rollbook(place.environment, "doctor", "--json")
    (finding,) = [found for found in json.loads(ended.stdout) if found["check"] == f"okta of {place.subdomain}"]
    return finding


def test_the_doctor_says_how_it_stands(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with place_.opened(engine, tmp_path, request) as place:
        look_at_the_findings(place)


def look_at_the_findings(place: Place) -> None:
    """The secret is changed in the middle of it."""
    place.configure()
    assert doctor(place)["detail"] == "The token can be read; there was no run yet."
    place.run("off")
    assert doctor(place)["fix"] == f"To switch it on: rollbook okta on {place.subdomain}"
    place.run("off", "--forget-token", "--yes")
    assert doctor(place)["fix"] == f"To switch it on: rollbook okta configure {place.subdomain} --token-file FILE"
    place.configure()
    place.run("on")
    place.environment |= {"ROLLBOOK_SECRET": "quite another secret of the tests", "ROLLBOOK_SECRET_PREVIOUS": SECRET}
    assert doctor(place)["verdict"] == "ok"
    del place.environment["ROLLBOOK_SECRET_PREVIOUS"]
    finding = doctor(place)
    assert finding["verdict"] == "problem"
    assert "ROLLBOOK_SECRET" in finding["detail"]


@pytest.mark.parametrize(
    "command",
    [
        "configure",
        "field",
        "fields",
        "unmap",
        "show",
        "on",
        "off",
        "preview",
        "sync",
        "approve",
        "drop",
        "runs",
        "plan",
    ],
)
def test_each_command_has_help_with_an_example(command: str) -> None:
    ended = rollbook({}, "okta", command, "--help")
    assert ended.returncode == 0
    assert f"rollbook okta {command} acme" in " ".join(ended.stdout.split())
    assert "--json" in ended.stdout


def test_what_people_read_is_words(place: Place) -> None:
    hire(place, somebody(place))
    place.configure()
    said = {}
    for command in ("show", "fields", "preview", "sync", "runs"):
        ended = rollbook(place.environment, "okta", command, place.subdomain)
        assert ended.returncode == 0, ended.stderr
        assert "Traceback" not in ended.stderr
        said[command] = ended.stdout
    assert "1 would be matched" in said["preview"]
    assert "External id: blank → " in said["preview"]
    assert "7 people in Okta are nobody here: complement mode creates nobody" in said["preview"]
    assert "done" in said["sync"]
    assert "No field is filled" in said["fields"]


def typed(place: Place, answer: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """A command at a terminal, and what is typed there."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer.encode())
        command = [sys.executable, "-m", "rollbook", *arguments]
        given = {**clean_environment(), **place.environment}
        return subprocess.run(command, stdin=theirs, env=given, capture_output=True, timeout=120, check=False)
    finally:
        os.close(ours)
        os.close(theirs)


def test_at_a_terminal_a_yes_is_asked_for_and_a_no_changes_nothing(place: Place) -> None:
    place.configure("--mode", "full", "--most-people", "0")
    place.run("sync")
    place.org.deactivate(somebody(place))
    held = place.run("sync")
    asked = ["okta", "approve", place.subdomain, held["id"]]
    refused = typed(place, "n\n", *asked)
    assert refused.returncode == 1
    assert b"Left to do: 1 archive. Go on? [y/N]" in refused.stderr
    assert person(place, somebody(place)).active
    assert typed(place, "y\n", *asked).returncode == 0
    assert not person(place, somebody(place)).active

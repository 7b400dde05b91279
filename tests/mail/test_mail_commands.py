"""Mail as the operator has it: sent by `rollbook serve`, read and sent again by commands, looked at by doctor."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollbook import clock
from rollbook.activity import outbox, queue, sending
from rollbook.doctor import Finding, examine
from rollbook.installation import open_installation
from rollbook.people import companies, invitations
from rollbook.settings import read
from tests import postgres
from tests.cast import ADA, MONA
from tests.conftest import OPERATOR
from tests.mail.sink import Sink, free_port
from tests.servers import ProcessServer, environment, rollbook


@pytest.fixture
def address(engine: str, tmp_path: Path, sink: Sink, request: pytest.FixtureRequest) -> dict[str, str]:
    url = "" if engine == "sqlite" else postgres.new_database(request.getfixturevalue("postgres_server"))
    return environment(
        tmp_path, url, ROLLBOOK_SMTP_URL=sink.url, ROLLBOOK_MAIL_FROM="Acme Training <training@acme.example>"
    )


@pytest.fixture
def serving(address: dict[str, str]) -> Iterator[ProcessServer]:
    server = ProcessServer(address)
    yield server
    server.stop()


def run(address: dict[str, str], *arguments: str) -> Any:
    done = rollbook(address, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def wait_for(sink: Sink, count: int) -> None:
    for _ in range(400):
        if len(sink.received) >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"{len(sink.received)} mails came, {count} should have")


def test_what_the_operator_does_is_mailed_and_can_be_read(
    address: dict[str, str], serving: ProcessServer, sink: Sink, tmp_path: Path
) -> None:
    run(address, "company", "create", "acme", "--name", "Acme")
    ada = run(
        address, "user", "invite", "acme", "ada@acme.example",
        "--role", "admin", "--given", "Ada", "--family", "Lovage",
    )  # fmt: skip
    assert "/sign-in/rb_link_" in ada["sign_in_url"]
    run(
        address, "user", "invite", "acme", "mona@acme.example",
        "--role", "manager", "--given", "Mona", "--family", "Marigold", "--no-mail",
    )  # fmt: skip
    leo = run(address, "user", "create", "acme", "leo@acme.example", "--given", "Leo", "--family", "Linden")
    wait_for(sink, 1)
    body = tmp_path / "lesson.md"
    body.write_text("# Fire safety\n")
    lesson = ("lesson", "create", "acme", "--title", "Fire safety", "--body-file", str(body), "--publish")
    run(address, *lesson)
    run(address, "assign", "acme", "Fire safety", "--user", "leo@acme.example", "--due", "2099-12-01")
    wait_for(sink, 2)
    time.sleep(0.5)
    assert [(mail.recipients, mail.subject) for mail in sink.received] == [
        (["ada@acme.example"], "Your Rollbook account at Acme"),
        (["leo@acme.example"], "You have a new account and an assignment: Fire safety"),
    ]
    assert str(sink.received[0].message["From"]) == "Acme Training <training@acme.example>"
    assert sink.received[0].sender == "training@acme.example"
    for _ in range(100):
        rows = run(address, "outbox", "acme")
        if [row["state"] for row in rows] == ["sent", "sent"]:
            break
        time.sleep(0.1)
    newest = rows[0]
    assert newest == {
        "id": sink.received[1].id,
        "user_id": leo["id"],
        "kind": "first",
        "subject": "You have a new account and an assignment: Fire safety",
        "state": "sent",
        "reason": None,
        "at": newest["at"],
    }
    assert [row["user_id"] for row in run(address, "outbox", "acme", "--user", "ada@acme.example")] == [ada["id"]]
    assert run(address, "outbox", "acme", "--state", "failed") == []
    assert "Nothing" in rollbook(address, "outbox", "acme", "--state", "failed").stdout
    run(address, "user", "welcome", "acme", "mona@acme.example")
    wait_for(sink, 3)
    assert sink.received[2].recipients == ["mona@acme.example"]
    refused = rollbook(address, "outbox", "acme", "--state", "lost")
    assert refused.returncode == 1
    assert "is no state of a mail" in refused.stderr


def test_a_company_s_settings_are_shown_and_set(address: dict[str, str]) -> None:
    created = run(address, "company", "create", "acme", "--name", "Acme")
    shown = run(address, "company", "show", "acme")
    assert shown == {
        "id": created["id"],
        "subdomain": "acme",
        "name": "Acme",
        "mail": "on",
        "reminders": "on",
        "reminder_days": "7,1",
        "overdue_days": "1,7",
        "language": "en",
    }
    assert run(address, "company", "set", "acme", "overdue_days", "none") == shown | {"overdue_days": "none"}
    assert run(address, "company", "show", "acme") == shown | {"overdue_days": "none"}
    refused = rollbook(address, "company", "set", "acme", "language", "tlh")
    assert (refused.returncode, "use one of en, de, fr" in refused.stderr) == (1, True)


def findings(address: dict[str, str], check: str, monkeypatch: pytest.MonkeyPatch, **settings: str) -> list[Finding]:
    for name, value in {**address, **settings}.items():
        monkeypatch.setenv(name, value)
    return [finding for finding in examine() if finding.check == check]


def test_doctor_says_how_the_mail_is(address: dict[str, str], sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    installation = open_installation(read(address))
    write = installation.database.engine.write
    company_id = write(lambda tx: companies.create(tx, "acme", "Acme", actor=OPERATOR, now=clock.now())).id
    for profile in (ADA, MONA):
        write(
            lambda tx, profile=profile: invitations.invite(  # type: ignore[misc]  # a lambda with a default
                tx, company_id, profile, "admin", pepper=installation.pepper, actor=OPERATOR, now=clock.now()
            )
        )
    (server,) = findings(address, "mail", monkeypatch)
    assert (server.verdict, "Acme Training" in server.detail) == ("ok", True)
    (server,) = findings(address, "mail", monkeypatch, ROLLBOOK_SMTP_URL=f"smtp://127.0.0.1:{free_port()}")
    assert (server.verdict, "cannot be reached" in server.detail) == ("problem", True)
    (server,) = findings(address, "mail", monkeypatch, ROLLBOOK_SMTP_URL="")
    assert (server.verdict, "waits" in server.detail) == ("note", True)
    (waiting,) = findings(address, "mail of acme", monkeypatch, ROLLBOOK_SMTP_URL="")
    assert waiting == Finding("mail of acme", "note", "2 wait, and there is no mail server.", "Set ROLLBOOK_SMTP_URL.")
    (waiting,) = findings(address, "mail of acme", monkeypatch)
    assert (waiting.verdict, waiting.detail) == ("ok", "2 wait for their turn.")

    def end(state: str) -> str:
        def work(tx: Any) -> str:
            task = queue.claim(tx, company_id, only="deliver_mail", now=clock.now())
            sender = sending.sender_of(task) if task else "none:1"
            mail = sending.next_due(tx, company_id, now=clock.now())
            assert mail is not None
            sending.take(tx, company_id, mail, sender=sender, kind="welcome", subject="x", now=clock.now())
            sending.report(tx, company_id, mail.id, sender=sender, state=state, reason="As it went.", now=clock.now())
            return mail.id

        return write(work)

    unknown = end("unknown")
    end("failed")
    found = findings(address, "mail of acme", monkeypatch)
    assert [(one.verdict, one.detail) for one in found] == [
        ("note", "Of 1 nobody knows whether they arrived."),
        ("note", "1 could not be delivered."),
    ]
    asked = rollbook(address, "resend", "acme", unknown, stdin="n\n")
    assert asked.returncode == 1
    again = run(address, "resend", "acme", unknown, "--yes")
    assert (again["state"], again["kind"]) == ("queued", "welcome")
    assert rollbook(address, "resend", "acme", unknown, "--yes").returncode == 1
    assert len(installation.database.engine.read(lambda tx: outbox.search(tx, company_id))) == 3
    installation.close()

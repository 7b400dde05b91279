"""The mail worker is killed at every stage of a mail: nobody gets one twice, and what cannot be known is `unknown`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from time import sleep
from typing import Any

import pytest
from sqlalchemy import bindparam, update

from rollbook import clock, settings
from rollbook.activity import outbox
from rollbook.database.tables import tasks
from rollbook.installation import Installation, open_installation
from rollbook.learning import assignments, lessons
from rollbook.people import companies, users
from rollbook.people.profiles import Profile
from tests import postgres
from tests.conftest import OPERATOR
from tests.mail.sink import Sink
from tests.servers import clean_environment, environment

LONG = bool(os.environ.get("ROLLBOOK_LONG"))
KILLS = int(os.environ.get("ROLLBOOK_MAIL_KILLS") or (100 if LONG else 10))
MAILS_A_KILL = 10
# Before the mail is named, before its recipient, before its text, kept but not answered, answered but not written down.
STAGES = ("MAIL", "RCPT", "DATA", "KEPT", "answered")

_EXPIRE = update(tasks).where(tasks.c.company_id == bindparam("company"), tasks.c.state == "running")


@pytest.fixture
def address(engine: str, tmp_path: Path, sink: Sink, request: pytest.FixtureRequest) -> dict[str, str]:
    url = "" if engine == "sqlite" else postgres.new_database(request.getfixturevalue("postgres_server"))
    return environment(tmp_path, url, ROLLBOOK_SMTP_URL=sink.url)


@pytest.fixture
def own(address: dict[str, str]) -> Iterator[Installation]:
    opened = open_installation(settings.read(address))
    yield opened
    opened.close()


def fill(own: Installation, count: int) -> str:
    """A company in which everybody has an assignment, and one in twenty is archived before the mail leaves."""
    write = own.database.engine.write
    company_id = write(lambda tx: companies.create(tx, "acme", "Acme", actor=OPERATOR, now=clock.now())).id
    lesson = write(
        lambda tx: lessons.create(tx, company_id, "Fire safety", "x", publish=True, actor=OPERATOR, now=clock.now())
    )

    def work(tx: Any, first: int) -> None:
        for number in range(first, min(first + 100, count)):
            profile = Profile(f"p{number}@acme.example", f"p{number}@acme.example", "Leo", f"Linden {number}")
            user = users.create(tx, company_id, profile, actor=OPERATOR, now=clock.now())
            assignments.assign(tx, user, lesson, act_id=clock.new_id(), actor=OPERATOR, now=clock.now())
            if number % 20 == 7:
                users.archive(tx, user, actor=OPERATOR, now=clock.now())

    for first in range(0, count, 100):
        write(lambda tx, first=first: work(tx, first))  # type: ignore[misc]  # a lambda with a default
    return company_id


def take_over(own: Installation, company_id: str) -> None:
    """The dead worker's lease has run out."""
    past = clock.text(clock.now() - timedelta(seconds=1))
    own.database.engine.write(lambda tx: tx.run(_EXPIRE, {"company": company_id, "lease_until": past, "due_at": past}))


class Victim:
    """`rollbook worker` as a process, to be killed when the mail server has come to a stage of a mail."""

    def __init__(self, address: dict[str, str], sink: Sink, stage: str, mails: int, delay: float) -> None:
        self._left = mails
        self._stage = "KEPT" if stage == "answered" else stage
        self._delay = delay if stage == "answered" else 0.0
        sink.before = self._at
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rollbook", "worker", "--once"],
            env={**clean_environment(), **address},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _at(self, stage: str, _: str) -> None:
        if stage != self._stage:
            return
        self._left -= 1
        if self._left == 0:
            if self._delay:
                threading.Timer(self._delay, self.process.send_signal, [signal.SIGKILL]).start()
            else:
                self.process.send_signal(signal.SIGKILL)
                self.process.wait(timeout=20)

    def end(self) -> int:
        return self.process.wait(timeout=120)


@pytest.mark.long
@pytest.mark.timeout(max(300, KILLS * 20))
def test_no_kill_of_the_worker_sends_a_mail_twice(
    own: Installation, address: dict[str, str], sink: Sink, record_property: Callable[[str, object], None]
) -> None:
    chance = Random(13)
    company_id = fill(own, KILLS * MAILS_A_KILL)
    killed = 0
    for kill in range(KILLS):
        stage = STAGES[kill % len(STAGES)]
        victim = Victim(address, sink, stage, chance.randint(1, MAILS_A_KILL - 2), chance.uniform(0, 0.01))
        killed += victim.end() == -signal.SIGKILL
        sleep(0.02)  # what the dead client sent has arrived
        take_over(own, company_id)
    sink.before = lambda *_: None
    for _ in range(20):
        take_over(own, company_id)
        done = subprocess.run(
            [sys.executable, "-m", "rollbook", "worker", "--once"],
            env={**clean_environment(), **address},
            capture_output=True,
            timeout=600,
            check=True,
        )
        box = own.database.engine.read(lambda tx: outbox.search(tx, company_id, limit=1_000_000))
        if not [mail for mail in box if mail.state in ("queued", "sending")]:
            break
        assert done.returncode == 0
    states = Counter(mail.state for mail in box)
    arrived = Counter(mail.id for mail in sink.received)
    recipients = Counter(recipient for mail in sink.received for recipient in mail.recipients)
    record_property("kills", killed)
    record_property("mails", ", ".join(f"{state}: {count}" for state, count in sorted(states.items())))
    record_property("sent twice", sum(count - 1 for count in recipients.values()))
    assert killed >= KILLS * 0.8
    assert max(arrived.values()) == max(recipients.values()) == 1
    assert states["sent"] + states["unknown"] + states["queued"] + states["cancelled"] == KILLS * MAILS_A_KILL
    assert states["queued"] == 0
    assert 0 < states["unknown"] <= killed
    assert states["cancelled"] == len(range(7, KILLS * MAILS_A_KILL, 20))
    ids = {state: {mail.id for mail in box if mail.state == state} for state in states}
    assert ids["sent"] <= set(arrived) <= ids["sent"] | ids["unknown"]

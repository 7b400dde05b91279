"""`rollbook serve` is killed again and again while clients write: what was acknowledged is there, what was under way is
there whole or not at all, and rows, events and log never disagree (promises P1 and P7).
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from rollbook import clock, settings
from rollbook.database import Tx
from rollbook.database.tables import users
from rollbook.installation import Installation, open_installation
from rollbook.people import companies, keys
from tests import history
from tests.conftest import OPERATOR
from tests.journeys.ledger import Client, Ledger, State
from tests.servers import ProcessServer, environment

LONG = bool(os.environ.get("ROLLBOOK_LONG"))
KILLS = int(os.environ.get("ROLLBOOK_KILLS") or (100 if LONG else 10))
CLIENTS = 6
PER_COMPANY = 15  # kills, then a new company: what is compared must not grow without end


def new_company(installation: Installation) -> tuple[str, tuple[str, str]]:
    """Its id, and what its clients sign in with."""

    def work(tx: Tx) -> tuple[str, tuple[str, str]]:
        company = companies.create(tx, f"acme-{clock.new_id()[:18]}", "Acme", actor=OPERATOR, now=clock.now())
        pepper = installation.pepper
        _, key = keys.issue(tx, company.id, "scim", pepper=pepper, actor=OPERATOR, now=clock.now())
        return company.id, (company.subdomain, key)

    return installation.database.engine.write(work)


def wait_for_the_dead(address: str) -> None:
    """PostgreSQL finishes what a killed client sent; a COMMIT on its way must have arrived before rows are compared."""
    with psycopg.connect(address, autocommit=True) as connection:
        for _ in range(200):
            busy = connection.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
            ).fetchone()
            if busy == (0,):
                return
            time.sleep(0.02)
    raise AssertionError("the database is still busy with a dead client")


def states(installation: Installation, company_id: str) -> dict[str, State]:
    """What the rows say."""
    found = installation.database.engine.read(lambda tx: history.rows(tx, users, company_id))
    return {
        row["id"]: State(row["user_name"], row["job_title"], row["location"], row["archived_at"] is None)
        for row in found
    }


def settle(ledgers: list[Ledger], found: dict[str, State]) -> list[str]:
    """Compares the ledgers with the rows; what was under way is entered the way it went. Returns what is wrong."""
    wrong = [surprise for ledger in ledgers for surprise in ledger.surprises]
    known = {user_id for ledger in ledgers for user_id in ledger.acknowledged}
    unknown = {state.user_name: user_id for user_id, state in found.items() if user_id not in known}
    for ledger in ledgers:
        user_id, wanted = ledger.under_way or (None, None)
        for acknowledged_id, state in ledger.acknowledged.items():
            row = found.get(acknowledged_id)
            if row == state:
                continue
            if acknowledged_id == user_id and row == wanted and wanted is not None:
                ledger.acknowledged[acknowledged_id] = wanted
            else:
                wrong.append(f"{state} was acknowledged, the row says {row}, under way was {ledger.under_way}")
        if user_id is None and wanted is not None and wanted.user_name in unknown:
            new_id = unknown.pop(wanted.user_name)
            if found[new_id] == wanted:
                ledger.acknowledged[new_id] = wanted
            else:
                wrong.append(f"half of {wanted} is there: {found[new_id]}")
        ledger.under_way = None
    return wrong + [f"nobody asked for {user_name}" for user_name in unknown]


@pytest.mark.long
@pytest.mark.timeout(max(300, KILLS * 10))
def test_no_kill_loses_or_halves_a_write(
    engine: str, database_url: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    address = environment(tmp_path / "data", database_url)
    installation = open_installation(settings.read(address))
    server = ProcessServer(address)
    moments = random.Random(engine)
    answers = interrupted = 0
    company_id, auth, ledgers = "", ("", ""), [Ledger() for _ in range(CLIENTS)]
    try:
        for kill in range(KILLS):
            if kill % PER_COMPANY == 0:
                company_id, auth = new_company(installation)
                ledgers = [Ledger() for _ in range(CLIENTS)]
            clients = [
                Client(server.url, auth, f"client{number}-{kill}", ledger) for number, ledger in enumerate(ledgers)
            ]
            for client in clients:
                client.start()
            time.sleep(moments.uniform(0.05, 0.5))
            server.kill()
            for client in clients:
                client.join(timeout=30)
                assert not client.is_alive()
            if database_url:
                wait_for_the_dead(database_url)
            else:
                path = installation.settings.sqlite_path
                assert path is not None
                with closing(sqlite3.connect(path)) as connection:
                    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            answers += sum(ledger.answers for ledger in ledgers)
            interrupted += sum(ledger.under_way is not None for ledger in ledgers)
            for ledger in ledgers:
                ledger.answers = 0
            assert settle(ledgers, states(installation, company_id)) == []
            if kill % 5 == 4 or kill == KILLS - 1:
                read = installation.database.engine.read
                assert read(lambda tx, id_=company_id: history.contradictions(tx, id_)) == []  # type: ignore[misc]  # a lambda with a default
            server.start()
    finally:
        server.kill()
        installation.close()
    record_property("kills", KILLS)
    record_property("acknowledged answers, none lost", answers)
    record_property("requests cut, none half done", interrupted)
    assert answers > KILLS * 10
    assert interrupted > KILLS

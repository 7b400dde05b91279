"""A database file that cannot be read: every reader is told to come again, in the words of its protocol."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from rollbook import clock, settings
from rollbook.database import Tx, open_database
from rollbook.errors import Unavailable
from rollbook.installation import Installation, open_installation
from rollbook.people import companies, keys
from tests.cast import ADA, DEACTIVATE, LEO, MONA, scim_user
from tests.conftest import OPERATOR, House
from tests.console.desk import Desk, person, seated
from tests.scim.wire import ERROR
from tests.servers import PLAIN, ThreadServer, environment


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Installation]:
    """An installation of this test's own on SQLite."""
    opened = open_installation(settings.read(environment(tmp_path)))
    yield opened
    opened.close()


@pytest.fixture
def server(alone: Installation) -> Iterator[ThreadServer]:
    running = ThreadServer(alone)
    yield running
    running.stop()


@pytest.fixture
def okta(alone: Installation, server: ThreadServer) -> Iterator[httpx2.Client]:
    """A provisioning client of acme, where Leo is."""

    def work(tx: Tx) -> tuple[str, str]:
        company = companies.create(tx, "acme", "Acme", actor=OPERATOR, now=clock.now())
        _, key = keys.issue(tx, company.id, "scim", pepper=alone.pepper, actor=OPERATOR, now=clock.now())
        return company.id, key

    company_id, key = alone.database.engine.write(work)
    with httpx2.Client(base_url=f"{server.url}/scim/v2", auth=("acme", key), timeout=30, verify=PLAIN) as client:
        client.post("/Users", json=scim_user(LEO)).raise_for_status()
        client.headers["x-company"] = company_id
        yield client


@pytest.fixture
def ada(alone: Installation, okta: httpx2.Client, server: ThreadServer) -> Iterator[Desk]:
    house = House(alone)
    desk = seated(house, server.url, person(house, okta.headers["x-company"], ADA, "admin"))
    yield desk
    desk.http.close()


def garbage(was: bytes) -> bytes:
    """Somebody copied another file over it."""
    return b"This is no database. " * (len(was) // 21)


def half(was: bytes) -> bytes:
    """The disk broke below its second page."""
    return was[:8192] + b"\xff" * (len(was) - 8192)


def nothing(was: bytes) -> bytes:
    """Somebody emptied it."""
    return b""


def destroy(installation: Installation, how: Callable[[bytes], bytes]) -> bytes:
    """Changes the file under the running server. A write just before lets every reader look at the file again."""
    path = installation.settings.sqlite_path
    assert path is not None
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("INSERT INTO installation VALUES ('shaken', 'x')")
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    was = path.read_bytes()
    assert len(was) > 100_000
    with path.open("r+b") as file:  # the same file: the server has it open
        file.write(how(was))
        file.truncate(len(how(was)))
    return was


READS = ("/Users/{leo}", "/Users", '/Users?filter=userName eq "leo@acme.example"', "/Schemas", "/ServiceProviderConfig")


@pytest.mark.parametrize("how", [garbage, half, nothing])
def test_a_provisioning_client_is_told_when_to_come_again(
    how: Callable[[bytes], bytes], alone: Installation, okta: httpx2.Client
) -> None:
    leo = okta.get("/Users").json()["Resources"][0]["id"]
    destroy(alone, how)
    for path in READS:
        answer = okta.get(path.format(leo=leo))
        assert answer.status_code == 503, (path, answer.text)
        assert answer.headers["retry-after"] == "5"
        assert answer.headers["content-type"] == "application/scim+json"
        body = answer.json()
        assert (body["schemas"], body["status"]) == ([ERROR], "503")
        assert body["detail"] == "The database cannot be read just now; send the request again."
    for answer in (
        okta.patch(f"/Users/{leo}", json=DEACTIVATE),
        okta.post("/Users", json=scim_user(MONA)),
        okta.post("/Users", content="{"),  # whose key it is cannot be looked up
    ):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize("how", [garbage, half, nothing])
def test_whoever_is_signed_in_reads_so_on_a_page(
    how: Callable[[bytes], bytes], alone: Installation, ada: Desk, server: ThreadServer
) -> None:
    token = ada.token()
    destroy(alone, how)
    for path in ("/", "/provisioning"):
        page = ada.open(path)
        assert page.status == 503
        assert "Rollbook cannot answer just now" in page.text
        assert "The database cannot be read just now" in page.text
    answer = ada.http.post("/sign-out", data={"form_token": token}, headers={"origin": server.url})
    assert answer.status_code == 503
    assert httpx2.get(f"{server.url}/readyz", verify=PLAIN).status_code == 503
    assert httpx2.get(f"{server.url}/healthz", verify=PLAIN).status_code == 200


def test_the_next_reader_opens_the_file_anew(alone: Installation, okta: httpx2.Client) -> None:
    path = alone.settings.sqlite_path
    assert path is not None
    was = destroy(alone, garbage)
    assert okta.get("/Users").status_code == 503
    path.write_bytes(was)
    answer = okta.get("/Users")
    assert (answer.status_code, answer.json()["totalResults"]) == (200, 1)


def test_a_file_that_is_no_database_is_named_when_it_is_opened(tmp_path: Path) -> None:
    given = settings.read(environment(tmp_path))
    assert given.sqlite_path is not None
    given.sqlite_path.write_bytes(b"This is no database. " * 400)
    with pytest.raises(Unavailable, match="cannot be opened"):
        open_database(given)

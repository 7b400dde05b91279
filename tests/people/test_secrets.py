"""Secrets: whatever is planted in requests is found in no log, table, metric or error; only digests are kept. The
operator's own secret is checked at each start, and rotated without a key being issued anew.
"""

from __future__ import annotations

import base64
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import inspect, text

from rollbook import clock, settings
from rollbook.database import Tx
from rollbook.database.schema import engine_for
from rollbook.errors import Misconfigured, Unauthorized
from rollbook.installation import Installation, open_installation
from rollbook.people import companies, credentials, keys, sign_in, tokens
from rollbook.people import users as people
from tests import postgres
from tests.cast import ADA, LEO, patch, scim_user
from tests.conftest import OPERATOR
from tests.servers import PLAIN, SECRET, ProcessServer, environment, program

NEW_SECRET = "another secret of the tests, as long"
CANARY = "canary-7f3a9c-must-not-be-kept"


@pytest.fixture
def address(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    url = "" if engine == "sqlite" else postgres.new_database(request.getfixturevalue("postgres_server"))
    return environment(tmp_path / "data", url)


@pytest.fixture
def own(address: dict[str, str]) -> Iterator[Installation]:
    opened = open_installation(settings.read(address))
    yield opened
    opened.close()


def issue(own: Installation, scope: Any = "scim") -> tuple[str, str, str]:
    """(company, key id, key)."""

    def work(tx: Tx) -> tuple[str, str, str]:
        company = companies.find(tx, "acme") or companies.create(tx, "acme", "Acme", actor=OPERATOR, now=clock.now())
        key, text_ = keys.issue(tx, company.id, scope, pepper=own.pepper, actor=OPERATOR, now=clock.now())
        return company.id, key.id, text_

    return own.database.engine.write(work)


def dump(address: dict[str, str]) -> str:
    """Every value of every table, as text."""
    with engine_for(settings.read(address)).connect() as connection:
        lines = []
        for table in inspect(connection).get_table_names():
            rows = connection.execute(text(f'SELECT * FROM "{table}"')).fetchall()
            lines += [f"{table}: {row!r}" for row in rows]
    return "\n".join(lines)


def link_for(own: Installation, company_id: str) -> tuple[str, str]:
    """Two sign-in links of Ada."""

    def work(tx: Tx) -> tuple[str, str]:
        ada = people.create(tx, company_id, ADA, role="admin", actor=OPERATOR, now=clock.now())
        first, second = (
            sign_in.issue_link(tx, company_id, ada.id, pepper=own.pepper, actor=OPERATOR, now=clock.now())
            for _ in range(2)
        )
        return first, second

    return own.database.engine.write(work)


def ways_of(subdomain: str, secret: str) -> list[str]:
    """The ways in which a client may present a key."""
    return [
        "Basic " + base64.b64encode(f"{subdomain}:{secret}".encode()).decode(),
        f"Bearer {secret}",
        secret,
        "Basic " + base64.b64encode(f"{secret}:{secret}".encode()).decode(),
        f"Basic {secret}",
        f"Digest {secret}",
    ]


def test_what_was_planted_is_found_nowhere(own: Installation, address: dict[str, str]) -> None:
    company_id, _, key = issue(own)
    _, _, api_key = issue(own, "api")
    _, _, revoked = issue(own)
    link, other_link = link_for(own, company_id)
    wrong = tokens.make("scim", company_id).text
    planted = {CANARY, key, api_key, revoked, wrong, link, other_link, SECRET}
    refusals: list[str] = []

    server = ProcessServer(address)
    with httpx2.Client(base_url=server.url, timeout=30, verify=PLAIN) as http:

        def send(method: str, path: str, key: str = key, body: Any = None, **how: Any) -> httpx2.Response:
            headers = {"Authorization": f"Bearer {key}", **how.pop("headers", {})}
            answer = http.request(method, f"/scim/v2{path}", json=body, headers=headers, **how)
            if answer.status_code >= 400:
                refusals.append(answer.text)
            return answer

        for secret in (wrong, api_key, link, CANARY, key[:-1], key.upper()):
            planted.add(secret)
            for value in ways_of("acme", secret):
                send("GET", "/Users", headers={"Authorization": value})
                send("POST", "/Users", body=scim_user(LEO), headers={"Authorization": value})
        leo = send("POST", "/Users", body=scim_user(LEO, password=CANARY)).json()["id"]
        for body in (
            scim_user(LEO, password=CANARY, Password2=CANARY),
            scim_user(LEO, apiKey=CANARY, secrets=[{"value": CANARY}]),
            scim_user(LEO, userName="", password=CANARY),
            scim_user(LEO, active="perhaps", password=CANARY),
        ):
            send("PUT", f"/Users/{leo}", body=body)
        for operation in (
            {"op": "replace", "path": "password", "value": CANARY},
            {"op": "replace", "value": {"password": CANARY, "token": CANARY}},
            {"op": "add", "path": "urn:ietf:params:scim:schemas:core:2.0:User:password", "value": CANARY},
            {"op": "replace", "path": "password", "value": [{"value": CANARY}]},
            {"op": "remove", "path": "password", "value": CANARY},
        ):
            send("PATCH", f"/Users/{leo}", body=patch(operation))
        for raw in (f'{{"password": "{CANARY}"', f'{{"password": "{CANARY}", "Password": "{CANARY}"}}', f'"{CANARY}"'):
            answer = http.put(f"/scim/v2/Users/{leo}", content=raw, headers={"Authorization": f"Bearer {key}"})
            refusals.append(answer.text)
        send("GET", "/Users", headers={"Cookie": f"rollbook_session={CANARY}", "X-Api-Key": CANARY})

        shown = http.get(f"/sign-in/{link}")
        assert shown.status_code == 200
        for path in ("/", f"/sign-in/{CANARY}", f"/provisioning?token={CANARY}"):
            http.get(path, headers={"Cookie": f"rollbook_session={CANARY}"})
        metrics = http.get("/metrics").text
    said = server.stop()

    def signed_in(tx: Tx) -> str:
        return sign_in.consume_link(tx, other_link, pepper=own.pepper, now=clock.now())[0]

    planted.add(own.database.engine.write(signed_in))
    tables = dump(address)
    for secret in planted:
        for where, found in {"log": said, "tables": tables, "metrics": metrics, "errors": "\n".join(refusals)}.items():
            assert secret not in found, (where, secret)
            assert base64.b64encode(secret.encode()).decode().rstrip("=") not in found
            if len(secret) > 60:  # nor the half of it that is secret
                assert secret[-38:] not in found
    assert len(refusals) > 60
    for secret in (key, api_key, revoked, link, other_link):
        assert own.pepper.digest(secret) in tables
    assert "apiKey" in tables  # passed over, and named without its value


def test_a_mistyped_key_is_told_from_nothing(own: Installation) -> None:
    """Wrong, revoked, expired, of another scope, malformed or missing: one sentence for all of them."""
    _, _, key = issue(own)
    company_id, revoked_id, revoked = issue(own)
    own.database.engine.write(lambda tx: keys.revoke(tx, company_id, revoked_id, actor=OPERATOR, now=clock.now()))
    wrong = tokens.make("scim", company_id).text
    said = set()
    for text_, subdomain in (
        (wrong, None),
        (revoked, None),
        (issue(own, "api")[2], None),
        (key, "umbra"),
        (key[:-1], None),
        ("", None),
        ("rb_scim_x", "acme"),
    ):

        def ask(tx: Tx, text_: str = text_, subdomain: str | None = subdomain) -> None:
            credentials.claim(tx, text_, subdomain=subdomain).holder("scim", pepper=own.pepper, now=clock.now())

        with pytest.raises(Unauthorized) as refusal:
            own.database.engine.read(ask)
        said.add(refusal.value.message)
    assert len(said) == 1


# The operator's secret.


def test_a_process_with_another_secret_refuses_to_start(own: Installation, address: dict[str, str]) -> None:
    issue(own)
    ended = program(address | {"ROLLBOOK_SECRET": NEW_SECRET}, "serve", "--port", "0")
    assert ended.returncode == 1
    last = ended.stderr.strip().splitlines()[-1]
    assert "ROLLBOOK_SECRET is not the one" in last
    assert "Traceback" not in ended.stderr
    assert NEW_SECRET not in ended.stderr + ended.stdout
    with pytest.raises(Misconfigured):
        open_installation(settings.read(address | {"ROLLBOOK_SECRET_PREVIOUS": SECRET, "ROLLBOOK_SECRET": "x" * 15}))


def test_the_secret_is_rotated_and_keys_go_on(own: Installation, address: dict[str, str]) -> None:
    company_id, key_id, key = issue(own)
    _, _, unused = issue(own)
    rotating = address | {"ROLLBOOK_SECRET": NEW_SECRET, "ROLLBOOK_SECRET_PREVIOUS": SECRET}
    renewed = address | {"ROLLBOOK_SECRET": NEW_SECRET}

    def asks(server: ProcessServer, key: str) -> int:
        auth = ("acme", key)
        return httpx2.get(f"{server.url}/scim/v2/Users", auth=auth, verify=PLAIN, timeout=30).status_code

    server = ProcessServer(rotating)
    try:
        assert asks(server, key) == 200
        assert own.pepper.digest(key) in dump(address)
    finally:
        server.stop()  # what was gathered of the keys' use is stored once a minute, and now
    assert own.pepper.digest(key) not in dump(address)
    (used, unused_key) = own.database.engine.read(lambda tx: keys.search(tx, company_id))
    assert used.id == key_id
    assert used.last_used_at is not None
    assert unused_key.last_used_at is None

    server = ProcessServer(renewed)
    try:
        assert asks(server, key) == 200
        assert asks(server, unused) == 401  # never used in between: issue another
    finally:
        server.stop()
    with pytest.raises(Misconfigured, match="not the one"):
        open_installation(settings.read(address))


def test_links_and_sessions_of_before_a_rotation_go_on(own: Installation, address: dict[str, str]) -> None:
    company_id, _, _ = issue(own)
    link, other_link = link_for(own, company_id)
    session, _ = own.database.engine.write(
        lambda tx: sign_in.consume_link(tx, link, pepper=own.pepper, now=clock.now())
    )
    rotating = open_installation(
        settings.read(address | {"ROLLBOOK_SECRET": NEW_SECRET, "ROLLBOOK_SECRET_PREVIOUS": SECRET})
    )
    try:
        read = rotating.database.engine.read
        assert read(lambda tx: sign_in.session(tx, session, pepper=rotating.pepper, now=clock.now())) is not None
        read(lambda tx: sign_in.check_link(tx, other_link, pepper=rotating.pepper, now=clock.now()))
    finally:
        rotating.close()


def test_postgresql_wants_its_secret_given(postgres_server: Any, tmp_path: Path) -> None:
    url = postgres.new_database(postgres_server)
    with pytest.raises(Misconfigured, match="ROLLBOOK_SECRET must be given"):
        open_installation(settings.read(environment(tmp_path, url) | {"ROLLBOOK_SECRET": ""}))


def test_sqlite_s_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    given = environment(tmp_path / "data") | {"ROLLBOOK_SECRET": ""}
    made = [settings.secret_of(settings.read(given)) for _ in range(2)]
    assert made[0] == made[1]
    assert len(made[0]) >= 40
    assert mode(tmp_path / "data" / "secret") == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret"]


def test_the_data_are_their_owner_s_alone(tmp_path: Path) -> None:
    """Also where the operator made the directory, open to all."""
    for name, exists in (("made by us", False), ("made by the operator", True)):
        data = tmp_path / name
        if exists:
            data.mkdir(mode=0o755)
        opened = open_installation(settings.read(environment(data)))
        issue(opened)
        assert exists or mode(data) == 0o700
        modes = {path.name: mode(path) for path in data.iterdir() if path.name.startswith("rollbook.sqlite3")}
        opened.close()
        assert set(modes) == {"rollbook.sqlite3", "rollbook.sqlite3-wal", "rollbook.sqlite3-shm"}
        assert set(modes.values()) == {0o600}


def test_each_secret_may_come_from_a_file(address: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "given"
    path.write_text(SECRET + "\n")
    from_file = {name: value for name, value in address.items() if name != "ROLLBOOK_SECRET"}
    opened = open_installation(settings.read(from_file | {"ROLLBOOK_SECRET_FILE": str(path)}))
    opened.close()
    assert opened.pepper.current == SECRET.encode()
    with pytest.raises(Misconfigured, match="keep one of them"):
        settings.read(address | {"ROLLBOOK_SECRET_FILE": str(path)})


def test_settings_show_no_secret(address: dict[str, str]) -> None:
    url = "postgresql://rollbook:hidden-word@127.0.0.1/rollbook"
    shown = repr(settings.read(address | {"ROLLBOOK_DATABASE_URL": url, "ROLLBOOK_SMTP_URL": "smtp://a:hidden-word@h"}))
    assert SECRET not in shown
    assert "hidden-word" not in shown


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)

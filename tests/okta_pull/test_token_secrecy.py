"""The Okta token is read from a file or standard input, kept sealed, and found nowhere else, do what one will."""

from __future__ import annotations

import base64
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from rollbook import clock
from rollbook.okta import connections, sealing
from rollbook.people import keys
from tests.conftest import OPERATOR
from tests.okta_pull import place as place_
from tests.okta_pull.place import TOKEN, Place
from tests.people.test_secrets import dump
from tests.servers import PLAIN, SECRET, ProcessServer, clean_environment, rollbook

WRONG = "00wrongMarker8Lm3yZ-neverStored"


@pytest.fixture
def place(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    with place_.opened(engine, tmp_path, request) as opened:
        opened.org.fill(5)
        yield opened


def spellings(secret: str) -> list[bytes]:
    """A secret as it is, and as it would stand in base64, wherever in a text it begins."""
    shifted = [base64.b64encode(b"x" * shift + secret.encode())[shift * 2 : -4] for shift in range(3)]
    return [secret.encode(), secret[6:-2].encode(), secret.encode().hex().encode(), *shifted]


@pytest.mark.slow
def test_the_token_is_found_nowhere(place: Place) -> None:
    said: list[bytes] = []

    def run(*arguments: str, code: int = 0) -> None:
        ended = rollbook(place.environment, "okta", *arguments)
        said.extend((ended.stdout.encode(), ended.stderr.encode()))
        assert ended.returncode == code, ended.stderr

    processes = while_it_runs(place, "configure", "acme", *org(place), "--token-file", "-")
    wrong = place.directory / "wrong.txt"
    wrong.write_text(WRONG)
    run("configure", "acme", *org(place), "--token-file", str(wrong), code=1)
    run("field", "acme", "hireDate", "hire_date")
    for command in ("show", "fields", "preview", "sync", "runs"):
        run(command, "acme")

    server = ProcessServer(place.environment)
    with httpx2.Client(base_url=server.url, auth=("acme", api_key(place)), timeout=30, verify=PLAIN) as http:

        def ask(method: str, path: str, **how: object) -> httpx2.Response:
            answer = http.request(method, path, **how)  # type: ignore[arg-type]  # its parts are of several types
            said.append(answer.content)
            return answer

        for number in range(3):
            if number == 1:
                place.org.faults.by(lambda request: "403")
            if number == 2:
                place.org.faults.by(lambda request: "401")
            run_id = ask("POST", "/api/v1/okta/runs", json={"purpose": "sync"}).json()["id"]
            wait_for(lambda run_id=run_id: ask("GET", f"/api/v1/okta/runs/{run_id}").json()["ended_at"])
            place.org.faults.clear()
        processes += listed()
        ask("PATCH", "/api/v1/okta/connection", json={"token": TOKEN, "most_people": 5})
        for path in ("/api/v1/okta/connection", "/api/v1/okta/runs", "/api/v1/log", "/metrics", "/readyz"):
            ask("GET", path)
    said.append(server.stop().encode())
    said.append(rollbook(place.environment, "doctor").stdout.encode())
    assert any(b"403" in text for text in said)

    tables = dump(place.environment).encode()
    files = [path.read_bytes() for path in place.directory.glob("data/*")]
    assert b"okta_connections" in tables
    for secret in (TOKEN, WRONG):
        for spelling in spellings(secret):
            assert not any(spelling in text for text in said)
            assert spelling not in tables
            assert not any(spelling in content for content in files)
            assert spelling not in processes
    kept = place.read(lambda tx: connections.get(tx, place.company_id)).sealed_token
    assert kept is not None
    assert kept.encode() in tables
    assert not any(kept.encode() in text for text in said)
    assert sealing.unseal([SECRET.encode()], place.company_id, kept) == TOKEN
    assert place.org.log.writes == []


def org(place: Place) -> list[str]:
    return ["--org-url", place.server.address, "--group", place.org.group_id]


def while_it_runs(place: Place, *arguments: str) -> bytes:
    """The process list, looked at again and again while a command talks with an org that takes its time."""
    place.server.delay = 0.1
    command = subprocess.Popen(
        [sys.executable, "-m", "rollbook", "okta", *arguments],
        env=clean_environment() | place.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    assert command.stdin is not None
    command.stdin.write(TOKEN.encode())
    command.stdin.close()
    seen = b""
    while command.poll() is None:
        seen += listed()
        time.sleep(0.02)
    place.server.delay = 0
    assert command.returncode == 0
    assert b"okta configure acme" in seen
    return seen


def listed() -> bytes:
    """What each process was started with, and its environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                found.append((path / name).read_bytes().replace(b"\0", b" "))
            except OSError:  # it ended meanwhile, or is not ours to see
                continue
    return b"\n".join(found)


def api_key(place: Place) -> str:
    return place.write(
        lambda tx: keys.issue(
            tx, place.company_id, "api", pepper=place.installation.pepper, actor=OPERATOR, now=clock.now()
        )
    )[1]


def wait_for(held: object) -> None:
    assert callable(held)
    for _ in range(600):
        if held():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to that")

"""A failure that nobody foresaw: the reader gets a number, the log its kind and place, and nobody its text."""

from __future__ import annotations

from pathlib import Path

import httpx2

from tests.servers import ProcessServer, environment, rollbook

SECRET_TEXT = "the text of an exception may name a person"

# Breaks the server from outside, as a bug would: its look-up of a company raises.
SITE = f"""
import rollbook.people.sign_in as sign_in

def broken(*_, **__):
    raise RuntimeError({SECRET_TEXT!r})

sign_in.session = broken
"""


def test_a_broken_page_gives_a_number_and_no_text(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITE)
    settings = environment(tmp_path / "data", PYTHONPATH=f"{tmp_path / 'site'}:{Path(__file__).parents[2]}")
    assert rollbook(environment(tmp_path / "data"), "company", "create", "acme", "--name", "Acme").returncode == 0
    server = ProcessServer(settings)
    try:
        answer = httpx2.get(f"{server.url}/", cookies={"rollbook_session": "rb_session_x"})
    finally:
        log = server.stop()
    assert answer.status_code == 500
    assert "request id" in answer.text
    number = answer.text.split("request id ")[1].strip().rstrip(".")
    assert number in log
    assert "RuntimeError" in log
    assert SECRET_TEXT not in answer.text + log

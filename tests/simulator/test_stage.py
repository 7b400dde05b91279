"""The parts of the demo's stage: the port, the mail sink, somebody with a browser."""

import smtplib
import socket
from pathlib import Path

import pytest

from rollbook.simulator.browser import use_link
from rollbook.simulator.checks import UnmetError
from rollbook.simulator.demo import main
from rollbook.simulator.mail_sink import Mail, MailSink
from rollbook.simulator.stage import StageError, set_stage
from tests.simulator.servers import Reply, scripted_server

PAGE = """<html><body><form action="?" method="get"><input name="q" value="no"></form>
<form method="post" action="/sign-in/rb_link"><input type="hidden" name="token" value="t1">
<button name="go" value="1">Sign in</button></form><input name="outside" value="no"></body></html>"""
HTML = {"Content-Type": "text/html"}


def test_a_taken_port_is_one_clear_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["--once", "--port", str(port)]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert f"Port {port} of 127.0.0.1 is taken" in shown
    assert "choose another with --port" in shown


def test_the_demo_wants_a_fresh_directory(tmp_path: Path) -> None:
    (tmp_path / "rollbook.sqlite3").write_text("somebody's work")
    with pytest.raises(StageError, match="is not empty"):
        set_stage(0, tmp_path)
    assert (tmp_path / "rollbook.sqlite3").read_text() == "somebody's work"


def test_a_stage_hands_its_settings_to_rollbook_and_none_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLBOOK_DATABASE_URL", "postgresql://precious.example/learning")
    stage = set_stage(0, tmp_path / "demo")
    try:
        own = {name: value for name, value in stage.environment.items() if name.startswith("ROLLBOOK_")}
        assert own == {
            "ROLLBOOK_DATA_DIR": str(tmp_path / "demo"),
            "ROLLBOOK_PUBLIC_URL": f"http://127.0.0.1:{stage.port}",
            "ROLLBOOK_SMTP_URL": f"smtp://127.0.0.1:{stage.sink.port}",
            "ROLLBOOK_MAIL_FROM": "learning@acme.example",
        }
    finally:
        stage.close()


def test_a_temporary_stage_leaves_nothing_behind() -> None:
    stage = set_stage(0, None)
    assert stage.directory.is_dir()
    stage.close()
    assert not stage.directory.exists()


def test_the_sink_keeps_one_mail_a_recipient() -> None:
    sink = MailSink()
    try:
        with smtplib.SMTP("127.0.0.1", sink.port, timeout=10) as client:
            text = "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello"
            client.sendmail("from@acme.example", ["ada@acme.example", "leo@acme.example"], text)
        assert sink.wait_for("leo@acme.example", 5) == Mail("leo@acme.example", "Grüße")
        assert sink.wait_for("mona@acme.example", 0) is None
        assert [mail.recipient for mail in sink.mails()] == ["ada@acme.example", "leo@acme.example"]
    finally:
        sink.close()


def test_pressing_the_button_submits_the_form_that_posts() -> None:
    cookie = {"Set-Cookie": "session=s1; Path=/", "Location": "/"}
    with scripted_server(Reply(200, PAGE, HTML), Reply(303, headers=cookie)) as script:
        visit = use_link(f"{script.base_url}/sign-in/rb_link")
    assert (visit.opened, visit.pressed, visit.signed_in) == (200, 303, True)
    request = script.requests[1]
    assert (request.method, request.target, request.body) == ("POST", "/sign-in/rb_link", b"token=t1&go=1")
    assert request.header("Origin") == script.base_url.removesuffix("/scim/v2")


def test_only_looking_presses_nothing() -> None:
    with scripted_server(Reply(200, PAGE, HTML)) as script:
        visit = use_link(f"{script.base_url}/sign-in/rb_link", press=False)
        assert len(script.requests) == 1
    assert (visit.opened, visit.pressed, visit.signed_in) == (200, None, False)


def test_a_refused_link_is_no_session_even_when_posted_to() -> None:
    refused = [Reply(410, "<p>Gone</p>", HTML), Reply(410, "<p>Gone</p>", {"Set-Cookie": "x=1"})]
    with scripted_server(*refused) as script:
        visit = use_link(f"{script.base_url}/sign-in/rb_link", forge=True)
    assert (visit.opened, visit.pressed, visit.signed_in) == (410, 410, False)
    assert [request.method for request in script.requests] == ["GET", "POST"]


def test_a_sign_in_page_that_does_not_answer_is_a_finding() -> None:
    with scripted_server() as script:
        address = script.base_url
    with pytest.raises(UnmetError, match="did not answer"):
        use_link(address)

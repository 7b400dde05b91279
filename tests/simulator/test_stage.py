"""The parts of the demo's stage: the port, the mail sink, somebody with a browser."""

import smtplib
import socket
from pathlib import Path

import pytest

from rollbook.simulator.browser import Browser
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
        assert sink.wait_for("leo@acme.example", 5) == Mail("leo@acme.example", "Grüße", "Hello\n")
        assert sink.wait_for("mona@acme.example", 0) is None
        assert [mail.recipient for mail in sink.mails()] == ["ada@acme.example", "leo@acme.example"]
    finally:
        sink.close()


def test_pressing_the_button_sends_the_form_that_posts() -> None:
    cookie = {"Set-Cookie": "session=s1; Path=/", "Location": "/"}
    home = Reply(200, "<p>Hello Leo</p>", HTML)
    with scripted_server(Reply(200, PAGE, HTML), Reply(303, headers=cookie), home) as script:
        browser = Browser()
        page = browser.open(f"{script.base_url}/sign-in/rb_link")
        assert page.has_button
        assert browser.press(page) == 303
        assert browser.sees(script.base_url, "Leo")
    request = script.requests[1]
    assert (request.method, request.target, request.body) == ("POST", "/sign-in/rb_link", b"token=t1&go=1")
    assert request.header("Origin") == script.base_url.removesuffix("/scim/v2")
    assert request.header("Sec-Fetch-Site") == "same-origin"
    assert script.requests[2].header("Cookie") == "session=s1"


def test_a_page_without_referrer_sends_a_null_origin_as_browsers_do() -> None:
    private = HTML | {"Referrer-Policy": "no-referrer"}
    with scripted_server(Reply(200, PAGE, private), Reply(303)) as script:
        browser = Browser()
        browser.press(browser.open(f"{script.base_url}/sign-in/rb_link"))
    assert script.requests[1].header("Origin") == "null"
    assert script.requests[1].header("Referer") is None


def test_only_looking_presses_nothing() -> None:
    with scripted_server(Reply(200, PAGE, HTML)) as script:
        Browser().open(f"{script.base_url}/sign-in/rb_link")
        assert [request.method for request in script.requests] == ["GET"]


def test_a_page_kept_open_can_be_pressed_after_the_link_has_ended() -> None:
    with scripted_server(Reply(200, PAGE, HTML), Reply(403, "<p>Useless</p>", HTML)) as script:
        browser = Browser()
        assert browser.press(browser.open(f"{script.base_url}/sign-in/rb_link")) == 403
    assert script.requests[1].body == b"token=t1&go=1"


def test_a_page_without_a_form_has_no_button() -> None:
    with scripted_server(Reply(403, "<p>Useless</p>", HTML)) as script:
        browser = Browser()
        page = browser.open(script.base_url)
        assert not page.has_button
        with pytest.raises(UnmetError, match="no button to press; it was answered 403"):
            browser.press(page)


def test_words_on_a_refusal_are_not_seen() -> None:
    moved = Reply(303, headers={"Location": "/provisioning"})
    with scripted_server(moved, Reply(200, "Ada", HTML), Reply(403, "Ada", HTML)) as script:
        browser = Browser()
        assert browser.sees(script.base_url, "Ada")
        assert not browser.sees(script.base_url, "Ada")
        assert script.requests[1].target == "/provisioning"


def test_redirects_without_end_are_a_finding() -> None:
    with (
        scripted_server(*[Reply(303, headers={"Location": "/"})] * 9) as script,
        pytest.raises(UnmetError, match="without end"),
    ):
        Browser().sees(script.base_url, "Ada")
    assert len(script.requests) == 5


def test_a_page_that_does_not_answer_is_a_finding() -> None:
    with scripted_server() as script:
        address = script.base_url
    with pytest.raises(UnmetError, match="did not answer"):
        Browser().open(address)

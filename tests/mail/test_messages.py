"""What a mail says, in every language, and that nobody's name or title can say anything else in its header."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes, policy
from html.parser import HTMLParser
from importlib.resources import files
from random import Random
from typing import Any, get_args

import pytest

from rollbook import clock, settings
from rollbook.activity.outbox import Kind
from rollbook.errors import Misconfigured
from rollbook.learning.notices import Notice
from rollbook.mail import language, messages
from rollbook.mail.messages import Letter, Unsendable, clean_line
from rollbook.people.company_settings import LANGUAGES

LONG = bool(os.environ.get("ROLLBOOK_LONG"))
HOSTILE = 10_000 if LONG else 500
KINDS: tuple[Kind, ...] = get_args(Kind)
LINK = "https://learning.acme.example/sign-in/rb_link_0?next=/assignments"
HEADER = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Language",
]

FIRE = Notice(
    "0199c0de-0000-7000-8000-000000000001", 1, "lesson", "Fire safety", "Where it hangs.\nWhom to call.", "2027-01-01"
)
WEEK = Notice("0199c0de-0000-7000-8000-000000000002", 1, "path", "First week", "", None)


def letter(kind: Kind = "first", **said: Any) -> Letter:
    about = kind not in ("welcome", "link")
    usual = Letter(
        mail_id="0199c0de-0000-7000-8000-00000000000a",
        kind=kind,
        language="en",
        recipient="leo@acme.example",
        given_name="Leo",
        company="Acme",
        notices=(FIRE,) if about and kind != "overdue" else (),
        late=(FIRE,) if kind == "overdue" else (),
        link=LINK,
        good_until=None if kind == "link" else "2026-12-07",
        good_minutes=15,
    )
    return replace(usual, **said)


def wire(one: Letter) -> bytes:
    return messages.envelope(
        one,
        sender="Acme training <training@acme.example>",
        public_url="https://learning.acme.example",
        now=clock.now(),
    ).message


def parsed(one: Letter) -> Any:
    return message_from_bytes(wire(one), policy=policy.default)


@pytest.mark.parametrize("tongue", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_mail_says_all_it_has_to_say_in_every_language(kind: Kind, tongue: Any) -> None:
    for notices, late in (((FIRE,), ()), ((FIRE, WEEK), ()), ((), (FIRE,)), ((WEEK,), (FIRE, FIRE))):
        if (kind == "overdue") != bool(late):
            continue
        if kind in ("welcome", "link"):
            notices = late = ()
        one = letter(kind, language=tongue, notices=notices, late=late)
        text, html, subject = messages.text_of(one), messages.html_of(one), messages.subject_of(one)
        for part in (text, html):
            assert "Leo" in part
            assert "Acme" in part
            assert LINK in part
            assert not re.search(r"\{\w*\}|\{%|\{\{", re.sub(r"<style.*?</style>", "", part, flags=re.DOTALL))
            for notice in (*notices, *late):
                assert notice.title in part
                assert "Whom to call." in part or notice is WEEK
        assert subject
        assert "\n" not in subject
        assert f'lang="{tongue}"' in html
        days = {"en": "1 January 2027", "de": "1. Januar 2027", "fr": "1er janvier 2027"}
        if FIRE in (*notices, *late):
            assert days[tongue] in text
            assert days[tongue] in html
        assert parsed(one)["Content-Language"] == tongue


def test_every_language_says_everything_and_nothing_else() -> None:
    def places(tree: dict[str, Any], above: str = "") -> set[str]:
        return {
            place
            for name, value in tree.items()
            for place in (places(value, f"{above}{name}.") if isinstance(value, dict) else {above + name})
        }

    def names(tongue: str, place: str) -> set[str]:
        value: Any = language.catalogue(tongue)
        for part in place.split("."):
            value = value[part]
        return set(re.findall(r"\{(\w+)\}", value)) if isinstance(value, str) else {str(len(value))}

    english = places(language.catalogue("en"))
    for tongue in LANGUAGES:
        own = places(language.catalogue(tongue)) - {"first_day"}
        assert own == english
        for place in english:
            assert names(tongue, place) == names("en", place), (tongue, place)


def test_no_text_of_a_mail_stands_in_a_template() -> None:
    """Whatever is read is in texts/, so that a language is whole where its file is."""
    for entry in files("rollbook.mail").joinpath("templates").iterdir():
        bare = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", "", entry.read_text(encoding="utf-8"), flags=re.DOTALL)
        if entry.name.endswith(".html"):
            bare = re.sub(r"<!?[a-z/][^>]*>|&nbsp;", "", bare)
        if not entry.name.endswith(".css"):
            assert not re.search(r"[A-Za-z]{2}", bare), entry.name


@pytest.mark.parametrize(
    ("preferred", "locale", "default", "chosen"),
    [
        (None, None, "en", "en"),
        (None, None, "de", "de"),
        ("de", None, "en", "de"),
        ("fr-CA", "de_DE", "en", "fr"),
        ("nl-NL,de;q=0.8,en;q=0.5", None, "fr", "de"),
        ("xx", "fr_FR", "en", "fr"),
        ("english, please", "german", "fr", "fr"),
        ("", "", "de", "de"),
        ("*", "DE-at", "en", "de"),
    ],
)
def test_the_language_is_the_person_s_or_the_company_s(
    preferred: str | None, locale: str | None, default: Any, chosen: str
) -> None:
    assert language.choose(preferred, locale, default) == chosen


PIECES = (
    "\r\nBcc: all@acme.example", "\nSubject: Other", "\r\n\r\n<script>alert(1)</script>", "\x00", "\x0b", "\x1b[31m",
    "=?utf-8?q?=0d=0ABcc=3A_all=40acme.example?=", "=?utf-8?b?QmNjOg==?=", "\u2028", "\u2029", "\x85", "\u202e",
    "{{ 7 * 7 }}", "{% raw %}", "{company}", "{0.__class__}", "%s%n", "<img src=x onerror=alert(1)>", '" onclick="',
    "</p></td></table><a href='https://evil.example'>", "&lt;b&gt;", "]]>", "<!--", "\r\n.\r\n", "\n.\n", "..", "Ä",
    "日本語のとても長い題名", "🧯", "e\u0301", ", b@acme.example", "<x@acme.example>", ";", '\\"', "'", "a" * 300, " ",
    "\t", "javascript:alert(1)", "https://evil.example", "--", "From ", "\u200b", "\ufeff",
)  # fmt: skip


class Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.events: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("href", "src"):
                self.addresses.append(value or "")
            if name.startswith("on"):
                self.events.append(name)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_hostile_names_and_titles_stay_what_they_are(record_property: Callable[[str, object], None]) -> None:
    chance = Random(29)

    def hostile() -> str:
        return "".join(chance.choice(PIECES) for _ in range(chance.randint(1, 6))) + chance.choice(("x", "Ω"))

    usual = Elements(messages.html_of(letter("assigned")))
    for _ in range(HOSTILE):
        title, name, company, about = hostile(), hostile(), hostile(), hostile()
        one = letter(
            "assigned", given_name=name, company=company, notices=(replace(FIRE, title=title, description=about),)
        )
        raw = wire(one)
        message = message_from_bytes(raw, policy=policy.default)
        assert list(message.keys()) == HEADER
        assert message.defects == []
        assert message["To"] == "leo@acme.example"
        assert [a.addr_spec for a in message["From"].addresses] == ["training@acme.example"]
        assert message["Subject"] == clean_line(f"New assignment: {clean_line(title)}")
        assert all(len(line) <= 78 for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n"))
        assert b"\n" not in raw.replace(b"\r\n", b"")
        plain, html = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]  # it has both
        assert plain.replace("\r\n", "\n") == messages.text_of(one)
        assert clean_line(title) in plain
        assert clean_line(name) in plain
        found = Elements(html)
        assert [tag for tag in found.tags if tag != "p"] == [tag for tag in usual.tags if tag != "p"]
        assert set(found.addresses) == {LINK}
        assert found.events == []
    record_property("hostile names and titles", HOSTILE)


@pytest.mark.parametrize(
    "address",
    ["", "leo", "@acme.example", "leo@", "leo@acme.example\r\nBcc: x@y.example", "leo@acme.example, mona@acme.example",
     "<leo@acme.example>", "leo linden@acme.example", '"leo"@acme.example', "leo@acme..example", "leo@-acme.example",
     "leo@acme.example\x00", "léo@acme.example", f"{'l' * 65}@acme.example", "leo@[127.0.0.1]", "leo@ac me.example"],
)  # fmt: skip
def test_no_address_but_one_plain_one(address: str) -> None:
    with pytest.raises(Unsendable):
        messages.address(address)


def test_an_address_with_another_alphabet_in_its_domain_is_written_as_the_network_writes_it() -> None:
    assert messages.address("leo@bäcker.example") == "leo@xn--bcker-gra.example"
    assert messages.address("o'neil+x@acme.example") == "o'neil+x@acme.example"


def test_the_message_id_is_that_of_the_outbox_and_our_address() -> None:
    assert parsed(letter())["Message-ID"] == "<0199c0de-0000-7000-8000-00000000000a@learning.acme.example>"
    assert parsed(letter())["Auto-Submitted"] == "auto-generated"


def test_a_mail_needs_nothing_from_the_network_and_runs_nothing() -> None:
    for kind in KINDS:
        html = messages.html_of(letter(kind))
        found = Elements(html)
        assert {"script", "img", "link", "iframe", "form"} & set(found.tags) == set()
        assert set(found.addresses) == {LINK}
        assert "url(" not in html
        assert "@import" not in html


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ROLLBOOK_MAIL_FROM", "nobody"),
        ("ROLLBOOK_MAIL_FROM", "a@acme.example\r\nBcc: b@acme.example"),
        ("ROLLBOOK_MAIL_FROM", "Acme <a@acme.example>, b@acme.example"),
        ("ROLLBOOK_SMTP_URL", "http://mail.acme.example"),
        ("ROLLBOOK_SMTP_URL", "smtp://"),
        ("ROLLBOOK_SMTP_URL", "mail.acme.example:25"),
        ("ROLLBOOK_SMTP_URL", "smtp://mail.acme.example:port"),
    ],
)
def test_a_wrong_mail_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        settings.read({name: value})


@pytest.mark.parametrize(
    ("sender", "shown"),
    [
        ("training@acme.example", "training@acme.example"),
        ("Acme Training <training@acme.example>", "Acme Training <training@acme.example>"),
        ("Bäckerei, Süd <training@acme.example>", '"Bäckerei, Süd" <training@acme.example>'),
    ],
)
def test_the_sender_is_the_operator_s(sender: str, shown: str) -> None:
    chosen = settings.read({"ROLLBOOK_MAIL_FROM": sender}).mail_from
    raw = messages.envelope(letter(), sender=chosen, public_url="http://127.0.0.1:8000", now=clock.now()).message
    assert str(message_from_bytes(raw, policy=policy.default)["From"]) == shown

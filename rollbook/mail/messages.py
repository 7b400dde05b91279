"""A letter as it goes over the wire: subject, text and HTML from one set of templates, and headers that nobody's name
or title can add to. To whom a letter goes and what it is about is letters.py's.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import format_datetime
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import css_inline
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rollbook.activity.outbox import Kind
from rollbook.learning.notices import Notice
from rollbook.mail import language as languages
from rollbook.people.company_settings import Language

LONGEST_LINE = 200  # of a name or a title: what a subject can bear
LONGEST_TEXT = 1200

_WIRE = policy.SMTP.clone(refold_source="none", cte_type="7bit")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")  # they turn the text around them as well
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*")
_WORD_BYTES = 39  # in base64 and behind "Subject: " within the 76 characters of RFC 2047


class Unsendable(Exception):
    """No message can be made for this person; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says. `late` are those that are overdue, `link` is an address with a token: it is kept nowhere."""

    mail_id: str
    kind: Kind
    language: Language
    recipient: str
    given_name: str
    company: str
    notices: tuple[Notice, ...]
    late: tuple[Notice, ...]
    link: str
    good_until: str | None  # a day; None: for `good_minutes`
    good_minutes: int


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message in its bytes, and the two addresses that the mail server is told."""

    sender: str
    recipient: str
    message: bytes


def subject_of(letter: Letter) -> str:
    """The subject, one line."""
    return clean_line(_text.get_template(f"{letter.kind}.subject").render(_context(letter, html=False)))


def text_of(letter: Letter) -> str:
    """The part for readers of plain text."""
    written = _text.get_template(f"{letter.kind}.txt").render(_context(letter, html=False))
    return re.sub(r"\n{3,}", "\n\n", written).strip() + "\n"


def html_of(letter: Letter) -> str:
    """The part with a layout; everything that it needs is in it, and nothing is fetched."""
    context = _context(letter, html=True) | {"subject": subject_of(letter), "style": _STYLE}
    return _inliner.inline(_html.get_template(f"{letter.kind}.html").render(context))


def envelope(letter: Letter, *, sender: str, public_url: str, now: datetime) -> Envelope:
    """The message, to one recipient. Raises Unsendable for an address that nothing can be sent to.

    The header is written by us to the byte: the library would read what a title says as if it were encoded.
    """
    recipient = address(letter.recipient)
    name, from_address = read_sender(sender)
    lines = [
        f"From: {_phrase(name)}<{from_address}>" if name else f"From: {from_address}",
        f"To: {recipient}",
        f"Subject: {_unstructured(subject_of(letter))}",
        f"Date: {format_datetime(now)}",
        f"Message-ID: <{letter.mail_id}@{_host(public_url)}>",
        "Auto-Submitted: auto-generated",
    ]
    head = "\r\n".join(lines) + "\r\n\r\n"
    message = BytesParser(EmailMessage, policy=_WIRE).parsebytes(head.encode("ascii"))
    message.set_content(text_of(letter))
    message.add_alternative(html_of(letter), subtype="html")
    message["Content-Language"] = letter.language
    return Envelope(from_address, recipient, message.as_bytes())


def address(text: str) -> str:
    """An address as it may stand in a header and an envelope. Raises Unsendable."""
    local, _, domain = text.strip().rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        domain = ""
    if not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain) or len(local) > 64 or len(domain) > 255:
        raise Unsendable("The person's e-mail is no address that mail can be sent to; correct it.")
    return f"{local}@{domain}"


def read_sender(text: str) -> tuple[str, str]:
    """Name and address of ROLLBOOK_MAIL_FROM, which the settings have checked."""
    name, _, rest = text.rpartition("<")
    return clean_line(name.strip().strip('"')), rest.strip().rstrip(">")


def clean_line(text: str, longest: int = LONGEST_LINE) -> str:
    """One line without controls, line ends and marks that turn the direction of what follows."""
    line = " ".join(_without_controls(text.replace("\t", " ")).split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def clean_text(text: str, longest: int = LONGEST_TEXT) -> str:
    """Paragraphs without controls, cut at a length."""
    lines = (" ".join(_without_controls(line).split()) for line in text.splitlines())
    joined = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return joined if len(joined) <= longest else f"{joined[: longest - 1].rstrip()}…"


def _without_controls(text: str) -> str:
    kept = "".join(" " if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") else letter for letter in text)
    return _BIDI.sub("", kept)


def _unstructured(text: str) -> str:
    """As it is where that is safe and short, otherwise encoded."""
    if text.isascii() and text.isprintable() and len(text) <= 60 and "=?" not in text:
        return text
    return _encoded(text)


def _phrase(name: str) -> str:
    """What stands before an address, and the space between."""
    return f"{name} " if re.fullmatch(r"[A-Za-z0-9 ]{1,60}", name) else f"{_encoded(name)}\r\n "


def _encoded(text: str) -> str:
    """RFC 2047: base64 of UTF-8, cut between letters and folded."""
    words, word = [], b""
    for letter in text:
        encoded = letter.encode()
        if len(word) + len(encoded) > _WORD_BYTES:
            words.append(word)
            word = b""
        word += encoded
    words.append(word)
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(part).decode()}?=" for part in words)


def _host(public_url: str) -> str:
    """The right half of message ids."""
    host = urlsplit(public_url).hostname or "localhost"
    return f"[IPv6:{host}]" if ":" in host else host.encode("idna").decode("ascii")


def _context(letter: Letter, *, html: bool) -> dict[str, Any]:
    """What the templates may use; every text of a person's making is cleaned here."""

    def say(key: str, **values: Any) -> str:
        sentence = languages.sentence(letter.language, key)
        return Markup(sentence).format(**values) if html else sentence.format(**values)  # noqa: S704 - our own texts

    def shown(notice: Notice) -> dict[str, Any]:
        description = clean_text(notice.description)
        return {
            "kind": notice.content_kind,
            "title": clean_line(notice.title),
            "description": description,
            "paragraphs": [part for part in description.split("\n") if part],
            "due": languages.day(letter.language, notice.due_on) if notice.due_on else None,
        }

    notices, late = [shown(notice) for notice in letter.notices], [shown(notice) for notice in letter.late]
    told_first = late or notices
    if letter.good_until is None:
        good_for = say("link_minutes", minutes=letter.good_minutes)
    else:
        good_for = say("link_days", date=languages.day(letter.language, letter.good_until))
    return {
        "say": say,
        "name": letter.kind,
        "language": letter.language,
        "given_name": clean_line(letter.given_name),
        "company": clean_line(letter.company),
        "notices": notices,
        "late": late,
        "titles": [notice["title"] for notice in (*late, *notices)],
        "dates": [notice["due"] for notice in (*late, *notices)],
        "count": len(told_first),
        "number": "_one" if len(told_first) == 1 else "_many",
        "link": letter.link,
        "good_for": good_for,
    }


def _environment(*, autoescape: bool) -> Environment:
    return Environment(
        loader=PackageLoader("rollbook.mail"),
        autoescape=autoescape,  # noqa: S701 - off for plain text alone
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


_text = _environment(autoescape=False)
_html = _environment(autoescape=True)
_STYLE = Markup(  # noqa: S704 - as it stands in our file, comments left out: nothing in it needs escaping
    re.sub(r"/\*.*?\*/\s*", "", files(__package__).joinpath("templates", "mail.css").read_text(encoding="utf-8"))
)
_inliner = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)

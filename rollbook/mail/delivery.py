"""Handing one mail to the mail server, in stages, so that it is known how it went. What the mail says is messages.py's.

Until the final dot has been sent the mail was certainly not taken. From then until the answer nobody can know.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

CONNECT_SECONDS = 20.0  # until a mail could begin
MAIL_SECONDS = 120.0

GOODBYE_SECONDS = 2.0

_REPLY = re.compile(rb"([2-5]\d\d)(?:([ -])(.*?))?\r?\n", re.DOTALL)
_LONGEST_REPLY, _MOST_LINES = 8192, 200
_ENHANCED = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}\b")
_BAD_SESSION = frozenset({421, 530, 535})  # the server closes, or wants to know us first: not this mail's fault

# sent, or refused for good, or put off, or nobody knows. `closed`: not sent, and the server takes no other either.
Verdict = Literal["sent", "refused", "put off", "unknown", "closed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mail; `reason` is a sentence without anything that the server or the mail said."""

    verdict: Verdict
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server, as ROLLBOOK_SMTP_URL names it."""

    host: str
    port: int
    tls: Literal["none", "starttls", "whole"] = "none"
    user: str = ""
    password: str = ""


class ServerDown(Exception):
    """The server takes no mail at the moment; the sentence says at which stage it stopped."""


def read_address(address: str) -> Server:
    """`smtp://user:pass@host:port?starttls=1` or `smtps://…`, which the settings have checked."""
    parts = urlsplit(address)
    tls: Literal["none", "starttls", "whole"] = "none"
    if parts.scheme == "smtps":
        tls = "whole"
    elif parse_qs(parts.query).get("starttls", ["0"])[-1] not in ("0", "no", "false"):
        tls = "starttls"
    port = parts.port or {"none": 25, "starttls": 587, "whole": 465}[tls]
    return Server(parts.hostname or "", port, tls, unquote(parts.username or ""), unquote(parts.password or ""))


class Session:
    """A conversation with the mail server, for any number of mails one after the other. For one thread at a time;
    `cut` may come from another.
    """

    def __init__(self, server: Server, *, mail_seconds: float = MAIL_SECONDS) -> None:
        """Connects, speaks TLS and signs in. Raises ServerDown."""
        self._mail_seconds = mail_seconds
        self._cut = False
        opening = min(CONNECT_SECONDS, mail_seconds)
        self._smtp = _Conversation(server, opening)
        stage = "The mail server cannot be reached"
        try:
            with self._at_most(opening):
                code, _ = self._smtp.connect(server.host, server.port)
                stage = "The mail server does not greet"
                if code != 220 or self._cut:
                    raise smtplib.SMTPConnectError(code, "")
                self._smtp.ehlo_or_helo_if_needed()
                if server.tls == "starttls":
                    stage = "The mail server offers no TLS that can be trusted"
                    self._smtp.begin_tls()
                    self._smtp.ehlo_or_helo_if_needed()
                if server.user:
                    stage = "The mail server does not accept the user and password of ROLLBOOK_SMTP_URL"
                    self._smtp.login(server.user, server.password)
            self._smtp.wait_at_most(mail_seconds)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            self.close()
            raise ServerDown(f"{stage} ({_kind(error)}).") from None

    def deliver(self, message: bytes, *, sender: str, recipient: str) -> Outcome:
        """Hands over one mail with CRLF line ends. Raises nothing."""
        begun = _Progress()
        try:
            with self._at_most(self._mail_seconds):
                return self._stages(message, sender, recipient, begun)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            self._smtp.close()
            if begun.dot:
                return Outcome("unknown", f"The connection ended before the mail server answered ({_kind(error)}).")
            return Outcome("closed", f"The connection ended before the mail was handed over ({_kind(error)}).")

    def cut(self) -> None:
        """Ends the conversation at once, from another thread; a mail under way then has a known end, or none."""
        self._cut = True
        sock = self._smtp.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Says goodbye where somebody still listens."""
        with suppress(OSError, smtplib.SMTPException, ValueError):
            if self.is_open:
                self._smtp.wait_at_most(GOODBYE_SECONDS)
                self._smtp.quit()
        self._smtp.close()

    @property
    def is_open(self) -> bool:
        """Whether another mail can be tried on this conversation."""
        return self._smtp.sock is not None and not self._cut

    def _stages(self, message: bytes, sender: str, recipient: str, begun: _Progress) -> Outcome:
        # A sender that is refused is refused for every mail, and the operator's to put right.
        code, text = self._smtp.mail(sender)
        if code != 250:
            self._reset(code)
            return Outcome("closed", _answered("the sender ROLLBOOK_MAIL_FROM", code, text))
        code, text = self._smtp.rcpt(recipient)
        if code not in (250, 251):
            self._reset(code)
            return _refusal("the recipient", code, text)
        code, text = self._smtp.docmd("DATA")
        if code != 354:
            self._reset(code)
            return _refusal("the mail", code, text)
        self._smtp.send(_stuffed(message))
        begun.dot = True
        self._smtp.send(b".\r\n")
        code, text = self._smtp.getreply()
        if 200 <= code <= 299:
            return Outcome("sent")
        if not 400 <= code <= 599:
            raise smtplib.SMTPServerDisconnected
        return _refusal("the mail", code, text)

    def _reset(self, code: int) -> None:
        if code == 421:
            self._smtp.close()
        else:
            # What was said of this mail is known already, whatever becomes of the connection.
            with suppress(OSError, smtplib.SMTPException):
                self._smtp.rset()

    @contextmanager
    def _at_most(self, seconds: float) -> Iterator[None]:
        """A server that says one byte a minute is within every time limit of a socket: the whole has one as well."""
        timer = threading.Timer(seconds, self.cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


@dataclass(slots=True)
class _Progress:
    dot: bool = False


class _Conversation(smtplib.SMTP):
    """smtplib's, but that every wait can be cut short from outside, TLS included, and that half a reply is none."""

    sock: socket.socket | None
    file: Any

    def __init__(self, server: Server, seconds: float) -> None:
        super().__init__(timeout=seconds)
        self._server = server
        self._tls = None if server.tls == "none" else ssl.create_default_context()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = socket.create_connection((host, port), timeout)
        if self._tls is None or self._server.tls == "starttls":
            return plain
        # The handshake takes place with the first read, when `sock` is there to be cut.
        return self._tls.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)

    def begin_tls(self) -> None:
        """RFC 3207. Raises where the server offers none, or one that nobody vouches for."""
        if not self.has_extn("starttls"):
            raise smtplib.SMTPNotSupportedError
        code, text = self.docmd("STARTTLS")
        if code != 220 or self._tls is None or self.sock is None:
            raise smtplib.SMTPResponseException(code, text)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._server.host, do_handshake_on_connect=False)
        self.file = None
        self.sock.do_handshake()
        # What was said in the clear counts no more.
        self.helo_resp = self.ehlo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = False

    def getreply(self) -> tuple[int, bytes]:
        """A whole reply. Raises SMTPServerDisconnected for anything less: its numbers could be half of others."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("closed")
        if self.file is None:
            self.file = self.sock.makefile("rb")
        lines = []
        for _ in range(_MOST_LINES):
            line: bytes = self.file.readline(_LONGEST_REPLY)
            shaped = _REPLY.fullmatch(line)
            if shaped is None:
                break
            lines.append(shaped[3].strip())
            if shaped[2] != b"-":
                return int(shaped[1]), b"\n".join(lines)
        self.close()
        raise smtplib.SMTPServerDisconnected("no reply")

    def wait_at_most(self, seconds: float) -> None:
        """For each answer from now on."""
        if self.sock is not None:
            self.sock.settimeout(seconds)


def _refusal(what: str, code: int, text: bytes) -> Outcome:
    reason = _answered(what, code, text)
    if code in _BAD_SESSION:
        return Outcome("closed", reason)
    return Outcome("refused" if 500 <= code <= 599 else "put off", reason)


def _answered(what: str, code: int, text: bytes) -> str:
    """The server's numbers, never its words: they repeat addresses."""
    found = _ENHANCED.match(text)
    return f"The mail server answered {code}{f' {found[0].decode()}' if found else ''} to {what}."


def _stuffed(message: bytes) -> bytes:
    """RFC 5321, section 4.5.2."""
    text = message if message.endswith(b"\r\n") else message + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", text)


def _kind(error: Exception) -> str:
    """The kind of a failure and its number, never its words."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code}"
    return type(error).__name__

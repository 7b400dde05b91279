"""A mail server that keeps what it gets: proof of what was mailed to whom, and of silence."""

import smtplib
import socket
import threading
import time
from dataclasses import dataclass
from email import message_from_bytes, policy
from typing import Any

from aiosmtpd.controller import Controller

HOST = "127.0.0.1"
ACCEPTED = "250 Kept"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to one recipient; `text` is its plain part."""

    recipient: str
    subject: str
    text: str = ""


class MailSink:
    """Listens on a free port of 127.0.0.1, in a thread of its own, until `close`; delivers nothing."""

    def __init__(self) -> None:
        self._mails: list[Mail] = []
        self._lock = threading.Lock()
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port: int = probe.getsockname()[1]
        self._controller = Controller(self, hostname=HOST, port=self.port)
        self._controller.start()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        message = message_from_bytes(envelope.content, policy=policy.default)
        plain = message.get_body(("plain",))
        text = str(plain.get_content()).replace("\r\n", "\n") if plain else ""
        with self._lock:
            self._mails += [Mail(to, str(message.get("Subject", "")), text) for to in envelope.rcpt_tos]
        return ACCEPTED

    def mails(self) -> list[Mail]:
        """What came so far, one entry a recipient."""
        with self._lock:
            return list(self._mails)

    def wait_for(self, recipient: str, seconds: float) -> Mail | None:
        """The first mail to an address, None when none came within the time."""
        deadline = time.monotonic() + seconds
        while True:
            found = next((mail for mail in self.mails() if mail.recipient == recipient), None)
            if found or time.monotonic() > deadline:
                return found
            time.sleep(0.05)

    def send_to_self(self, recipient: str) -> None:
        """Sends a mail to itself over SMTP, as proof that it listens."""
        with smtplib.SMTP(HOST, self.port, timeout=10) as client:
            client.sendmail("demo@acme.example", [recipient], "Subject: Does this arrive?\r\n\r\nYes.")

    def close(self) -> None:
        self._controller.stop()

"""Mail servers on loopback: one that keeps what it gets, and one that goes wrong on command."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Received:
    """A mail as it came over the wire."""

    sender: str
    recipients: list[str]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def id(self) -> str:
        """Of the outbox."""
        return str(self.message["Message-ID"]).strip("<>").partition("@")[0]

    def part(self, subtype: str) -> str:
        body = self.message.get_body((subtype,))
        assert body is not None
        content: str = body.get_content()
        return content.replace("\r\n", "\n")


class Sink:
    """A mail server that keeps everything, and answers otherwise where it was told to.

    `answers` gives a recipient's reply to RCPT, `verdicts` that to the whole mail; `before` is called with the name of
    a stage and the recipient, before the stage is answered.
    """

    def __init__(self, **options: Any) -> None:
        self.received: list[Received] = []
        self.answers: dict[str, str] = {}
        self.verdicts: dict[str, str] = {}
        self.before: Callable[[str, str], None] = lambda stage, recipient: None
        self.port = free_port()
        self._controller = Controller(self, hostname=HOST, port=self.port, **options)
        self._controller.start()

    @property
    def url(self) -> str:
        return f"smtp://{HOST}:{self.port}"

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        self.before("MAIL", "")
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        self.before("RCPT", address)
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        recipient = envelope.rcpt_tos[0]
        self.before("DATA", recipient)
        verdict = self.verdicts.get(recipient, "250 Kept")
        if verdict.startswith("2"):
            self.received.append(Received(envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
        self.before("KEPT", recipient)
        return verdict

    def to(self, recipient: str) -> list[Received]:
        return [mail for mail in self.received if recipient in mail.recipients]

    def close(self) -> None:
        self._controller.stop()


@dataclass
class Faulty:
    """A mail server that follows a script: its reply to each word, or what it does instead.

    A reply of None closes the connection without one, "hang" never answers.
    """

    greeting: str | None = "220 here"
    replies: dict[str, str | None] = field(default_factory=dict)
    drop_in_data: bool = False  # in the middle of the text
    drop_after_dot: bool = False
    hangs_up_after: str | None = None  # the reply to this word is its last one
    hear_out: Callable[[bytes], None] = lambda data: None
    taken: int = 0

    def __post_init__(self) -> None:
        self._socket = socket.create_server((HOST, 0))
        self.port = int(self._socket.getsockname()[1])
        self._open: list[socket.socket] = []
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()
        for connection in self._open:
            connection.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._speak, args=(connection,), daemon=True).start()

    def _speak(self, connection: socket.socket) -> None:
        try:
            if not self._say(connection, self.greeting):
                return
            file = connection.makefile("rb")
            while line := file.readline():
                word = line.split()[0].decode().upper() if line.split() else ""
                default = {"EHLO": "250 here", "DATA": "354 go on", "QUIT": "221 bye"}.get(word, "250 OK")
                if not self._say(connection, self.replies.get(word, default)):
                    return
                if word == self.hangs_up_after:
                    self._hang_up(connection)
                    return
                if (
                    word == "DATA"
                    and self.replies.get("DATA", default) == "354 go on"
                    and not self._data(file, connection)
                ):
                    return
                if word == "QUIT":
                    break
        except OSError:
            pass
        connection.close()

    def _data(self, file: Any, connection: socket.socket) -> bool:
        if self.drop_in_data:
            file.readline()
            self._hang_up(connection)
            return False
        text = b""
        while (line := file.readline()) != b".\r\n":
            if not line:
                return False
            text += line
        self.hear_out(text)
        if self.drop_after_dot:
            self.taken += 1
            self._hang_up(connection)
            return False
        reply = self.replies.get(".", "250 Kept")
        self.taken += bool(reply and reply.startswith("250"))
        return self._say(connection, reply)

    def _say(self, connection: socket.socket, reply: str | None) -> bool:
        if reply is None:
            self._hang_up(connection)
            return False
        if reply == "hang":
            threading.Event().wait(30)
            return False
        if reply.startswith("half"):
            connection.sendall(b"550 no su" if reply.endswith("no") else b"250 Ke")
            self._hang_up(connection)
            return False
        if reply == "drip":  # a byte now and then, and never a line
            for _ in range(300):
                connection.sendall(b"2")
                threading.Event().wait(0.1)
            return False
        connection.sendall(reply.encode() + b"\r\n")
        return True

    def _hang_up(self, connection: socket.socket) -> None:
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()

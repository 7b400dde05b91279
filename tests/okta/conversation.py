"""Plays a recorded conversation of a provisioning client, a file of exchanges/, over a real socket.

What a file may hold is said by the Structs below; which files there are, the folder says (test_exchanges.py).
"""

from __future__ import annotations

import base64
import http.client
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from rollbook import clock
from rollbook.activity import log
from rollbook.people import users
from rollbook.people.profiles import Profile
from tests.conftest import OPERATOR, House, Tenant

EXCHANGES = Path(__file__).parent / "exchanges"


class Existing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A user who is there before the client speaks; `save` names the id in what follows."""

    save: str
    user: dict[str, Any]
    role: str = "learner"
    archived: bool = False


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One request and its answer. A header that is null is not sent at all; an `answer` of null is no body.

    `logged` is what the newest entry of the provisioning log says after this step, as far as it is given.
    """

    method: str
    path: str
    status: int
    answer: Any = None
    headers: dict[str, str | None] = {}
    body: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    answer_headers: dict[str, str] = {}
    logged: dict[str, Any] = {}


class Conversation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`client` begins with a name of HEADERS; `says` is one sentence on what the client does here.

    In paths, headers, bodies and answers `{{base}}`, `{{subdomain}}` and `{{key}}` are the server's and the
    company's, `{{time}}` is any instant, and every other `{{name}}` an id: bound where it is met first, the same
    from then on.
    """

    client: str
    says: str
    steps: list[Step]
    setup: list[Existing] = []


# What the client puts on every request. `{{basic}}` is the base64 of Basic credentials.
HEADERS: dict[str, dict[str, str | None]] = {
    "Okta": {
        "Accept": "application/scim+json",
        "Accept-Charset": "utf-8",
        "Content-Type": "application/scim+json; charset=utf-8",
        "User-Agent": "Okta SCIM Client 1.0.0",
        "Authorization": "Basic {{basic}}",
        "Accept-Encoding": "gzip,deflate",
    },
    "Entra": {
        "Content-Type": "application/scim+json; charset=utf-8",
        "Authorization": "Bearer {{key}}",
    },
    "OneLogin": {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "User-Agent": "",
        "Authorization": "Bearer {{key}}",
    },
    "JumpCloud": {
        "Accept": "*/*",
        "Content-Type": "application/scim+json",
        "Authorization": "Bearer {{key}}",
    },
    "Google": {
        "Accept": "application/json",
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Google-Auto-Provisioning",
        "Authorization": "Bearer {{key}}",
    },
    "Ping": {
        "Accept": "application/scim+json",
        "Content-Type": "application/scim+json",
        "Authorization": "Basic {{basic}}",
    },
}

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


def read(path: Path) -> Conversation:
    """The conversation of a file; raises msgspec.ValidationError for a name that means nothing."""
    return msgspec.json.decode(path.read_bytes(), type=Conversation)


class Player:
    """One client in conversation with one company."""

    def __init__(self, house: House, tenant: Tenant, conversation: Conversation) -> None:
        self._house = house
        self._tenant = tenant
        self._conversation = conversation
        self._headers = HEADERS[conversation.client.split()[0]]
        credentials = f"{tenant.company.subdomain}:{tenant.key}".encode()
        self.names = {
            "base": house.installation.settings.scim_base_url,
            "subdomain": tenant.company.subdomain,
            "key": tenant.key,
            "basic": base64.b64encode(credentials).decode(),
        }
        for existing in conversation.setup:
            self.names[existing.save] = self._create(existing)

    def play(self) -> None:
        """Every step in order; the first that differs fails, with the whole bodies side by side."""
        for number, step in enumerate(self._conversation.steps, start=1):
            status, headers, answer = self.ask(step)
            spoken = f"step {number}, {step.method} {step.path}"
            assert (status, answer) == (step.status, self.filled(step.answer, answer)), spoken
            assert headers["content-type"] == "application/scim+json", spoken
            for name, value in step.answer_headers.items():
                assert headers[name.lower()] == self.filled(value, headers[name.lower()]), spoken
            if step.logged:
                entry = json.loads(msgspec.json.encode(self._newest_entry()))
                found = {name: entry[name] for name in step.logged}
                assert found == self.filled(step.logged, found), spoken

    def ask(self, step: Step) -> tuple[int, dict[str, str], Any]:
        """Sends the request exactly as it stands, which client libraries would tidy up."""
        parts = urlsplit(str(self._tenant.scim.base_url))
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        path = "/scim/v2" + self._said(step.path)
        connection.putrequest(step.method, path, skip_accept_encoding=True)
        for name, value in {**self._headers, **step.headers}.items():
            if value is not None and not (name == "Content-Type" and step.method == "GET"):
                connection.putheader(name, self._said(value))
        content = b"" if step.body is msgspec.UNSET else self._said(json.dumps(step.body)).encode()
        if content:
            connection.putheader("Content-Length", str(len(content)))
        connection.endheaders(content or None)
        response = connection.getresponse()
        received = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        connection.close()
        return response.status, headers, json.loads(received) if received else None

    def filled(self, expected: Any, found: Any) -> Any:
        """What was expected with its placeholders filled in; one that fits what was found is bound to it."""
        if isinstance(expected, str):
            return self._filled_text(expected, found)
        if isinstance(expected, dict):
            given = found if isinstance(found, dict) else {}
            return {name: self.filled(value, given.get(name)) for name, value in expected.items()}
        if isinstance(expected, list):
            items = found if isinstance(found, list) and len(found) == len(expected) else [None] * len(expected)
            return [self.filled(value, item) for value, item in zip(expected, items, strict=True)]
        return expected

    def _filled_text(self, expected: str, found: Any) -> str:
        pattern, unbound, position = "", [], 0
        for placeholder in _PLACEHOLDER.finditer(expected):
            name = placeholder[1]
            pattern += re.escape(expected[position : placeholder.start()])
            position = placeholder.end()
            if name == "time":
                pattern += _TIME
            elif name in self.names:
                pattern += re.escape(self.names[name])
            elif name in unbound:
                pattern += f"(?P={name})"
            else:
                pattern += f"(?P<{name}>{clock.ID.pattern})"
                unbound.append(name)
        match = re.fullmatch(pattern + re.escape(expected[position:]), found) if isinstance(found, str) else None
        if match is None:
            return self._said(expected)
        self.names |= match.groupdict()
        return match[0]

    def _said(self, text: str) -> str:
        return _PLACEHOLDER.sub(lambda match: self.names.get(match[1], match[0]), text)

    def _create(self, existing: Existing) -> str:
        return self._house.write(
            lambda tx: (
                users.create(
                    tx,
                    self._tenant.id,
                    msgspec.convert(existing.user, Profile),
                    role=existing.role,  # type: ignore[arg-type]  # a role, as the file has it
                    active=not existing.archived,
                    actor=OPERATOR,
                    now=clock.now(),
                ).id
            )
        )

    def _newest_entry(self) -> log.Entry:
        entry = self._house.read(lambda tx: log.last(tx, self._tenant.id))
        assert entry is not None, "nothing was logged"
        return entry

"""A conversation with a company's Okta: opened with the token that is kept, or tried with one that is not yet saved."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rollbook.database import Database, Tx
from rollbook.errors import Conflict, InvalidValue, Misconfigured, RollbookError
from rollbook.okta import connections, org_address, sealing
from rollbook.okta.answers import Person, Variable
from rollbook.okta.client import Client
from rollbook.okta.connections import Connection
from rollbook.okta.conversation import Conversation, checked_token
from rollbook.okta.failures import OktaFailure
from rollbook.people.tokens import Pepper
from rollbook.settings import Settings

TRIES_AGAIN = 1  # somebody waits for the answer
SAMPLES = 3  # values of a variable that are shown
LONGEST_SAMPLE = 40
_PLAIN = re.compile(r"\d{4}-\d\d-\d\d(?:[T ][0-9:.+Z-]*)?|true|false|\d{1,4}", re.ASCII | re.IGNORECASE)
_INNER = re.compile(r"(?<=\w)\w")


class CannotOpen(RollbookError):
    """Okta cannot even be asked: no token, one that this installation cannot read, an address it may not ask."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a call to anybody's Okta needs of the operator: the secrets that seal tokens, the present one first, and
    where orgs may be.
    """

    secrets: tuple[bytes, ...]
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """A variable of Okta's profile, with a few values as some people have them, masked: their form, not their text."""

    name: str
    title: str
    type: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What a try found. `people` and `assigned` count the first page alone; `more` says that there is another."""

    org_url: str
    group_name: str | None
    people: int
    more: bool
    assigned: int | None
    variables: tuple[Seen, ...]


def access_of(settings: Settings, pepper: Pepper) -> Access:
    """The access of an installation."""
    secrets = (pepper.current, pepper.previous) if pepper.previous else (pepper.current,)
    return Access(tuple(filter(None, secrets)), settings.okta_entries)


def seal(access: Access, company_id: str, token: str) -> str:
    """A token as it is kept. Raises InvalidValue for what is none."""
    return sealing.seal(access.secrets[0], company_id, checked_token(token))


def token_of(access: Access, connection: Connection) -> str:
    """The token that is kept. Raises Conflict where there is none, Misconfigured where it cannot be read."""
    if connection.sealed_token is None:
        raise Conflict(
            "There is no token; give one: rollbook okta configure SUBDOMAIN --token-file FILE", field="token"
        )
    return sealing.unseal(access.secrets, connection.company_id, connection.sealed_token)


def reseal(tx: Tx, access: Access, company_id: str, *, now: datetime) -> bool:
    """Seals the token under the present secret; False where it is so. Raises Misconfigured where no secret opens it."""
    connection = connections.find(tx, company_id, lock=True)
    if connection is None or connection.sealed_token is None:
        return False
    if sealing.is_sealed_under(access.secrets[0], company_id, connection.sealed_token):
        return False
    connections.reseal(tx, connection, seal(access, company_id, token_of(access, connection)), now=now)
    return True


def is_elsewhere(access: Access, connection: Connection, org_url: str) -> bool:
    """Whether an address is that of another org, which must not be told the token that is kept."""
    return org_address.checked(org_url, access.entries).url != connection.org_url


@asynccontextmanager
async def opened(
    database: Database,
    access: Access,
    company_id: str,
    *,
    while_waiting: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator[tuple[Connection, Client]]:
    """The company's connection and a client for it. Raises NotFound, and CannotOpen with what to do."""
    connection = await database.read(lambda tx: connections.get(tx, company_id))
    if connection.state == "off":
        raise CannotOpen("The standard integration is switched off.")
    try:
        address = org_address.checked(connection.org_url, access.entries)
        token = token_of(access, connection)
    except (Conflict, InvalidValue, Misconfigured) as error:
        raise CannotOpen(error.message) from None
    async with Client(Conversation(address, token, while_waiting=while_waiting)) as client:
        yield connection, client


async def try_out(access: Access, org_url: str, token: str, *, group_id: str | None, app_id: str | None) -> Found:
    """Asks for the group and its first people, the app's, and the profile's variables; nothing is saved.

    Raises InvalidValue for an address that may not be asked, and OktaFailure with what to do.
    """
    address = org_address.checked(org_url, access.entries)
    async with Client(Conversation(address, token, tries_again=TRIES_AGAIN)) as client:
        group_name = await client.group_name(group_id) if group_id is not None else None
        page = await client.people(group_id, None)
        await client.deprovisioned(None)
        assigned = len((await client.app_users(app_id, None)).items) if app_id is not None else None
        seen = await _seen(client, page.items)
    return Found(address.url, group_name, len(page.items), page.next is not None, assigned, seen)


async def variables(access: Access, connection: Connection) -> tuple[Seen, ...]:
    """The variables of a company's Okta, with values of the first people who are read. Raises as `opened`, and
    OktaFailure.
    """
    address = org_address.checked(connection.org_url, access.entries)
    token = token_of(access, connection)
    async with Client(Conversation(address, token, tries_again=TRIES_AGAIN)) as client:
        page = await client.people(connection.group_id, None)
        return await _seen(client, page.items)


async def _seen(client: Client, people: Sequence[Person]) -> tuple[Seen, ...]:
    try:
        known = await client.variables()
    except OktaFailure as failure:
        if failure.kind not in ("refused", "gone"):
            raise
        known = _of_profiles(people)  # the token reads people, and not how they are described
    return tuple(Seen(each.name, each.title, each.type, _samples(each.name, people)) for each in known)


def masked(value: Any) -> str:
    """A value's form: dates, yes or no and short numbers as they are, of every other word its first letter alone."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    if isinstance(value, bool) or _PLAIN.fullmatch(text):
        return text
    shown = _INNER.sub("•", "".join(letter if letter.isprintable() else " " for letter in text[: LONGEST_SAMPLE + 1]))
    return shown if len(text) <= LONGEST_SAMPLE else f"{shown[:LONGEST_SAMPLE]}…"


def _samples(name: str, people: Iterable[Person]) -> tuple[str, ...]:
    values = (person.profile.get(name) for person in people)
    return tuple(dict.fromkeys(masked(value) for value in values if value not in (None, "", [])))[:SAMPLES]


def _of_profiles(people: Iterable[Person]) -> list[Variable]:
    names = sorted({name for person in people for name in person.profile})
    return [Variable(name, name, "") for name in names]

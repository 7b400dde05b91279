"""The bare floor: a handler on uvicorn that does the SQL Rollbook does for each request, and nothing else.

No SCIM, no validation, no mapping, no difference: JSON is decoded, its fields are taken straight, a minimal JSON goes
back. What Rollbook adds to this is what it costs. Run by servers.py as a process of its own.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import uvicorn

from benchmarks.floor_sql import (
    ARCHIVED_AT,
    DIGEST,
    ID,
    JOB_TITLE,
    KEY_ID,
    USER_NAME,
    VERSION,
    Rows,
    Session,
    Statements,
)
from benchmarks.floor_stores import PostgresStore, SqliteStore, Store
from benchmarks.lifecycle import ENTERPRISE
from rollbook import clock, settings
from rollbook.settings import Settings

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_TYPE = (b"content-type", b"application/scim+json")


class Refused(Exception):
    """The key is not right."""


class Credential:
    """A key as it was sent, compared with what is stored by its digest."""

    __slots__ = ("_secret", "_text", "company_id", "key_id", "named")

    def __init__(self, header: bytes, secret: hmac.HMAC) -> None:
        self._text = base64.b64decode(header[6:]).partition(b":")[2]
        _, _, company, prefix, _ = self._text.decode().split("_")
        self.company_id = str(uuid.UUID(hex=company))
        self.named = (self.company_id, prefix)
        self._secret = secret
        self.key_id = ""

    def check(self, answer: Rows) -> Any:
        """The row, whose first columns are the key's."""
        row = answer.fetchone()
        digest = self._secret.copy()
        digest.update(self._text)
        if row is None or not hmac.compare_digest(digest.hexdigest(), row[DIGEST]):
            raise Refused
        self.key_id = row[KEY_ID]
        return row


class Floor:
    """The ASGI application; its store is opened when the loop runs."""

    def __init__(self, installation: Settings) -> None:
        self._settings = installation
        self._secret = hmac.new(settings.secret_of(installation), digestmod="sha256")
        self._store: Store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        header = next(value for name, value in scope["headers"] if name == b"authorization")
        credential = Credential(header, self._secret)
        method, user_id = scope["method"], scope["path"][15:]  # after "/scim/v2/Users/"
        if method == "GET":
            status = 200
            if user_id:
                content = await self._store.read(lambda session, sql: _get(session, sql, credential, user_id))
            else:
                # filter=userName%20eq%20%22…%22&…
                name = scope["query_string"].split(b"%22")[1].replace(b"%40", b"@").decode().lower()
                content = await self._store.read(lambda session, sql: _find(session, sql, credential, name))
        else:
            body = (await receive())["body"]
            document = _decode(body)
            work = _WRITES[method]
            content = await self._store.write(
                lambda session, sql: work(session, sql, credential, user_id, document, body)
            )
            status = 201 if method == "POST" else 200
        headers = [_TYPE, (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        address = self._settings.database_url.get_secret_value()
        if address:
            self._store = PostgresStore(address)
        else:
            assert self._settings.sqlite_path is not None
            self._store = SqliteStore(self._settings.sqlite_path)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


def _find(session: Session, sql: Statements, credential: Credential, name: str) -> bytes:
    row = credential.check(session.ask(sql.named, (credential.company_id, name, *credential.named)))
    found = [] if row[ID] is None else [row[ID]]
    return _encode({"totalResults": len(found), "Resources": found})


def _get(session: Session, sql: Statements, credential: Credential, user_id: str) -> bytes:
    row = credential.check(session.ask(sql.user, (credential.company_id, user_id, *credential.named)))
    return _shown(row[ID], row[USER_NAME], row[JOB_TITLE], row[ARCHIVED_AT] is None)


def _create(
    session: Session, sql: Statements, credential: Credential, _: str, document: dict[str, Any], body: bytes
) -> bytes:
    company_id, at, user_id = credential.company_id, clock.text(clock.now()), clock.new_id()
    user_name, email, name = document["userName"], document["emails"][0]["value"], document["name"]
    user_name_key, email_key, external_id = user_name.lower(), email.lower(), document["externalId"]
    names = (company_id, user_name_key, company_id, external_id, company_id, email_key)
    if credential.check(session.ask(sql.candidates, (*names, *credential.named)))[ID] is not None:
        raise Refused
    enterprise = document[ENTERPRISE]
    kept = {name: document[name] for name in ("nickName", "userType", "phoneNumbers", "addresses")}
    session.run(
        sql.create,
        (
            company_id,
            user_id,
            user_name,
            user_name_key,
            email,
            email_key,
            email_key,
            name["givenName"],
            name["familyName"],
            document["displayName"].lower(),
            enterprise["costCenter"],
            enterprise["division"],
            enterprise["department"],
            document["title"],
            enterprise["manager"]["value"],
            enterprise["manager"]["displayName"],
            document["locale"],
            document["preferredLanguage"],
            document["timezone"],
            external_id,
            _encode(kept).decode(),
            "learner",
            "linked",
            at,
            1,
            at,
            at,
        ),
    )
    _record(session, sql, credential, ("UserCreated", "POST", 201, "created"), user_id, body.decode(), at)
    return _shown(user_id, user_name, document["title"], True)


def _replace(
    session: Session, sql: Statements, credential: Credential, user_id: str, document: dict[str, Any], _: bytes
) -> bytes:
    row = _locked(session, sql, credential, user_id)
    at, title = clock.text(clock.now()), document["title"]
    location = document[ENTERPRISE]["costCenter"]
    session.run(sql.replace, (location, title, row[VERSION] + 1, at, credential.company_id, user_id))
    changes = _encode({"location": [None, location], "job_title": [None, title]}).decode()
    _record(session, sql, credential, ("UserUpdated", "PUT", 200, "updated"), user_id, changes, at)
    return _shown(user_id, row[USER_NAME], title, row[ARCHIVED_AT] is None)


def _modify(
    session: Session, sql: Statements, credential: Credential, user_id: str, document: dict[str, Any], _: bytes
) -> bytes:
    row = _locked(session, sql, credential, user_id)
    company_id, at = credential.company_id, clock.text(clock.now())
    active = document["Operations"][0]["value"]["active"]
    changes = _encode({"archived_at": [None, at]}).decode()
    if active:
        session.run(sql.restore, (row[VERSION] + 1, at, company_id, user_id))
        told = ("UserRestored", "PATCH", 200, "restored")
    else:
        session.run(sql.archive, (at, f"scim:{credential.key_id}", row[VERSION] + 1, at, company_id, user_id))
        told = ("UserArchived", "PATCH", 200, "archived")
        payload = _encode({"subject_id": user_id}).decode()
        task = (company_id, clock.new_id(), "watch_archives", payload, "watch", "due", at, 0, 0, at)
        session.run(sql.task, task)
        session.run(sql.end_links, (at, company_id, user_id))
        session.run(sql.end_sessions, (at, company_id, user_id))
    _record(session, sql, credential, told, user_id, changes, at)
    return _shown(user_id, row[USER_NAME], row[JOB_TITLE], active)


_WRITES = {"POST": _create, "PUT": _replace, "PATCH": _modify}


def _locked(session: Session, sql: Statements, credential: Credential, user_id: str) -> Any:
    return credential.check(session.ask(sql.locked, (credential.company_id, user_id, *credential.named)))


def _record(
    session: Session,
    sql: Statements,
    credential: Credential,
    told: tuple[str, str, int, str],
    user_id: str,
    changes: str,
    at: str,
) -> None:
    """The event, and the line of the provisioning log in the same row: `told` is kind, method, status, decision."""
    kind, method, status, decision = told
    actor, path = f"scim:{credential.key_id}", f"/scim/v2/Users/{user_id}"
    event = (credential.company_id, clock.new_id(), at, kind, actor, user_id, changes, clock.new_id())
    session.run(sql.event, (*event, method, path, status, decision, "[]", None))


def _shown(user_id: str, user_name: str, title: str, active: bool) -> bytes:
    return _encode({"id": user_id, "userName": user_name, "title": title, "active": active})


def main() -> None:
    """Serves the floor over the installation that the environment names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    uvicorn.run(
        Floor(settings.read()),
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_level="error",
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main()

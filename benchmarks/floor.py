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

from benchmarks.floor_sql import ARCHIVED_AT, ID, JOB_TITLE, USER_NAME, VERSION, Execute, Rows, Statements
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
    """A key as it was sent: sends its own look-up, then compares digests."""

    __slots__ = ("_secret", "_text", "company_id", "key_id", "prefix")

    def __init__(self, header: bytes, secret: hmac.HMAC) -> None:
        self._text = base64.b64decode(header[6:]).partition(b":")[2]
        _, _, company, prefix, _ = self._text.decode().split("_")
        self.company_id, self.prefix = str(uuid.UUID(hex=company)), prefix
        self._secret = secret
        self.key_id = ""

    def ask(self, execute: Execute, sql: Statements) -> Rows:
        return execute(sql.key, (self.company_id, self.prefix))

    def check(self, answer: Rows) -> None:
        row = answer.fetchone()
        digest = self._secret.copy()
        digest.update(self._text)
        if row is None or not hmac.compare_digest(digest.hexdigest(), row[1]):
            raise Refused
        self.key_id = row[0]


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
                content = await self._store.read(lambda execute, sql: _get(execute, sql, credential, user_id))
            else:
                # filter=userName%20eq%20%22…%22&…
                name = scope["query_string"].split(b"%22")[1].replace(b"%40", b"@").decode().lower()
                content = await self._store.read(lambda execute, sql: _find(execute, sql, credential, name))
        else:
            body = (await receive())["body"]
            document = _decode(body)
            work = _WRITES[method]
            content = await self._store.write(
                lambda execute, sql: work(execute, sql, credential, user_id, document, body)
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


def _find(execute: Execute, sql: Statements, credential: Credential, name: str) -> bytes:
    key = credential.ask(execute, sql)
    user = execute(sql.named, (credential.company_id, name))
    credential.check(key)
    row = user.fetchone()
    return _encode({"totalResults": 0 if row is None else 1, "Resources": [] if row is None else [row[ID]]})


def _get(execute: Execute, sql: Statements, credential: Credential, user_id: str) -> bytes:
    key = credential.ask(execute, sql)
    user = execute(sql.user, (credential.company_id, user_id))
    credential.check(key)
    row = user.fetchone()
    return _shown(row[ID], row[USER_NAME], row[JOB_TITLE], row[ARCHIVED_AT] is None)


def _create(
    execute: Execute, sql: Statements, credential: Credential, _: str, document: dict[str, Any], body: bytes
) -> bytes:
    company_id, at, user_id = credential.company_id, clock.text(clock.now()), clock.new_id()
    user_name, email, name = document["userName"], document["emails"][0]["value"], document["name"]
    user_name_key, email_key, external_id = user_name.lower(), email.lower(), document["externalId"]
    key = credential.ask(execute, sql)
    names = (company_id, user_name_key, company_id, external_id, company_id, email_key)
    candidates = execute(sql.candidates, names)
    credential.check(key)
    if candidates.fetchone() is not None:
        raise Refused
    enterprise = document[ENTERPRISE]
    kept = {name: document[name] for name in ("nickName", "userType", "phoneNumbers", "addresses")}
    execute(
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
    _record(execute, sql, credential, "UserCreated", user_id, body.decode(), at)
    _log(execute, sql, credential, "POST", 201, "created", user_id, body.decode(), at)
    return _shown(user_id, user_name, document["title"], True)


def _replace(
    execute: Execute, sql: Statements, credential: Credential, user_id: str, document: dict[str, Any], _: bytes
) -> bytes:
    row = _locked(execute, sql, credential, user_id)
    at, title = clock.text(clock.now()), document["title"]
    location = document[ENTERPRISE]["costCenter"]
    execute(sql.replace, (location, title, row[VERSION] + 1, at, credential.company_id, user_id))
    changes = _encode({"location": [None, location], "job_title": [None, title]}).decode()
    _record(execute, sql, credential, "UserUpdated", user_id, changes, at)
    _log(execute, sql, credential, "PUT", 200, "updated", user_id, changes, at)
    return _shown(user_id, row[USER_NAME], title, row[ARCHIVED_AT] is None)


def _modify(
    execute: Execute, sql: Statements, credential: Credential, user_id: str, document: dict[str, Any], _: bytes
) -> bytes:
    row = _locked(execute, sql, credential, user_id)
    company_id, at = credential.company_id, clock.text(clock.now())
    active = document["Operations"][0]["value"]["active"]
    changes = _encode({"archived_at": [None, at]}).decode()
    if active:
        holders = execute(sql.holders, (company_id, None, company_id, None, company_id, row[USER_NAME].lower()))
        if holders.fetchone() is not None:
            raise Refused
        execute(sql.restore, (row[VERSION] + 1, at, company_id, user_id))
        _record(execute, sql, credential, "UserRestored", user_id, changes, at)
    else:
        execute(sql.archive, (at, f"scim:{credential.key_id}", row[VERSION] + 1, at, company_id, user_id))
        _record(execute, sql, credential, "UserArchived", user_id, changes, at)
        payload = _encode({"subject_id": user_id}).decode()
        task = (company_id, clock.new_id(), "watch_archives", payload, "watch", "due", at, 0, 0, at)
        execute(sql.task, task)
        execute(sql.end_links, (at, company_id, user_id))
        execute(sql.end_sessions, (at, company_id, user_id))
    _log(execute, sql, credential, "PATCH", 200, "restored" if active else "archived", user_id, changes, at)
    return _shown(user_id, row[USER_NAME], row[JOB_TITLE], active)


_WRITES = {"POST": _create, "PUT": _replace, "PATCH": _modify}


def _locked(execute: Execute, sql: Statements, credential: Credential, user_id: str) -> Any:
    key = credential.ask(execute, sql)
    user = execute(sql.locked, (credential.company_id, user_id))
    credential.check(key)
    return user.fetchone()


def _record(
    execute: Execute, sql: Statements, credential: Credential, kind: str, user_id: str, changes: str, at: str
) -> None:
    actor = f"scim:{credential.key_id}"
    execute(sql.event, (credential.company_id, clock.new_id(), at, kind, actor, user_id, changes, clock.new_id()))


def _log(
    execute: Execute,
    sql: Statements,
    credential: Credential,
    method: str,
    status: int,
    decision: str,
    user_id: str,
    changes: str,
    at: str,
) -> None:
    execute(
        sql.entry,
        (
            credential.company_id,
            clock.new_id(),
            at,
            credential.key_id,
            method,
            "/scim/v2/Users",
            status,
            decision,
            user_id,
            changes,
            "[]",
            None,
            clock.new_id(),
        ),
    )


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

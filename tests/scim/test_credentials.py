"""Who is let in: one answer to whatever is wrong with a credential, before anything else is said."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import Any

import pytest

from rollbook import clock
from rollbook.database import Tx
from rollbook.key_use import KeyUse
from rollbook.people import credentials, keys
from tests.cast import LEO, scim_user
from tests.conftest import OPERATOR, House, Tenant
from tests.scim.wire import Heard, basic, check, exchange, request
from tests.servers import ThreadServer

CHALLENGE = 'Basic realm="Rollbook", charset="UTF-8"'
REFUSED = {
    "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
    "status": "401",
    "detail": "The user name or the key is wrong, expired or revoked. Check in Okta under Provisioning, Integration: "
    "the user name is your subdomain, the password your SCIM API key.",
}


def as_basic(name: str, key: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()


@pytest.fixture
def wrong(house: House, acme: Tenant, umbra: Tenant) -> dict[str, str | None]:
    """Authorization headers, each wrong in its own way; None is no header."""

    def issue(scope: Any = "scim", days: float | None = None, revoked: bool = False) -> str:
        def work(tx: Tx) -> str:
            expires = clock.now() + timedelta(days=days) if days else None
            key, text = keys.issue(
                tx,
                acme.id,
                scope,
                expires_at=expires,
                pepper=house.installation.pepper,
                actor=OPERATOR,
                now=clock.now(),
            )
            if revoked:
                keys.revoke(tx, acme.id, key.id, actor=OPERATOR, now=clock.now())
            return text

        return house.write(work)

    name = acme.company.subdomain
    return {
        "missing": None,
        "empty": "",
        "no scheme": "non-token",
        "another scheme": "Negotiate abcd",
        "Bearer alone": "Bearer",
        "wrong key": as_basic(name, acme.key[:-1] + ("0" if acme.key[-1] != "0" else "1")),
        "cut off": f"Bearer {acme.key[:-5]}",
        "expired": as_basic(name, issue(days=-1)),
        "revoked": f"Bearer {issue(revoked=True)}",
        "of the api": as_basic(name, issue("api")),
        "of another company": as_basic(name, umbra.key),
        "under another name": as_basic(umbra.company.subdomain, acme.key),
        "no colon": "Basic " + base64.b64encode(acme.key.encode()).decode(),
        "no base64": "Basic !!!",
        "no UTF-8": "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "NUL in the name": as_basic("ac\x00me", acme.key),
        "endless": "Bearer " + "x" * 30_000,
    }


REQUESTS = {
    "list": ("GET", "/scim/v2/Users", None),
    "bad filter": ("GET", "/scim/v2/Users?filter=((", None),
    "bad page": ("GET", "/scim/v2/Users?count=many", None),
    "bad query": ("GET", "/scim/v2/Users?filter=%ff", None),
    "both projections": ("GET", "/scim/v2/Users?attributes=id&excludedAttributes=name", None),
    "unknown id": ("GET", "/scim/v2/Users/nobody", None),
    "discovery": ("GET", "/scim/v2/Schemas", None),
    "discovery with a filter": ("GET", "/scim/v2/Schemas?filter=x", None),
    "groups": ("GET", "/scim/v2/Groups", None),
    "create": ("POST", "/scim/v2/Users", str(scim_user(LEO)).replace("'", '"').replace("True", "true").encode()),
    "create without required values": ("POST", "/scim/v2/Users", b"{}"),
    "broken body": ("POST", "/scim/v2/Users", b'{"userName": '),
    "twice the same key": ("PUT", "/scim/v2/Users/x", b'{"a":1,"A":2}'),
    "no patch message": ("PATCH", "/scim/v2/Users/x", b"{}"),
    "delete": ("DELETE", "/scim/v2/Users/x", None),
}


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS.values(), ids=REQUESTS)
def test_whatever_is_wrong_with_the_credential_the_answer_is_the_same(
    method: str, path: str, body: bytes | None, wrong: dict[str, str | None], server: ThreadServer
) -> None:
    for what, header in wrong.items():
        headers = {} if header is None else {"authorization": header}
        heard = check(exchange(server, request(method, path, None, body, **headers)))
        assert (heard.status, heard.body) == (401, REFUSED), what
        assert heard.headers["www-authenticate"] == CHALLENGE, what


def test_a_compressed_or_huge_body_tells_a_stranger_nothing_but_401(server: ThreadServer) -> None:
    for headers in ({"content_encoding": "gzip"}, {"content_type": "text/plain"}, {"content_length": "9999999"}):
        body = None if "content_length" in headers else b"x"
        heard = check(exchange(server, request("POST", "/scim/v2/Users", None, body, **headers)))
        assert heard.status == 401, headers


def test_basic_bearer_and_the_bare_key_open_the_door(acme: Tenant, server: ThreadServer) -> None:
    def asked(header: str) -> Heard:
        return check(exchange(server, request("GET", "/scim/v2/Users", authorization=header)))

    for header in (
        basic(acme),
        as_basic(acme.company.subdomain.upper(), acme.key),
        basic(acme).replace("Basic", "basic"),
        f"Bearer {acme.key}",
        f"BEARER   {acme.key} ",
        acme.key,
    ):
        assert asked(header).status == 200, header


def test_a_key_does_not_see_the_users_of_another_company(acme: Tenant, umbra: Tenant) -> None:
    user_id = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    assert umbra.scim.get("/Users").json()["totalResults"] == 0
    assert umbra.scim.get(f"/Users/{user_id}").status_code == 404
    assert umbra.scim.put(f"/Users/{user_id}", json=scim_user(LEO)).status_code == 404
    assert umbra.scim.delete(f"/Users/{user_id}").status_code == 404
    assert umbra.scim.get("/Users", params={"filter": f'id eq "{user_id}"'}).json()["totalResults"] == 0
    assert umbra.scim.post("/Users", json=scim_user(LEO)).status_code == 201
    assert acme.scim.get("/Users").json()["totalResults"] == 1


def test_failures_are_counted_per_minute_whatever_name_was_given(house: House, acme: Tenant) -> None:
    use = KeyUse(house.installation.database, house.installation.pepper)
    now = clock.now()
    for name in (
        acme.company.subdomain,
        acme.company.subdomain.upper(),
        "no-such-company",
        "ac\x00me",
        "",
        None,
        "\ud800",
    ):
        use.failed(name, now)
    asyncio.run(use.flush())
    assert house.read(lambda tx: keys.failures(tx, acme.id)) == [(clock.text(now)[:16], 2)]


def test_the_last_use_of_a_key_is_stored_with_the_next_flush(house: House, acme: Tenant, server: ThreadServer) -> None:
    use = KeyUse(house.installation.database, house.installation.pepper)
    holder = house.read(
        lambda tx: credentials.claim(tx, acme.key, subdomain=None).holder(
            "scim", pepper=house.installation.pepper, now=clock.now()
        )
    )
    now = clock.now()
    use.used(holder, acme.key, now)
    asyncio.run(use.flush())
    (key,) = house.read(lambda tx: keys.search(tx, acme.id))
    assert key.last_used_at == clock.text(now)

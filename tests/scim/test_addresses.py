"""Where things are: paths however written, methods, what is not offered, and from where plain http is let in."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network
from typing import Any

import pytest

from rollbook.installation import Installation
from rollbook.origin import PLAIN_HTTP
from rollbook.scim.app import ScimDoor
from tests.cast import LEO, scim_user
from tests.conftest import Tenant
from tests.scim.wire import Heard, ask_door, basic, check, exchange, request
from tests.servers import ThreadServer


def ask(server: ThreadServer, tenant: Tenant, method: str, path: str, **headers: str) -> Heard:
    body = b"{}" if method in ("POST", "PUT", "PATCH") else None
    # Closed after the answer, so that what follows an answer to HEAD need not be waited for.
    closing = {"connection": "close", **headers}
    return check(exchange(server, request(method, path, tenant, body=body, **closing)), method=method)


@pytest.mark.parametrize(
    "path",
    ["/scim/v2/Users", "/scim/v2/Users/", "/scim/v2//Users", "//scim//v2//Users//", "/scim/v2/users", "/SCIM/V2/USERS"],
)
def test_slashes_and_case_of_an_address_do_not_matter(path: str, server: ThreadServer, acme: Tenant) -> None:
    assert ask(server, acme, "GET", path).body["totalResults"] == 0


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/scim/v2/Users", "GET, POST"),
        ("/scim/v2/Users/x", "DELETE, GET, PATCH, PUT"),
        ("/scim/v2/ServiceProviderConfig", "GET"),
        ("/scim/v2/ResourceTypes", "GET"),
        ("/scim/v2/ResourceTypes/User", "GET"),
        ("/scim/v2/Schemas", "GET"),
    ],
)
def test_a_method_that_is_not_offered_is_405_and_says_which_are(
    path: str, allow: str, server: ThreadServer, acme: Tenant
) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"} - set(allow.split(", ")):
        heard = ask(server, acme, method, path)
        assert heard.status == 405, method
        assert heard.headers["allow"] == allow


@pytest.mark.parametrize(
    "path", ["Bulk", "Me", ".search", "Users/.search", "Groups/.search", "bulk", "me", "Me/", "USERS/.SEARCH"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_the_rfc_leaves_open_and_we_do_not_offer_is_501(
    method: str, path: str, server: ThreadServer, acme: Tenant
) -> None:
    assert ask(server, acme, method, f"/scim/v2/{path}").status == 501


@pytest.mark.parametrize(
    "path",
    [
        "/scim",
        "/scim/",
        "/scim/v1/Users",
        "/scim/v2",
        "/scim/v2/",
        "/scim/Users",
        "/scim/v2/User",
        "/scim/v2/Users/a/b",
        "/scim/v2/Users/a%2Fb",
        "/scim/v2/Nonsense",
        "/scim/v2/../Users",
        "/scim/v2/%00",
        "/scim/v2/%FF%FE",
        "/scimitar/v2/Users",
        "/scim.php",
        "/scim2/v2/Users",
    ],
)
def test_an_unknown_address_is_404(path: str, server: ThreadServer, acme: Tenant) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert ask(server, acme, method, path).status == 404, method


@pytest.mark.parametrize(
    "id_", ["nobody", "%00", "%FF", "..", "%2e%2e", "'", "%27%20OR%201=1--", "x" * 5000, "🦊".encode().hex(), "a:b@c"]
)
def test_an_id_that_cannot_be_ours_is_404_for_reads_and_writes(id_: str, server: ThreadServer, acme: Tenant) -> None:
    for method in ("GET", "DELETE"):
        assert ask(server, acme, method, f"/scim/v2/Users/{id_}").status == 404
    body = str(scim_user(LEO)).replace("'", '"').replace("True", "true").encode()
    assert check(exchange(server, request("PUT", f"/scim/v2/Users/{id_}", acme, body=body))).status == 404


def test_every_answer_has_a_request_id(server: ThreadServer, acme: Tenant) -> None:
    ids = {ask(server, acme, "GET", path).headers["x-request-id"] for path in ("/scim/v2/Users", "/scim/v2/x")}
    assert len(ids) == 2


def test_an_answer_without_content_has_no_length(server: ThreadServer, acme: Tenant) -> None:
    user = acme.scim.post("/Users", json=scim_user(LEO)).json()
    path = f"/scim/v2/Users/{user['id']}"
    same = ask(server, acme, "GET", path, if_none_match=user["meta"]["version"])
    gone = ask(server, acme, "DELETE", path)
    assert (same.status, gone.status) == (304, 204)
    assert "content-length" not in same.headers
    assert "content-length" not in gone.headers


def test_discovery_takes_no_filter(server: ThreadServer, acme: Tenant) -> None:
    for name in ("ServiceProviderConfig", "ResourceTypes", "Schemas"):
        assert ask(server, acme, "GET", f"/scim/v2/{name}").status == 200
        assert ask(server, acme, "GET", f"/scim/v2/{name}?filter=id%20eq%20%22User%22").status == 403


def test_discovery_names_what_there_is_and_404_what_there_is_not(server: ThreadServer, acme: Tenant) -> None:
    listed = ask(server, acme, "GET", "/scim/v2/Schemas").body
    assert listed["totalResults"] == listed["itemsPerPage"] == len(listed["Resources"])
    for schema in listed["Resources"]:
        assert ask(server, acme, "GET", f"/scim/v2/Schemas/{schema['id'].upper()}").body == schema
    assert ask(server, acme, "GET", "/scim/v2/ResourceTypes/user").body["id"] == "User"
    assert ask(server, acme, "GET", "/scim/v2/ResourceTypes/Robot").status == 404
    assert ask(server, acme, "GET", "/scim/v2/Schemas/urn:x").status == 404


OUTSIDE = ("203.0.113.9", 40000)
PROXIES = (ip_network("203.0.113.0/24"), ip_network("2001:db8::/32"))


@pytest.mark.parametrize(
    ("client", "proxies", "scheme", "forwarded", "let_in"),
    [
        (OUTSIDE, (), "http", None, False),
        (OUTSIDE, (), "http", "https", False),  # anybody can write that header
        (OUTSIDE, (), "https", None, True),
        (OUTSIDE, PROXIES, "http", "https", True),
        (OUTSIDE, PROXIES, "http", "http", False),
        (OUTSIDE, PROXIES, "http", "http, https", False),
        (("2001:db8::7", 1), PROXIES, "http", "HTTPS", True),
        (("::ffff:203.0.113.9", 1), PROXIES, "http", "https", True),
        (("198.51.100.4", 1), PROXIES, "http", "https", False),
        (("127.0.0.1", 1), (), "http", None, True),
        (("::1", 1), (), "http", None, True),
        (("::ffff:127.0.0.1", 1), (), "http", None, True),
        (None, (), "http", None, True),
    ],
)
def test_plain_http_is_refused_from_the_network(
    client: Any,
    proxies: Any,
    scheme: str,
    forwarded: str | None,
    let_in: bool,
    installation: Installation,
    acme: Tenant,
) -> None:
    door = ScimDoor(installation.database, installation.pepper, base_url="https://x.example/scim/v2", proxies=proxies)
    headers = {"authorization": basic(acme)} | ({"x-forwarded-proto": forwarded} if forwarded else {})
    heard = check(asyncio.run(ask_door(door, "GET", "/scim/v2/Users", headers=headers, client=client, scheme=scheme)))
    if let_in:
        assert heard.status == 200
    else:
        assert (heard.status, heard.detail) == (403, PLAIN_HTTP)

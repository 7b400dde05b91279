"""What else Okta, or its reviewers, trip over: discovery, credentials, error shape, paging, query encodings.

Each probe is one step; none changes a user.
"""

from collections.abc import Iterator
from dataclasses import replace

from rollbook.simulator.app import resources
from rollbook.simulator.checks import (
    LIST,
    Step,
    expect,
    expect_error,
    expect_list,
    expect_object,
    expect_status,
    play,
)
from rollbook.simulator.wire import Encoding, Wire, equals, is_loopback


def address(wire: Wire) -> Step:
    """The address as Okta's form accepts it: https (a loopback address is let off) and no underscore."""
    return play("Address", "https, and no underscore in it", lambda: _address(wire.base_url))


def discovery(wire: Wire) -> Iterator[Step]:
    """What *Import User Schema* reads, and the description every SCIM client may ask for."""
    yield play("Discovery", "ServiceProviderConfig describes the server", lambda: _config(wire))
    yield play("User schema", "ResourceTypes and Schemas list the user", lambda: _schemas(wire))


def credentials(wire: Wire) -> Iterator[Step]:
    """Everything but the right credentials is 401 as a SCIM error."""
    yield play("Wrong key", "401 as a SCIM error", lambda: _refused(replace(wire, key=_other(wire.key))))
    if wire.scheme == "basic":
        yield play("Wrong user", "the right key under another name: 401", lambda: _foreign(wire))
        yield play("Bearer", "the key as a Bearer token (the catalogue asks for it)", lambda: _bearer(wire))


def error_shape(wire: Wire) -> Iterator[Step]:
    """An error that is not SCIM JSON hides its cause from the administrator."""
    yield play("Broken JSON", "400 as a SCIM error", lambda: _broken(wire))
    yield play("Broken filter", "400 invalidFilter, never everyone", lambda: _bad_filter(wire))
    yield play("Unknown address", "404 as a SCIM error", lambda: _nowhere(wire))
    yield play("Wrong method", "refused as a SCIM error", lambda: _wrong_method(wire))


def paging(wire: Wire) -> Iterator[Step]:
    yield play("Past the end", "an empty page with the true total", lambda: _past_the_end(wire))
    yield play("Count zero", "the total without a user", lambda: _count_zero(wire))


def encodings(wire: Wire, login: str) -> Iterator[Step]:
    """Okta writes a space in the query as %20 or as +."""
    yield play("Query styles", "%20 and + find the same user", lambda: _both_styles(wire, login))


def _address(base_url: str) -> str:
    expect("_" not in base_url, "Okta accepts no underscore in the base URL.")
    if is_loopback(base_url):
        return f"{base_url} (this machine only: Okta itself needs https)"
    expect(base_url.startswith("https://"), "Okta accepts https only; nothing was sent.")
    return base_url


def _config(wire: Wire) -> str:
    answer = wire.send("GET", "/ServiceProviderConfig")
    expect_status(answer, 200)
    config = expect_object(answer)
    offered = [name for name in ("patch", "filter", "bulk", "etag", "sort") if _supported(config.get(name))]
    return f"offers {', '.join(offered) or 'nothing'}"


def _schemas(wire: Wire) -> str:
    kinds, schemas = wire.send("GET", "/ResourceTypes"), wire.send("GET", "/Schemas")
    for answer in (kinds, schemas):
        expect_status(answer, 200)
        expect(LIST in (expect_object(answer).get("schemas") or []), "The answer is not a ListResponse.")
    names = [item.get("name") for item in resources(expect_object(kinds))]
    urns = [item.get("id") for item in resources(expect_object(schemas))]
    expect("User" in names, "No resource type is named User.")
    expect("urn:ietf:params:scim:schemas:core:2.0:User" in urns, "The core User schema is not listed.")
    return f"{len(urns)} schemas"


def _refused(wire: Wire) -> str:
    try:
        answer = wire.send("GET", "/Users", query={"startIndex": 1, "count": 2})
    finally:
        wire.close()
    detail = expect_error(answer, 401)
    # Okta does not look at it, but RFC 9110 section 15.5.2 wants it.
    missing = "" if "www-authenticate" in answer.headers else ", without WWW-Authenticate"
    return f"“{detail}”{missing}"


def _foreign(wire: Wire) -> str:
    return _refused(replace(wire, user=f"not-{wire.user}"))


def _bearer(wire: Wire) -> str:
    bearer = replace(wire, scheme="bearer")
    try:
        answer = bearer.send("GET", "/Users", query={"startIndex": 1, "count": 2})
    finally:
        bearer.close()
    return "accepted" if answer.status == 200 else f"not accepted ({answer.status})"


def _broken(wire: Wire) -> str:
    answer = wire.send("POST", "/Users", body=b'{"userName":')
    return f"“{expect_error(answer, 400)}”"


def _bad_filter(wire: Wire) -> str:
    answer = wire.send("GET", "/Users", query={"filter": "userName resembles Ada"})
    detail = expect_error(answer, 400)
    kind = expect_object(answer).get("scimType")
    expect(kind == "invalidFilter", f"scimType is {kind!r}, not invalidFilter.")
    return f"“{detail}”"


def _nowhere(wire: Wire) -> str:
    return f"“{expect_error(wire.send('GET', '/Nothing'), 404)}”"


def _wrong_method(wire: Wire) -> str:
    answer = wire.send("POST", "/Schemas", body={})
    return f"{answer.status}: “{expect_error(answer, 405, 404, 501)}”"


def _past_the_end(wire: Wire) -> str:
    total = _total(wire)
    answer = wire.send("GET", "/Users", query={"startIndex": total + 101, "count": 100})
    found = expect_list(answer)
    expect(not found, f"{len(found)} users came past the end.")
    said = expect_object(answer)["totalResults"]
    expect(said == total, f"totalResults is {said} there, and {total} on the first page.")
    return f"empty, totalResults {total}"


def _count_zero(wire: Wire) -> str:
    answer = wire.send("GET", "/Users", query={"count": 0})
    expect(not expect_list(answer), "Users came though none were asked for.")
    return f"totalResults {expect_object(answer)['totalResults']}"


def _both_styles(wire: Wire, login: str) -> str:
    ids = []
    styles: tuple[Encoding, ...] = ("percent", "plus")
    for encoding in styles:
        styled = replace(wire, encoding=encoding)
        try:
            answer = styled.send("GET", "/Users", query={"filter": equals("userName", login)})
        finally:
            styled.close()
        ids.append([user.get("id") for user in expect_list(answer)])
    expect(ids[0] == ids[1], "The two styles of encoding find different users.")
    return f"{len(ids[0])} found by either"


def _total(wire: Wire) -> int:
    answer = wire.send("GET", "/Users", query={"startIndex": 1, "count": 1})
    expect_list(answer)
    return int(expect_object(answer)["totalResults"])


def _supported(part: object) -> bool:
    return isinstance(part, dict) and part.get("supported") is True


def _other(key: str) -> str:
    """The key with its last character changed: the same shape, another secret."""
    return key[:-1] + ("a" if key[-1:] != "a" else "b")

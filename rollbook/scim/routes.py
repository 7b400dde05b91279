"""Which address does what under /scim: collections and members by method, and the discovery endpoints themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from rollbook.database import Tx
from rollbook.scim import discovery, extension, user_lists, users
from rollbook.scim.exchange import Answer, Request
from rollbook.scim.protocol import errors
from rollbook.scim.protocol.errors import ScimError
from rollbook.scim.protocol.messages import list_response
from rollbook.scim.protocol.schema import Schema

Handler = Callable[[Request], Awaitable[Answer]]


async def _list_groups(request: Request) -> Answer:
    """Group push is not offered yet; the answer keeps Okta's import and its optional test content."""
    await admit(request)
    return Answer(200, list_response([], 0, 1))


async def _config(request: Request) -> Answer:
    await admit(request)
    _refuse_filter(request)
    return Answer(200, discovery.service_provider_config(request.service.base_url))


async def _resource_types(request: Request) -> Answer:
    await admit(request)
    _refuse_filter(request)
    base_url, name = request.service.base_url, request.resource_id
    return Answer(200, discovery.resource_type(base_url, name) if name else discovery.resource_types(base_url))


async def _schemas(request: Request) -> Answer:
    def look(tx: Tx) -> Schema:
        claim = request.claim(tx)
        request.admit(claim)
        return extension.published(tx, claim.company_id)

    ours = await request.service.database.read(look, brief=True)
    _refuse_filter(request)
    base_url, urn = request.service.base_url, request.resource_id
    return Answer(200, discovery.schema(base_url, urn, ours) if urn else discovery.schemas(base_url, ours))


async def admit(request: Request) -> None:
    """Lets the key's holder in. Raises Unauthorized."""

    def check(tx: Tx) -> None:
        request.admit(request.claim(tx))

    await request.service.database.read(check, brief=True)


def _refuse_filter(request: Request) -> None:
    """RFC 7644 section 4: a filter on a discovery endpoint is forbidden, lest a client trust a narrowed answer."""
    if "filter" in request.query:
        raise errors.Forbidden("This address takes no filter; ask without it.")


# Collection -> methods on it, and methods on one of its members.
ROUTES: dict[str, tuple[dict[str, Handler], dict[str, Handler]]] = {
    "Users": (
        {"GET": user_lists.page, "POST": users.create},
        {"GET": users.get, "PUT": users.replace, "PATCH": users.modify, "DELETE": users.delete},
    ),
    "Groups": ({"GET": _list_groups}, {}),
    "ServiceProviderConfig": ({"GET": _config}, {}),
    "ResourceTypes": ({"GET": _resource_types}, {"GET": _resource_types}),
    "Schemas": ({"GET": _schemas}, {"GET": _schemas}),
}
_BY_FOLDED = {name.lower(): name for name in ROUTES}
# The same by method and path, as everybody spells it.
_USUAL: dict[tuple[object, ...], Handler] = {
    (method, "scim", "v2", name, 4 + place): handler
    for name, places in ROUTES.items()
    for place, methods in enumerate(places)
    for method, handler in methods.items()
}
_NOT_OFFERED = frozenset({"bulk", "me", ".search"})


def find(method: str, path: str) -> tuple[Handler, str]:
    """The handler and the resource's id; slashes doubled or at the end do not matter."""
    parts = path.split("/")  # "", "scim", "v2", …
    usual = _USUAL.get((method, *parts[1:4], len(parts)))
    if usual is not None and parts[-1][:1] != ".":
        return usual, parts[4] if len(parts) == 5 else ""
    if len(parts) < 3 or parts[1].lower() != "scim" or parts[2].lower() != "v2":
        raise errors.NotFound("SCIM is at /scim/v2. In Okta set the base URL to this server's address with /scim/v2.")
    if len(parts) in (4, 5) and parts[-1].lower() != ".search":
        name = _BY_FOLDED.get(parts[3].lower())
        if name is not None:
            methods = ROUTES[name][len(parts) - 4]
            handler = methods.get(method)
            if handler is not None:
                return handler, parts[4] if len(parts) == 5 else ""
            if methods:
                raise errors.MethodNotAllowed(
                    f"{method[:20]} is not offered here; {', '.join(sorted(methods))} is.",
                    headers={"Allow": ", ".join(sorted(methods))},
                )
    if parts[-1].lower() in _NOT_OFFERED:
        raise ScimError(f"{parts[-1]} is not offered. /ServiceProviderConfig says what is.", status=501)
    raise errors.NotFound("There is nothing at this address. /scim/v2/Users is where the people are.")

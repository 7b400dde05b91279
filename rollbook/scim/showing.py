"""How a user is shown in an answer: what was asked for, of what this company knows of a user."""

from __future__ import annotations

from collections.abc import Iterable

from rollbook.database import Tx
from rollbook.people.record import User
from rollbook.scim import extension, mapping
from rollbook.scim.exchange import Answer, Request
from rollbook.scim.extension import STANDARD, Extension
from rollbook.scim.protocol.projection import Projection
from rollbook.scim.user_schema import USER


def extension_for(
    request: Request, tx: Tx, company_id: str, people: Iterable[User], known: Extension = STANDARD
) -> Extension:
    """The extension that it takes to show these people: most have nothing in ours but the hire date."""
    if known is not STANDARD:
        return known
    if request.query and extension.is_named(request.query.get("attributes")):
        return extension.of_company(tx, company_id)
    for user in people:
        if user.kept != "{}" and user.own_attributes:
            return extension.of_company(tx, company_id)
    return STANDARD


def projection(request: Request, shown: Extension = STANDARD) -> Projection:
    """What to show. It may refuse, so it is asked for before anything is done as well."""
    query = request.query
    if not query or ("attributes" not in query and "excludedAttributes" not in query):
        return _EVERYTHING
    return Projection.parse(query.get("attributes"), query.get("excludedAttributes"), shown.resource_type)


def answer(request: Request, user: User, status: int, shown: Extension) -> Answer:
    """The user, and the version as the entity tag."""
    resource = mapping.resource_of(user, request.service.base_url, shown.own)
    body = projection(request, shown).apply(resource)
    return Answer(status, body, ((b"etag", mapping.version_of(user).encode()),))


_EVERYTHING = Projection.parse(None, None, USER)

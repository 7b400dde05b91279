"""`GET /Users`: pages of people, everybody or those who meet a filter. What concerns one user is users.py's."""

from __future__ import annotations

from typing import Any

from rollbook.database import Tx
from rollbook.people import search
from rollbook.scim import extension, mapping, showing
from rollbook.scim.conditions import condition_of
from rollbook.scim.discovery import MAX_RESULTS
from rollbook.scim.exchange import Answer, Request
from rollbook.scim.extension import Extension
from rollbook.scim.protocol import messages
from rollbook.scim.protocol.evaluation import evaluate
from rollbook.scim.protocol.filter import And, Filter, ValuePath, parse_filter
from rollbook.scim.protocol.messages import Page, list_response
from rollbook.scim.user_schema import USER

# Okta steps by 100 whatever it is told, so that is the least a page must be able to hold.
DEFAULT_PAGE = 100


async def page(request: Request) -> Answer:
    """GET /Users: a page of everybody, or of those who meet the filter; archived users too, deleted ones never."""
    showing.projection(request)
    asked = messages.parse_page(request.query, default=DEFAULT_PAGE, cap=MAX_RESULTS)
    text = request.query.get("filter")
    node = parse_filter(text) if text is not None and text.strip() else None
    asks_ours = extension.is_named(text)  # then only the company's own fields say what it means
    condition = condition_of(node) if node is not None and not asks_ours else None
    # What an e-mail's type says is settled below, so such a filter is answered from all that it may mean.
    inside = _value_paths(node)
    unique = condition if isinstance(condition, search.Equals) and condition.field in search.UNIQUE else None

    def find(tx: Tx) -> tuple[search.Page, Extension]:
        if unique is not None:
            claim = request.claim(tx, *search.look_up(unique))
            request.admit(claim)
            found = search.page_of(claim.users(), offset=asked.start_index - 1, limit=asked.count)
            return found, showing.extension_for(request, tx, claim.company_id, found.users)
        claim = request.claim(tx)
        request.admit(claim)
        offset, limit = (0, MAX_RESULTS) if inside else (asked.start_index - 1, asked.count)
        meant = condition
        if asks_ours and node is not None:
            meant = condition_of(node, extension.of_company(tx, claim.company_id))
        found = search.page(tx, claim.company_id, meant, offset=offset, limit=limit)
        return found, showing.extension_for(request, tx, claim.company_id, found.users)

    found, shown = await request.service.database.read(find, brief=unique is not None)
    projection = showing.projection(request, shown)
    resources = [mapping.resource_of(user, request.service.base_url, shown.own) for user in found.users]
    total = found.total
    if inside:
        resources = [resource for resource in resources if all(evaluate(term, resource, USER) for term in inside)]
        total = len(resources)
        resources = _part(resources, asked)
    return Answer(200, list_response([projection.apply(resource) for resource in resources], total, asked.start_index))


def _value_paths(node: Filter | None) -> list[Filter]:
    if isinstance(node, And):
        return [path for term in node.terms for path in _value_paths(term)]
    return [node] if isinstance(node, ValuePath) else []


def _part(resources: list[dict[str, Any]], asked: Page) -> list[dict[str, Any]]:
    return resources[asked.start_index - 1 : asked.start_index - 1 + asked.count]

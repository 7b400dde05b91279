"""/company: whose key this is."""

from __future__ import annotations

from pydantic import Field

from rollbook.api.call import TheCall
from rollbook.api.operation import router
from rollbook.api.shapes import Id, Instant, Shape
from rollbook.people import companies

routes = router("company")


class Company(Shape):
    """The company that the key belongs to."""

    id: Id
    subdomain: str = Field(examples=["acme"])
    name: str = Field(examples=["Acme"])
    created_at: Instant


@routes.get("", operation_id="get_company", summary="Show the company")
async def get(call: TheCall) -> Company:
    """Good for trying a key."""
    return await call.read("see_people", lambda tx, who: Company.show(companies.by_id(tx, who.company_id)))

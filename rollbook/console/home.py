"""`/` and `/sign-out`: the way in, a person's own page, the way out."""

from __future__ import annotations

from starlette.responses import Response

from rollbook.console import rendering
from rollbook.console.visit import COOKIE, SignedOut, Visit, who_asks
from rollbook.database import Tx
from rollbook.people import authorization, companies, sign_in, users
from rollbook.people.companies import Company
from rollbook.people.record import User
from rollbook.people.sign_in import SignedIn


async def show(visit: Visit) -> Response:
    """Signed out: how to get in. An administrator goes on to provisioning, everybody else sees their own page."""

    def look(tx: Tx, who: SignedIn) -> tuple[SignedIn, Company, User]:
        return who, companies.by_id(tx, who.company_id), users.get(tx, who.company_id, who.user_id)

    try:
        who, company, user = await visit.read(look)
    except SignedOut:
        return rendering.page("signed_out.html")
    if authorization.carries(who_asks(who), "see_provisioning"):
        return rendering.redirect("/provisioning")
    return visit.page("home.html", who, company=company, user=user)


async def sign_out(visit: Visit) -> Response:
    """Ends the session; whoever has none any more is where they wanted to be."""
    await visit.write(lambda tx, who: sign_in.sign_out(tx, who, now=visit.now))
    response = rendering.redirect("/")
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    return response

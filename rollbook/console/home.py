"""`/` and `/sign-out`: the way in, on to the page that a person works with, and the way out."""

from __future__ import annotations

from starlette.responses import Response

from rollbook.console import rendering
from rollbook.console.visit import COOKIE, SignedOut, Visit, who_asks
from rollbook.people import authorization, sign_in


async def show(visit: Visit) -> Response:
    """Signed out: how to get in. An administrator goes on to provisioning, everybody else to their assignments."""
    try:
        who = await visit.read(lambda _, who: who)
    except SignedOut:
        return rendering.page("signed_out.html")
    works_with = "/provisioning" if authorization.carries(who_asks(who), "see_provisioning") else "/assignments"
    return rendering.redirect(works_with)


async def sign_out(visit: Visit) -> Response:
    """Ends the session; whoever has none any more is where they wanted to be."""
    await visit.write(lambda tx, who: sign_in.sign_out(tx, who, now=visit.now))
    response = rendering.redirect("/")
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    return response

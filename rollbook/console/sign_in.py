"""`/sign-in/{token}`: a page with a button, which changes nothing, and the button, which uses the link up.

And asking for a link, on the first page or on that of a link which is of no use any more.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from starlette.responses import Response

from rollbook import clock
from rollbook.console import forms, rendering
from rollbook.console.visit import COOKIE, SignedOut, Visit
from rollbook.database import Tx
from rollbook.errors import Unauthorized
from rollbook.people import companies, link_requests, sign_in, tokens
from rollbook.people.companies import Company

# Asked for a link, every answer takes so long, whether or not there is such a person: it must not tell.
ANSWER_SECONDS = 0.4

_LEADS_ON = re.compile(f"/assignments(?:/{clock.ID.pattern})?")


async def show(visit: Visit) -> Response:
    """GET and HEAD: mail scanners open links, so looking uses nothing up."""
    text = visit.request.path_params["token"]
    leads_on = _checked(visit.request.query_params.get("next", ""))

    def look(tx: Tx) -> Company:
        sign_in.check_link(tx, text, pepper=visit.pepper, now=visit.now)
        token = tokens.read(text)
        assert token is not None  # check_link has read it
        return companies.by_id(tx, token.company_id)

    try:
        company = await visit.installation.database.read(look)
    except Unauthorized:
        return await _in_already(visit, leads_on) or _useless()
    form_token = forms.token_for(visit.pepper, text)
    page = rendering.page("sign_in.html", company=company, token=text, form_token=form_token, leads_on=leads_on)
    return _private(page)


async def use(visit: Visit) -> Response:
    """POST: opens a session, once. With `?new` it asks for another link instead."""
    text = visit.request.path_params["token"]
    if visit.request.url.query == "new":
        return await _asked(
            visit, lambda tx: link_requests.by_link(tx, text, pepper=visit.pepper, request_id=visit.id, now=visit.now)
        )
    forms.check_token(visit.pepper, text, visit.form)

    def consume(tx: Tx) -> str:
        session, _ = sign_in.consume_link(tx, text, pepper=visit.pepper, now=visit.now)
        return session

    try:
        session = await visit.installation.database.write(consume)
    except Unauthorized:
        return _useless()
    response = _private(rendering.redirect(_checked(visit.form.get("next", "")) or "/"))
    response.set_cookie(
        COOKIE,
        session,
        max_age=sign_in.SESSION_HOURS * 3600,
        path="/",
        secure=visit.installation.settings.public_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )
    return response


async def ask(visit: Visit) -> Response:
    """POST from the first page: a link by mail for whoever signs in with this address."""
    subdomain, email = visit.form.get("company", ""), visit.form.get("email", "").strip()
    return await _asked(
        visit, lambda tx: link_requests.by_address(tx, subdomain, email, request_id=visit.id, now=visit.now)
    )


async def _asked(visit: Visit, work: Callable[[Tx], None]) -> Response:
    """One text and one pace, so that nobody learns whether there is such a person."""
    moment = asyncio.get_running_loop().time() + ANSWER_SECONDS
    await visit.installation.database.write(work)
    await asyncio.sleep(moment - asyncio.get_running_loop().time())
    minutes = int(sign_in.REQUESTED.total_seconds() // 60)
    return _private(rendering.page("link_asked.html", minutes=minutes))


async def _in_already(visit: Visit, leads_on: str) -> Response | None:
    """Whoever is signed in and opens a used link again wants what it leads to."""
    try:
        await visit.read(lambda _, who: who)
    except SignedOut:
        return None
    return _private(rendering.redirect(leads_on or "/"))


def _checked(address: str) -> str:
    """An address that a mail may lead on to, or nothing: never one of somebody else's."""
    return address if _LEADS_ON.fullmatch(address) else ""


def _useless() -> Response:
    """Used, expired, ended, mistyped: one text, so that nobody learns which links were real."""
    return _private(rendering.page("link_useless.html", status=403, days=sign_in.HANDED_OVER_DAYS))


def _private(response: Response) -> Response:
    """The address of the page is the credential: it is told to nobody."""
    response.headers["Referrer-Policy"] = "no-referrer"
    return response

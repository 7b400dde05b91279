"""`/sign-in/{token}`: a page with a button, which changes nothing, and the button, which uses the link up."""

from __future__ import annotations

from starlette.responses import Response

from rollbook.console import forms, rendering
from rollbook.console.visit import COOKIE, Visit
from rollbook.database import Tx
from rollbook.errors import Unauthorized
from rollbook.people import companies, sign_in, tokens
from rollbook.people.companies import Company


async def show(visit: Visit) -> Response:
    """GET and HEAD: mail scanners open links, so looking uses nothing up."""
    text = visit.request.path_params["token"]

    def look(tx: Tx) -> Company:
        sign_in.check_link(tx, text, pepper=visit.pepper, now=visit.now)
        token = tokens.read(text)
        assert token is not None  # check_link has read it
        return companies.by_id(tx, token.company_id)

    try:
        company = await visit.installation.database.read(look)
    except Unauthorized:
        return _useless()
    form_token = forms.token_for(visit.pepper, text)
    return _private(rendering.page("sign_in.html", company=company, token=text, form_token=form_token))


async def use(visit: Visit) -> Response:
    """POST: opens a session, once."""
    text = visit.request.path_params["token"]
    forms.check_token(visit.pepper, text, visit.form)

    def consume(tx: Tx) -> str:
        session, _ = sign_in.consume_link(tx, text, pepper=visit.pepper, now=visit.now)
        return session

    try:
        session = await visit.installation.database.write(consume)
    except Unauthorized:
        return _useless()
    response = _private(rendering.redirect("/"))
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


def _useless() -> Response:
    """Used, expired, ended, mistyped: one text, so that nobody learns which links were real."""
    return _private(rendering.page("link_useless.html", status=403, days=sign_in.HANDED_OVER_DAYS))


def _private(response: Response) -> Response:
    """The address of the page is the credential: it is told to nobody."""
    response.headers["Referrer-Policy"] = "no-referrer"
    return response

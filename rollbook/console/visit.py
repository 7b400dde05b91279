"""A visit: one request to the console, who makes it, and the one way from it to the database.

The session is looked up in the transaction that does the work, so nothing starts after an archive was acknowledged.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.console import forms, rendering
from rollbook.database import Collision, Tx
from rollbook.errors import Conflict, Forbidden, InvalidValue, NotFound, RollbookError, Unauthorized
from rollbook.installation import Installation
from rollbook.origin import is_plain
from rollbook.people import authorization, sign_in
from rollbook.people.authorization import Who
from rollbook.people.roles import Permission
from rollbook.people.sign_in import SignedIn
from rollbook.people.tokens import Pepper

T = TypeVar("T")

COOKIE = "rollbook_session"

_PLAIN = (
    "Plain http is refused from here, since it shows your session to the network. Use the https:// address; behind a "
    "proxy, the operator names the proxy in ROLLBOOK_TRUSTED_PROXIES."
)
_NOT_YOURS = "This page is for administrators of the company. Ask one of them if you need something from it."
_STATUS: tuple[tuple[type[RollbookError], int, str], ...] = (
    (NotFound, 404, "There is nothing here"),
    (Conflict, 409, "That does not go any more"),
    (InvalidValue, 400, "That form cannot be read"),
    (forms.Forged, 403, "This form was not accepted"),
    (Forbidden, 403, "You cannot open this page"),
    (Unauthorized, 403, "This link does not sign you in"),
)


class SignedOut(Exception):
    """Nobody is signed in, or no longer."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request; `form` holds the fields of a POST."""

    installation: Installation
    request: Request
    id: str
    now: datetime
    form: dict[str, str] = field(default_factory=dict)

    @property
    def pepper(self) -> Pepper:
        return self.installation.pepper

    def chosen(self, actions: Mapping[str, T], part: str = "action") -> T:
        """Which of these the address names in one of its parts. Raises NotFound."""
        slug = str(self.request.path_params[part])
        if slug not in actions:
            raise NotFound("There is no such thing to do here.")
        return actions[slug]

    async def read(self, work: Callable[[Tx, SignedIn], T], *, permission: Permission | None = None) -> T:
        """Runs `work` for whoever is signed in. Raises SignedOut, Forbidden."""
        return await self.installation.database.read(lambda tx: work(tx, self._admit(tx, permission)))

    async def write(self, work: Callable[[Tx, SignedIn], T], *, permission: Permission | None = None) -> T:
        """As `read`, for a change; the form must carry the session's token. Raises forms.Forged."""

        def checked(tx: Tx) -> T:
            who = self._admit(tx, None)
            forms.check_token(self.pepper, who.session_id, self.form)
            _permit(tx, who, permission)
            return work(tx, who)

        return await self.installation.database.write(checked)

    def actor(self, who: SignedIn) -> Actor:
        """Whoever is signed in, as the events name them."""
        return Actor("user", who.user_id, self.id)

    def page(self, template: str, who: SignedIn, *, status: int = 200, **context: Any) -> Response:
        """A page for somebody signed in: their name, where else they may go, and the token of their forms."""
        token = forms.token_for(self.pepper, who.session_id)
        ways = {"/assignments": "My assignments"}
        if authorization.carries(who_asks(who), "see_provisioning"):
            ways = {"/provisioning": "Provisioning", **ways}
        context |= {"who": who, "form_token": token, "now": self.now, "ways": ways, "path": self.request.url.path}
        return rendering.page(template, status=status, **context)

    def _admit(self, tx: Tx, permission: Permission | None) -> SignedIn:
        text = self.request.cookies.get(COOKIE, "")
        who = sign_in.session(tx, text, pepper=self.pepper, now=self.now)
        if who is None:
            raise SignedOut
        _permit(tx, who, permission)
        return who


Work = Callable[[Visit], Awaitable[Response]]


def endpoint(installation: Installation, work: Work) -> Callable[[Request], Awaitable[Response]]:
    """What Starlette calls: the checks that every request must pass, the page's own work, and refusals as pages."""

    async def answer(request: Request) -> Response:
        visit = Visit(installation, request, clock.new_id(), clock.now())
        try:
            if is_plain(request.scope, installation.settings.proxies, request.scope["headers"]):
                raise Forbidden(_PLAIN)
            if request.method == "POST":
                forms.refuse_foreign(request, installation.settings)
                visit.form.update(await forms.read(request))
            return await work(visit)
        except SignedOut:
            return rendering.redirect("/")
        except RollbookError as error:
            return _refusal(error)
        except Collision:
            return _refused(503, "Somebody was faster", "Others are changing the same thing just now; try it again.")
        except ClientDisconnect:
            return Response(status_code=400)

    return answer


def _permit(tx: Tx, who: SignedIn, permission: Permission | None) -> None:
    """For what reaches the whole company; a page about somebody or something asks about that as well."""
    if permission is not None and not authorization.allowed(tx, who_asks(who), permission):
        raise Forbidden(_NOT_YOURS)


def who_asks(who: SignedIn) -> Who:
    """Whoever is signed in, as authorization knows them."""
    return Who(who.company_id, Actor("user", who.user_id), who.role)


def _refusal(error: RollbookError) -> Response:
    for kind, status, title in _STATUS:
        if isinstance(error, kind):
            return _refused(status, title, error.message)
    return _refused(503, "Rollbook cannot answer just now", error.message)


def _refused(status: int, title: str, text: str) -> Response:
    return rendering.page("refused.html", status=status, title=title, text=text)

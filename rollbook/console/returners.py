"""*May be a returner*: a deleted person and a new one with the former names, and the button that joins the two."""

from __future__ import annotations

from starlette.responses import Response

from rollbook.console import rendering
from rollbook.console.visit import Visit
from rollbook.database import Tx
from rollbook.errors import NotFound
from rollbook.people import returners, users
from rollbook.people.record import User
from rollbook.people.returners import Returner
from rollbook.people.sign_in import SignedIn

JOINED = "joined"
DONE = {JOINED: "The two are one person now: the new record goes on with the old one's history."}


async def ask(visit: Visit) -> Response:
    """GET: the two side by side, and the button."""

    def look(tx: Tx, who: SignedIn) -> tuple[SignedIn, Returner]:
        return who, _pair(visit, tx, who)

    who, pair = await visit.read(look, permission="resolve_alarms")
    return visit.page("returner.html", who, pair=pair)


async def join(visit: Visit) -> Response:
    """POST: joins them, which cannot be undone."""

    def work(tx: Tx, who: SignedIn) -> User:
        pair = _pair(visit, tx, who)
        old = users.get(tx, who.company_id, pair.old.id, lock=True)
        new = users.get(tx, who.company_id, pair.new.id, lock=True)
        return returners.join(tx, old, new, actor=visit.actor(who), now=visit.now)

    await visit.write(work, permission="resolve_alarms")
    return rendering.redirect(f"/provisioning?done={JOINED}")


def _pair(visit: Visit, tx: Tx, who: SignedIn) -> Returner:
    """The pair of the address, where it is one that Rollbook proposes. Raises NotFound."""
    old, new = str(visit.request.path_params["old"]), str(visit.request.path_params["new"])
    for pair in returners.search(tx, who.company_id):
        if pair.old.id == old and pair.new.id == new:
            return pair
    raise NotFound("These two are not, or no longer, proposed as one person.")

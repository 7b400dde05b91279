"""`/provisioning/leavers`: who was archived in the last weeks, and by which way that came: Okta SCIM at once, a run of
the standard integration, or somebody here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import Response

from rollbook.console import plan_lines, run_words
from rollbook.console.visit import Visit
from rollbook.database import Tx
from rollbook.okta import leavers
from rollbook.okta.leavers import DAYS, Leaver, Way
from rollbook.people.record import User
from rollbook.people.sign_in import SignedIn

ADDRESS = "/provisioning/leavers"
PER_PAGE = 50

TITLES: dict[Way, tuple[str, str]] = {
    "scim": ("Okta SCIM", "Okta wrote it itself, within the second: the account is linked."),
    "okta": ("Runs", "A run of the standard integration asked Okta and heard that they left."),
    "learning": ("Learning", "An administrator, the API or the operator archived them."),
}
_PLACE = re.compile(r"(\d{4}-\d\d-\d\dT[0-9:.]{8,15}Z)_([0-9a-f-]{36})")


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody who was archived: `by` whom, and what else says by which way; `run` is the address of the run's page."""

    user: User
    at: str
    by: str
    facts: tuple[str, ...] = ()
    run: str | None = None


async def show(visit: Visit) -> Response:
    """GET: the leavers, the last first, of one way or of all."""
    query = visit.request.query_params
    way: Way | None = next((way for way in TITLES if way == query.get("way", "")), None)
    place = _PLACE.fullmatch(query.get("before", ""))
    before = (place[1], place[2]) if place else None

    def look(tx: Tx, who: SignedIn) -> tuple[SignedIn, dict[Way, int], list[Leaver]]:
        found = leavers.search(tx, who.company_id, way=way, before=before, limit=PER_PAGE + 1, now=visit.now)
        return who, leavers.counts(tx, who.company_id, now=visit.now), found

    who, counts, found = await visit.read(look, permission="see_provisioning")
    page = found[:PER_PAGE]
    asked = {"way": way} if way else {}
    following = None
    if len(found) > PER_PAGE:
        last = page[-1].user
        following = f"{ADDRESS}?{urlencode(asked | {'before': f'{last.archived_at}_{last.id}'})}"
    return visit.page(
        "leavers.html",
        who,
        titles=TITLES,
        counts=counts,
        way=way,
        entries=[_entry(leaver) for leaver in page],
        beginning=f"{ADDRESS}?{urlencode(asked)}" if asked else ADDRESS,
        first=before is None,
        following=following,
        days=DAYS,
        address=ADDRESS,
    )


def _entry(leaver: Leaver) -> Entry:
    user, at = leaver.user, leaver.user.archived_at or ""
    if leaver.way == "scim":
        return Entry(user, at, "Okta SCIM", ("linked",))
    if leaver.way == "learning":
        return Entry(user, at, _HANDS.get((user.archived_by or "").partition(":")[0], "Learning"))
    if leaver.run_id is None:
        return Entry(user, at, "the standard integration")
    rule = plan_lines.RULES.get(leaver.rule or "")
    facts = (*((rule,) if rule else ()), plan_lines.how_known(user, leaver.matched_by))
    return Entry(user, at, "a run", facts, run_words.address(leaver.run_id))


_HANDS = {
    "user": "an administrator, in Learning",
    "api": "the management API",
    "operator": "the operator",
}

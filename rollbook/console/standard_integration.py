"""`/provisioning/standard`: how the company's Okta is read, when next, what the last runs came to; and a run or a
preview now. One run has a page of its own (runs.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from rollbook import clock
from rollbook.console import local_time, rendering, run_words
from rollbook.console.run_words import ADDRESS, Told
from rollbook.console.visit import Visit, who_asks
from rollbook.database import Tx
from rollbook.okta import connections, field_map, runs, slots
from rollbook.okta.connections import Connection
from rollbook.okta.runs import Purpose, Run
from rollbook.people import authorization, companies, fields, link_health, users
from rollbook.people.fields import OWNER_WORDS
from rollbook.people.sign_in import SignedIn

PER_PAGE = 10

MODES = {
    "complement": "Complement: beside SCIM. It fills the fields below, and the external id where that is blank, "
    "archives whom Okta reports as deactivated, and creates and restores nobody.",
    "full": "Full: without SCIM. It creates people silently, keeps their fields, archives who left, and restores "
    "who is back.",
}
_PURPOSES: dict[str, Purpose] = {"run": "sync", "preview": "preview"}


@dataclass(frozen=True, slots=True)
class Filled:
    """A field and what fills it: a variable of Okta's, or its owner alone; `conflict` says why that is not written."""

    name: str
    type: str
    variable: str | None
    owner: str
    conflict: str | None


async def show(visit: Visit) -> Response:
    """GET: the page, of one moment of the database."""
    asked = visit.request.query_params.get("before", "")
    before = asked if clock.ID.fullmatch(asked) else None

    def look(tx: Tx, who: SignedIn) -> tuple[SignedIn, dict[str, Any]]:
        return who, _gather(visit, tx, who, before)

    who, context = await visit.read(look, permission="see_provisioning")
    page: list[Told] = context["runs"]
    more = len(page) > PER_PAGE
    context["runs"] = page[:PER_PAGE]
    older = f"{ADDRESS}?before={page[PER_PAGE - 1].run.id}#runs" if more else None
    return visit.page(
        "standard_integration.html",
        who,
        **context,
        modes=MODES,
        older=older,
        first=before is None,
        address=ADDRESS,
    )


async def begin(visit: Visit) -> Response:
    """POST: asks for a run or a preview, which a worker does; its page shows how far it is."""
    purpose = visit.chosen(_PURPOSES, "purpose")

    def work(tx: Tx, who: SignedIn) -> Run:
        connections.in_use(tx, who.company_id)
        return runs.create_by_hand(tx, who.company_id, purpose, actor=visit.actor(who), now=visit.now)

    run = await visit.write(work, permission="run_okta")
    return rendering.redirect(run_words.address(run.id))


def standing(tx: Tx, company_id: str) -> dict[str, Any] | None:
    """For the page of provisioning: the connection and its newest run; None where there is none."""
    connection = connections.find(tx, company_id)
    if connection is None:
        return None
    run = runs.latest(tx, company_id)
    return {"connection": connection, "latest": run_words.told(tx, run) if run is not None else None}


def _gather(visit: Visit, tx: Tx, who: SignedIn, before: str | None) -> dict[str, Any]:
    company_id = who.company_id
    connection = connections.find(tx, company_id)
    reader = users.get(tx, company_id, who.user_id)
    latest = runs.latest(tx, company_id)
    is_open = latest is not None and latest.ended_at is None
    found = runs.search(tx, company_id, before=before, limit=PER_PAGE + 1)
    company = companies.by_id(tx, company_id)
    return {
        "company": company,
        "connection": connection,
        "to_switch_on": connections.to_switch_on(connection, company.subdomain) if connection is not None else "",
        "zone": local_time.zone_of(reader.time_zone),
        "next_slot": clock.text(slots.following(visit.now)),
        "not_linked": link_health.counts(tx, company_id).not_linked,
        "fields": _fields(tx, connection) if connection is not None else [],
        "open": run_words.told(tx, latest) if latest is not None and is_open else None,
        "hindrance": run_words.hindrance(tx, latest, now=visit.now) if latest is not None else None,
        "runs": [run_words.told(tx, run) for run in found],
        "may_run": authorization.allowed(tx, who_asks(who), "run_okta"),
    }


def _fields(tx: Tx, connection: Connection) -> list[Filled]:
    """What fills which field; and the company's own fields that nothing of Okta's fills, with whose they are."""
    known = {field_map.kept(field): field for field in fields.all_of(tx, connection.company_id)}
    found = []
    for mapped in field_map.listed(tx, connection.company_id):
        field = known.pop(mapped.field, None)
        owner = OWNER_WORDS[field.owner if field is not None else "okta"]
        found.append(Filled(mapped.name, mapped.type, mapped.variable, owner, mapped.conflict))
    rest = [Filled(field.name, field.type, None, OWNER_WORDS[field.owner], None) for field in known.values()]
    return [*found, *rest]

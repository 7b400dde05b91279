"""`/provisioning`: everything an administrator wants to know of the connection with Okta, on one page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from rollbook import clock
from rollbook.activity import log
from rollbook.activity.log import Entry
from rollbook.console import alarms, local_time, not_linked, returners, standard_integration
from rollbook.console.log_lines import Line, line
from rollbook.console.visit import Visit
from rollbook.database import Tx
from rollbook.errors import Conflict, NotFound
from rollbook.okta import slots
from rollbook.people import attribute_mapping, companies, fields, keys, link_health, search, users
from rollbook.people import returners as returners_
from rollbook.people.keys import Key
from rollbook.people.record import User
from rollbook.people.search import Equals
from rollbook.people.sign_in import SignedIn

PER_PAGE = 20
MOST_NOT_LINKED = 6  # of each link; all of them have a page of their own

_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f]")
DONE = alarms.DONE | returners.DONE


@dataclass(frozen=True, slots=True)
class Question:
    """What of the log is asked for, by the address; what cannot be meant is left out."""

    person: str
    refused: bool
    before: str | None
    after: str | None

    def address(self, **other: str) -> str:
        """The page's address with this question, but for the place in the log, and with `other` parameters."""
        query = {"person": self.person} if self.person else {}
        if self.refused:
            query["refused"] = "1"
        query |= other
        return f"/provisioning?{urlencode(query)}#log" if query else "/provisioning#log"


@dataclass(frozen=True, slots=True)
class LogPage:
    """Part of the log, and the addresses of its neighbours; `problem` says why a person was not found."""

    lines: list[Line]
    person: User | None
    problem: str
    newer: str | None
    older: str | None


async def show(visit: Visit) -> Response:
    """GET: the page, of one moment of the database."""
    question = _question(visit)

    def look(tx: Tx, who: SignedIn) -> tuple[SignedIn, dict[str, Any]]:
        return who, _gather(visit, tx, who, question)

    who, context = await visit.read(look, permission="see_provisioning")
    return visit.page(
        "provisioning.html",
        who,
        question=question,
        done=DONE.get(visit.request.query_params.get("done", ""), ""),
        base_url=visit.installation.settings.scim_base_url,
        attributes=attribute_mapping.TABLE,
        rollbook_user=attribute_mapping.ROLLBOOK_USER,
        **context,
    )


def _gather(visit: Visit, tx: Tx, who: SignedIn, question: Question) -> dict[str, Any]:
    company_id, now = who.company_id, visit.now
    hour_ago = clock.later(now, hours=-1)[:16]
    scim_keys = [key for key in keys.search(tx, company_id) if key.scope == "scim"]
    labels = {key.id: key.label or key.prefix for key in scim_keys}
    newest = log.last(tx, company_id)
    everybody = search.page(tx, company_id, None, offset=0, limit=0).total
    archived = search.page(tx, company_id, Equals("active", value=False), offset=0, limit=0).total
    links = link_health.counts(tx, company_id)
    return {
        "company": companies.by_id(tx, company_id),
        "keys": [key for key in scim_keys if not key.revoked_at],
        "usable": [key for key in scim_keys if _usable(key, clock.text(now))],
        "expired_before": clock.text(now),
        "used": max((key.last_used_at for key in scim_keys if key.last_used_at), default=None),
        "newest": _lines(tx, company_id, [newest], labels)[0] if newest else None,
        "failures": sum(count for minute, count in keys.failures(tx, company_id) if minute >= hour_ago),
        "active": everybody - archived,
        "archived": archived,
        "matters": alarms.matters(tx, company_id),
        "links": links,
        "reach": not_linked.reach(tx, company_id, links),
        "not_linked": not_linked.groups(tx, company_id, links, limit=MOST_NOT_LINKED, now=now),
        "standard": standard_integration.standing(tx, company_id),
        "next_slot": clock.text(slots.following(now)),
        "zone": local_time.zone_of(users.get(tx, company_id, who.user_id).time_zone),
        "returners": returners_.search(tx, company_id),
        "own_fields": [f for f in fields.all_of(tx, company_id) if f.external_name and f.user_column is None],
        "log": _log_page(tx, company_id, question, labels),
    }


def _log_page(tx: Tx, company_id: str, question: Question, labels: dict[str, str]) -> LogPage:
    person = None
    if question.person:
        try:
            person = search.named(tx, company_id, question.person)
        except (NotFound, Conflict) as error:
            return LogPage([], None, error.message, None, None)
    entries = log.search(
        tx,
        company_id,
        user_id=person.id if person else None,
        refused=question.refused,
        before=question.before,
        after=question.after,
        limit=PER_PAGE + 1,
    )
    # One entry more than is shown says whether there is more that way; the other way is where the reader came from.
    more = len(entries) > PER_PAGE
    if question.after:
        entries, newer, older = entries[-PER_PAGE:], more, True
    else:
        entries, newer, older = entries[:PER_PAGE], question.before is not None, more
    return LogPage(
        _lines(tx, company_id, entries, labels),
        person,
        "",
        question.address(after=entries[0].id) if newer and entries else None,
        question.address(before=entries[-1].id) if older and entries else None,
    )


def _lines(tx: Tx, company_id: str, entries: list[Entry], labels: dict[str, str]) -> list[Line]:
    """The entries in words; whom they name is asked for at once."""
    ids = {entry.user_id for entry in entries if entry.user_id and clock.ID.fullmatch(entry.user_id)}
    answers = [users.ask(tx, company_id, user_id) for user_id in sorted(ids)]
    people = {user.id: user for user in map(users.found, answers) if user is not None}
    return [line(entry, people, labels) for entry in entries]


def _usable(key: Key, now: str) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


def _question(visit: Visit) -> Question:
    query = visit.request.query_params
    person = _UNWRITABLE.sub("", query.get("person", "")).strip()[:320]
    before, after = query.get("before", ""), query.get("after", "")
    return Question(
        person,
        query.get("refused") == "1",
        before if clock.ID.fullmatch(before) else None,
        after if clock.ID.fullmatch(after) and not before else None,
    )

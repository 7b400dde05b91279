"""Questions about single people, one after the other and as many as fit between two writes. What becomes of the answers
is reading.py's and namesakes.py's; the lists are asked for in sync.py.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence

from rollbook.okta import reading
from rollbook.okta.answers import Person, Refused
from rollbook.okta.failures import RecordRefused
from rollbook.okta.namesakes import Answer, Wanted
from rollbook.okta.planning import RUNS_AWAY
from rollbook.okta.reading import Single, Source
from rollbook.okta.terms import Terms

ASKING_SECONDS = 10.0  # between two writes; the lease lasts longer

_ASKABLE = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)


async def people(
    client: Source, terms: Terms, wanted: Sequence[tuple[str, str]], away: Mapping[str, int]
) -> list[Single]:
    """What Okta says of these, at least of the first; each as (our id, Okta's id). `away` says, by Okta's id, in how
    many complete runs somebody was missing before. Raises OktaFailure.
    """
    answers: list[Single] = []
    began = time.monotonic()
    for user_id, okta_id in wanted:
        answers.append(await person(client, terms, user_id, okta_id, away=away.get(okta_id, 0)))
        if time.monotonic() - began > ASKING_SECONDS:
            break
    return answers


async def person(client: Source, terms: Terms, user_id: str | None, okta_id: str, *, away: int) -> Single:
    """What Okta says of one person, and whether they belong to the list. Raises OktaFailure."""
    found: Person | Refused | None = None
    if _ASKABLE.fullmatch(okta_id):
        try:
            found = await client.person(okta_id)
        except RecordRefused as refusal:
            found = Refused(okta_id, refusal.message, refusal.status)
    listed = reading.is_listed(terms, found)
    if listed is None:
        # A list may have left somebody out. Before that archives them, Okta is asked for them alone.
        about_to_leave = terms.full and away + 1 >= RUNS_AWAY
        listed = await client.is_member(okta_id, terms.group_id) if about_to_leave and terms.group_id else False
    return Single(user_id, okta_id, found, listed)


async def namesakes_of(client: Source, terms: Terms, wanted: Sequence[Wanted]) -> list[Answer]:
    """Who else has the names of these, at least of the first. Raises OktaFailure."""
    answers: list[Answer] = []
    began = time.monotonic()
    variables = tuple(dict.fromkeys(("login", "email", *terms.names)))
    for each in wanted:
        answers.append(Answer(each, await client.namesakes(each.okta_id, each.names, variables)))
        if time.monotonic() - began > ASKING_SECONDS:
            break
    return answers

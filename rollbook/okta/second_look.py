"""Before somebody is archived or restored long after the run began to read, as by a late yes, Okta is asked about them
once more: nobody is put out who is back by then, and nobody comes back who left. Whoever is new is created without
that: they may be everybody, nobody hears of it, and the next run archives who left meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rollbook import clock
from rollbook.okta.answers import Refused
from rollbook.okta.changes import Change
from rollbook.okta.reading import Single
from rollbook.okta.runs import Run

STALE_AFTER = timedelta(minutes=15)  # what Okta said of somebody
ASKED_ABOUT = ("archive", "restore")  # kinds of rows
UNSURE = "Okta's record of the person cannot be read any more, so nobody knows who is back; the next run looks again."

Ask = Callable[[str | None, str], Awaitable[Single]]  # by our id, where there is one, and Okta's


@dataclass(slots=True)
class Looked:
    """The rows that may go on to be planned anew, what Okta answered of some of them, and a row of which it could not
    say any more whether it holds: that is the first of all, or comes first the next time.
    """

    rows: list[Change] = field(default_factory=list)
    answers: list[Single] = field(default_factory=list)
    unsure: Change | None = None


async def look(run: Run, rows: Sequence[Change], ask: Ask, *, most_seconds: float, now: datetime) -> Looked:
    """Takes up as many of the rows, in their order, as are asked about in so many seconds, at least one. Raises
    OktaFailure.
    """
    looked = Looked()
    began = time.monotonic()
    for row in rows:
        if row.kind in ASKED_ABOUT and row.okta_id and is_old(run, now):
            if looked.answers and time.monotonic() - began > most_seconds:
                break
            single = await ask(row.user_id, row.okta_id)
            if isinstance(single.found, Refused) and single.found.status is None:
                looked.unsure = None if looked.rows else row
                break
            if single.found is not None or row.kind != "archive":  # whom Okta knows no more is not back
                looked.answers.append(single)
        looked.rows.append(row)
    return looked


def is_old(run: Run, now: datetime) -> bool:
    """Whether something of what the run has read may be so no longer: it read from the moment when it began, however
    long that took.
    """
    return run.started_at is not None and clock.moment(run.started_at) + STALE_AFTER < now

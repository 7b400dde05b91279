"""Before somebody is archived by a yes that came long after the run read, Okta is asked about them once more: nobody is
archived who is back by then.
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

STALE_AFTER = timedelta(minutes=15)  # what Okta said of somebody who is to be archived
UNSURE = "Okta's record of the person cannot be read any more, so nobody knows who is back; the next run looks again."

Ask = Callable[[str, str], Awaitable[Single]]  # by our id and Okta's


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
        if row.kind == "archive" and row.okta_id and row.user_id and _is_old(run, now):
            if looked.answers and time.monotonic() - began > most_seconds:
                break
            single = await ask(row.user_id, row.okta_id)
            if isinstance(single.found, Refused) and single.found.status is None:
                looked.unsure = None if looked.rows else row
                break
            if single.found is not None:  # whom Okta knows no more is not back
                looked.answers.append(single)
        looked.rows.append(row)
    return looked


def _is_old(run: Run, now: datetime) -> bool:
    return run.read_at is not None and clock.moment(run.read_at) + STALE_AFTER < now

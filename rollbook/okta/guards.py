"""What stops a run until a person says yes: pure, over what was counted while planning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rollbook.okta.terms import Terms


@dataclass(frozen=True, slots=True)
class Counted:
    """What a plan comes to. `active` are the company's active users, `ours` those of them whose external id is
    recorded; `withheld` says how many values each variable would have cleared that nobody listed has.
    """

    archives: int
    active: int
    listed: int
    ours: int
    withheld: Mapping[str, int] = field(default_factory=dict)


def held(terms: Terms, counted: Counted) -> str | None:
    """Why the whole run waits, in sentences; None where it may go on."""
    reasons = [*_nobody(counted), *_many(terms, counted), *_missing(counted)]
    return " ".join(reasons) or None


def most_archives(terms: Terms, active: int) -> int:
    """How many may be archived unasked. The share alone never stops a single leaver, or no small company had any."""
    share = max(1, active * terms.most_percent // 100) if terms.most_percent else 0
    return min(terms.most_people, share)


def waiting(count: int) -> str:
    """Why the rest of a run waits: so many things need a person's yes for themselves."""
    what = "1 change of a privileged user needs" if count == 1 else f"{count:,} changes of privileged users need"
    return f"{what} a person's yes; everything else is done."


def _nobody(counted: Counted) -> list[str]:
    if counted.listed or not counted.ours:
        return []
    reason = (
        f"Okta listed nobody, though {people(counted.ours)} here came from it. Nobody is archived for that. See in "
        "Okta that the group still has its members and that the token may see them."
    )
    return [reason]


def _many(terms: Terms, counted: Counted) -> list[str]:
    most = most_archives(terms, counted.active)
    if counted.archives <= most:
        return []
    wait = "waits" if most == 1 else "wait"
    reason = (
        f"{people(counted.archives)} of {counted.active:,} would be archived; more than {most:,} {wait} for a person's "
        "yes. If they left, approve the run; if not, mend it in Okta first."
    )
    return [reason]


def _missing(counted: Counted) -> list[str]:
    return [
        f"Nobody whom Okta listed has a {variable}, though {people(count)} here have a value from it. That is a broken "
        "map, or a token that may not see it, and nothing is erased for it, approved or not."
        for variable, count in sorted(counted.withheld.items())
    ]


def people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"

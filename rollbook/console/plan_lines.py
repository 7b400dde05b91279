"""The plan of a run in sentences: whom each row is about, the rule and the reason, each field before and after, what
became of it, and what a person may still take back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rollbook.activity import events
from rollbook.console import log_lines
from rollbook.console.log_lines import Change as FieldChange
from rollbook.database import Tx
from rollbook.okta import leavers
from rollbook.okta.changes import Change
from rollbook.okta.planning import Kind
from rollbook.okta.runs import Run
from rollbook.people import identity_links, users
from rollbook.people.record import User

Undo = Literal["undo", "restore"]

TITLES: dict[Kind, tuple[str, str]] = {
    "archive": (
        "Archives",
        "They left, as far as Okta knows: signed out at once, in no report, kept whole for a return.",
    ),
    "restore": ("Restores", "Active in Okta and listed again: the same people, silently, with role and history."),
    "create": ("New people", "Okta lists them, and nobody here is them. They come silently: nobody is mailed."),
    "link": (
        "Matches by rule",
        "One person here and one in Okta have the name, and nobody else: the external id is recorded.",
    ),
    "change": ("Changes", "What Okta's profile says, into fields that belong to the standard integration."),
    "set_aside": ("Set aside", "Nothing is done about these until somebody decides, or mends the record."),
}
RULES = {
    "new": "nobody here yet",
    "profile": "Okta’s profile",
    "deprovisioned": "deactivated in Okta",
    "suspended": "suspended in Okta",
    "absent": "absent from two complete runs",
    "returned": "active in Okta again",
    "owner": "another source’s field",
    "record": "record that cannot be kept",
}
# What the heading of the group, the rule or the id beside it says already.
_SAID: dict[Kind, frozenset[str]] = {
    "archive": frozenset({"archived"}),
    "restore": frozenset({"archived"}),
    "create": frozenset({"external_id", "given_name", "family_name"}),
    "link": frozenset({"external_id"}),
}
_EXPLAINED = frozenset({"owner", "record"})  # rules whose reason says more than their name


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a plan. `name` is whom it is about, as far as that is known; `way`, of an archive, how the run knew
    them; `reason` is "" where the rule's name says it; `tone` is one of plain, good, bad, quiet.
    """

    change: Change
    user: User | None
    name: str
    rule: str
    reason: str
    way: str
    fields: tuple[FieldChange, ...]
    outcome: str
    tone: str
    note: str
    undo: Undo | None


def lines(tx: Tx, run: Run, rows: Sequence[Change], *, now: datetime) -> list[Line]:
    """The rows in words; whom they name is asked for at once."""
    ids = sorted({row.user_id for row in rows if row.user_id})
    answers = [users.ask(tx, run.company_id, user_id) for user_id in ids]
    people = {user.id: user for user in map(users.found, answers) if user is not None}
    matched = [row.user_id for row in rows if row.user_id and row.kind == "link" and row.state == "applied"]
    timelines = events.of_subjects(tx, run.company_id, matched, ("UserLinked",))
    leaving = [row.user_id for row in rows if row.user_id and row.kind == "archive"]
    by_rule = leavers.matched_in(tx, run.company_id, run.id, leaving)
    return [_line(run, row, people.get(row.user_id or ""), by_rule, timelines, now) for row in rows]


def _line(
    run: Run,
    row: Change,
    user: User | None,
    by_rule: Mapping[str, str],
    timelines: Mapping[str, list[events.Event]],
    now: datetime,
) -> Line:
    outcome, tone = _outcome(run, row, user)
    said = _SAID.get(row.kind, frozenset())
    return Line(
        row,
        user,
        _name(row, user),
        f"same {row.rule}" if row.kind == "link" else RULES.get(row.rule, row.rule),
        row.reason if row.kind == "set_aside" or row.rule in _EXPLAINED else "",
        how_known(user, by_rule.get(user.id)) if row.kind == "archive" and user is not None else "",
        tuple(_field(name, row) for name in log_lines.in_order(row.changes) if name not in said),
        outcome,
        tone,
        _note(run, row, user),
        _undo(run, row, user, timelines, now),
    )


def _field(name: str, row: Change) -> FieldChange:
    before, after = row.changes[name]
    return FieldChange(log_lines.label(name), log_lines.text(before), log_lines.text(after), shown=True)


def _name(row: Change, user: User | None) -> str:
    if user is not None:
        return user.display_name
    said = [row.changes.get(name, ("", ""))[1] for name in ("given_name", "family_name")]
    return " ".join(filter(None, said)) or row.who or "A record without an id"


def _outcome(run: Run, row: Change, user: User | None) -> tuple[str, str]:
    if row.kind == "set_aside":
        return "set aside", "quiet"
    if row.state == "passed_over":
        return "passed over", "quiet"
    if row.state == "undone":
        return "undone", "quiet"
    if row.state == "applied":
        if row.kind == "archive" and user is not None and user.active:
            return "done, restored since", "quiet"
        return "done", "good"
    if run.ended_at and run.purpose == "sync":
        return "not done", "quiet"
    return ("needs a yes", "bad") if row.why_not is not None else ("planned", "plain")


def _note(run: Run, row: Change, user: User | None) -> str:
    """What the reader must know besides the reason."""
    if row.why_not is None:
        return ""
    if row.kind == "archive" and row.state == "passed_over" and user is not None and not user.active:
        by = {"scim": "Okta SCIM", "okta": "another run", "learning": "somebody in Learning"}[leavers.way_of(user)]
        return f"Archived already: {by} was first."
    return row.why_not


def _undo(
    run: Run, row: Change, user: User | None, timelines: Mapping[str, list[events.Event]], now: datetime
) -> Undo | None:
    if row.state != "applied" or user is None or user.deleted_at:
        return None
    if row.kind == "archive":
        return "restore" if not user.active and leavers.run_of(user) == run.id else None
    if row.kind != "link":
        return None
    match = identity_links.rule_match(timelines.get(user.id, []), user)
    is_this = match is not None and match.external_id == row.okta_id
    return "undo" if is_this and match is not None and identity_links.undoable(match, user, now=now) else None


def how_known(user: User, matched_by: str | None) -> str:
    """How a run knew somebody whom it archives: the way on which the leave came."""
    if matched_by is not None:
        return f"unlinked until the run matched the {matched_by}"
    if user.link == "linked":
        return "linked, and Okta’s own write had not come"
    return "known by the external id"

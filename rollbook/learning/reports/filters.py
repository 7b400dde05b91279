"""Whom and what a report is about. Names that people type become ids here; people.py and counting.py make the SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeVar, get_args

from rollbook.database import Tx
from rollbook.errors import InvalidValue, NotFound
from rollbook.learning import content_record
from rollbook.people import field_values, fields, groups
from rollbook.people.folding import fold

T = TypeVar("T")

Status = Literal["incomplete", "overdue", "completed"]
Step = Literal["day", "week"]
STATUSES: tuple[Status, ...] = get_args(Status)
STEPS: tuple[Step, ...] = get_args(Step)

# By what a report can be narrowed: the first choose the people, the others what counts.
OF_PEOPLE = frozenset({"group", "location", "business_unit", "department", "manager", "custom"})
OF_ASSIGNMENTS = frozenset({"content", "status", "since", "until", "archived_content"})

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Filters:
    """All of these hold for each row; None and () do not narrow.

    Texts are compared exactly, custom values folded. `since` and `until` are days, both included: of the assignment's
    beginning; in *overdue* of its due date; in *activity* and *provisioning* the days of the report. `managed_by` is
    set by `run` from who asks.
    """

    group_id: str | None = None
    everyone: bool = False  # that group is everybody who is here
    location: str | None = None
    business_unit: str | None = None
    department: str | None = None
    manager: str | None = None
    custom: tuple[tuple[str, str], ...] = ()  # ids of fields with the folded value
    content_id: str | None = None
    status: Status | None = None
    since: date | None = None
    until: date | None = None
    by: Step = "day"
    archived_content: bool = False
    managed_by: str | None = None

    @property
    def given(self) -> frozenset[str]:
        """The filters that narrow, by the names of OF_PEOPLE and OF_ASSIGNMENTS."""
        names = {
            "group": self.group_id,
            "content": self.content_id,
            "archived_content": self.archived_content,
            "by": self.by != "day",
        }
        same = ("location", "business_unit", "department", "manager", "custom", "status", "since", "until")
        names |= {name: getattr(self, name) for name in same}
        return frozenset(name for name, value in names.items() if value not in (None, (), False))

    @property
    def narrows_assignments(self) -> bool:
        """Whether a person may have assignments of which none counts."""
        return bool(self.given & {"content", "status", "since", "until"})


def read(
    tx: Tx,
    company_id: str,
    *,
    group: str | None = None,
    location: str | None = None,
    business_unit: str | None = None,
    department: str | None = None,
    manager: str | None = None,
    custom: Mapping[str, str] | None = None,
    content: str | None = None,
    status: str | None = None,
    since: str | None = None,
    until: str | None = None,
    by: str = "day",
    archived_content: bool = False,
) -> Filters:
    """The filters as a person typed them: groups, lessons, paths and fields by id or name.

    Raises InvalidValue, also for what is not there, and Conflict where two things have the name.
    """
    first, last = day(since, "since"), day(until, "until")
    if first and last and first > last:
        raise InvalidValue(f"{first} comes after {last}; turn the two around.", field="since")
    chosen = _meant("group", groups.named, tx, company_id, group) if group is not None else None
    piece = _meant("content", content_record.named, tx, company_id, content) if content is not None else None
    return Filters(
        group_id=chosen.id if chosen is not None else None,
        everyone=chosen is not None and chosen.kind == "everyone",
        location=location,
        business_unit=business_unit,
        department=department,
        manager=manager,
        custom=tuple(_custom(tx, company_id, name, value) for name, value in (custom or {}).items()),
        content_id=piece.id if piece is not None else None,
        status=_one_of(status, STATUSES, "status") if status is not None else None,
        since=first,
        until=last,
        by=_one_of(by, STEPS, "by"),
        archived_content=archived_content,
    )


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """Values by the names of fields, of `NAME=VALUE` each. Raises InvalidValue, also for a name given twice."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidValue(f"{text!r} names no value; write NAME=VALUE.", field="custom")
        if fold(name) in map(fold, found):
            raise InvalidValue(f"{name} was given twice; one value of a field can be asked for.", field="custom")
        found[name] = value
    return found


def day(text: str | None, field: str) -> date | None:
    """A day written as YYYY-MM-DD. Raises InvalidValue."""
    if text is None:
        return None
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidValue(f"{text!r} is no day; write it as YYYY-MM-DD.", field=field)


def _custom(tx: Tx, company_id: str, name: str, value: str) -> tuple[str, str]:
    field = _meant("custom", fields.named, tx, company_id, name)
    wanted = fields.checked(field, value)
    if wanted is None:
        raise InvalidValue(f"Say which {field.name} is meant: {field.name}=VALUE.", field="custom")
    return field.id, fold(wanted)[: field_values.KEY_LENGTH]


def _meant(filter_: str, named: Callable[[Tx, str, str], T], tx: Tx, company_id: str, text: str) -> T:
    """What a filter names; a report that there is does not become one that there is not by it."""
    try:
        return named(tx, company_id, text)
    except NotFound as unknown:
        raise InvalidValue(unknown.message, field=filter_) from None


def _one_of(text: str, allowed: tuple[Any, ...], field: str) -> Any:
    if text not in allowed:
        raise InvalidValue(f"{text!r} is no {field}; use one of {', '.join(allowed)}.", field=field)
    return text

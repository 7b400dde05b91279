"""Every report by its name, and the one way to ask one: who may, about whom, page by page."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from rollbook.database import Tx
from rollbook.errors import InvalidValue, NotFound
from rollbook.learning.reports import (
    activity,
    assignments,
    content,
    counting,
    gradebook,
    groups,
    learners,
    overdue,
    provisioning,
)
from rollbook.learning.reports.filters import Filters
from rollbook.learning.reports.shape import MOST_ROWS, Page, Question, Report, key_of
from rollbook.people import authorization
from rollbook.people.authorization import Who

REPORTS: dict[str, Report] = {
    report.name: report
    for report in (
        gradebook.REPORT,
        learners.REPORT,
        content.REPORT,
        groups.REPORT,
        overdue.REPORT,
        activity.REPORT,
        provisioning.REPORT,
    )
}
# Asked in the same way; `rollbook export` names them.
EXPORTS: dict[str, Report] = {assignments.REPORT.name: assignments.REPORT}


def named(name: str) -> Report:
    """The report or export of this name. Raises NotFound, listing the reports."""
    report = REPORTS.get(name) or EXPORTS.get(name)
    if report is None:
        raise NotFound(f"There is no report {name!r}; there are {', '.join(REPORTS)}, and audit.")
    return report


def run(
    tx: Tx,
    who: Who,
    name: str,
    filters: Filters | None = None,
    *,
    after: str | None = None,
    limit: int = 50,
    today: date,
) -> Page:
    """A page of a report, from the first row or from where `Page.next` said. A manager is answered about the people of
    the groups that they manage. `tx` is one snapshot (`Database.read` without `brief`): pages take several statements.

    Raises NotFound for an unknown name, Forbidden, InvalidValue for a filter that the report does not take.
    """
    report = named(name)
    filters = filters or Filters()
    reach = authorization.reach(who, report.permission)
    if reach != "all":
        filters = replace(filters, managed_by=who.user_id)
    refused = sorted(filters.given - report.takes)
    if refused:
        taken = ", ".join(sorted(report.takes))
        raise InvalidValue(f"The report {name} takes no filter {refused[0]}; it takes {taken}.", field=refused[0])
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidValue(f"A page has 1 to {MOST_ROWS} rows.", field="limit")
    key = None if after is None else key_of(after, report.parts)
    hidden = counting.hidden(tx, who.company_id) if "content" in report.takes else ()
    return report.page(tx, Question(who.company_id, filters, key, limit, today, hidden))

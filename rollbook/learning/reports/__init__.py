"""Reports: one module each, all in one shape, all about people who are here (promise P5).

`run` gives a page of one, `pages` and `rows` all of it; who is here is people.py's to say. The audit report, which
shows leavers too, is apart from these: audit.py.
"""

from __future__ import annotations

from rollbook.learning.reports.export import pages, rows
from rollbook.learning.reports.filters import Filters
from rollbook.learning.reports.registry import EXPORTS, REPORTS, named, run
from rollbook.learning.reports.shape import Column, Page, Report, cursor

__all__ = ["EXPORTS", "REPORTS", "Column", "Filters", "Page", "Report", "cursor", "named", "pages", "rows", "run"]

"""The plan of a run in words, as `rollbook okta preview` and `plan` print it: what would be done, or what became of it.

The commands are okta_runs.py's; the console has words of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from rollbook.okta.runs import Run
from rollbook.people.attribute_mapping import LABELS
from rollbook.people.fields import PREFIX

MOST = 20  # rows of a kind

_DONE = {"create": "created", "change": "changed", "archive": "archived", "restore": "restored", "link": "matched"}
_WORDS = LABELS | {"role": "Role"}
# What the heading says already.
_SAID = {"archive": "archived", "restore": "archived"}


def show(document: Mapping[str, Any], run: Run, strangers: int, console: Console) -> None:
    """Prints a plan, kind by kind; `strangers` are active people of Okta's who are nobody here."""
    rows_of_all = [row for kind in (*_DONE, "set_aside") for row in document[kind]]
    for kind in (*_DONE, "set_aside"):
        rows = document[kind]
        for state, count in Counter(row["state"] for row in rows).items():
            console.print(Text(f"{count:,} {_heading(kind, state, count, run)}", style="bold"))
            of_state = [row for row in rows if row["state"] == state]
            for row in of_state[:MOST]:
                console.print(Text(f"  {_line(kind, row)}"))
            if count > MOST:
                console.print(Text(f"  and {count - MOST:,} more; --json shows all"))
    if not rows_of_all and strangers:
        console.print(Text("Whoever is here is as Okta says; nothing would change."))
    elif not rows_of_all:
        console.print(Text("Everything is as Okta says; nothing would change."))
    if strangers:
        whom = "1 person in Okta is" if strangers == 1 else f"{strangers:,} people in Okta are"
        console.print(Text(f"{whom} nobody here: complement mode creates nobody, provisioning (SCIM) does."))
    if document["held"]:
        console.print(Text(f"It waits for a person's yes: {document['held']}", style="bold"))


def _heading(kind: str, state: str, count: int, run: Run) -> str:
    one = count == 1
    if kind == "set_aside":
        return f"{'is' if one else 'are'} set aside"
    done, was = _DONE[kind], "was" if one else "were"
    if state == "applied":
        return f"{was} {done}"
    if state == "passed_over":
        return f"{was} passed over, not {done}"
    if state == "undone":
        return f"{was} {done}, and that was undone"
    if run.ended_at and run.purpose == "sync":
        return f"{was} not {done}: the run ended before"
    return f"would be {done}"


def _line(kind: str, row: Mapping[str, Any]) -> str:
    said = f"{row['reason']} ({row['rule']})" if row["rule"] else row["reason"]
    fields = [_field(name, *change) for name, change in row["changes"].items() if name != _SAID.get(kind)]
    parts = [said, ", ".join(fields), row["why_not"] or ""]
    return f"{row['user'] or 'Nobody in particular'}: {'; '.join(part for part in parts if part)}"


def _field(name: str, before: Any, after: Any) -> str:
    label = _WORDS.get(name, name.removeprefix(PREFIX))
    return f"{label}: {_value(before)} → {_value(after)}"


def _value(value: Any) -> str:
    return "blank" if value in (None, "") else str(value)

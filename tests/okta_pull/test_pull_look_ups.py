"""A pull asks for people by keys that an index holds: it costs the same a page whether there are ten or a million."""

from __future__ import annotations

from typing import Any

import pytest

from rollbook.database import Tx, statements
from tests.okta_pull.pull import Company, okta_user

# What may walk through everybody, once a run and outside of its writes.
FEW_ROWS = ("SCAN CONSTANT ROW", "SCAN (subquery-1)")  # such as a list without values
WALKS = ("count(*)", "LEFT OUTER JOIN okta_people")


@pytest.mark.parametrize("mode", ["full", "complement"])
def test_no_statement_of_a_pull_walks_through_everybody(
    company: Company, engine: str, mode: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine != "sqlite":
        pytest.skip("plans are read on SQLite, which has no statistics and so shows what a statement allows")
    company.configure(mode=mode, app_id=company.org.app_id, most_percent=100)
    company.field("Region", "region")
    company.org.fill(30)
    for name in ("leo", "cleo", "gone"):
        company.hire(name)
        company.org.add(okta_user(f"00u{name}", extra={"region": "South"}))
    company.org.assign_before_provisioning("00uleo")
    company.org.deactivate("00ugone")
    plans: dict[str, list[str]] = {}

    def note(connection: Any, text: str, arguments: Any) -> None:
        about = ("okta_people", "okta_changes", "FROM users", "field_values")
        if (
            text not in plans
            and text.startswith(("SELECT", "UPDATE", "DELETE"))
            and any(word in text for word in about)
        ):
            rows = connection.execute(f"EXPLAIN QUERY PLAN {text}", arguments).fetchall()
            plans[text] = [row[3] for row in rows if row[3].startswith(("SEARCH", "SCAN"))]

    search, send, listing = Tx.search, Tx.send, Tx._listing

    def noted_search(tx: Tx, statement: Any) -> Any:
        compiled = tx._compiler.once(statement)
        note(tx._connection, compiled.text, compiled.arguments({}))
        return search(tx, statement)

    def noted_send(tx: Tx, statement: Any, parameters: Any = None) -> Any:
        compiled = tx._compiler.kept(statement, parameters or {})
        note(tx._connection, compiled.text, compiled.arguments(parameters or {}))
        return send(tx, statement, parameters)

    def noted_listing(tx: Tx, *of: Any) -> Any:
        text, arguments = listing(tx, *of)
        note(tx._connection, text, arguments)
        return text, arguments

    monkeypatch.setattr(statements.Tx, "_listing", noted_listing)
    monkeypatch.setattr(statements.Tx, "search", noted_search)
    monkeypatch.setattr(statements.Tx, "send", noted_send)
    for _ in range(2):
        assert company.pull().state == "done"
        company.org.leave("00uleo")
    monkeypatch.undo()
    assert len(plans) > 15
    walking = {
        text[:200]: steps
        for text, steps in plans.items()
        if not any(word in text for word in WALKS)
        and not all(
            step.startswith("SEARCH") and ("AND" in step or "fields" in step) for step in steps if step not in FEW_ROWS
        )
    }
    assert walking == {}

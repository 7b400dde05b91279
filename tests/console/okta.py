"""A company with a standard integration, seen from the console: its simulated org, and the work of its runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from rollbook.okta.runs import Run
from tests.okta_pull.pull import Company, okta_user


def work(company: Company) -> None:
    """The company's pull that is due, in a thread of its own: a real browser has a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(company.work).result()


def pull(company: Company, purpose: str = "sync") -> Run:
    """A run that somebody asked for and a worker has done, as far as it goes."""
    run = company.ask("preview" if purpose == "preview" else "sync")
    work(company)
    return company.run(run.id)


def held_for_rita(company: Company) -> Run:
    """A run that has archived Poppy, whom it knew, and waits for a yes to match and archive Rita, a manager."""
    company.configure(most_percent=100)
    company.hire("poppy", external_id="00upoppy")
    company.hire("rita", role="manager")
    company.org.add(okta_user("00upoppy", status="DEPROVISIONED"), okta_user("00urita", status="DEPROVISIONED"))
    run = pull(company)
    assert run.state == "held"
    return run

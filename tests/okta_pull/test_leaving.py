"""Who is taken for a leaver and who must not be: old accounts with somebody's names, records that cannot be read, lists
that were changed, and fields that nobody in Okta has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from rollbook import clock
from rollbook.activity import queue
from rollbook.okta.answers import Page, Person, Refused
from rollbook.okta.client import Client
from rollbook.okta.failures import RecordRefused
from rollbook.okta.runs import Run
from rollbook.okta.sync import Sync
from rollbook.people import link_health, users
from rollbook.simulator.org_faults import Fault
from rollbook.simulator.org_log import Request
from tests.conftest import OPERATOR
from tests.okta_pull.pull import Company, okta_user


def pull_through(company: Company, wrap: Callable[[Client], Any]) -> Run:
    """A run whose client says something else than Okta did."""
    run = company.ask()

    async def work() -> None:
        task = company.claim()
        assert task is not None
        async with company.client() as client:
            sync = Sync(company.house.installation.database, wrap(client), company.connection(), task)
            while await sync.step():
                pass
        company.write(lambda tx: queue.finish(tx, task, now=clock.now()))

    asyncio.run(work())
    return company.run(run.id)


def namesake_requests(company: Company) -> list[Request]:
    return [one for one in company.org.log.requests if "profile.email eq" in one.query.get("search", "")]


# Old accounts.


@pytest.mark.parametrize("mode", ["complement", "full"])
def test_an_old_account_with_somebodys_address_archives_nobody_who_is_active_under_another(
    company: Company, mode: Any
) -> None:
    """The live account is outside of the group, so that no list has it."""
    company.configure(mode=mode, most_percent=100)
    company.hire("leo")
    company.hire("stays", external_id="00ustays")
    company.org.add(okta_user("00uold", "leoold", email="leo@acme.example"), okta_user("00ustays"))
    company.org.add(okta_user("00unew", "leo"), groups=())
    company.org.deactivate("00uold")
    for _ in range(3):
        run = company.pull()
        assert run.state == "done"
        assert company.plan(run, "archive") == []
    leo = company.user("leo")
    assert leo.active
    assert leo.external_id == ("00unew" if mode == "complement" else None)


def test_an_old_account_with_somebodys_user_name_archives_nobody_whose_address_is_in_use(company: Company) -> None:
    company.configure(most_percent=100)
    company.hire("leo")
    company.org.add(okta_user("00uold", "leo"), okta_user("00ustays"))
    company.org.add(okta_user("00unew", "leo.linden", email="Leo@Acme.example"), groups=())
    company.org.deactivate("00uold")
    run = company.pull()
    assert company.told(run, "archive", "link") == []
    assert {row.okta_id for row in company.plan(run, "set_aside")} == {"00uold", "00unew"}
    assert company.user("leo").active


def test_a_suspended_account_is_no_other_than_a_deactivated_one(company: Company) -> None:
    company.configure(mode="full", most_percent=100)
    company.hire("leo")
    company.org.add(okta_user("00uold", "leoold", email="leo@acme.example"), okta_user("00ustays"))
    company.org.add(okta_user("00unew", "leo"), groups=())
    company.org.suspend("00uold")
    assert company.told(company.pull(), "archive", "link") == []
    assert company.user("leo").active


def test_whoever_has_no_live_namesake_is_matched_and_archived_at_once(company: Company) -> None:
    company.configure(most_percent=100)
    for number in range(45):  # more than are asked about between two writes
        company.hire(f"leo{number}")
        company.org.add(okta_user(f"00u{number}", f"leo{number}"))
        company.org.deactivate(f"00u{number}")
    company.org.add(okta_user("00ustays"))
    run = company.pull()
    assert (run.state, run.counts["archive"], run.counts["applied"]) == ("done", 45, 90)
    assert len(namesake_requests(company)) == 45
    company.pull()
    assert len(namesake_requests(company)) == 45  # whoever is known needs no match


@pytest.mark.parametrize("fault", ["empty", "html", "object"])
def test_where_okta_does_not_say_whether_somebody_else_has_the_names_nobody_is_matched(
    company: Company, fault: Fault
) -> None:
    company.tries_again = 1
    company.configure(most_percent=100)
    company.hire("leo")
    company.org.add(okta_user("00uold", "leo"), okta_user("00ustays"))
    company.org.deactivate("00uold")
    company.org.faults.by(lambda request: fault if "profile.email eq" in request.query.get("search", "") else None)
    run = company.pull()
    assert company.told(run) == [("set_aside", "leo@acme.example", "planned")]
    assert "whether somebody else" in company.plan(run)[0].reason
    assert company.user("leo").active
    company.org.faults.clear()
    assert company.told(company.pull(), "archive", "link") == [
        ("archive", "leo@acme.example", "applied"),
        ("link", "leo@acme.example", "applied"),
    ]


def test_whoever_got_an_old_accounts_names_while_the_run_read_is_left_for_the_next(company: Company) -> None:
    """Nobody was asked about them."""
    company.configure(most_percent=100)
    first = company.hire("first", email="leo@acme.example")
    company.write(lambda tx: users.archive(tx, first, actor=OPERATOR, now=clock.now()))
    company.org.add(okta_user("00uold", "leoold", email="leo@acme.example"), okta_user("00ustays"))
    company.org.add(okta_user("00unew", "leo"), groups=())
    company.org.deactivate("00uold")

    def hire(run: Run | None) -> None:
        if run is not None and run.state == "planning":
            company.after_step = None
            company.hire("leo")

    company.after_step = hire
    assert company.told(company.pull(), "archive", "link") == []
    assert company.told(company.pull(), "archive", "link") == [("link", "leo@acme.example", "applied")]
    assert company.user("leo").external_id == "00unew"


# Records that cannot be read.


class Hiding:
    """A client in whose list one person's record cannot be read, not even whose it is, or is not there; `alone`: nor
    can it be read where Okta is asked for it alone.
    """

    def __init__(self, client: Client, okta_id: str, *, alone: bool = True, nameless: bool = True) -> None:
        self._client, self._okta_id, self._alone, self._nameless = client, okta_id, alone, nameless

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def people(self, group_id: str | None, after: str | None) -> Page[Person]:
        page = await self._client.people(group_id, after)
        kept = [person for person in page.items if person.id != self._okta_id]
        nameless = [Refused(None, "It cannot be read.")] if self._nameless else []
        return Page(kept, [*page.refused, *nameless], page.next)

    async def person(self, okta_id: str) -> Person | None:
        if self._alone and okta_id == self._okta_id:
            raise RecordRefused("It cannot be read.", None)
        return await self._client.person(okta_id)


def test_whom_the_list_leaves_out_and_whose_groups_are_an_empty_list_is_not_away(company: Company) -> None:
    """Everybody is in one group at least, and an empty list is no answer."""
    company.tries_again = 1
    company.configure(mode="full", most_percent=100)
    company.org.add(*[okta_user(f"00u{name}") for name in ("leo", "cleo", "mona")])
    company.pull()
    company.org.faults.by(lambda request: "empty" if request.path.endswith("/groups") else None)
    states = []
    for _ in range(3):
        run = pull_through(company, lambda client: Hiding(client, "00uleo", alone=False, nameless=False))
        states.append(run.state)
        assert company.told(run, "archive") == []
    assert states == ["done", "partial", "partial"]
    assert company.user("leo").active


@pytest.mark.parametrize("group", [True, False])
def test_whose_record_cannot_be_read_is_not_away(company: Company, group: bool) -> None:
    company.configure(mode="full", most_percent=100, **({} if group else {"group_id": None}))
    company.org.add(*[okta_user(f"00u{name}") for name in ("leo", "cleo", "mona")])
    company.pull()
    for _ in range(3):
        run = pull_through(company, lambda client: Hiding(client, "00uleo"))
        assert company.told(run, "archive") == []
    assert company.remembered()["00uleo"]["missing_runs"] == 0
    assert company.user("leo").active


def test_a_run_whose_list_had_a_record_of_nobody_counts_no_absence(company: Company) -> None:
    company.configure(mode="full", most_percent=100)
    company.org.add(*[okta_user(f"00u{name}") for name in ("leo", "cleo", "mona")])
    company.pull()
    company.org.leave("00ucleo")
    for _ in range(3):
        run = pull_through(company, lambda client: Hiding(client, "00uleo", alone=False))
        assert company.told(run, "archive") == []
    (aside,) = [row for row in company.plan(run, "set_aside") if row.okta_id is None]
    assert "nobody counts as away" in aside.reason
    assert [company.remembered()[f"00u{name}"]["missing_runs"] for name in ("leo", "cleo")] == [0, 0]
    company.pull()
    assert company.told(company.pull(), "archive") == [("archive", "cleo@acme.example", "applied")]
    assert company.user("leo").active


# Lists that were changed.


@pytest.mark.parametrize("change", ["group", "mode"])
def test_whoever_was_away_from_another_list_or_in_another_mode_is_not_away_yet(company: Company, change: str) -> None:
    company.configure(mode="full" if change == "group" else "complement", most_percent=100)
    for name in ("leo", "cleo", "mona"):
        company.hire(name, external_id=f"00u{name}")
    company.org.add(*[okta_user(f"00u{name}") for name in ("leo", "cleo", "mona")])
    other = company.org.add_group("Others")
    company.org.join("00ucleo", other)
    company.org.join("00uleo", other)
    company.pull()
    company.org.leave("00umona")
    company.pull()
    if change == "group":
        company.configure(mode="full", most_percent=100, group_id=other)
    else:
        company.pull()
        company.configure(mode="full", most_percent=100)
    company.pull("preview")  # says what a run would do, and counts nothing
    run = company.pull()
    assert company.told(run, "archive") == []
    assert company.remembered()["00umona"]["missing_runs"] == 1
    run = company.pull()
    assert company.told(run, "archive") == [("archive", "mona@acme.example", "applied")]


def test_a_first_run_on_other_terms_that_was_cut_short_stays_the_first(company: Company) -> None:
    company.configure(most_percent=100)
    for name in ("leo", "mona"):
        company.hire(name, external_id=f"00u{name}")
    company.org.add(okta_user("00uleo"))
    company.org.add(okta_user("00umona"), groups=())
    for _ in range(2):
        company.pull()
    company.configure(mode="full", most_percent=100)

    def drop(run: Run | None) -> None:
        if run is not None and run.state == "planning":
            company.after_step = None
            company.drop(run)

    company.after_step = drop
    assert company.pull().state == "dropped"
    assert company.told(company.pull(), "archive") == []
    assert company.told(company.pull(), "archive") == [("archive", "mona@acme.example", "applied")]


# Fields that nobody in Okta has.


def set_by_hand(company: Company, name: str, **fields: str) -> None:
    user_id = company.user(name).id
    company.write(
        lambda tx: users.set_fields(
            tx, users.get(tx, company.id, user_id, lock=True), fields, actor=OPERATOR, now=clock.now()
        )
    )


def test_a_value_set_by_hand_that_okta_never_had_holds_no_run(company: Company) -> None:
    company.configure(mode="full")
    company.org.add(*[okta_user(f"00u{name}") for name in ("leo", "cleo", "mona")])
    company.pull()
    set_by_hand(company, "leo", location="Lyon")
    for number in range(2):
        company.org.add(okta_user(f"00unew{number}"))
        run = company.pull()
        assert (run.state, run.reason, run.counts["applied"]) == ("done", None, 1)
    assert company.user("leo").location == "Lyon"


def test_a_variable_that_somebody_had_until_now_holds_runs_until_a_yes(company: Company) -> None:
    company.configure(mode="full")
    company.org.add(*[okta_user(f"00u{name}", cost_center="Lyon") for name in ("leo", "cleo", "mona")])
    company.pull()
    for name in ("leo", "cleo", "mona"):
        company.org.set_profile(f"00u{name}", costCenter=None)
    for _ in range(2):
        run = company.pull()
        assert run.state == "held"
        assert "costCenter" in (run.reason or "")
        company.drop(run)
    assert company.pull("preview").reason is not None
    assert company.approve(company.pull()).state == "done"
    assert company.pull().state == "done"
    assert {company.user(name).location for name in ("leo", "cleo", "mona")} == {"Lyon"}


def test_a_variable_that_the_company_mapped_holds_runs_whoever_wrote_the_value(company: Company) -> None:
    company.configure(mode="full")
    company.org.add(*[okta_user(f"00u{name}") for name in ("leo", "cleo", "mona")])
    company.pull()
    company.map("site", "location")
    set_by_hand(company, "leo", location="Lyon")
    for _ in range(2):
        run = company.pull()
        assert run.state == "held"
        assert "site" in (run.reason or "")
        company.approve(run)
    assert company.user("leo").location == "Lyon"


def test_of_whom_nobody_knows_who_is_meant_it_is_not_said_that_the_next_run_archives_them(company: Company) -> None:
    company.configure(most_percent=100)
    leo = company.hire("leo")
    company.org.add(okta_user("00uold", "leo"), okta_user("00ustays"))
    company.org.add(okta_user("00unew", "leo.linden", email="leo@acme.example"), groups=())
    company.org.deactivate("00uold")
    run = company.pull()
    assert {row.rule for row in company.plan(run, "set_aside")} == {"user name", "e-mail"}
    entry = company.read(lambda tx: link_health.of_user(tx, leo, now=clock.now()))
    assert entry.okta_status == "deprovisioned"
    assert entry.what_to_do.startswith("Record the external id of the right person")

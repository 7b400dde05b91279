"""Link health: of everybody whom Okta does not reach it is said since when, why, what Okta says, and what to click."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.people import exemptions, identity_links, link_health, users
from rollbook.people.link_health import NotLinked
from rollbook.people.record import User
from tests.cast import CLEO, LEO, MONA, scim_user
from tests.conftest import OPERATOR, House, Tenant
from tests.people import okta_rows

RUN = Actor("task", "0199c0de-1e00-7000-8000-00000000000a")


def hire(house: House, company_id: str, profile: Any = LEO, external_id: str | None = None) -> User:
    made = msgspec.structs.replace(profile, external_id=external_id)
    return house.write(lambda tx: users.create(tx, company_id, made, actor=OPERATOR, now=clock.now()))


def listed(house: House, company_id: str, **how: Any) -> list[NotLinked]:
    return house.read(lambda tx: link_health.search(tx, company_id, now=clock.now(), **how))


def entry_of(house: House, user: User) -> NotLinked:
    (found,) = [entry for entry in listed(house, user.company_id) if entry.user.id == user.id]
    alone = house.read(lambda tx: link_health.of_user(tx, users.get(tx, user.company_id, user.id), now=clock.now()))
    assert alone == found
    return found


# What Okta was seen to say -> the status, and words of what is told.
VIEWS: dict[str, tuple[dict[str, Any] | None, str, tuple[str, ...]]] = {
    "not seen": (None, "unknown", ("click Provision User", "Import Now")),
    "assigned without an id": (
        {"app_status": "ACTIVE"},
        "assigned without an id",
        ("holds no id", "click Provision User."),
    ),
    "assigned with our id": (
        {"app_status": "PROVISIONED", "app_external_id": "ours"},
        "assigned with our id",
        ("Nothing: Okta holds this account's id",),
    ),
    "assigned with another id": (
        {"app_status": "ACTIVE", "app_external_id": "0199-other"},
        "assigned with another id",
        ("the id of another account, 0199-other",),
    ),
    "in the directory alone": ({}, "not assigned", ("Import Now, and confirm the match",)),
    "unassigned": ({"app_status": "DEPROVISIONED"}, "not assigned", ("Import Now",)),
    "deactivated": ({"status": "DEPROVISIONED"}, "deprovisioned", ("reports the person as deactivated", "next run")),
    "deactivated and assigned": (
        {"status": "DEPROVISIONED", "app_status": "ACTIVE", "app_external_id": "ours"},
        "deprovisioned",
        ("next run",),
    ),
    "unknown to Okta": ({"status": "ABSENT"}, "unknown", ("Okta knows nobody", "rollbook user archive")),
    "a record that cannot be read": (
        {"app_status": "ACTIVE", "refused": "The first name is too long."},
        "assigned without an id",
        ("set aside: The first name is too long.",),
    ),
}


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("name", VIEWS)
def test_okta_s_view_leads_to_the_click(house: House, company_id: str, name: str, known: bool) -> None:
    """Whether Okta's person is recorded, or only has the user's name."""
    columns, status, words = VIEWS[name]
    leo = hire(house, company_id, external_id="00uleo" if known else None)
    if columns is not None:
        ours = {**columns, **({"app_external_id": leo.id} if columns.get("app_external_id") == "ours" else {})}
        house.write(lambda tx: okta_rows.person(tx, company_id, "00uleo", None if known else LEO.user_name, **ours))
    house.write(lambda tx: okta_rows.connect(tx, company_id))
    entry = entry_of(house, leo)
    assert (entry.okta_status, entry.link) == (status, "known" if known else "unlinked")
    for word in words:
        assert word in f"{entry.reason} {entry.what_to_do}"
    assert "00uleo" not in entry.what_to_do


@pytest.mark.parametrize("state", ["off", None])
def test_without_the_standard_integration_nothing_is_known(house: House, company_id: str, state: str | None) -> None:
    leo = hire(house, company_id, external_id="00uleo")

    def work(tx: Tx) -> None:
        if state:
            okta_rows.connect(tx, company_id, state=state)
        okta_rows.person(tx, company_id, "00uleo", status="DEPROVISIONED")

    house.write(work)
    entry = entry_of(house, leo)
    assert (entry.okta_status, entry.remark) == ("unknown", "")


def test_without_the_app_s_list_an_assignment_is_not_known(house: House, company_id: str) -> None:
    leo = hire(house, company_id, external_id="00uleo")
    house.write(lambda tx: okta_rows.connect(tx, company_id, app=False))
    house.write(lambda tx: okta_rows.person(tx, company_id, "00uleo"))
    assert entry_of(house, leo).okta_status == "unknown"


def test_without_scim_whoever_is_known_needs_no_click(house: House, company_id: str) -> None:
    leo, mona = hire(house, company_id, external_id="00uleo"), hire(house, company_id, MONA)
    cleo = hire(house, company_id, CLEO, "00ucleo")

    def work(tx: Tx) -> None:
        okta_rows.connect(tx, company_id, app=False, mode="full")
        okta_rows.person(tx, company_id, "00uleo")
        okta_rows.person(tx, company_id, "00ucleo", status="DEPROVISIONED")

    house.write(work)
    assert entry_of(house, leo).what_to_do.startswith("Nothing: each run of the standard integration looks after")
    assert "Provision User" in entry_of(house, mona).what_to_do
    assert "next run" in entry_of(house, cleo).what_to_do


def test_the_user_name_decides_before_the_e_mail(house: House, company_id: str) -> None:
    leo = hire(house, company_id)
    house.write(lambda tx: okta_rows.connect(tx, company_id))
    house.write(
        lambda tx: okta_rows.person(tx, company_id, "00umail", "else", email_key=LEO.email, app_status="ACTIVE")
    )
    assert entry_of(house, leo).okta_status == "assigned without an id"
    house.write(
        lambda tx: okta_rows.person(
            tx, company_id, "00uname", LEO.user_name, email_key="other@acme.example", status="DEPROVISIONED"
        )
    )
    assert entry_of(house, leo).okta_status == "deprovisioned"


def test_two_people_of_one_name_are_named_and_a_person_chooses(house: House, company_id: str) -> None:
    leo = hire(house, company_id)
    house.write(lambda tx: okta_rows.connect(tx, company_id))
    for okta_id in ("00ub", "00ua"):
        house.write(lambda tx, id_=okta_id: okta_rows.person(tx, company_id, id_, LEO.user_name))  # type: ignore[misc]  # a lambda with a default
    entry = entry_of(house, leo)
    assert entry.okta_status == "unknown"
    assert "00ua, 00ub" in entry.reason
    assert "rollbook user link" in entry.what_to_do


def test_what_the_newest_run_set_aside_is_said_in_its_words(house: House, company_id: str) -> None:
    leo = hire(house, company_id)

    def work(tx: Tx) -> None:
        okta_rows.connect(tx, company_id)
        for reason in ("Said long ago.", "Two users have this e-mail."):
            run_id = okta_rows.run(tx, company_id)
            okta_rows.change(tx, company_id, run_id, "set_aside", user_id=leo.id, reason=reason)
        okta_rows.change(tx, company_id, run_id, "change", user_id=leo.id, reason="Another matter.")

    house.write(work)
    assert entry_of(house, leo).reason.endswith("since. Two users have this e-mail.")
    house.write(lambda tx: okta_rows.run(tx, company_id))
    assert entry_of(house, leo).remark == ""


def test_a_match_that_may_be_undone_is_offered_and_one_that_was_is_told(house: House, company_id: str) -> None:
    leo = hire(house, company_id)
    house.write(lambda tx: okta_rows.connect(tx, company_id))
    house.write(lambda tx: okta_rows.person(tx, company_id, "00uleo", LEO.user_name))
    known = house.write(
        lambda tx: identity_links.link(
            tx, leo, external_id="00uleo", by_client=False, rule="user name", actor=RUN, now=clock.now()
        )
    )
    entry = entry_of(house, leo)
    assert entry.undoable is not None
    assert (entry.undoable.rule, entry.undoable.external_id, entry.since) == ("user name", "00uleo", known.updated_at)
    undone = house.write(lambda tx: identity_links.undo(tx, known, actor=OPERATOR, now=clock.now()))
    entry = entry_of(house, leo)
    assert (entry.undoable, entry.since) == (None, undone.updated_at)
    assert "A person undid the match with 00uleo" in entry.reason


def test_since_when_is_when_the_link_became_what_it_is(house: House, company_id: str) -> None:
    leo, mona = hire(house, company_id), hire(house, company_id, MONA)
    assert entry_of(house, leo).since == leo.created_at
    house.write(lambda tx: users.set_fields(tx, leo, {"location": "Turin"}, actor=OPERATOR, now=clock.now()))
    assert entry_of(house, leo).since == leo.created_at
    known = house.write(
        lambda tx: identity_links.link(tx, mona, external_id="00um", by_client=False, actor=OPERATOR, now=clock.now())
    )
    assert entry_of(house, mona).since == known.updated_at


def test_who_is_exempt_is_listed_when_asked_for_with_the_reason(house: House, company_id: str) -> None:
    leo, mona = hire(house, company_id), hire(house, company_id, MONA, "00umona")
    cleo = hire(house, company_id, CLEO)
    house.write(lambda tx: exemptions.exempt(tx, cleo, "A contractor", actor=OPERATOR, now=clock.now()))
    assert [entry.user.id for entry in listed(house, company_id)] == [leo.id, mona.id]
    assert [entry.user.id for entry in listed(house, company_id, which="known")] == [mona.id]
    (entry,) = listed(house, company_id, which="exempt")
    assert (entry.user.id, entry.link, entry.remark) == (cleo.id, "exempt", "A contractor")
    assert entry.reason.endswith("no link. A contractor")
    counts = house.read(lambda tx: link_health.counts(tx, company_id))
    assert (counts.unlinked, counts.known, counts.exempt, counts.not_linked) == (1, 1, 1, 2)


def test_who_is_linked_or_gone_is_not_listed(house: House, acme: Tenant) -> None:
    made = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    mona = hire(house, acme.id, MONA)
    house.write(lambda tx: users.archive(tx, mona, actor=OPERATOR, now=clock.now()))
    assert listed(house, acme.id) == []
    for user_id in (made, mona.id):
        user = house.read(lambda tx, id_=user_id: users.get(tx, acme.id, id_))  # type: ignore[misc]  # a lambda with a default
        assert house.read(lambda tx, u=user: link_health.of_user(tx, u, now=clock.now())) is None  # type: ignore[misc]  # a lambda with a default


def crowd(house: House, company_id: str, size: int) -> list[User]:
    def work(tx: Tx) -> list[User]:
        made = []
        for number in range(size):
            name = f"p{number}@acme.example"
            profile = msgspec.structs.replace(LEO, user_name=name, email=name, external_id=None)
            made.append(users.create(tx, company_id, profile, actor=OPERATOR, now=clock.now()))
        return made

    return house.write(work)


def test_pages_lead_through_everybody_once(house: House, company_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    people = crowd(house, company_id, 25)
    seen: list[str] = []
    while page := listed(house, company_id, after=seen[-1] if seen else "", limit=7):
        seen += [entry.user.id for entry in page]
    assert seen == [user.id for user in people]
    monkeypatch.setattr(link_health, "MOST", 10)
    everybody = house.read(lambda tx: link_health.everybody(tx, company_id, exempt=False, now=clock.now()))
    assert [entry.user.id for entry in everybody] == seen


def test_another_company_s_people_and_rows_stay_unseen(house: House, acme: Tenant, umbra: Tenant) -> None:
    leo = hire(house, acme.id)
    hire(house, umbra.id)
    house.write(lambda tx: okta_rows.connect(tx, acme.id))
    house.write(lambda tx: okta_rows.connect(tx, umbra.id))
    house.write(lambda tx: okta_rows.person(tx, umbra.id, "00uleo", LEO.user_name, status="DEPROVISIONED"))
    assert [entry.user.id for entry in listed(house, acme.id)] == [leo.id]
    assert entry_of(house, leo).okta_status == "unknown"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True, scope="session")
def test_the_list_is_asked_of_the_index_on_those_who_are_not_linked(
    house: House, company_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A company of a million linked people has its three that are not at once. (What PostgreSQL plans depends on how
    many there are.)
    """
    crowd(house, company_id, 3)
    plans: list[str] = []

    def look(tx: Tx) -> None:
        compile_ = tx._compiler.once

        def once(statement: Any) -> Any:
            compiled = compile_(statement)
            rows = tx._connection.execute(f"EXPLAIN QUERY PLAN {compiled.text}", compiled.arguments({})).fetchall()
            plans.append(str(rows))
            return compiled

        with monkeypatch.context() as patched:
            patched.setattr(tx._compiler, "once", once)
            assert len(link_health.search(tx, company_id, now=clock.now())) == 3

    house.read(look)
    assert "ix_users_not_linked" in plans[0]

"""Links: one verb decides whether a user is linked, known or unlinked, whoever asks; here is its whole table."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import okta_changes
from rollbook.database.tables import users as table
from rollbook.errors import Conflict, InvalidValue
from rollbook.people import deletion, identity_links, link_health, refused_matches, users
from rollbook.people.record import User
from tests import history
from tests.cast import ADA, LEO, MONA, patch, scim_user
from tests.conftest import OPERATOR, House, Tenant
from tests.people import okta_rows

CLIENT = Actor("scim", "key", "request")

# link before, external id before, external id given, by a client, by the operator
CASES = [
    case
    for case in itertools.product(
        ("unlinked", "known", "linked"), (None, "00uleo"), (None, "00uleo", "00uother"), (False, True), (False, True)
    )
    if not (case[0] == "known" and case[1] is None) and not (case[0] == "unlinked" and case[1] is not None)
]


def outcome(before: str, recorded: str | None, given: str | None, by_client: bool, operator: bool) -> Any:
    """What must come of it: (link, external id) or the refusal."""
    if given is None and not by_client:
        return InvalidValue
    if given is not None and recorded not in (None, given) and not operator:
        return Conflict
    link = "linked" if by_client or before == "linked" else "known"
    return link, given or recorded


def hire(house: House, company_id: str, link: str, external_id: str | None) -> User:
    profile = msgspec.structs.replace(LEO, external_id=external_id)
    return house.write(
        lambda tx: users.create(tx, company_id, profile, linked=link == "linked", actor=OPERATOR, now=clock.now())
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_row_of_the_table(
    house: House, company_id: str, case: tuple[str, str | None, str | None, bool, bool]
) -> None:
    before, recorded, given, by_client, operator = case
    leo = hire(house, company_id, before, recorded)
    assert leo.link == before
    expected = outcome(*case)

    def link() -> User:
        actor = OPERATOR if operator else CLIENT
        return house.write(
            lambda tx: identity_links.link(
                tx,
                users.get(tx, company_id, leo.id),
                external_id=given,
                by_client=by_client,
                actor=actor,
                now=clock.now(),
            )
        )

    if isinstance(expected, type):
        with pytest.raises(expected):
            link()
        assert house.read(lambda tx: users.get(tx, company_id, leo.id)) == leo
        return
    linked = link()
    assert (linked.link, linked.external_id) == expected
    assert (linked.linked_at is not None) == (linked.link == "linked")
    changed = expected != (before, recorded)
    assert linked.version == 1 + changed
    assert link() == linked
    told = house.read(lambda tx: events.of_subject(tx, company_id, leo.id))
    assert [event.kind for event in told] == ["UserCreated", *["UserLinked"] * changed]
    if changed:
        assert told[-1].changes == {
            **({"external_id": [recorded, expected[1]]} if recorded != expected[1] else {}),
            **({"link": [before, expected[0]]} if before != expected[0] else {}),
        }


def test_an_external_id_of_somebody_else_is_refused(house: House, company_id: str) -> None:
    leo = hire(house, company_id, "known", "00uleo")
    mona = house.write(lambda tx: users.create(tx, company_id, MONA, actor=OPERATOR, now=clock.now()))
    with pytest.raises(Conflict) as conflict:
        house.write(
            lambda tx: identity_links.link(
                tx, mona, external_id="00uleo", by_client=False, actor=OPERATOR, now=clock.now()
            )
        )
    assert (conflict.value.field, conflict.value.holder_id) == ("external_id", leo.id)


def test_a_deleted_user_is_linked_no_more(house: House, company_id: str) -> None:
    leo = hire(house, company_id, "linked", "00uleo")
    deleted = house.write(lambda tx: deletion.delete(tx, leo, actor=CLIENT, now=clock.now()))
    with pytest.raises(Conflict, match="was deleted"):
        house.write(
            lambda tx: identity_links.link(
                tx, deleted, external_id="00unew", by_client=False, actor=OPERATOR, now=clock.now()
            )
        )
    assert hire(house, company_id, "known", "00unew").active


def test_whom_provisioning_does_not_reach_is_listed_with_the_click_that_mends_it(house: House, company_id: str) -> None:
    hire(house, company_id, "linked", "00uleo")
    known = house.write(
        lambda tx: users.create(
            tx,
            company_id,
            msgspec.structs.replace(MONA, external_id="00umona"),
            actor=OPERATOR,
            now=clock.now(),
        )
    )
    unlinked = house.write(lambda tx: users.create(tx, company_id, ADA, role="admin", actor=OPERATOR, now=clock.now()))
    found = house.read(lambda tx: link_health.search(tx, company_id, now=clock.now()))
    assert [(entry.user.id, entry.link) for entry in found] == [(known.id, "known"), (unlinked.id, "unlinked")]
    assert all("Provision User" in entry.what_to_do for entry in found)
    assert found[0].reason != found[1].reason
    house.write(lambda tx: users.archive(tx, known, actor=OPERATOR, now=clock.now()))
    left = house.read(lambda tx: link_health.search(tx, company_id, now=clock.now()))
    assert [entry.user.id for entry in left] == [unlinked.id]


def account(house: House, acme: Tenant) -> User:
    profile = msgspec.structs.replace(LEO, external_id=None)
    return house.write(lambda tx: users.create(tx, acme.id, profile, actor=OPERATOR, now=clock.now()))


def test_reading_never_links(house: House, acme: Tenant) -> None:
    leo = account(house, acme)
    for path in (
        "/Users",
        f"/Users/{leo.id}",
        f'/Users?filter=userName eq "{LEO.user_name}"',
        f'/Users?filter=id eq "{leo.id}"',
    ):
        assert acme.scim.get(path).status_code == 200
    assert house.read(lambda tx: users.get(tx, acme.id, leo.id)) == leo


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_the_first_write_by_id_links(house: House, acme: Tenant, method: str) -> None:
    leo = account(house, acme)
    bodies = {"PUT": scim_user(LEO), "PATCH": patch({"op": "replace", "value": {"externalId": "00uleo"}})}
    for _ in range(2):
        assert acme.scim.request(method, f"/Users/{leo.id}", json=bodies[method]).status_code == 200
    told = house.read(lambda tx: events.of_subject(tx, acme.id, leo.id))
    assert [event.kind for event in told] == ["UserCreated", "UserLinked", "UserUpdated"]
    (row,) = house.read(lambda tx: history.rows(tx, table, acme.id))
    assert (row["link"], row["external_id"], row["version"]) == ("linked", "00uleo", 3)


def test_a_write_by_id_that_is_refused_links_nobody(house: House, acme: Tenant) -> None:
    leo = account(house, acme)
    acme.scim.post("/Users", json=scim_user(MONA))
    taken = acme.scim.put(f"/Users/{leo.id}", json=scim_user(LEO, userName=MONA.user_name))
    assert taken.status_code == 409
    assert acme.scim.put(f"/Users/{leo.id}", json={"userName": "x"}).status_code == 400
    assert house.read(lambda tx: users.get(tx, acme.id, leo.id)) == leo


RUN = Actor("task", "0199c0de-1e00-7000-8000-00000000000a")


def match(house: House, user: User, rule: str = "user name", external_id: str = "00uleo", *, days_ago: int = 0) -> User:
    """A rule records who the user is in Okta."""
    now = clock.moment(clock.later(clock.now(), days=-days_ago))
    return house.write(
        lambda tx: identity_links.link(
            tx,
            users.get(tx, user.company_id, user.id),
            external_id=external_id,
            by_client=False,
            rule=rule,
            actor=RUN,
            now=now,
        )
    )


def undo(house: House, user: User) -> User:
    return house.write(
        lambda tx: identity_links.undo(
            tx, users.get(tx, user.company_id, user.id, lock=True), actor=OPERATOR, now=clock.now()
        )
    )


def test_a_match_by_rule_names_the_rule_and_is_undone(house: House, company_id: str) -> None:
    leo = hire(house, company_id, "unlinked", None)
    assert match(house, leo).link == "known"
    assert match(house, leo).version == 2
    undone = undo(house, leo)
    assert (undone.link, undone.external_id) == ("unlinked", None)
    told = house.read(lambda tx: events.of_subject(tx, company_id, leo.id))[1:]
    assert [(event.kind, event.actor, event.changes) for event in told] == [
        (
            "UserLinked",
            str(RUN),
            {"external_id": [None, "00uleo"], "link": ["unlinked", "known"], "rule": [None, "user name"]},
        ),
        (
            "UserUnlinked",
            "operator",
            {"external_id": ["00uleo", None], "link": ["known", "unlinked"], "rule": ["user name", None]},
        ),
    ]
    assert house.read(lambda tx: history.contradictions(tx, company_id)) == []


def test_a_match_that_was_undone_is_made_by_no_rule_again(house: House, company_id: str) -> None:
    leo = hire(house, company_id, "unlinked", None)
    match(house, leo)
    undo(house, leo)
    assert house.read(lambda tx: refused_matches.of_people(tx, company_id, [leo.id])) == {(leo.id, "00uleo")}
    with pytest.raises(Conflict, match="no rule makes it again"):
        match(house, leo, "e-mail")
    assert match(house, leo, external_id="00uother").external_id == "00uother"


def test_a_person_may_make_a_refused_match_and_then_it_is_refused_no_longer(house: House, company_id: str) -> None:
    leo = hire(house, company_id, "unlinked", None)
    match(house, leo)
    undo(house, leo)
    house.write(
        lambda tx: identity_links.link(
            tx,
            users.get(tx, company_id, leo.id),
            external_id="00uleo",
            by_client=False,
            actor=OPERATOR,
            now=clock.now(),
        )
    )
    assert house.read(lambda tx: refused_matches.of_people(tx, company_id, [leo.id])) == set()
    with pytest.raises(Conflict, match="No rule recorded"):
        undo(house, leo)


@pytest.mark.parametrize(("days", "may"), [(29, True), (31, False)])
def test_a_match_is_undone_for_thirty_days(house: House, company_id: str, days: int, may: bool) -> None:
    leo = hire(house, company_id, "unlinked", None)
    match(house, leo, days_ago=days)
    if may:
        assert undo(house, leo).link == "unlinked"
        return
    with pytest.raises(Conflict, match="older than 30 days"):
        undo(house, leo)


def test_what_no_rule_recorded_is_not_undone(house: House, company_id: str) -> None:
    for number, (link, external_id) in enumerate([("unlinked", None), ("known", "00uone"), ("linked", "00utwo")]):
        name = f"leo{number}@acme.example"
        profile = msgspec.structs.replace(LEO, user_name=name, email=name, external_id=external_id)
        leo = house.write(
            lambda tx, p=profile, linked=link == "linked": users.create(  # type: ignore[misc]  # a lambda with a default
                tx, company_id, p, linked=linked, actor=OPERATOR, now=clock.now()
            )
        )
        with pytest.raises(Conflict, match="nothing to undo"):
            undo(house, leo)


def test_a_match_that_was_corrected_by_a_person_is_no_rule_s_any_more(house: House, company_id: str) -> None:
    leo = match(house, hire(house, company_id, "unlinked", None))
    house.write(
        lambda tx: identity_links.link(
            tx, leo, external_id="00uother", by_client=False, actor=OPERATOR, now=clock.now()
        )
    )
    with pytest.raises(Conflict, match="nothing to undo"):
        undo(house, leo)


def test_once_okta_has_taken_the_account_over_the_match_stays(house: House, acme: Tenant) -> None:
    leo = match(house, account(house, acme))
    assert acme.scim.put(f"/Users/{leo.id}", json=scim_user(LEO)).status_code == 200
    with pytest.raises(Conflict, match="Okta has written to this account since"):
        undo(house, leo)


def test_of_a_linked_user_only_the_external_id_is_taken_back(house: House, company_id: str) -> None:
    leo = match(house, hire(house, company_id, "linked", None))
    assert (leo.link, leo.external_id) == ("linked", "00uleo")
    undone = undo(house, leo)
    assert (undone.link, undone.external_id, undone.linked_at) == ("linked", None, leo.linked_at)


def test_the_plan_says_that_its_link_was_undone(house: House, company_id: str) -> None:
    leo = match(house, hire(house, company_id, "unlinked", None))

    def plan(tx: Tx) -> None:
        run_id = okta_rows.run(tx, company_id)
        for kind, okta_id in (("link", "00uleo"), ("link", "00uother"), ("change", "00uleo")):
            okta_rows.change(
                tx, company_id, run_id, kind, user_id=leo.id, okta_id=okta_id, state="applied", at="2026-11-24"
            )

    house.write(plan)
    undo(house, leo)
    states = {
        (row["kind"], row["okta_id"]): row["state"]
        for row in house.read(lambda tx: history.rows(tx, okta_changes, company_id))
    }
    assert states == {("link", "00uleo"): "undone", ("link", "00uother"): "applied", ("change", "00uleo"): "applied"}

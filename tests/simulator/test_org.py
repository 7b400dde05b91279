"""What the simulated org's administrator does, and what the push client it shares its people with makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from rollbook.simulator.app import ProvisioningApp, user_path
from rollbook.simulator.clock import Clock
from rollbook.simulator.org import Org
from rollbook.simulator.people import OktaUser
from rollbook.simulator.wire import ProvisioningError, Wire
from tests.simulator.reading import reading
from tests.simulator.servers import Reply, scripted_server

LEO = OktaUser("00uorgcast0000000003", "leo@acme.example", "leo@acme.example", "Leo", "Learner")
MONA = OktaUser("00uorgcast0000000001", "mona@acme.example", "mona@acme.example", "Mona", "Manager")


@pytest.fixture
def org(server: str) -> Iterator[Org]:
    """Leo and Mona, beside a real SCIM server that has both already."""
    wire = Wire(base_url=server, user="acme", key="a-key")
    for user in (LEO, MONA):
        before = {"userName": user.login, "emails": [{"value": user.email}]}
        wire.ask("POST", "/Users", body={"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], **before})
    org = Org(ProvisioningApp(wire=wire, kind="catalogue"))
    org.add(LEO, MONA)
    yield org
    wire.close()


def app_view(org: Org) -> dict[str, dict[str, Any]]:
    """What Okta's list of the app's users shows, by person."""
    with reading(org) as reader:
        path = f"/api/v1/apps/{org.app_id}/users"
        return {item["id"]: item for page in reader.pages(path) for item in page}


def view_of(org: Org, user: OktaUser) -> tuple[Any, ...]:
    item = app_view(org)[user.id]
    return item["status"], item["syncState"], item.get("externalId")


def active(org: Org, external_id: str | None) -> Any:
    assert org.push
    return org.push.wire.ask("GET", user_path(external_id or "")).get("active")


def sent(org: Org) -> list[str]:
    assert org.push
    return [f"{exchange.method} {exchange.path.partition('?')[0]}" for exchange in org.push.wire.exchanges]


def test_an_assignment_from_before_provisioning_is_shown_without_an_id_and_sends_nothing(org: Org) -> None:
    before = sent(org)
    org.assign_before_provisioning(LEO)
    assert view_of(org, LEO) == ("ACTIVE", "DISABLED", None)
    assert set(app_view(org)) == {LEO.id}
    org.set_profile(LEO, title="Technician")
    org.deactivate(LEO)
    assert sent(org) == before


def test_provision_user_looks_up_by_user_name_keeps_the_id_and_a_deactivation_then_archives(org: Org) -> None:
    org.assign_before_provisioning(LEO)
    linked = org.provision_user(LEO)
    assert linked.external_id
    assert view_of(org, LEO) == ("PROVISIONED", "SYNCHRONIZED", linked.external_id)
    org.deactivate(LEO)
    assert active(org, linked.external_id) is False
    assert app_view(org) == {}


def test_provision_user_is_offered_only_to_people_who_are_assigned(org: Org) -> None:
    with pytest.raises(ProvisioningError, match="is not assigned"):
        org.provision_user(LEO)


def test_import_and_confirm_links_by_user_name_or_e_mail(org: Org) -> None:
    org.rename(MONA, "mona.manager@acme.example")
    leo, mona = org.import_and_confirm(LEO, MONA)
    assert leo.external_id
    assert mona.external_id
    assert leo.external_id != mona.external_id
    assert view_of(org, MONA) == ("PROVISIONED", "SYNCHRONIZED", mona.external_id)


def test_confirming_somebody_whom_the_server_does_not_have_is_refused(org: Org) -> None:
    org.add(OktaUser("00uorgcast0000000004", "nora@acme.example", "nora@acme.example", "Nora", "Newman"))
    with pytest.raises(ProvisioningError, match="brought nobody"):
        org.import_and_confirm("nora@acme.example")


def test_a_profile_that_changes_is_pushed_to_who_is_linked(org: Org) -> None:
    linked = org.assign(LEO)
    org.set_profile(LEO, firstName="Leonhard", hireDate="2026-01-07")
    assert org.push
    assert org.push.wire.ask("GET", user_path(linked.external_id or ""))["name"]["givenName"] == "Leonhard"
    assert org.user(LEO).extra == {"hireDate": "2026-01-07"}
    assert org.set_profile(LEO, hireDate=None).extra == {}


def test_a_reactivated_person_is_in_no_group_and_assigned_only_when_asked(org: Org) -> None:
    linked = org.assign(LEO)
    org.deactivate(LEO)
    org.reactivate(LEO)
    assert LEO.id not in org.groups[org.group_id].members
    assert active(org, linked.external_id) is False
    org.deactivate(LEO)
    org.reactivate(LEO, assign=True)
    org.join(LEO)
    assert active(org, linked.external_id) is True
    assert view_of(org, LEO) == ("PROVISIONED", "SYNCHRONIZED", linked.external_id)


def test_a_suspension_tells_the_app_nothing_and_shows(org: Org) -> None:
    linked = org.assign(LEO)
    before = sent(org)
    org.suspend(LEO)
    assert sent(org) == before
    assert view_of(org, LEO) == ("SUSPENDED", "SYNCHRONIZED", linked.external_id)
    org.unsuspend(LEO)
    assert view_of(org, LEO) == ("PROVISIONED", "SYNCHRONIZED", linked.external_id)


def test_a_refused_push_shows_as_an_error_without_an_id() -> None:
    listing = Reply(200, '{"totalResults": 0, "Resources": []}')
    with scripted_server(listing, Reply(409, '{"detail": "Taken."}')) as script:
        org = Org(ProvisioningApp(wire=Wire(base_url=script.base_url, user="acme", key="a-key")))
        org.add(LEO)
        org.assign(LEO)
        assert view_of(org, LEO) == ("ACTIVE", "ERROR", None)


def test_who_is_unassigned_leaves_the_app_and_stays_in_the_group(org: Org) -> None:
    linked = org.assign(LEO)
    org.unassign(LEO)
    assert app_view(org) == {}
    assert active(org, linked.external_id) is False
    assert LEO.id in org.groups[org.group_id].members


def test_people_pushed_without_the_org_are_adopted_as_the_push_client_knows_them(org: Org) -> None:
    assert org.push
    nora = OktaUser("00uorgcast0000000004", "nora@acme.example", "nora@acme.example", "Nora", "Newman")
    org.push.assign(nora)
    org.push.assign(LEO)
    org.push.deactivate(LEO)
    assert org.adopt() == 1
    assert org.user("nora@acme.example") == nora
    assert org.user(LEO).status == "DEPROVISIONED"
    assert set(app_view(org)) == {nora.id}


def test_without_a_push_client_the_org_keeps_the_assignments_and_can_send_nothing() -> None:
    org = Org()
    org.add(LEO)
    org.assign_before_provisioning(LEO)
    assert view_of(org, LEO) == ("ACTIVE", "DISABLED", None)
    org.deactivate(LEO)
    assert app_view(org) == {}
    org.reactivate(LEO, assign=True)
    assert view_of(org, LEO) == ("ACTIVE", "DISABLED", None)
    with pytest.raises(ProvisioningError, match="no push client"):
        org.provision_user(LEO)


def test_who_is_deleted_is_known_to_nothing_and_nobody() -> None:
    org = Org()
    org.add(LEO, MONA)
    org.assign_before_provisioning(LEO)
    org.delete(LEO)
    assert org.find(LEO) is None
    assert org.find(LEO.login) is None
    with reading(org) as reader:
        assert reader.ask(f"/api/v1/users/{LEO.id}").status_code == 404
        for path in ("/api/v1/users", '/api/v1/users?filter=status eq "DEPROVISIONED"', reader.group()):
            assert LEO.id not in reader.ids(path)
    with pytest.raises(KeyError):
        org.deactivate(LEO)
    org.add(LEO)  # the login is free again


def test_a_login_belongs_to_one_person_in_any_case() -> None:
    org = Org()
    org.add(LEO, MONA)
    with pytest.raises(ValueError, match=r"the login LEO@acme\.example"):
        org.rename(MONA, "LEO@acme.example")
    assert org.user("mona@acme.example") == MONA
    org.rename(LEO, "leonhard@acme.example")
    assert org.find("leo@acme.example") is None
    org.rename(MONA, "LEO@acme.example")
    assert org.user("leo@acme.example").id == MONA.id


def test_an_org_of_the_same_seed_has_the_same_ids_and_people() -> None:
    one, other = Org(seed=7), Org(seed=7)
    assert one.fill(5) == other.fill(5)
    assert (one.group_id, one.app_id, one.token) == (other.group_id, other.app_id, other.token)
    assert one.user(one.fill(1, seed=2, domain="b.example")[0]).extra.keys() == {"hireDate", "region"}


def test_a_clock_runs_with_the_world_stands_and_is_turned() -> None:
    six = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
    standing = Clock(standing_at=six)
    assert standing.now() == standing.now() == six
    assert standing.turn(hours=9) == datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
    running = Clock()
    running.turn_to(six)
    assert six <= running.now()
    assert (running.now() - six).total_seconds() < 60


async def _slept(clock: Clock) -> datetime:
    await clock.sleep(90)
    return clock.now()


def test_sleeping_by_an_org_s_clock_turns_it() -> None:
    import asyncio

    clock = Clock(standing_at=datetime(2026, 11, 24, 6, 0, tzinfo=UTC))
    assert asyncio.run(_slept(clock)) == datetime(2026, 11, 24, 6, 1, 30, tzinfo=UTC)

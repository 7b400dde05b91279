"""A conversation with Okta: tried before anything is saved, and opened with a token that stays readable."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from rollbook import clock
from rollbook.errors import InvalidValue, Misconfigured
from rollbook.okta import connections, sealing, sessions
from rollbook.okta.connections import Connection
from rollbook.okta.failures import OktaFailure
from rollbook.okta.sessions import Access, CannotOpen, Found
from rollbook.okta.wanted import Wanted
from rollbook.simulator.org import Org
from rollbook.simulator.org_server import OrgServer
from tests.conftest import OPERATOR, House
from tests.okta_pull.place import TOKEN

SECRETS = (b"the present secret of the tests", b"the one before that was as long")


@pytest.fixture
def server() -> Iterator[OrgServer]:
    org = Org(token=TOKEN)
    org.fill(201)
    with OrgServer(org) as running:
        yield running


def access(server: OrgServer, *secrets: bytes) -> Access:
    return Access(secrets or SECRETS[:1], ("okta.com", server.host))


def try_out(server: OrgServer, **other: Any) -> Found:
    asked = {"org_url": server.address, "token": TOKEN, "group_id": server.org.group_id, "app_id": None} | other
    return asyncio.run(sessions.try_out(access(server), **asked))


def connect(house: House, company_id: str, server: OrgServer, secret: bytes = SECRETS[0]) -> Connection:
    sealed = sessions.seal(access(server, secret), company_id, TOKEN)
    wanted = Wanted(server.address, server.org.group_id)
    return house.write(
        lambda tx: connections.configure(tx, company_id, wanted, sealed_token=sealed, actor=OPERATOR, now=clock.now())
    )


def test_a_try_tells_what_there_is(server: OrgServer) -> None:
    found = try_out(server, app_id=server.org.app_id)
    assert (found.org_url, found.group_name) == (server.address, "Learning")
    assert (found.people, found.more, found.assigned) == (200, True, 0)
    seen = {each.name: each for each in found.variables}
    assert {"login", "email", "costCenter", "hireDate", "region"} <= seen.keys()
    assert seen["hireDate"].title == "Hire date"
    assert all(clock.datetime.fromisoformat(sample) for sample in seen["hireDate"].samples)
    assert len(seen["region"].samples) == 3
    assert all(re.fullmatch("[A-Z]•+", sample) for sample in seen["region"].samples)
    assert not any(letter.islower() for sample in seen["firstName"].samples for letter in sample)


def test_the_whole_directory_may_be_read(server: OrgServer) -> None:
    assert try_out(server, group_id=None).group_name is None


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [({"token": "00another"}, "refused"), ({"group_id": "00gnone"}, "gone"), ({"app_id": "0oanone"}, "gone")],
)
def test_what_does_not_work_is_said_before_anything_is_saved(server: OrgServer, wrong: Any, kind: str) -> None:
    with pytest.raises(OktaFailure) as failed:
        try_out(server, **wrong)
    assert failed.value.kind == kind
    assert "00another" not in failed.value.message


def test_an_address_that_may_not_be_asked_is_not_asked(server: OrgServer) -> None:
    with pytest.raises(InvalidValue):
        try_out(server, org_url="http://127.0.0.1:1")
    with pytest.raises(InvalidValue):
        try_out(server, token="two words")
    assert server.org.log.count == 0


def test_a_token_that_may_not_read_the_schema_reads_people_all_the_same(server: OrgServer) -> None:
    server.org.faults.by(lambda request: "403" if "schemas" in request.path else None)
    seen = {each.name for each in try_out(server).variables}
    assert {"login", "hireDate"} <= seen


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2026-11-24", "2026-11-24"),
        ("2026-11-24T06:00:00.000Z", "2026-11-24T06:00:00.000Z"),
        (True, "True"),
        (1200, "1200"),
        ("4711", "4711"),
        ("24.11.2026", "2•.1•.2•••"),
        ("+33 6 12 34 56 78", "+3• 6 1• 3• 5• 7•"),
        ("Leo Linden", "L•• L•••••"),
        ("leo@acme.example", "l••@a•••.e••••••"),
        (["North", "South"], "N••••, S••••"),
        ("a" * 60, "a" + "•" * 39 + "…"),
        ("line\nbreak", "l••• b••••"),
    ],
)
def test_samples_show_the_form_and_not_the_person(value: Any, shown: str) -> None:
    assert sessions.masked(value) == shown


def open_it(house: House, company_id: str, given: Access) -> str:
    async def name() -> str:
        opening = sessions.opened(house.installation.database, given, company_id)
        async with opening as (connection, client):
            assert connection.group_id is not None
            return await client.group_name(connection.group_id)

    return asyncio.run(name())


def test_it_is_opened_with_the_token_that_is_kept(house: House, company_id: str, server: OrgServer) -> None:
    connect(house, company_id, server)
    assert open_it(house, company_id, access(server)) == "Learning"


def test_what_cannot_be_opened_says_what_to_do(house: House, company_id: str, server: OrgServer) -> None:
    connect(house, company_id, server)
    with pytest.raises(CannotOpen, match="enter the token anew"):
        open_it(house, company_id, access(server, SECRETS[1]))
    with pytest.raises(CannotOpen, match="org address"):
        open_it(house, company_id, replace(access(server), entries=("okta.com",)))
    house.write(lambda tx: connections.switch_off(tx, company_id, forget_token=True, actor=OPERATOR, now=clock.now()))
    with pytest.raises(CannotOpen, match="switched off"):
        open_it(house, company_id, access(server))
    assert server.org.log.count == 0


def test_another_company_s_token_opens_nothing(house: House, company_id: str, server: OrgServer) -> None:
    kept = connect(house, company_id, server)
    with pytest.raises(Misconfigured):
        sessions.token_of(access(server), replace(kept, company_id=clock.new_id()))


def test_a_token_is_sealed_anew_once_while_the_secret_is_rotated(
    house: House, company_id: str, server: OrgServer
) -> None:
    connect(house, company_id, server, SECRETS[1])

    def reseal(*secrets: bytes) -> bool:
        given = access(server, *secrets)
        return house.write(lambda tx: sessions.reseal(tx, given, company_id, now=clock.now()))

    assert [reseal(*SECRETS), reseal(*SECRETS)] == [True, False]
    kept = house.read(lambda tx: connections.get(tx, company_id)).sealed_token
    assert kept is not None
    assert sealing.unseal(SECRETS[:1], company_id, kept) == TOKEN
    assert open_it(house, company_id, access(server)) == "Learning"
    with pytest.raises(Misconfigured):
        reseal(b"a third secret that never sealed anything")


def test_the_kept_token_is_for_its_own_org_however_that_is_written(
    house: House, company_id: str, server: OrgServer
) -> None:
    kept = connect(house, company_id, server)
    assert not sessions.is_elsewhere(access(server), kept, f" {server.address.upper()}/ ")
    assert sessions.is_elsewhere(access(server), kept, "acme.okta.com")

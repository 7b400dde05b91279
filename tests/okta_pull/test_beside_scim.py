"""Full mode beside SCIM: both would write the same fields, so it is refused unless a person says it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rollbook import clock
from rollbook.activity import events
from rollbook.errors import Conflict
from rollbook.okta import connections
from rollbook.okta.connections import Connection
from rollbook.okta.wanted import Wanted
from rollbook.people import keys
from tests.conftest import OPERATOR, House

NOW = clock.moment("2026-11-24T05:00:00.000000Z")
FULL = Wanted("https://acme.okta.com", "00g1abcd2EFGH3ijk4l5", mode="full")
BESIDE = Wanted("https://acme.okta.com", "00g1abcd2EFGH3ijk4l5")


def provisioned(house: House, company_id: str, *, used: timedelta | None, scope: Any = "scim", **how: Any) -> keys.Key:
    """A key, and how long ago it was used."""

    def work(tx: Any) -> keys.Key:
        pepper = house.installation.pepper
        key, _ = keys.issue(tx, company_id, scope, pepper=pepper, actor=OPERATOR, now=NOW - timedelta(days=90), **how)
        if used is not None:
            keys.note_use(tx, company_id, {key.id: (NOW - used, None)})
        return key

    return house.write(work)


def configure(house: House, company_id: str, wanted: Wanted = FULL, **how: Any) -> Connection:
    how = {"sealed_token": "sealed", "actor": OPERATOR, "now": NOW} | how
    return house.write(lambda tx: connections.configure(tx, company_id, wanted, **how))


def change(house: House, company_id: str, **what: Any) -> Connection:
    return house.write(lambda tx: connections.change(tx, company_id, **what, actor=OPERATOR, now=NOW))


def test_full_mode_is_refused_while_scim_writes(house: House, company_id: str) -> None:
    provisioned(house, company_id, used=timedelta(days=29))
    with pytest.raises(Conflict, match="rollbook disconnect SUBDOMAIN scim") as refused:
        configure(house, company_id)
    assert refused.value.field == "mode"
    assert "2026-10-26" in refused.value.message
    assert house.read(lambda tx: connections.find(tx, company_id)) is None
    configure(house, company_id, BESIDE)
    for attempt in (lambda: configure(house, company_id), lambda: change(house, company_id, mode="full")):
        with pytest.raises(Conflict, match="beside"):
            attempt()
    assert house.read(lambda tx: connections.get(tx, company_id)).mode == "complement"
    assert change(house, company_id, mode="complement", most_people=7).most_people == 7


def test_whoever_says_so_has_both_and_it_is_told(house: House, company_id: str) -> None:
    provisioned(house, company_id, used=timedelta(days=1))
    configure(house, company_id, BESIDE)
    assert change(house, company_id, mode="full", beside_scim=True).mode == "full"
    told = house.read(lambda tx: events.of_subject(tx, company_id, company_id))
    assert told[-1].changes == {"mode": ["complement", "full"], "beside_scim": [None, "yes"]}
    # It was said once; another token or limit is no new question.
    assert configure(house, company_id, sealed_token="another").mode == "full"
    assert change(house, company_id, most_people=7).mode == "full"


def test_it_is_said_as_well_where_the_connection_is_made(house: House, company_id: str) -> None:
    provisioned(house, company_id, used=timedelta(days=1))
    assert configure(house, company_id, beside_scim=True).mode == "full"


@pytest.mark.parametrize(
    "how",
    [
        {"used": None},
        {"used": timedelta(days=31)},
        {"used": timedelta(days=1), "scope": "api"},
        {"used": timedelta(days=1), "expires_at": NOW - timedelta(hours=1)},
    ],
)
def test_a_key_that_opens_nothing_or_was_not_used_lately_is_in_nobodys_way(
    house: House, company_id: str, how: dict[str, Any]
) -> None:
    provisioned(house, company_id, **how)
    assert configure(house, company_id).mode == "full"


def test_a_revoked_key_and_another_companys_are_in_nobodys_way(house: House, company_id: str, other_id: str) -> None:
    provisioned(house, other_id, used=timedelta(days=1))
    key = provisioned(house, company_id, used=timedelta(days=1))
    house.write(lambda tx: keys.revoke(tx, company_id, key.id, actor=OPERATOR, now=NOW))
    configure(house, company_id, BESIDE)
    assert change(house, company_id, mode="full").mode == "full"

"""How a company's Okta is reached: made, changed, switched; its token stays sealed and is told to no other org."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rollbook import clock
from rollbook.activity import events
from rollbook.database import Tx, tables
from rollbook.errors import Conflict, InvalidValue, NotFound
from rollbook.okta import connections, directory
from rollbook.okta.connections import Connection
from rollbook.okta.wanted import Wanted
from tests.conftest import OPERATOR, House, Tenant

WANTED = Wanted("https://acme.okta.com", "00g1abcd2EFGH3ijk4l5")
NOW = clock.moment("2026-11-24T05:00:00.000000Z")


SEALED = "sealed"


def configure(house: House, company_id: str, wanted: Wanted = WANTED, token: str | None = SEALED, **how: Any) -> Any:
    how = {"actor": OPERATOR, "now": NOW} | how
    return house.write(lambda tx: connections.configure(tx, company_id, wanted, sealed_token=token, **how))


def told(house: House, company_id: str) -> list[tuple[str, dict[str, Any]]]:
    found = house.read(lambda tx: events.of_subject(tx, company_id, company_id))
    return [(event.kind, event.changes) for event in found if event.kind.startswith("Okta")]


def test_a_connection_is_made_and_told_of_without_its_token(house: House, company_id: str) -> None:
    made = configure(house, company_id)
    at = clock.text(NOW)
    assert made == Connection(
        company_id,
        "https://acme.okta.com",
        WANTED.group_id,
        None,
        "complement",
        None,
        50,
        5,
        "sealed",
        "on",
        None,
        at,
        at,
    )
    assert "sealed" not in repr(made)
    assert told(house, company_id) == [
        (
            "OktaConfigured",
            {
                "org_url": [None, "https://acme.okta.com"],
                "group_id": [None, WANTED.group_id],
                "mode": [None, "complement"],
                "most_people": [None, 50],
                "most_percent": [None, 5],
                "state": [None, "on"],
                "token": [None, "another"],
            },
        )
    ]


def test_a_company_without_one_says_how_it_is_made(house: House, company_id: str) -> None:
    assert house.read(lambda tx: connections.find(tx, company_id)) is None
    with pytest.raises(NotFound, match="rollbook okta configure"):
        house.read(lambda tx: connections.get(tx, company_id))


def test_the_first_token_must_be_given(house: House, company_id: str) -> None:
    with pytest.raises(InvalidValue, match="--token-file"):
        configure(house, company_id, token=None)


def test_a_change_keeps_the_token_and_since_when_it_is_on(house: House, company_id: str) -> None:
    configure(house, company_id)
    later = NOW + timedelta(hours=4)
    made = configure(house, company_id, replace(WANTED, group_id=None, app_id="0oaapp"), None, now=later)
    assert (made.sealed_token, made.group_id, made.app_id) == ("sealed", None, "0oaapp")
    assert (made.configured_at, made.updated_at) == (clock.text(NOW), clock.text(later))
    assert told(house, company_id)[1:] == [
        ("OktaConfigured", {"group_id": [WANTED.group_id, None], "app_id": [None, "0oaapp"]})
    ]


def test_the_kept_token_is_never_shown_to_another_org(house: House, company_id: str) -> None:
    configure(house, company_id)
    other = replace(WANTED, org_url="https://acme-new.okta.com")
    with pytest.raises(InvalidValue, match="a token of its own"):
        configure(house, company_id, other, None)
    assert configure(house, company_id, other, "sealed anew").sealed_token == "sealed anew"


def test_another_org_wants_the_people_of_the_one_before_forgotten(house: House, company_id: str) -> None:
    configure(house, company_id)
    house.write(lambda tx: remember(tx, company_id, 1100))
    other = replace(WANTED, org_url="https://acme-new.okta.com")
    with pytest.raises(Conflict, match="forgotten"):
        configure(house, company_id, other)
    steps = []
    while forgotten := house.write(lambda tx: directory.forget_some(tx, company_id)):
        steps.append(forgotten)
    assert steps == [500, 500, 100]
    assert configure(house, company_id, other).org_url == other.org_url


def remember(tx: Tx, company_id: str, count: int) -> None:
    for number in range(count):
        row: dict[str, Any] = {"company_id": company_id, "okta_id": f"00u{number}", "status": "ACTIVE", "listed": 1}
        row |= {"profile": "{}", "digest": "", "read_run": "", "missing_runs": 0}
        tx.run(tables.okta_people.insert(), row)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"group_id": "../../users"}, "group_id"),
        ({"group_id": ""}, "group_id"),
        ({"group_id": "00g 1"}, "group_id"),
        ({"app_id": "0oa?x=1"}, "app_id"),
        ({"app_id": "0oa\u0664"}, "app_id"),
        ({"mode": "both"}, "mode"),
        ({"role_variable": "learningRole"}, "role_variable"),
        ({"mode": "full", "role_variable": "user.role"}, "role_variable"),
        ({"most_people": -1}, "most_people"),
        ({"most_percent": 101}, "most_percent"),
    ],
)
def test_what_cannot_be_is_refused_by_name(house: House, company_id: str, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        configure(house, company_id, replace(WANTED, **wrong))
    assert refused.value.field == field
    assert house.read(lambda tx: connections.find(tx, company_id)) is None


def test_what_need_not_be_tried_is_changed_by_itself(house: House, company_id: str) -> None:
    configure(house, company_id)

    def change(**what: Any) -> Connection:
        return house.write(lambda tx: connections.change(tx, company_id, **what, actor=OPERATOR, now=NOW))

    assert change(most_people=10, mode="full").most_people == 10
    assert change(most_people=10).mode == "full"
    with pytest.raises(InvalidValue):
        change(most_percent=200)
    assert told(house, company_id)[1:] == [
        ("OktaConfigured", {"mode": ["complement", "full"], "most_people": [50, 10]})
    ]


def test_it_is_switched_off_and_on(house: House, company_id: str) -> None:
    configure(house, company_id)
    later = NOW + timedelta(days=3)

    def off(**how: Any) -> Connection:
        return house.write(lambda tx: connections.switch_off(tx, company_id, **how, actor=OPERATOR, now=NOW))

    def on() -> Connection:
        return house.write(lambda tx: connections.switch_on(tx, company_id, actor=OPERATOR, now=later))

    assert (off().state, off().sealed_token) == ("off", "sealed")
    assert (on().state, on().configured_at) == ("on", clock.text(later))  # slots of meanwhile are none of its
    assert off(forget_token=True).sealed_token is None
    with pytest.raises(Conflict, match="no token any more"):
        on()
    assert told(house, company_id)[1:] == [
        ("OktaSwitchedOff", {"state": ["on", "off"]}),
        ("OktaSwitchedOn", {"state": ["off", "on"]}),
        ("OktaSwitchedOff", {"state": ["on", "off"], "token": ["one", None]}),
    ]


def test_a_run_says_that_it_needs_attention_and_none_any_more(house: House, company_id: str) -> None:
    configure(house, company_id)

    def say(state: Any, reason: str | None = None) -> Connection:
        house.write(lambda tx: connections.set_state(tx, company_id, state, reason, actor=OPERATOR, now=NOW))
        return house.read(lambda tx: connections.get(tx, company_id))

    assert (say("needs_attention", "Make a new token.").reason, say("needs_attention", "Make it.").reason) == (
        "Make a new token.",
        "Make it.",
    )
    assert (say("on").state, say("on").reason) == ("on", None)
    assert told(house, company_id)[1:] == [
        ("OktaStateChanged", {"state": ["on", "needs_attention"]}),
        ("OktaStateChanged", {"state": ["needs_attention", "on"]}),
    ]
    house.write(lambda tx: connections.switch_off(tx, company_id, actor=OPERATOR, now=NOW))
    assert say("needs_attention", "Too late.").state == "off"


def test_tokens_are_sealed_anew(house: House, company_id: str) -> None:
    made = configure(house, company_id)
    house.write(lambda tx: connections.reseal(tx, made, "sealed anew", now=NOW))
    assert house.read(lambda tx: connections.get(tx, company_id)).sealed_token == "sealed anew"
    assert len(told(house, company_id)) == 1  # for whoever uses it nothing has changed


def test_another_company_has_nothing_of_it(house: House, company_id: str, acme: Tenant) -> None:
    configure(house, company_id)
    assert house.read(lambda tx: connections.find(tx, acme.id)) is None
    house.write(lambda tx: connections.set_state(tx, acme.id, "needs_attention", actor=OPERATOR, now=NOW))
    assert house.read(lambda tx: connections.get(tx, company_id)).state == "on"

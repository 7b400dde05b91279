"""What a provisioning client sees and pays where a company has rules: who moves is in the log, and whoever is concerned
by no rule costs not one statement.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from rollbook.activity import log as provisioning_log
from rollbook.database.statements import Compiled, Compiler, Insertion
from rollbook.people import memberships, users
from tests import history
from tests.cast import DEACTIVATE, LEO, MONA, REACTIVATE, patch, scim_user
from tests.conftest import House, Tenant
from tests.people.smart_company import Company

_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+(\w+)")
_WITHIN = re.compile(r"\bEXISTS \(.*?\)", re.DOTALL)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements of this process, each as its first word and its first table."""
    texts: list[str] = []

    def note(text: str) -> None:
        texts.append(f"{text.split()[0]} {_TABLE.findall(_WITHIN.sub('', text))[0]}")

    kept, once, insertion = Compiler.kept, Compiler.once, Compiler.insertion

    def noting_kept(self: Compiler, *of: Any) -> Compiled:
        compiled = kept(self, *of)
        note(compiled.text)
        return compiled

    def noting_once(self: Compiler, *of: Any) -> Compiled:
        compiled = once(self, *of)
        note(compiled.text)
        return compiled

    def noting_insertion(self: Compiler, row: Insertion) -> str:
        text = insertion(self, row)
        note(text)
        return text

    monkeypatch.setattr(Compiler, "kept", noting_kept)
    monkeypatch.setattr(Compiler, "once", noting_once)
    monkeypatch.setattr(Compiler, "insertion", noting_insertion)
    return texts


def life(tenant: Tenant, asked: list[str]) -> dict[str, list[str]]:
    """What each request of a person's life asks of the database, in the order of names: the load of a key's last use
    and of other threads is none of it.
    """
    asked_by: dict[str, list[str]] = {}

    def send(name: str, call: Callable[[], Any]) -> Any:
        asked.clear()
        answer = call()
        assert answer.status_code < 300, answer.text
        mine = [one for one in asked if one not in ("UPDATE api_keys", "SELECT tasks")]
        asked_by[name] = sorted(mine)
        return answer

    http = tenant.scim
    user_id = send("POST", lambda: http.post("/Users", json=scim_user(LEO))).json()["id"]
    send("GET", lambda: http.get(f"/Users/{user_id}"))
    send("filter", lambda: http.get("/Users", params={"filter": f'userName eq "{LEO.user_name}"'}))
    send("PUT", lambda: http.put(f"/Users/{user_id}", json=scim_user(LEO, title="Baker")))
    department = patch({"op": "replace", "path": "title", "value": "Cook"})
    send("PATCH", lambda: http.patch(f"/Users/{user_id}", json=department))
    send("off", lambda: http.patch(f"/Users/{user_id}", json=DEACTIVATE))
    send("on", lambda: http.patch(f"/Users/{user_id}", json=REACTIVATE))
    return asked_by


def test_without_rules_a_request_costs_not_one_statement_more(acme: Tenant, asked: list[str]) -> None:
    assert life(acme, asked) == {
        "POST": ["INSERT events", "INSERT users", "SELECT api_keys"],
        "GET": ["SELECT api_keys"],
        "filter": ["SELECT api_keys"],
        "PUT": ["INSERT events", "SELECT api_keys", "UPDATE users"],
        "PATCH": ["INSERT events", "SELECT api_keys", "UPDATE users"],
        "off": [
            "INSERT events",
            "INSERT tasks",
            "SELECT api_keys",
            "UPDATE outbox",
            "UPDATE sessions",
            "UPDATE sign_in_links",
            "UPDATE users",
        ],
        "on": ["INSERT events", "SELECT api_keys", "UPDATE users"],
    }


def test_rules_that_concern_nobody_cost_a_look_at_whoever_comes_back_and_nothing_else(
    acme: Tenant, umbra: Tenant, house: House, asked: list[str]
) -> None:
    company = Company(house, acme.id)
    for number in range(20):
        company.smart(f"Town {number}", f'location = "Town {number}" and role != admin')
    acme.scim.post("/Users", json=scim_user(MONA))  # from here on the rules are at hand
    without, with_rules = life(umbra, asked), life(acme, asked)
    with_rules["on"].remove("SELECT group_members")
    assert with_rules == without


def test_who_moves_is_moved_with_the_answer_and_the_log_says_it_in_one_line(acme: Tenant, house: House) -> None:
    company = Company(house, acme.id)
    lyon = company.smart("Lyon", "location = Lyon")
    sales = company.smart("Sales", "business_unit = sales and location = Lyon")
    turin = company.smart("Turin", "location = Turin")
    user_id = acme.scim.post("/Users", json=scim_user(LEO)).json()["id"]
    assert company.members(lyon) == company.members(sales) == {user_id}
    sent = scim_user(LEO)
    sent[sent["schemas"][1]]["costCenter"] = "Turin"
    assert acme.scim.put(f"/Users/{user_id}", json=sent).status_code == 200
    assert (company.members(lyon), company.members(sales), company.members(turin)) == (set(), set(), {user_id})
    newest, oldest = house.read(lambda tx: provisioning_log.search(tx, acme.id))
    assert newest.changes == {"location": ["Lyon", "Turin"], "groups": ["Lyon, Sales", "Turin"]}
    assert oldest.changes["groups"] == [None, "Lyon, Sales"]
    assert house.read(lambda tx: history.contradictions(tx, acme.id)) == []
    assert company.told(company.ask(_user, user_id, acme.id)) == ["+Lyon", "+Sales", "-Lyon", "-Sales", "+Turin"]
    acme.scim.patch(f"/Users/{user_id}", json=DEACTIVATE)
    assert company.members(turin) == set()
    acme.scim.patch(f"/Users/{user_id}", json=REACTIVATE)
    assert company.members(turin) == {user_id}
    assert list(company.ask(memberships.groups_of, company.ask(_user, user_id, acme.id)).values()) == ["Turin"]


def _user(tx: Any, user_id: str, company_id: str) -> Any:
    return users.get(tx, company_id, user_id)

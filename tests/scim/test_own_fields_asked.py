"""People found by a company's own fields, and attributes chosen among them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from rollbook.people.fields import Field
from rollbook.scim.user_schema import ROLLBOOK_USER as OURS
from tests.cast import MONA, patch, scim_user
from tests.conftest import Tenant
from tests.scim.own import ALL, find, hire, sent


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        ('shoeSize eq "42.5"', True),
        ("shoeSize eq 42.50", True),
        ("SHOESIZE EQ 43", False),
        ('region eq "NORTH"', True),
        ('region eq "South"', False),
        ('nick eq "leo the ömlaut"', True),
        ('contractUntil eq "2027-01-31"', True),
        ('contractUntil eq "2027-01-31T09:00:00Z"', True),
        ('hireDate eq "2026-11-24"', True),
        ('hireDate eq "2026-11-25"', False),
    ],
)
def test_people_are_found_by_a_field(filter_: str, found: bool, acme: Tenant, own: dict[str, Field]) -> None:
    leo = hire(acme, sent(**ALL, hireDate="2026-11-24T00:00:00.000Z"))
    hire(acme, scim_user(MONA, **{OURS: {"shoeSize": 39}}))
    for text in (
        f"{OURS}:{filter_}",
        f'{OURS.lower()}:{filter_} and active eq true and emails[type eq "work" and value eq "leo@acme.example"]',
    ):
        page = acme.scim.get(f"/Users?filter={quote(text)}")
        assert page.status_code == 200, page.text
        assert [resource["id"] for resource in page.json()["Resources"]] == ([leo] if found else [])
        assert page.json()["totalResults"] == int(found)


@pytest.mark.parametrize(
    "filter_",
    [
        'shoeSize eq "large"',
        "shoeSize eq true",
        "shoeSize eq null",
        "shoeSize gt 40",
        "shoeSize pr",
        'shoeSize.value eq "42"',
        'contractUntil eq "soon"',
        'nick co "Leo"',
        f'nick eq "{"x" * 300}"',
        r'nick eq "a\u0000b"',
        'nobody eq "x"',
        'shoeSize[value eq "42"]',
    ],
)
def test_a_filter_that_is_not_understood_is_never_answered_with_everybody(
    filter_: str, acme: Tenant, own: dict[str, Field]
) -> None:
    hire(acme, sent(**ALL))
    answer = find(acme, f"{OURS}:{filter_}")
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter"), answer.text


def test_attributes_are_chosen_one_by_one_and_as_a_whole(acme: Tenant, own: dict[str, Field]) -> None:
    leo = hire(acme, sent(**ALL, hireDate="2026-11-24"))
    everything = ALL | {"hireDate": "2026-11-24"}

    def shown(query: str) -> Any:
        of_one = acme.scim.get(f"/Users/{leo}?{query}").json()
        listed = acme.scim.get(f"/Users?{query}").json()["Resources"][0]
        put = acme.scim.put(f"/Users/{leo}?{query}", json=sent(**everything)).json()
        patched = acme.scim.patch(f"/Users/{leo}?{query}", json=patch({"op": "add", "value": {"active": True}})).json()
        assert of_one == listed == put == patched
        return of_one.get(OURS)

    assert shown(f"attributes={OURS}:shoeSize,userName") == {"shoeSize": 42.5}
    assert shown(f"attributes={OURS.upper()}:SHOESIZE,{OURS}:hireDate") == {"shoeSize": 42.5, "hireDate": "2026-11-24"}
    assert shown(f"attributes={OURS}") == everything
    assert shown("attributes=userName") is None
    assert shown(f"excludedAttributes={OURS}:shoeSize") == {k: v for k, v in everything.items() if k != "shoeSize"}
    assert shown(f"excludedAttributes={OURS}") is None
    assert shown("excludedAttributes=userName") == everything

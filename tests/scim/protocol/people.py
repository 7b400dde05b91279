"""Bodies as provisioning clients send them, and random ones."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from rollbook.scim.protocol.messages import CORE_USER, ENTERPRISE_USER

from .resources import ROLLBOOK_USER

# As Okta posts it with the default mapping and the enterprise attributes.
LEO: dict[str, Any] = {
    "schemas": [CORE_USER, ENTERPRISE_USER],
    "userName": "leo@acme.example",
    "name": {"givenName": "Leo", "familyName": "Learner"},
    "emails": [{"primary": True, "value": "leo@acme.example", "type": "work"}],
    "displayName": "Leo Learner",
    "title": "Account executive",
    "locale": "en-US",
    "externalId": "00ujl29u0le5T6Aj10h7",
    "active": True,
    ENTERPRISE_USER: {"costCenter": "4130", "division": "Sales", "manager": {"value": "mona@acme.example"}},
}

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
_FEW = st.sampled_from(["a", "b", "c"])


def spelt(name: str) -> st.SearchStrategy[str]:
    """A name as one client or another spells it."""
    return st.sampled_from([name, name, name, name.lower(), name.upper()])


def _objects(parts: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of the parts, under some spelling each."""
    pairs = [st.tuples(spelt(name), value) for name, value in parts.items()]
    return st.lists(st.one_of(pairs), max_size=5, unique_by=lambda pair: pair[0].lower()).map(dict)


BOOLEANS = st.booleans() | st.sampled_from(["True", "false", "TRUE"])
UNSET = st.sampled_from([None, "", [], {}])
SCALARS = TEXTS | st.integers(-5, 5)
ELEMENTS = _FEW | _objects(
    {
        "value": _FEW | UNSET,
        "type": st.sampled_from(["work", "home"]),
        "primary": BOOLEANS,
        "display": TEXTS,
        "nick": TEXTS,
    }
)
ENTERPRISES = _objects(
    {
        "costCenter": SCALARS | UNSET,
        "division": SCALARS,
        "manager": TEXTS | _objects({"value": TEXTS, "displayName": TEXTS, "managerId": TEXTS}),
        "colour": TEXTS,
        "manager.value": TEXTS,
    }
)
USERS = _objects(
    {
        "id": SCALARS | UNSET,
        "meta": st.just({"resourceType": "User"}),
        "groups": st.lists(st.just({"value": "g"}), max_size=1),
        "userName": SCALARS,
        "title": SCALARS | UNSET | st.lists(TEXTS, max_size=1),
        "active": BOOLEANS | UNSET,
        "name": UNSET | _objects({"givenName": TEXTS, "familyName": TEXTS | UNSET, "formatted": TEXTS, "nick": TEXTS}),
        "name.middleName": TEXTS,
        "emails": ELEMENTS | UNSET | st.lists(ELEMENTS | UNSET, max_size=4),
        "phoneNumbers": st.lists(ELEMENTS, max_size=3),
        "emails.value": _FEW,
        "favourite": st.none() | TEXTS | st.lists(TEXTS, max_size=2),
        "schemas": st.lists(
            st.sampled_from([CORE_USER, ENTERPRISE_USER, "urn:x", "urn:scim:schemas:core:1.0"]), max_size=3
        ),
        ENTERPRISE_USER: ENTERPRISES,
        f"{ENTERPRISE_USER}:department": SCALARS,
        f"{ENTERPRISE_USER}:manager.value": TEXTS,
        ROLLBOOK_USER: _objects(
            {"level": st.integers(-9, 9) | st.just("7"), "badges": st.lists(_FEW, max_size=4) | _FEW, "hireDate": TEXTS}
        ),
    }
)

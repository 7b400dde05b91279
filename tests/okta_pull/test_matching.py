"""Who of ours is a person of Okta's: by rule, one on each side, and never against what is recorded or was undone."""

from __future__ import annotations

from typing import Any

import pytest

from rollbook.okta.matching import Match, Names, Undecided, match
from rollbook.people.record import User

LEO = Names("00uleo", "leo@acme.example", "leo@acme.example")


def user(id_: str = "u1", **other: Any) -> User:
    """Leo's account of before; `other` says what is different."""
    blank = dict.fromkeys(User.__struct_fields__[6:16])
    texts: dict[str, Any] = {
        "id": id_,
        "company_id": "c",
        "user_name": "leo@acme.example",
        "email": "leo@acme.example",
        "given_name": "Leo",
        "family_name": "Linden",
        "external_id": None,
        "kept": "{}",
        "role": "learner",
        "link": "unlinked",
        "version": 1,
        "created_at": "2026-01-01T00:00:00.000000Z",
        "updated_at": "2026-01-01T00:00:00.000000Z",
    }
    return User(**{**blank, **texts, **other})


def archived(id_: str = "u1", by: str = "scim:k", **other: Any) -> User:
    return user(id_, archived_at="2026-02-01T00:00:00.000000Z", archived_by=by, **other)


def test_the_user_name_decides_before_the_email() -> None:
    by_name = user("u1", email="old@acme.example")
    by_email = user("u2", user_name="leo.linden")
    assert match(LEO, [by_email, by_name], [LEO], ()) == Match(by_name, "user name")
    assert match(LEO, [by_email], [LEO], ()) == Match(by_email, "e-mail")
    assert match(LEO, [], [LEO], ()) is None


def test_case_and_composition_do_not_matter() -> None:
    assert isinstance(match(LEO, [user(user_name=" LEO@Acme.example ")], [LEO], ()), Match)


def test_two_with_the_same_email_are_ambiguous_and_named() -> None:
    two = [user("u2", user_name="a"), user("u1", user_name="b")]
    found = match(LEO, two, [LEO], ())
    assert isinstance(found, Undecided)
    assert (found.rule, found.reason) == ("e-mail", "Ambiguous: 2 users have this e-mail: u1, u2.")


def test_an_archived_user_is_no_rival_of_an_active_one_for_an_address() -> None:
    active = user("u2", user_name="leo2")
    assert match(LEO, [archived(user_name="leo1"), active], [LEO], ()) == Match(active, "e-mail")


def test_two_in_okta_with_the_same_email_are_ambiguous() -> None:
    other = Names("00uother", "other@acme.example", "leo@acme.example")
    found = match(LEO, [user(user_name="ll")], [LEO, other], ())
    assert isinstance(found, Undecided)
    assert "00uother" in found.reason


def test_whoever_has_the_user_name_in_okta_comes_before_whoever_has_the_email() -> None:
    other = Names("00uother", "leo@acme.example", "other@acme.example")
    me = Names("00uleo", "leo.linden@acme.example", "leo@acme.example")
    account = user()
    assert match(other, [account], [other, me], ()) == Match(account, "user name")
    assert isinstance(match(me, [account], [other, me], ()), Undecided)


@pytest.mark.parametrize(
    ("status", "other_status", "matched"),
    [
        ("ACTIVE", "ACTIVE", True),
        ("DEPROVISIONED", "DEPROVISIONED", True),  # by the stronger name, as ever
        ("DEPROVISIONED", "ABSENT", True),
        ("DEPROVISIONED", "ACTIVE", False),
        ("DEPROVISIONED", "STAGED", False),
        ("SUSPENDED", "ACTIVE", False),
        ("ACTIVE", "DEPROVISIONED", True),
    ],
)
def test_an_old_account_gives_way_to_any_name_of_one_in_use(status: str, other_status: str, matched: bool) -> None:
    person = LEO._replace(status=status)
    other = Names("00uother", "other@acme.example", "leo@acme.example", other_status)
    assert isinstance(match(person, [user()], [person, other], ()), Match) == matched


@pytest.mark.parametrize("rule", ["user name", "e-mail"])
def test_another_recorded_external_id_is_a_contradiction(rule: str) -> None:
    different = {"email": "x@acme.example"} if rule == "user name" else {"user_name": "x"}
    found = match(LEO, [user(external_id="00uold", link="known", **different)], [LEO], ())
    assert isinstance(found, Undecided)
    assert found.reason == f"User u1 has the same {rule} and is recorded with another external id."


def test_what_a_person_undid_is_not_matched_again_but_told() -> None:
    undone = {("u1", "00uleo")}
    other = user("u2", user_name="leo2")
    found = match(LEO, [user(email="x@acme.example")], [LEO], undone)
    assert isinstance(found, Undecided)
    assert "A person said" in found.reason
    assert match(LEO, [user(email="x@acme.example"), other], [LEO], undone) == Match(other, "e-mail")
    assert match(Names("00unew", *LEO[1:]), [user()], [], undone) == Match(user(), "user name")


def test_whoever_has_no_name_is_nobody() -> None:
    assert match(Names("00uleo", None, None), [user()], [], ()) is None

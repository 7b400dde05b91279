"""Who may do what to whom: every role, every permission, every kind of target, against a table written by hand."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.errors import Forbidden
from rollbook.people import authorization, companies, group_managers, groups, memberships, users
from rollbook.people.authorization import Target, Who
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from rollbook.people.roles import PERMISSIONS, ROLES, Permission, Role
from tests.conftest import OPERATOR, House

# What each target is, seen by whoever asks. "theirs" are the people of a group that they manage.
OF_COMPANY = {"nothing", "self", "learner", "their learner", "their creator", "group", "their group", "content"}
TARGETS = OF_COMPANY | {"own content", "another company's learner", "another company's group"}
EVERYTHING = OF_COMPANY | {"own content"}
PEOPLE_OF_MANAGER = {"their learner", "their creator"}

# Role -> permission -> the targets to which it may be done. What is missing may not be done at all.
MANAGED = {"their learner", "their group"}
MANAGER = {
    "do_assignments": {"self", "own content"},
    "edit_content": {"self", "own content"},
    "see_content": EVERYTHING,
    "see_people": PEOPLE_OF_MANAGER | {"their group"},
    "see_reports": PEOPLE_OF_MANAGER | {"their group"},
    **dict.fromkeys(
        ("create_people", "edit_people", "archive_people", "see_groups", "assign", "complete_for_others"), MANAGED
    ),
}
EXPECTED: dict[Role, dict[str, set[str]]] = {
    "learner": {"do_assignments": {"self", "own content"}},
    "creator": {
        "do_assignments": {"self", "own content"},
        "edit_content": {"self", "own content"},
        "see_content": EVERYTHING,
    },
    "manager": MANAGER,
    "admin": {
        **dict.fromkeys((name for name in get_args(Permission) if name != "see_okta_token"), EVERYTHING),
        "do_assignments": {"self", "own content"},
        "archive_people": EVERYTHING - {"self"},
    },
}


@pytest.fixture
def scene(house: House, company_id: str) -> dict[str, Any]:
    """The people and groups that the targets are made of, with one person for each role."""

    def work(tx: Tx) -> dict[str, Any]:
        made: dict[str, Any] = {}
        how: dict[str, Any] = {"actor": OPERATOR, "now": clock.now()}

        def hire(company: str, name: str, role: Role) -> User:
            profile = Profile(name, f"{name}@acme.example", name, "Linden")
            return users.create(tx, company, profile, role=role, **how)

        made |= {role: hire(company_id, f"the-{role}", role) for role in ROLES}
        made["learner's"] = hire(company_id, "somebody", "learner")
        made["member"] = hire(company_id, "member", "learner")
        made["privileged member"] = hire(company_id, "writer", "creator")
        made["managed"] = groups.create(tx, company_id, "Managed", **how)
        made["group"] = groups.create(tx, company_id, "Other", **how)
        for name in ("member", "privileged member"):
            memberships.join(tx, made["managed"], made[name], **how)
        memberships.join(tx, made["group"], made["learner's"], **how)
        for role in ("manager", "admin"):
            group_managers.appoint(tx, made["managed"], made[role], **how)
        other = companies.create(tx, f"umbra-{clock.new_id()[:18]}", "Umbra", **how)
        made["otto"] = hire(other.id, "otto", "learner")
        made["foreign group"] = groups.create(tx, other.id, "Managed", **how)
        return made

    return house.write(work)


def targets(scene: dict[str, Any], who: User) -> dict[str, Target]:
    """Every kind of target, for this person."""
    found = {
        "nothing": Target(),
        "self": Target(user=who),
        "learner": Target(user=scene["learner's"]),
        "their learner": Target(user=scene["member"]),
        "their creator": Target(user=scene["privileged member"]),
        "group": Target(group=scene["group"]),
        "their group": Target(group=scene["managed"]),
        "content": Target(author_id=scene["privileged member"].id),
        "own content": Target(author_id=who.id),
        "another company's learner": Target(user=scene["otto"]),
        "another company's group": Target(group=scene["foreign group"]),
    }
    assert found.keys() == TARGETS
    return found


def test_every_role_may_do_what_the_table_says_and_nothing_else(
    house: House, company_id: str, scene: dict[str, Any]
) -> None:
    wrong = []
    for role in ROLES:
        person: User = scene[role]
        who = Who(company_id, Actor("user", person.id), role)
        for name, target in targets(scene, person).items():
            for permission in get_args(Permission):
                may = house.read(lambda tx, p=permission, t=target, w=who: authorization.allowed(tx, w, p, t))
                if may != (name in EXPECTED[role].get(permission, set())):
                    wrong.append(f"{role} {permission} {name}: {may}")
                if may and not authorization.carries(who, permission):
                    wrong.append(f"{role} {permission} is not shown")
    assert wrong == []


def test_the_table_of_permissions_is_whole() -> None:
    assert set(PERMISSIONS) == set(get_args(Permission))


@pytest.mark.parametrize("kind", ["scim", "task"])
def test_who_is_no_person_may_do_nothing(house: House, company_id: str, kind: str) -> None:
    who = Who(company_id, Actor(kind, "x"), "admin")
    for permission in get_args(Permission):
        assert not house.read(lambda tx, p=permission: authorization.allowed(tx, who, p))


def test_a_key_is_an_administrator_that_cannot_outgrow_itself(house: House, company_id: str) -> None:
    key = Who(company_id, Actor("api", "key"), "admin")
    refused = {
        permission
        for permission in get_args(Permission)
        if not house.read(lambda tx, p=permission: authorization.allowed(tx, key, p))
    }
    assert refused == {"issue_keys", "make_admins", "set_okta_token", "see_okta_token", "do_assignments"}
    with pytest.raises(Forbidden, match="An API key may not do this"):
        house.read(lambda tx: authorization.authorize(tx, key, "make_admins"))


def test_the_operator_may_do_everything(house: House, company_id: str) -> None:
    operator = Who(company_id, OPERATOR, "admin")
    for permission in get_args(Permission):
        assert house.read(lambda tx, p=permission: authorization.allowed(tx, operator, p))


def test_a_refusal_says_what_would_be_needed(house: House, company_id: str, scene: dict[str, Any]) -> None:
    def refusal(role: Role, permission: Permission, **target: Any) -> str:
        person: User = scene[role]
        who = Who(company_id, Actor("user", person.id), role)
        with pytest.raises(Forbidden) as refused:
            house.read(lambda tx: authorization.authorize(tx, who, permission, Target(**target)))
        return refused.value.message

    assert refusal("learner", "assign") == ("A learner may not do this (assign); that needs the role manager or admin.")
    assert "learners of the groups that they manage" in refusal("manager", "assign", user=scene["learner's"])
    assert "somebody else's" in refusal("creator", "edit_content", author_id="another")
    assert refusal("admin", "archive_people", user=scene["admin"]).startswith("Nobody archives themselves")


def test_a_manager_who_was_dismissed_reaches_nobody(house: House, company_id: str, scene: dict[str, Any]) -> None:
    mona: User = scene["manager"]
    who, target = Who(company_id, Actor("user", mona.id), "manager"), Target(user=scene["member"])
    house.write(lambda tx: group_managers.dismiss(tx, scene["managed"], mona, actor=OPERATOR, now=clock.now()))
    assert not house.read(lambda tx: authorization.allowed(tx, who, "see_people", target))


def test_an_archived_group_gives_its_manager_no_reach(house: House, company_id: str, scene: dict[str, Any]) -> None:
    mona: User = scene["manager"]
    who, target = Who(company_id, Actor("user", mona.id), "manager"), Target(user=scene["member"])
    house.write(lambda tx: groups.archive(tx, scene["managed"], actor=OPERATOR, now=clock.now()))
    assert not house.read(lambda tx: authorization.allowed(tx, who, "see_people", target))

"""The pull API of the simulated org over real HTTP: lists, people, the schema, limits, and no way to write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from rollbook.simulator.clock import Clock
from rollbook.simulator.org import Org
from rollbook.simulator.people import OktaUser, staff
from tests.simulator.reading import Reader, next_of, reading

SIX = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
LEO = OktaUser(
    id="00uorgcast0000000003",
    login="leo@acme.example",
    email="leo.learner@acme.example",
    first_name="Leo",
    last_name="Learner",
    cost_center="Lyon",
    extra={"hireDate": "2026-01-07", "shoeSize": 43},
)


@pytest.fixture
def org() -> Org:
    org = Org(clock=Clock(standing_at=SIX))
    org.fill(25)
    return org


@pytest.fixture
def reader(org: Org) -> Iterator[Reader]:
    with reading(org) as reader:
        yield reader


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"errorCode", "errorSummary", "errorLink", "errorId", "errorCauses"}
    return answer.status_code, body["errorCode"]


def test_a_group_is_read_page_by_page_in_the_order_in_which_people_came(org: Org, reader: Reader) -> None:
    pages = list(reader.pages(reader.group(10)))
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [item["id"] for page in pages for item in page] == [user.id for user in staff(25)]


def test_a_full_last_page_names_a_next_one_that_is_empty(org: Org, reader: Reader) -> None:
    assert [len(page) for page in reader.pages(reader.group(5))] == [5, 5, 5, 5, 5, 0]


def test_both_links_are_absolute_and_keep_what_was_asked(org: Org, reader: Reader) -> None:
    asked = "/api/v1/users?filter=status%20eq%20%22ACTIVE%22&limit=10"
    links = reader.ask(asked).headers.get_list("link")
    assert links[0] == f'<{reader.address}/api/v1/users?filter=status%20eq%20%22ACTIVE%22&limit=10>; rel="self"'
    assert re.fullmatch(
        re.escape(f"<{reader.address}/api/v1/users?filter=status%20eq%20%22ACTIVE%22&limit=10&after=")
        + r'[\w-]+>; rel="next"',
        links[1],
    )


def test_a_page_never_holds_more_than_200_people(reader: Reader, org: Org) -> None:
    org.fill(300, seed=2, domain="more.example")
    assert len(reader.ask("/api/v1/users?limit=1000").json()) == 200
    assert len(reader.ask("/api/v1/users").json()) == 200


def test_the_plain_list_leaves_deactivated_people_out_and_a_filter_brings_them(org: Org, reader: Reader) -> None:
    gone, asleep, *others = [user.id for user in staff(25)]
    org.deactivate(gone)
    org.suspend(asleep)
    assert reader.ids("/api/v1/users") == [asleep, *others]
    assert reader.ids('/api/v1/users?filter=status eq "DEPROVISIONED"') == [gone]
    assert reader.ids('/api/v1/users?search=status eq "SUSPENDED" or status eq "DEPROVISIONED"') == [gone, asleep]
    assert reader.ids(reader.group()) == [asleep, *others]


def test_a_filter_finds_names_as_they_are_written_and_a_search_in_any_case(org: Org, reader: Reader) -> None:
    org.add(LEO)
    org.deactivate(LEO)
    first = staff(25)[0]
    asked = f'profile.login eq "{LEO.login}" or profile.email eq "{first.email}"'
    assert set(reader.ids(f"/api/v1/users?filter={asked}")) == {LEO.id, first.id}
    assert reader.ids(f'/api/v1/users?filter=id eq "{LEO.id}" or profile.login eq "a\\"b"') == [LEO.id]
    other_case = f'profile.login eq "{LEO.login.upper()}"'
    assert reader.ids(f"/api/v1/users?filter={other_case}") == []
    assert reader.ids(f"/api/v1/users?search={other_case}") == [LEO.id]


def test_one_assignment_and_the_groups_of_one_person(org: Org, reader: Reader) -> None:
    one, other = staff(25)[:2]
    org.assign_before_provisioning(one.id)
    assert reader.ask(f"/api/v1/apps/{org.app_id}/users/{one.id}").json()["id"] == one.id
    for who in (other.id, "00unobody"):
        assert error_of(reader.ask(f"/api/v1/apps/{org.app_id}/users/{who}")) == (404, "E0000007")
    org.leave(other.id)
    names = {
        who: [each["profile"]["name"] for each in reader.ask(f"/api/v1/users/{who}/groups").json()]
        for who in (one.id, other.id)
    }
    assert names == {one.id: ["Everyone", "Learning"], other.id: ["Everyone"]}


@pytest.mark.parametrize(
    "condition",
    ['profile.title eq "x"', 'id eq "x" and status eq "ACTIVE"', 'status ne "ACTIVE"', "status eq ACTIVE", "status"],
)
def test_a_filter_that_is_not_offered_is_refused_not_ignored(reader: Reader, condition: str) -> None:
    assert error_of(reader.ask(f"/api/v1/users?filter={condition}")) == (400, "E0000031")


def test_a_person_is_found_by_id_and_by_login_in_any_case_deactivated_or_not(org: Org, reader: Reader) -> None:
    org.add(LEO)
    org.deactivate(LEO)
    for who in (LEO.id, LEO.login, "LEO%40acme.example"):
        shown = reader.ask(f"/api/v1/users/{who}").json()
        assert (shown["id"], shown["status"]) == (LEO.id, "DEPROVISIONED")


def test_a_profile_holds_okta_s_variables_those_of_the_org_and_nothing_empty(org: Org, reader: Reader) -> None:
    org.add(LEO)
    assert reader.ask(f"/api/v1/users/{LEO.id}").json()["profile"] == {
        "login": "leo@acme.example",
        "email": "leo.learner@acme.example",
        "firstName": "Leo",
        "lastName": "Learner",
        "displayName": "Leo Learner",
        "costCenter": "Lyon",
        "locale": "en-US",
        "hireDate": "2026-01-07",
        "shoeSize": 43,
    }


def test_an_org_may_show_what_is_empty_as_null_hide_a_variable_or_show_nonsense(org: Org, reader: Reader) -> None:
    org.add(LEO)
    org.showing.nulls = True
    org.showing.hidden = {"hireDate"}
    profile = reader.ask(f"/api/v1/users/{LEO.id}").json()["profile"]
    assert profile["title"] is None
    assert "hireDate" not in profile
    org.showing.spoiled[LEO.id] = {"id": LEO.id, "profile": "none"}
    assert reader.ask(f"/api/v1/users/{LEO.id}").json() == {"id": LEO.id, "profile": "none"}


def test_the_schema_names_the_base_variables_and_those_that_the_org_added(org: Org, reader: Reader) -> None:
    org.add(LEO)
    definitions = reader.ask("/api/v1/meta/schemas/user/default").json()["definitions"]
    assert definitions["custom"]["properties"] == {
        "hireDate": {"title": "Hire date", "type": "string"},
        "region": {"title": "Region", "type": "string"},
        "shoeSize": {"title": "shoeSize", "type": "integer"},
    }
    assert definitions["base"]["properties"]["costCenter"] == {"title": "Cost center", "type": "string"}
    assert definitions["base"]["required"] == ["login", "firstName", "lastName", "email"]


def test_a_group_and_the_app_are_shown_with_their_names(org: Org, reader: Reader) -> None:
    assert reader.ask(f"/api/v1/groups/{org.group_id}").json()["profile"]["name"] == "Learning"
    assert reader.ask(f"/api/v1/apps/{org.app_id}").json()["label"] == "Rollbook"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/users/00unobody",
        "/api/v1/groups/00gnone",
        "/api/v1/groups/00gnone/users",
        "/api/v1/apps/0oanone",
        "/api/v1/apps/0oanone/users",
    ],
)
def test_what_is_not_there_is_okta_s_404(reader: Reader, path: str) -> None:
    assert error_of(reader.ask(path)) == (404, "E0000007")


def test_a_group_taken_away_is_a_404(org: Org, reader: Reader) -> None:
    org.remove_group(org.group_id)
    assert error_of(reader.ask(reader.group())) == (404, "E0000007")


def test_an_address_that_okta_does_not_have_is_a_404_of_its_own(reader: Reader) -> None:
    assert error_of(reader.ask("/api/v2/users")) == (404, "E0000022")


@pytest.mark.parametrize("limit", ["0", "-1", "many", ""])
def test_a_limit_that_is_none_is_refused(reader: Reader, limit: str) -> None:
    path = f"/api/v1/users?limit={limit}"
    if limit:
        assert error_of(reader.ask(path)) == (400, "E0000001")
    else:
        assert len(reader.ask(path).json()) == 25


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_write_is_refused_and_written_down(org: Org, reader: Reader, method: str) -> None:
    assert error_of(reader.ask(f"/api/v1/users/{staff(1)[0].id}", method)) == (405, "E0000022")
    assert [write.method for write in org.log.writes] == [method]
    assert len(reader.ids("/api/v1/users")) == 25


def test_reading_writes_nothing_down_but_the_requests(org: Org, reader: Reader) -> None:
    reader.ids(reader.group(10))
    assert org.log.writes == []
    assert [request.path for request in org.log.requests] == [f"/api/v1/groups/{org.group_id}/users"] * 3
    assert org.token not in repr(org.log.requests)


@pytest.mark.parametrize("value", ["SSWS wrong", "SSWS", "Bearer TOKEN", "TOKEN", ""])
def test_a_wrong_token_is_a_401(org: Org, reader: Reader, value: str) -> None:
    headers = {"Authorization": value.replace("TOKEN", org.token)}
    assert error_of(reader.client.get(f"{reader.address}/api/v1/users", headers=headers)) == (401, "E0000011")


def test_a_token_can_be_issued_revoked_and_lose_its_rights(org: Org, reader: Reader) -> None:
    other = org.issue_token()
    org.restrict_token()
    assert error_of(reader.ask("/api/v1/users")) == (403, "E0000006")
    org.revoke_token()
    assert error_of(reader.ask("/api/v1/users")) == (401, "E0000011")
    headers = {"Authorization": f"SSWS {other}"}
    assert reader.client.get(f"{reader.address}/api/v1/users", headers=headers).status_code == 200


def limits_of(answer: httpx2.Response) -> tuple[int, ...]:
    return tuple(int(answer.headers[f"X-Rate-Limit-{name}"]) for name in ("Limit", "Remaining", "Reset"))


def test_every_answer_shows_what_is_left_of_the_limit_until_when(org: Org, reader: Reader) -> None:
    reset = int(SIX.timestamp()) + 60
    assert limits_of(reader.ask("/api/v1/users")) == (600, 599, reset)
    org.limits.spend(100)
    org.clock.turn(seconds=30)
    assert limits_of(reader.ask("/api/v1/users/nobody")) == (600, 498, reset)
    org.clock.turn(seconds=30)
    assert limits_of(reader.ask("/api/v1/users")) == (600, 599, reset + 60)


def test_over_the_limit_all_is_429_until_the_reset_and_only_the_first_is_no_violation(org: Org, reader: Reader) -> None:
    org.limits.per_minute = 3
    answers = [reader.ask("/api/v1/users") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429, 429]
    assert error_of(answers[3]) == (429, "E0000047")
    assert limits_of(answers[3]) == (3, 0, int(SIX.timestamp()) + 60)
    assert (org.limits.refusals, org.limits.violations, org.limits.most_in_window) == (3, 2, 6)
    org.clock.turn(seconds=60)
    assert reader.ask("/api/v1/users").status_code == 200
    assert org.limits.violations == 2


def test_a_cursor_lasts_an_hour_of_the_org_s_clock(org: Org, reader: Reader) -> None:
    following = next_of(reader.ask(reader.group(10))) or ""
    org.clock.turn(minutes=60)
    assert len(reader.ask(following).json()) == 10
    org.clock.turn(minutes=61)
    assert error_of(reader.ask(following)) == (400, "E0000031")


def test_cursors_expire_on_demand_and_serve_no_other_list(org: Org, reader: Reader) -> None:
    following = next_of(reader.ask(reader.group(10))) or ""
    after = following.partition("after=")[2]
    assert error_of(reader.ask(f"/api/v1/users?limit=10&after={after}")) == (400, "E0000031")
    assert error_of(reader.ask("/api/v1/users?after=invented")) == (400, "E0000031")
    org.cursors.expire()
    assert error_of(reader.ask(following)) == (400, "E0000031")


def test_nobody_is_skipped_when_somebody_leaves_while_the_list_is_read(org: Org, reader: Reader) -> None:
    ids = [user.id for user in staff(25)]
    pages = reader.pages(reader.group(10))
    read: list[Any] = next(pages)
    for id_ in ids[:10]:
        org.leave(id_)
    org.join(ids[0])
    read += [item for page in pages for item in page]
    assert [item["id"] for item in read] == [*ids, ids[0]]  # who moved to the end is met twice

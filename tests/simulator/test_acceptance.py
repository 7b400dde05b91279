"""Okta's acceptance sequence holds against a good SCIM server and names what a bad one does."""

import json

import httpx2
import pytest

from rollbook.simulator.app import resources
from rollbook.simulator.checks import Step
from rollbook.simulator.story import acceptance
from rollbook.simulator.wire import Wire
from tests.simulator.servers import Reply, scripted_server


def users(base_url: str) -> list[str]:
    answer = Wire(base_url=base_url, user="acme", key="a-key").ask("GET", "/Users")
    return [user["userName"] for user in resources(answer)]


def step(steps: list[Step], name: str) -> Step:
    return next(step for step in steps if step.name == name)


def test_a_good_server_passes_and_is_left_as_it_was(server: str) -> None:
    steps = list(acceptance(server, "acme", "a-key"))
    assert [step for step in steps if not step.ok] == []
    assert users(server) == []
    names = [step.name for step in steps]
    assert names[0] == "Address"
    assert names[-1] == "Tidy"
    assert [name for name in names if name[:2].strip().isdigit()] == [
        "1  List",
        "2  Read",
        "3  Find nobody",
        "4  Unknown id",
        "5  Not there yet",
        "6  Create",
        "7  Read back",
        "8  Duplicate",
        "9  Capitals",
        "10 Groups",
        "11 No scheme",
        "12 Unknown id",
    ]
    for kind in ("wizard", "catalogue"):
        assert step(steps, f"Assign again ({kind})").detail == "the same id, active"


def test_a_company_with_people_keeps_them_and_needs_no_first_person(server: str) -> None:
    Wire(base_url=server, user="acme", key="a-key").ask(
        "POST",
        "/Users",
        body={
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "ada@acme.example",
            "name": {"givenName": "Ada", "familyName": "Admin"},
            "emails": [{"value": "ada@acme.example", "primary": True, "type": "work"}],
            "active": True,
        },
    )
    steps = list(acceptance(server, "acme", "a-key"))
    assert all(step.ok for step in steps)
    assert "First person" not in [step.name for step in steps]
    assert users(server) == ["ada@acme.example"]


def test_a_visit_that_is_broken_off_still_tidies_up(server: str) -> None:
    steps = acceptance(server, "acme", "a-key")
    for current in steps:
        if current.name == "Assign (wizard)":
            break
    assert len(users(server)) == 3
    steps.close()  # type: ignore[attr-defined]  # it is a generator
    assert users(server) == []


def test_a_wrong_key_ends_the_visit_with_the_servers_words(server: str) -> None:
    steps = list(acceptance(server, "acme", "b-key"))
    assert [(step.name, step.ok) for step in steps] == [
        ("Address", True),
        ("1  List", False),
        ("Tidy", True),
    ]
    assert steps[1].detail.startswith("Expected 200, the server answered 401: Authorization failure.")


def test_an_address_without_a_path_is_completed() -> None:
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 1,
        "startIndex": 1,
        "itemsPerPage": 1,
        "Resources": [{"id": "1"}],
    }
    answers = [Reply(200, json.dumps(body))] * 3
    with scripted_server(*answers) as script:
        root = script.base_url.removesuffix("/scim/v2")
        steps = list(acceptance(root, "acme", "a-key"))
    assert {request.target.split("?")[0] for request in script.requests} == {"/scim/v2/Users"}
    assert step(steps, "1  List").detail == "userName is empty."


def test_plain_http_off_this_machine_gets_no_key() -> None:
    steps = list(acceptance("http://learn.acme.example/scim/v2", "acme", "a-key"))
    assert [(step.name, step.ok) for step in steps] == [("Address", False)]
    assert steps[0].detail == "Okta accepts https only; nothing was sent."


def test_an_underscore_in_the_address_is_named() -> None:
    (only,) = acceptance("https://learn.acme.example/scim_v2", "acme", "a-key")
    assert only.detail == "Okta accepts no underscore in the base URL."


def test_a_server_that_is_not_there_is_named() -> None:
    with scripted_server() as script:
        base_url = script.base_url
    steps = list(acceptance(base_url, "acme", "a-key"))
    assert not step(steps, "1  List").ok
    assert step(steps, "1  List").detail.startswith("No connection")


@pytest.mark.parametrize(
    ("change", "name", "detail"),
    [
        ({"itemsPerPage": 100}, "1  List", "itemsPerPage is 100 on a page of 1."),
        ({"totalResults": "1"}, "1  List", "totalResults is '1', not a number."),
        ({"schemas": []}, "1  List", "schemas does not name the ListResponse."),
        ({"Resources": []}, "1  List", "itemsPerPage is 1 on a page of 0."),
    ],
)
def test_a_list_that_okta_would_misread_is_named(change: dict[str, object], name: str, detail: str) -> None:
    body: dict[str, object] = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 1,
        "startIndex": 1,
        "itemsPerPage": 1,
        "Resources": [{"id": "1"}],
    }
    answers = [Reply(200, json.dumps(body | change))] * 2
    with scripted_server(*answers) as script:
        steps = list(acceptance(script.base_url, "acme", "a-key"))
    assert (step(steps, name).ok, step(steps, name).detail) == (False, detail)


@pytest.mark.parametrize(
    ("method", "name", "detail"),
    [
        ("PATCH", "Deactivate (catalogue)", "active is True, expected False."),
        ("PUT", "Profile (wizard)", "name.givenName is "),
    ],
)
def test_a_server_that_says_yes_and_does_nothing_is_found_out(
    server: str, monkeypatch: pytest.MonkeyPatch, method: str, name: str, detail: str
) -> None:
    honest = httpx2.Client.request

    def lazy(client: httpx2.Client, verb: str, url: str, **options: object) -> httpx2.Response:
        if verb == method:
            return httpx2.Response(204, request=httpx2.Request(verb, url))
        return honest(client, verb, url, **options)  # type: ignore[arg-type]  # its parts are of several types

    monkeypatch.setattr(httpx2.Client, "request", lazy)
    steps = list(acceptance(server, "acme", "a-key"))
    assert not step(steps, name).ok
    assert step(steps, name).detail.startswith(detail)

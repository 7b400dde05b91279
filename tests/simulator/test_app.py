"""Each act of Okta's administrator: the requests it sends, in order, with their whole bodies."""

import json
from typing import Any

from rollbook.simulator.app import Kind, ProvisioningApp
from rollbook.simulator.people import OktaUser
from rollbook.simulator.wire import Wire
from tests.simulator.servers import Reply, Script, scripted_server

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

LEO = OktaUser(
    id="00ujl29u0le5T6Aj10h7",
    login="leo@acme.example",
    email="leo@acme.example",
    first_name="Leo",
    last_name="Learner",
    title="Technician",
    department="First Line",
    division="Support",
    cost_center="Lyon",
    employee_number="701984",
    manager="Mona Manager",
    manager_id="mona@acme.example",
    locale="fr-FR",
)
PLAIN = OktaUser("00ujl29u0le5T6Aj10h7", "leo@acme.example", "leo@acme.example", "Leo", "Learner")

# What a server answers about Leo: all that Okta does not map must come back to it.
HELD: dict[str, Any] = {
    "schemas": [USER, ENTERPRISE],
    "id": "23a35c27",
    "userName": "leo@acme.example",
    "name": {"givenName": "Leonhard", "familyName": "Learner", "formatted": "Leonhard Learner"},
    "emails": [
        {"value": "private@leo.example", "type": "home"},
        {"primary": True, "value": "leo@acme.example", "type": "work", "display": "leo@acme.example"},
    ],
    "active": True,
    "title": "Trainee",
    "nickName": "Lion",
    "groups": [{"value": "g1", "$ref": "https://learn.acme.example/scim/v2/Groups/g1"}],
    ENTERPRISE: {"costCenter": "Berlin", "organization": "Acme", "manager": {"value": "x", "$ref": "y"}},
    "meta": {"resourceType": "User", "version": 'W/"3"', "created": "2026-01-01T00:00:00Z"},
}
MERGED: dict[str, Any] = {
    "schemas": [USER, ENTERPRISE],
    "id": "23a35c27",
    "userName": "leo@acme.example",
    "name": {"givenName": "Leo", "familyName": "Learner", "formatted": "Leonhard Learner"},
    "emails": [
        {"value": "private@leo.example", "type": "home"},
        {"primary": True, "value": "leo@acme.example", "type": "work", "display": "leo@acme.example"},
    ],
    "displayName": "Leo Learner",
    "locale": "fr-FR",
    "externalId": "00ujl29u0le5T6Aj10h7",
    "active": True,
    "title": "Technician",
    "nickName": "Lion",
    "groups": [{"value": "g1", "$ref": "https://learn.acme.example/scim/v2/Groups/g1"}],
    ENTERPRISE: {
        "employeeNumber": "701984",
        "costCenter": "Lyon",
        "division": "Support",
        "department": "First Line",
        "organization": "Acme",
        "manager": {"value": "mona@acme.example", "displayName": "Mona Manager", "$ref": "y"},
    },
    "meta": {"resourceType": "User", "version": 'W/"3"', "created": "2026-01-01T00:00:00Z"},
}
LOOKUP = "/Users?filter=userName%20eq%20%22leo%40acme.example%22&startIndex=1&count=100"


def reply(status: int, body: Any = None) -> Reply:
    return Reply(status, "" if body is None else json.dumps(body))


def listing(*users: dict[str, Any], total: int | None = None) -> Reply:
    return reply(
        200,
        {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": len(users) if total is None else total,
            "startIndex": 1,
            "itemsPerPage": len(users),
            "Resources": list(users),
        },
    )


def refusal(status: int, detail: str) -> Reply:
    schemas = ["urn:ietf:params:scim:api:messages:2.0:Error"]
    return reply(status, {"schemas": schemas, "status": str(status), "detail": detail})


def app_of(server: Script, kind: Kind = "wizard", **options: Any) -> ProvisioningApp:
    wire = Wire(base_url=server.base_url, user="acme", key="a-key")
    return ProvisioningApp(wire=wire, kind=kind, seed=1, **options)


def sent(server: Script) -> list[tuple[str, str, Any]]:
    """Method, address below the base URL, and body of every request so far."""
    return [
        (
            request.method,
            request.target.removeprefix("/scim/v2"),
            json.loads(request.body) if request.body else None,
        )
        for request in server.requests
    ]


def test_testing_the_connection_is_one_get() -> None:
    with scripted_server(listing(total=7)) as server:
        assert app_of(server).test_connection() == 7
    assert sent(server) == [("GET", "/Users?startIndex=1&count=2", None)]


def test_an_import_steps_by_a_hundred_until_the_total_is_reached() -> None:
    pages = (
        listing({"id": "1"}, total=201),
        listing({"id": "2"}, total=201),
        listing({"id": "3"}, total=201),
    )
    with scripted_server(*pages) as server:
        assert [user["id"] for user in app_of(server).import_users()] == ["1", "2", "3"]
    assert sent(server) == [
        ("GET", "/Users?startIndex=1&count=100", None),
        ("GET", "/Users?startIndex=101&count=100", None),
        ("GET", "/Users?startIndex=201&count=100", None),
    ]


def test_an_import_of_exactly_one_page_asks_for_no_second() -> None:
    with scripted_server(listing({"id": "1"}, total=100)) as server:
        app_of(server).import_users()
    assert len(server.requests) == 1


def test_assigning_somebody_unknown_looks_up_and_creates() -> None:
    with scripted_server(listing(), reply(201, HELD)) as server:
        assignment = app_of(server).assign(LEO)
    filler = sent(server)[1][2]["password"]
    assert len(filler) == 8
    assert sent(server) == [
        ("GET", LOOKUP, None),
        (
            "POST",
            "/Users",
            {
                "schemas": [USER, ENTERPRISE],
                "userName": "leo@acme.example",
                "name": {"givenName": "Leo", "familyName": "Learner"},
                "emails": [{"primary": True, "value": "leo@acme.example", "type": "work"}],
                "displayName": "Leo Learner",
                "locale": "fr-FR",
                "title": "Technician",
                "externalId": "00ujl29u0le5T6Aj10h7",
                "groups": [],
                "password": filler,
                "active": True,
                ENTERPRISE: {
                    "employeeNumber": "701984",
                    "costCenter": "Lyon",
                    "division": "Support",
                    "department": "First Line",
                    "manager": {"value": "mona@acme.example", "displayName": "Mona Manager"},
                },
            },
        ),
    ]
    assert (assignment.external_id, assignment.sync) == ("23a35c27", "SYNCHRONIZED")


def test_a_bare_mapping_creates_with_the_core_attributes_alone() -> None:
    with scripted_server(listing(), reply(201, HELD)) as server:
        app_of(server, with_external_id=False, with_enterprise=False).assign(PLAIN)
    body = sent(server)[1][2]
    assert body == {
        "schemas": [USER],
        "userName": "leo@acme.example",
        "name": {"givenName": "Leo", "familyName": "Learner"},
        "emails": [{"primary": True, "value": "leo@acme.example", "type": "work"}],
        "displayName": "Leo Learner",
        "locale": "en-US",
        "groups": [],
        "password": body["password"],
        "active": True,
    }


def test_assigning_somebody_found_writes_to_their_id_and_creates_nobody() -> None:
    with scripted_server(listing(HELD), reply(200, HELD), reply(200, MERGED)) as server:
        assignment = app_of(server).assign(LEO)
    assert sent(server) == [
        ("GET", LOOKUP, None),
        ("GET", "/Users/23a35c27", None),
        ("PUT", "/Users/23a35c27", MERGED),
    ]
    assert (assignment.external_id, assignment.sync) == ("23a35c27", "SYNCHRONIZED")


def test_two_users_found_are_ambiguous_and_nothing_is_written() -> None:
    with scripted_server(listing(HELD, HELD)) as server:
        app = app_of(server)
        assert app.assign(LEO).sync == "ERROR"
    assert len(server.requests) == 1
    assert app.tasks[0].text == (
        "Automatic provisioning of user Leo Learner to app Rollbook failed: "
        "Ambiguous match: 2 users have leo@acme.example."
    )


def test_confirming_an_imported_match_writes_the_profile() -> None:
    with scripted_server(reply(200, HELD), reply(200, MERGED)) as server:
        app_of(server).confirm_match(LEO, "23a35c27")
    assert sent(server) == [("GET", "/Users/23a35c27", None), ("PUT", "/Users/23a35c27", MERGED)]


def test_a_profile_push_sends_the_servers_own_answer_with_oktas_attributes_in_it() -> None:
    for kind in ("wizard", "catalogue"):
        replies = (listing(), reply(201, HELD), reply(200, HELD), reply(200, MERGED))
        with scripted_server(*replies) as server:
            app = app_of(server, kind)
            app.assign(PLAIN)
            assert app.push_profile(LEO).user == LEO
        assert sent(server)[2:] == [("GET", "/Users/23a35c27", None), ("PUT", "/Users/23a35c27", MERGED)]


def test_what_okta_no_longer_holds_is_sent_empty_and_what_nobody_holds_is_left_out() -> None:
    with scripted_server(reply(200, HELD), reply(200, HELD)) as server:
        app_of(server).confirm_match(PLAIN, "23a35c27")
    body = sent(server)[1][2]
    assert body["title"] == ""
    assert body[ENTERPRISE] == {
        "costCenter": "",
        "organization": "Acme",
        "manager": {"value": "", "displayName": ""},
    }


def test_a_wizard_app_deactivates_by_get_and_put() -> None:
    replies = (listing(), reply(201, HELD), reply(200, MERGED), reply(200, MERGED))
    with scripted_server(*replies) as server:
        app = app_of(server)
        app.assign(LEO)
        assignment = app.deactivate(LEO)
    assert sent(server)[2:] == [
        ("GET", "/Users/23a35c27", None),
        ("PUT", "/Users/23a35c27", MERGED | {"active": False}),
    ]
    assert (assignment.assigned, assignment.user.status) == (False, "DEPROVISIONED")


def test_a_catalogue_app_deactivates_by_a_patch_without_a_path() -> None:
    with scripted_server(listing(), reply(201, HELD), reply(204)) as server:
        app = app_of(server, "catalogue")
        app.assign(LEO)
        assert app.unassign(LEO).sync == "SYNCHRONIZED"
    assert sent(server)[2:] == [
        (
            "PATCH",
            "/Users/23a35c27",
            {"schemas": [PATCH], "Operations": [{"op": "replace", "value": {"active": False}}]},
        )
    ]


def test_a_wizard_app_reactivates_by_two_pairs_of_get_and_put() -> None:
    archived = HELD | {"active": False}
    pair = (reply(200, archived), reply(200, MERGED))
    with scripted_server(listing(archived), *pair, *pair) as server:
        app_of(server).reactivate(LEO)
    assert sent(server) == [
        ("GET", LOOKUP, None),
        ("GET", "/Users/23a35c27", None),
        ("PUT", "/Users/23a35c27", MERGED),
        ("GET", "/Users/23a35c27", None),
        ("PUT", "/Users/23a35c27", MERGED),
    ]


def test_a_catalogue_app_reactivates_by_patch_and_then_pushes_the_profile() -> None:
    archived = HELD | {"active": False}
    with scripted_server(listing(archived), reply(204), reply(200, HELD), reply(200, MERGED)) as server:
        app_of(server, "catalogue").reactivate(LEO)
    assert sent(server) == [
        ("GET", LOOKUP, None),
        (
            "PATCH",
            "/Users/23a35c27",
            {"schemas": [PATCH], "Operations": [{"op": "replace", "value": {"active": True}}]},
        ),
        ("GET", "/Users/23a35c27", None),
        ("PUT", "/Users/23a35c27", MERGED),
    ]


def test_a_new_email_replaces_the_primary_entry_and_keeps_the_user_name() -> None:
    replies = (listing(), reply(201, HELD), reply(200, HELD), reply(200, HELD))
    with scripted_server(*replies) as server:
        app = app_of(server)
        app.assign(LEO)
        assert app.change_email(LEO, "leo@new.example").user.email == "leo@new.example"
    body = sent(server)[3][2]
    assert body["userName"] == "leo@acme.example"
    assert body["emails"] == [
        {"value": "private@leo.example", "type": "home"},
        {"primary": True, "value": "leo@new.example", "type": "work", "display": "leo@acme.example"},
    ]


def test_a_new_user_name_leaves_the_email_and_goes_to_the_same_id() -> None:
    replies = (listing(), reply(201, HELD), reply(200, HELD), reply(200, HELD))
    with scripted_server(*replies) as server:
        app = app_of(server)
        app.assign(LEO)
        app.rename(LEO, "leonhard@acme.example")
    method, path, body = sent(server)[3]
    assert (method, path, body["userName"]) == ("PUT", "/Users/23a35c27", "leonhard@acme.example")
    assert body["emails"][1]["value"] == "leo@acme.example"


def test_a_suspension_sends_nothing() -> None:
    with scripted_server(listing(), reply(201, HELD)) as server:
        app = app_of(server)
        app.assign(LEO)
        assert app.suspend(LEO).user.status == "SUSPENDED"
        assert len(server.requests) == 2


def test_an_assignment_without_an_id_sends_nothing_ever_after() -> None:
    with scripted_server() as server:
        app = app_of(server)
        app.assign_before_provisioning(LEO)
        app.push_profile(LEO)
        app.change_email(LEO, "leo@new.example")
        assignment = app.unassign(LEO)
        assert server.requests == []
    assert (assignment.external_id, assignment.assigned, assignment.sync) == (None, False, "NEVER")


def test_a_refused_creation_leaves_a_task_and_then_nothing_is_sent_on_unassigning() -> None:
    with scripted_server(listing(), refusal(409, "leo@acme.example is Otto’s e-mail.")) as server:
        app = app_of(server)
        assert app.assign(LEO).sync == "ERROR"
        app.unassign(LEO)
        assert len(server.requests) == 2
    (task,) = app.tasks
    assert (task.act, task.status, task.detail) == ("create", 409, "leo@acme.example is Otto’s e-mail.")
    assert task.text == (
        "Automatic provisioning of user Leo Learner to app Rollbook failed: "
        "Conflict. Errors reported by remote server: leo@acme.example is Otto’s e-mail."
    )


def test_a_task_can_be_retried_until_it_goes_through() -> None:
    gone = refusal(500, "Not now.")
    with scripted_server(gone, gone, listing(), reply(201, HELD)) as server:
        app = app_of(server)
        app.assign(LEO)
        assert app.retry(app.tasks[0]).sync == "ERROR"
        assert [task.number for task in app.tasks] == [2]
        assert app.retry(app.tasks[0]).external_id == "23a35c27"
        assert app.tasks == []


def test_a_failed_push_is_retried_with_the_newest_profile() -> None:
    replies = (listing(), reply(201, HELD), refusal(500, "Not now."), reply(200, HELD), reply(200, HELD))
    with scripted_server(*replies) as server:
        app = app_of(server)
        app.assign(LEO)
        app.change_email(LEO, "leo@new.example")
        assert app.tasks[0].text.startswith("Automatic profile push of user Leo Learner to app Rollbook")
        app.retry(app.tasks[0])
    assert sent(server)[4][2]["emails"][1]["value"] == "leo@new.example"


def test_a_creation_answered_without_a_body_has_failed() -> None:
    for answer, why in (
        (reply(201), "Create new user returned empty user"),
        (reply(201, {"x": 1}), "has no id"),
    ):
        with scripted_server(listing(), answer) as server:
            app = app_of(server)
            assert app.assign(LEO).external_id is None
        assert why in app.tasks[0].text


def test_an_id_with_strange_letters_is_encoded_in_the_address() -> None:
    with scripted_server(reply(200, HELD), reply(200, HELD)) as server:
        app_of(server).confirm_match(LEO, "a/b c")
    assert sent(server)[0][1] == "/Users/a%2Fb%20c"

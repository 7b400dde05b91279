"""Each probe finds the fault it looks for."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rollbook.simulator import probes
from rollbook.simulator.checks import Step
from rollbook.simulator.wire import Wire
from tests.simulator.servers import Reply, scripted_server


def listing(total: int, *ids: str) -> Reply:
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": 1,
        "itemsPerPage": len(ids),
        "Resources": [{"id": user_id} for user_id in ids],
    }
    return Reply(200, json.dumps(body))


def error(status: int, detail: str = "No.", /, **changes: Any) -> Reply:
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": str(status),
        "detail": detail,
    }
    return Reply(status, json.dumps(body | changes))


def run(probe: Callable[[Wire], Iterator[Step]], *replies: Reply) -> dict[str, Step]:
    with scripted_server(*replies) as script:
        wire = Wire(base_url=script.base_url, user="acme", key="a-key")
        return {step.name: step for step in probe(wire)}


GOOD_ERRORS = (error(400), error(400, scimType="invalidFilter"), error(404), error(405))


def test_scim_errors_pass_whatever_they_say() -> None:
    assert all(step.ok for step in run(probes.error_shape, *GOOD_ERRORS).values())


@pytest.mark.parametrize(
    ("place", "reply", "name", "detail"),
    [
        (0, Reply(400, "<h1>Bad</h1>"), "Broken JSON", "Invalid JSON: Unexpected character ('<' (code 60))"),
        (0, Reply(201, '{"id": "1"}'), "Broken JSON", "Expected 400, the server answered 201"),
        (1, listing(1, "1"), "Broken filter", "Expected 400, the server answered 200"),
        (1, error(400), "Broken filter", "scimType is None, not invalidFilter."),
        (
            2,
            Reply(404, error(404).body, {"Content-Type": "application/json"}),
            "Unknown address",
            "The error came as application/json.",
        ),
        (2, error(404, schemas=[]), "Unknown address", "schemas does not name the SCIM Error."),
        (2, error(404, status="400"), "Unknown address", "status in the body is '400', the answer's is 404."),
        (2, error(404, ""), "Unknown address", "detail is empty: the administrator would see no reason."),
        (3, Reply(405), "Wrong method", "The body is empty."),
        (3, error(500), "Wrong method", "Expected 405 or 404 or 501, the server answered 500: No."),
    ],
)
def test_an_error_that_okta_could_not_show_is_named(place: int, reply: Reply, name: str, detail: str) -> None:
    replies = [*GOOD_ERRORS[:place], reply, *GOOD_ERRORS[place + 1 :]]
    steps = run(probes.error_shape, *replies)
    assert [step.name for step in steps.values() if not step.ok] == [name]
    assert steps[name].detail == detail


def test_a_page_past_the_end_must_keep_the_true_total() -> None:
    assert run(probes.paging, listing(7, "1"), listing(7), listing(7))["Past the end"].ok
    steps = run(probes.paging, listing(7, "1"), listing(0), listing(7))
    assert steps["Past the end"].detail == "totalResults is 0 there, and 7 on the first page."
    steps = run(probes.paging, listing(7, "1"), listing(7, "1"), listing(7, "1"))
    assert steps["Past the end"].detail == "1 users came past the end."
    assert steps["Count zero"].detail == "Users came though none were asked for."


def test_a_wrong_key_that_opens_the_door_is_named() -> None:
    steps = run(probes.credentials, listing(1, "1"), error(401), listing(1, "1"))
    assert (steps["Wrong key"].ok, steps["Wrong user"].ok) == (False, True)
    assert steps["Wrong key"].detail == "Expected 401, the server answered 200"


def test_a_missing_challenge_is_mentioned_without_failing() -> None:
    challenged = Reply(401, error(401).body, {"WWW-Authenticate": "Basic"})
    steps = run(probes.credentials, error(401), challenged, error(401))
    assert steps["Wrong key"].detail == "“No.”, without WWW-Authenticate"
    assert steps["Wrong user"].detail == "“No.”"
    assert steps["Bearer"].detail == "not accepted (401)"


def test_the_two_styles_of_a_query_must_find_the_same() -> None:
    steps = run(lambda wire: probes.encodings(wire, "leo@acme.example"), listing(1, "1"), listing(0))
    assert steps["Query styles"].detail == "The two styles of encoding find different users."


def test_schemas_without_the_user_are_no_use_to_import_user_schema() -> None:
    config = Reply(200, '{"patch": {"supported": true}, "bulk": {"supported": false}}')
    steps = run(probes.discovery, config, listing(1, "User"), listing(1, "Group"))
    assert steps["Discovery"].detail == "offers patch"
    assert steps["User schema"].detail == "No resource type is named User."

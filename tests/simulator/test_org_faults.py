"""Each fault of the simulated org, as a program that reads it meets it on the wire."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import httpx2
import pytest

from rollbook.simulator.org import Org
from rollbook.simulator.org_faults import FAULTS, Fault
from rollbook.simulator.org_log import Request
from rollbook.simulator.org_server import OrgServer
from rollbook.simulator.people import staff
from tests.simulator.reading import Reader, next_of, reading

IDS = [user.id for user in staff(25)]


@pytest.fixture
def org() -> Org:
    org = Org()
    org.fill(25)
    return org


@pytest.fixture
def reader(org: Org) -> Iterator[Reader]:
    with reading(org) as reader:
        yield reader


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("429", 429, "E0000047"),
        ("500", 500, "E0000009"),
        ("503", 503, "E0000010"),
        ("401", 401, "E0000011"),
        ("403", 403, "E0000006"),
        ("expired", 400, "E0000031"),
    ],
)
def test_a_refusal_has_okta_s_status_and_code_and_comes_once(
    org: Org, reader: Reader, fault: Fault, status: int, code: str
) -> None:
    org.faults.next(fault)
    answer = reader.ask(reader.group())
    assert (answer.status_code, answer.json()["errorCode"]) == (status, code)
    org.clock.turn(seconds=2)  # a 429 asks to wait
    assert reader.ids(reader.group()) == IDS


def test_a_429_on_demand_shuts_the_org_until_its_reset(org: Org, reader: Reader) -> None:
    org.faults.wait = 30
    org.faults.next("429")
    answer = reader.ask(reader.group())
    assert 29 <= int(answer.headers["X-Rate-Limit-Reset"]) - org.clock.time() <= 31
    assert answer.headers["X-Rate-Limit-Remaining"] == "0"
    assert org.limits.violations == 0
    assert reader.ask(reader.group()).status_code == 429
    assert org.limits.violations == 1
    org.clock.turn(seconds=31)
    assert reader.ask(reader.group()).status_code == 200


def test_silence_lasts_longer_than_the_reader_waits(org: Org, reader: Reader) -> None:
    org.faults.next("silence")
    with pytest.raises(httpx2.ReadTimeout):
        reader.client.get(reader.address + reader.group(), timeout=0.3)
    assert reader.ids(reader.group()) == IDS


def test_closing_the_server_ends_a_silence(org: Org) -> None:
    org.faults.next("silence")
    server = OrgServer(org)
    failures: list[Exception] = []

    def ask() -> None:
        try:
            httpx2.get(f"{server.address}/api/v1/users", timeout=60, trust_env=False)
        except httpx2.TransportError as failure:
            failures.append(failure)

    asking = threading.Thread(target=ask)
    asking.start()
    deadline = time.monotonic() + 20
    while org.log.in_flight == 0:
        assert time.monotonic() < deadline, "the request did not arrive"
        time.sleep(0.01)
    server.close()
    asking.join(timeout=20)
    assert len(failures) == 1


def test_a_reset_tears_the_connection(org: Org, reader: Reader) -> None:
    org.faults.next("reset")
    with pytest.raises(httpx2.ReadError):
        reader.ask(reader.group())
    assert reader.ids(reader.group()) == IDS


def test_a_cut_body_is_shorter_than_it_says(org: Org, reader: Reader) -> None:
    org.faults.next("cut")
    with pytest.raises(httpx2.RemoteProtocolError):
        reader.ask(reader.group())


def test_bad_json_cannot_be_read_and_says_200(org: Org, reader: Reader) -> None:
    org.faults.next("bad_json")
    answer = reader.ask(reader.group())
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_page_to_sign_in_says_200(org: Org, reader: Reader) -> None:
    org.faults.next("html")
    answer = reader.ask(reader.group())
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html;charset=utf-8")
    assert b"Sign in" in answer.content


def test_an_object_comes_where_a_list_belongs(org: Org, reader: Reader) -> None:
    org.faults.next("object")
    assert reader.ask(reader.group()).json() == {"status": "ok"}


def test_an_empty_list_ends_the_reading(org: Org, reader: Reader) -> None:
    org.faults.next("empty")
    assert list(reader.pages(reader.group(10))) == [[]]


def test_a_thinned_page_lacks_every_other_person_and_goes_on(org: Org, reader: Reader) -> None:
    org.faults.next("thinned")
    assert reader.ids(reader.group(10)) == IDS[:10:2] + IDS[10:]


def test_a_repeated_page_comes_twice(org: Org, reader: Reader) -> None:
    org.faults.next("repeated")
    assert reader.ids(reader.group(10)) == IDS[:10] + IDS


def test_a_missing_page_is_left_out(org: Org, reader: Reader) -> None:
    org.faults.next("missing")
    assert reader.ids(reader.group(10)) == IDS[:10] + IDS[20:]


def test_a_page_beyond_the_last_is_empty(org: Org, reader: Reader) -> None:
    org.faults.next("beyond")
    assert [len(page) for page in reader.pages(reader.group(10))] == [10, 0]


def test_a_loop_leads_to_the_beginning_by_cursors_that_were_seen_before(org: Org, reader: Reader) -> None:
    org.faults.by(lambda request: "loop" if request.number % 3 == 0 else None)
    seen: list[str] = []
    following: str | None = reader.group(5)
    for _ in range(7):
        following = next_of(reader.ask(following or ""))
        seen.append(following or "")
    assert len(set(seen)) == 3


def test_a_redirect_and_a_stray_link_lead_to_another_server(org: Org, reader: Reader) -> None:
    other = Org()
    with OrgServer(other) as elsewhere:
        org.faults.elsewhere = elsewhere.address
        org.faults.next("redirect")
        answer = reader.ask(reader.group())
        assert (answer.status_code, answer.headers["Location"]) == (302, f"{elsewhere.address}/login")
        org.faults.next("stray")
        assert (next_of(reader.ask(reader.group(10))) or "").startswith(f"{elsewhere.address}/api/v1/groups/")
        assert other.log.count == 0


def test_a_rule_sees_the_request_and_may_act_upon_the_org(org: Org, reader: Reader) -> None:
    asked: list[Request] = []

    def rule(request: Request) -> Fault | None:
        asked.append(request)
        if request.query.get("after"):
            org.leave(IDS[20])
        return None

    org.faults.by(rule)
    assert reader.ids(reader.group(10)) == IDS[:20] + IDS[21:]
    assert [request.query["limit"] for request in asked] == ["10"] * 3


def test_faults_end_when_they_are_cleared_and_a_wrong_name_is_refused(org: Org, reader: Reader) -> None:
    org.faults.next("500", times=5)
    org.faults.by(lambda request: "503")
    org.faults.clear()
    assert reader.ids(reader.group()) == IDS
    with pytest.raises(ValueError, match="There is no fault 502"):
        org.faults.next("502")  # type: ignore[arg-type]  # that is the test


def test_every_fault_is_explained_in_the_docs(pytestconfig: pytest.Config) -> None:
    page = (pytestconfig.rootpath / "docs" / "simulator.md").read_text(encoding="utf-8")
    assert [fault for fault in FAULTS if f"| `{fault}` |" not in page] == []


def test_requests_in_flight_at_once_are_counted(org: Org) -> None:
    with OrgServer(org, delay=0.5) as server:
        asking = [threading.Thread(target=lambda: Reader(server).ask("/api/v1/users")) for _ in range(3)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join(timeout=20)
    assert org.log.most_in_flight == 3
    assert org.log.in_flight == 0


def test_an_org_that_was_away_is_back_on_the_same_port(org: Org) -> None:
    server = OrgServer(org)
    reader = Reader(server)
    following = next_of(reader.ask(reader.group(10))) or ""
    server.close()
    with pytest.raises(httpx2.TransportError):
        reader.ask(following)
    with OrgServer(org, port=server.port):
        assert len(reader.ask(following).json()) == 10

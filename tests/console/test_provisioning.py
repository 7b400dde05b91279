"""The page of provisioning: what an administrator reads there, in words."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from rollbook import clock
from rollbook.console.provisioning import PER_PAGE
from rollbook.okta import connections
from rollbook.people import erasure, fields, keys, users
from rollbook.people.attribute_mapping import ENTERPRISE_USER, ROLLBOOK_USER, ROWS, TABLE
from rollbook.scim.protocol.messages import ENTERPRISE_USER as PUBLISHED
from rollbook.scim.user_schema import USER
from tests.cast import CLEO, DEACTIVATE, ENTERPRISE, LEO, MONA, patch, scim_user
from tests.conftest import House, Tenant
from tests.console.desk import OPERATOR, Desk, Page, person
from tests.okta_pull.pull import Company


def _hire(acme: Tenant, profile: Any = LEO, **attributes: Any) -> str:
    created = acme.scim.post("/Users", json=scim_user(profile, **attributes))
    assert created.status_code == 201, created.text
    return str(created.json()["id"])


def _lines(page: Page) -> list[str]:
    """The sentences of the log, newest first."""
    sentences = re.findall(r"<h3>(.*?)</h3>\s*<p class=.at.", page.html, re.DOTALL)
    return [_words(sentence) for sentence in sentences]


def _words(html: str) -> str:
    return " ".join(re.sub("<[^>]*>", "", html).replace("&#39;", "'").split())


def test_a_company_where_nothing_has_happened_sees_three_steps(acme: Tenant, ada: Desk) -> None:
    page = ada.open("/provisioning")
    for words in ("Nothing has come from Okta yet", "Get a SCIM key done", "Connect", "Map and assign", "Never used"):
        assert words in page.text
    assert page.text.count("Enable API Integration") == 1
    assert "Provisioning log" not in page.text
    assert "Not linked 1 What to click" in page.text
    assert page.text.index("Get a SCIM key") < page.text.index("Unlinked: This account")
    assert acme.company.subdomain in page.text
    assert "http://127.0.0.1:8000/scim/v2" in page.text


def test_a_key_that_was_only_asked_with_is_told(house: House, acme: Tenant, ada: Desk) -> None:
    at = clock.later(clock.now(), minutes=-4)
    house.write(lambda tx: keys.note_use(tx, acme.id, {acme.key_id: (clock.moment(at), None)}))
    page = ada.open("/provisioning")
    assert "Okta asked 4 minutes ago and has written nobody yet" in page.text
    assert "Nothing is in the log" in page.text


def test_a_company_that_is_only_pulled_sees_its_log_and_who_is_not_linked(okta: Company, ada: Desk) -> None:
    okta.configure()
    leo = okta.hire("leo", external_id="00uleo")
    page = ada.open(f"/provisioning?person={leo.id}#log")
    assert "reads Okta twice a day; by SCIM Okta has written nothing yet" in page.text
    assert "Nothing has come from Okta yet" not in page.text
    assert "what the standard integration did stands with each of its runs" in page.text
    assert "Active people 2 0 archived" in page.text
    assert {"/provisioning/leavers", "/provisioning/not-linked?show=known"} <= set(page.links)
    assert page.text.index("Known: The external id") < page.text.index("Set up Okta SCIM")
    okta.configure(mode="full")
    page = ada.open("/provisioning")
    assert "reads Okta twice a day and looks after everybody it lists" in page.text
    assert "Set up Okta" not in page.text
    okta.write(lambda tx: connections.switch_off(tx, okta.id, forget_token=False, actor=OPERATOR, now=clock.now()))
    assert "The standard integration is switched off" in ada.open("/provisioning").text


def test_keys_are_shown_without_their_secret(house: House, acme: Tenant, ada: Desk) -> None:
    def issue(tx: Any, label: str, **arguments: Any) -> Any:
        pepper = house.installation.pepper
        return keys.issue(
            tx, acme.id, arguments.pop("scope", "scim"), label=label, pepper=pepper, actor=OPERATOR, **arguments
        )

    now = clock.now()
    gone, _ = house.write(lambda tx: issue(tx, "Revoked one", now=now))
    house.write(lambda tx: keys.revoke(tx, acme.id, gone.id, actor=OPERATOR, now=now))
    house.write(lambda tx: issue(tx, "Old one", expires_at=now - timedelta(days=1), now=now - timedelta(days=9)))
    house.write(lambda tx: issue(tx, "Next year", expires_at=now + timedelta(days=300), now=now))
    house.write(lambda tx: issue(tx, "Of the API", scope="api", now=now))
    page = ada.open("/provisioning")
    assert "Old one" in page.text
    assert "Expired" in page.text
    assert "Next year" in page.text
    assert "Revoked one" not in page.text
    assert "Of the API" not in page.text
    assert acme.key not in page.html
    assert f"rollbook key issue {acme.company.subdomain} --scope scim" in page.text


def test_the_attribute_table_is_the_one_the_door_goes_by(ada: Desk) -> None:
    page = ada.open("/provisioning")
    section = page.html[page.html.index('id="attributes"') :]
    for row in TABLE:
        assert row.target in section
        assert row.note in _words(section)
    assert section.count(">required<") == 4
    assert "Location user.costCenter costCenter" in page.text
    assert "Business Unit user.division division" in page.text


def test_every_mapped_attribute_is_published_in_our_schemas() -> None:
    assert ENTERPRISE_USER == PUBLISHED
    for row in ROWS:
        first, *rest = row.external_name.split(".")
        extension = USER.urns.get(row.namespace)
        names = USER.names if extension is USER.schema or extension is None else extension.names
        attribute = names[first]
        for part in rest:
            attribute = next(sub for sub in attribute.sub_attributes if sub.name == part)
        assert row.required == attribute.required


def test_the_log_says_what_happened_to_whom_field_by_field(acme: Tenant, ada: Desk) -> None:
    leo = _hire(acme)
    moved = scim_user(LEO, title="Lead")
    moved[ENTERPRISE] = {"costCenter": "Paris"}
    acme.scim.put(f"/Users/{leo}", json=moved)
    acme.scim.patch(f"/Users/{leo}", json=DEACTIVATE)
    acme.scim.patch(f"/Users/{leo}", json=DEACTIVATE)
    page = ada.open("/provisioning")
    assert _lines(page) == [
        "Leo Linden was sent again, and nothing changed",
        "Leo Linden was archived",
        "Leo Linden was updated",
        "Leo Linden was created",
    ]
    assert "Location before: Lyon → after: Paris" in page.text
    assert "Business Unit before: Sales → cleared" in page.text
    assert "Job title Lead" in page.text
    assert "Location Lyon" in page.text  # as created
    assert "PATCH 200" in page.text
    assert re.search(r"Okta wrote (just now|\d+ seconds? ago): Leo Linden was sent again", page.text)
    assert re.search(r"\d+ \w{3} \d{4}, \d\d:\d\d:\d\d UTC", page.text)
    request_id = acme.scim.patch(f"/Users/{leo}", json=DEACTIVATE).headers["x-request-id"]
    assert f"Request {request_id}" in ada.open("/provisioning").text


def test_what_is_kept_or_ignored_is_named_without_its_value(acme: Tenant, ada: Desk) -> None:
    leo = _hire(acme)
    acme.scim.patch(
        f"/Users/{leo}", json=patch({"op": "add", "value": {"nickName": "Lennie", "shoeSize": "43 and a half"}})
    )
    page = ada.open("/provisioning")
    assert "changed (kept as sent, not shown)" in page.text
    assert "Ignored, since it sets nothing here: shoeSize" in page.text
    assert "Lennie" not in page.html
    assert "43 and a half" not in page.html


def test_a_refusal_stands_there_with_its_hint(acme: Tenant, ada: Desk) -> None:
    _hire(acme)
    assert acme.scim.post("/Users", json=scim_user(LEO)).status_code == 409
    acme.scim.patch("/Users/01a00000-0000-7000-8000-000000000000", json=DEACTIVATE)
    acme.scim.get("/Users", params={"filter": "userName zz"})
    page = ada.open("/provisioning")
    assert _lines(page) == [
        "A search was refused",
        "A change to an unknown person was refused",
        "A new person was refused; this concerns Leo Linden",
        "Leo Linden was created",
    ]
    assert "is active and has this userName" in page.text
    assert "POST 409" in page.text
    refused = ada.open("/provisioning?refused=1")
    assert len(_lines(refused)) == 3
    assert "Leo Linden was created" not in _lines(refused)


def test_the_log_of_one_person(acme: Tenant, ada: Desk) -> None:
    leo = _hire(acme)
    _hire(acme, MONA)
    for asked in (leo, LEO.user_name, LEO.email.upper(), f" {LEO.email}\x00 "):
        page = Page(ada.http.get("/provisioning", params={"person": asked}))
        assert _lines(page) == ["Leo Linden was created"], asked
        assert f'value="{LEO.user_name}"' in page.html
    nobody = Page(ada.http.get("/provisioning", params={"person": "nobody@acme.example"}))
    assert "Nobody in this company has" in nobody.text
    assert _lines(nobody) == []
    quiet = Page(ada.http.get("/provisioning", params={"person": leo, "refused": "1"}))
    assert "Nothing of that kind is in the log" in quiet.text


def test_older_and_newer_lead_through_the_whole_log_and_back(acme: Tenant, ada: Desk) -> None:
    leo = _hire(acme)
    for number in range(2 * PER_PAGE + 4):
        acme.scim.patch(f"/Users/{leo}", json=patch({"op": "replace", "path": "title", "value": f"Title {number}"}))

    def follow(page: Page, word: str) -> Page:
        match = re.search(rf'href="([^"]+)" rel="[a-z]+">{word}</a>', page.html)
        assert match, word
        return ada.open(match[1].replace("&amp;", "&"))

    def titles(page: Page) -> list[int]:
        return [int(found) for found in re.findall(r"after: </span><bdi>Title (\d+)", page.html)]

    first = Page(ada.http.get("/provisioning", params={"person": leo}))
    second = follow(first, "Older")
    third = follow(second, "Older")
    assert ">Older<" not in third.html
    assert ">Newer<" not in first.html
    assert titles(first) + titles(second) + titles(third) == list(range(2 * PER_PAGE + 3, 0, -1))
    assert titles(follow(third, "Newer")) == titles(second)
    back = follow(follow(third, "Newer"), "Newer")
    assert titles(back) == titles(first)
    assert ">Newer<" not in back.html


NONSENSE = ("before=x", "after=%00", "before=' OR 1=1", "after=01a0", "done=nothing", "person=%ff", "person=%00")


@pytest.mark.parametrize("query", NONSENSE)
def test_an_address_that_means_nothing_shows_the_page(query: str, acme: Tenant, ada: Desk) -> None:
    _hire(acme)
    assert ada.http.get(f"/provisioning?{query}").status_code == 200


def test_who_is_not_linked_and_what_to_click(house: House, acme: Tenant, ada: Desk) -> None:
    _hire(acme)
    person(house, acme.id, MONA)
    text = ada.open("/provisioning").text
    assert "Unlinked: This account was not made by provisioning" in text
    assert "In Okta open the Learning app, Assignments, Mona Marigold, and click Provision User" in text
    assert "Not linked 2" in text  # Ada is not, either
    acme.scim.patch(f"/Users/{ada.user.id}", json=patch({"op": "replace", "path": "title", "value": "IT"}))
    mona = next(user for user in acme.scim.get("/Users").json()["Resources"] if user["userName"] == MONA.user_name)
    acme.scim.patch(f"/Users/{mona['id']}", json=patch({"op": "replace", "path": "title", "value": "Sales"}))
    assert "Everybody active is linked" in ada.open("/provisioning").text


def test_failed_sign_ins_of_the_last_hour_are_counted(house: House, acme: Tenant, ada: Desk) -> None:
    _hire(acme)
    now = clock.now()
    minutes = {clock.later(now, minutes=-ago)[:16]: count for ago, count in ((2, 3), (50, 4), (70, 90))}
    house.write(lambda tx: keys.note_failures(tx, acme.id, minutes))
    text = ada.open("/provisioning").text
    assert "Failed key sign-ins 7 in the last hour" in text
    assert "7 sign-ins with a wrong, expired or revoked key" in text


def test_the_page_counts_people(acme: Tenant, ada: Desk) -> None:
    leo = _hire(acme)
    acme.scim.patch(f"/Users/{leo}", json=DEACTIVATE)
    assert "Active people 1 1 archived" in ada.open("/provisioning").text


def test_long_values_are_shortened_with_the_whole_one_in_the_title(acme: Tenant, ada: Desk) -> None:
    place = "Saint-" + "Remy-" * 60 + "Sud"
    body = scim_user(LEO)
    body[ENTERPRISE] = {"costCenter": place}
    acme.scim.post("/Users", json=body)
    page = ada.open("/provisioning")
    assert f'title="{place}"' in page.html
    assert place not in page.text
    assert "Saint-Remy-" in page.text
    assert "…" in page.text


def test_an_erased_person_leaves_only_that_something_happened(house: House, acme: Tenant, ada: Desk) -> None:
    cleo = _hire(acme, CLEO)
    house.write(lambda tx: erasure.erase(tx, users.get(tx, acme.id, cleo, lock=True), actor=OPERATOR, now=clock.now()))
    page = ada.open("/provisioning")
    assert len(_lines(page)) == 1
    for word in ("Cleo", "Clover", CLEO.email):
        assert word not in page.html


def test_ages_are_told_in_the_unit_that_fits(acme: Tenant, ada: Desk) -> None:
    now = clock.now()
    with time_machine.travel(now - timedelta(days=2, hours=1)):
        leo = _hire(acme)
    with time_machine.travel(now - timedelta(hours=3, minutes=5)):
        acme.scim.patch(f"/Users/{leo}", json=DEACTIVATE)
    text = ada.open("/provisioning").text
    assert "2 days ago" in text
    assert "3 hours ago" in text


def test_the_headers_of_every_page(ada: Desk) -> None:
    for path in ("/", "/provisioning", "/nothing/here", "/sign-in/nonsense", "/static/nothing.css"):
        headers = ada.http.get(path).headers
        policy = headers["content-security-policy"]
        assert policy == (
            "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; script-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] in ("same-origin", "no-referrer")


def test_static_files_are_kept_for_ever_under_the_hash_of_their_content(ada: Desk) -> None:
    page = ada.open("/provisioning")
    found = set(re.findall(r"/static/[a-z]+\.[0-9a-f]{12}\.(?:css|js|svg)", page.html))
    assert {address.rsplit(".", 1)[1] for address in found} == {"css", "js", "svg"}
    for address in found:
        answer = ada.http.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert ada.http.get(re.sub(r"\.[0-9a-f]{12}\.", ".000000000000.", address)).status_code == 404
    for path in ("/static/console.css", "/static/..%2fpages.py", "/static/%2e%2e/pages.py"):
        assert ada.http.get(path).status_code == 404


def test_a_company_s_own_fields_are_listed_with_what_to_type_into_okta(house: House, acme: Tenant, ada: Desk) -> None:
    assert "Your own fields" not in ada.open("/provisioning").text

    def make(tx: Any) -> None:
        how: dict[str, Any] = {"actor": OPERATOR, "now": clock.now()}
        fields.create(tx, acme.id, "Shoe <b>size</b>", "number", owner="scim", **how)
        fields.create(tx, acme.id, "Region", "choice", choices=["North", "South"], owner="scim", **how)
        fields.create(tx, acme.id, "Mood", **how)

    house.write(make)
    page = ada.open("/provisioning")
    assert "Your own fields" in page.text
    assert "Shoe <b>size</b>" not in page.html
    assert "shoeBSizeB number a number, such as 7 or 7.5" in page.text
    assert "Region region string one of North, South" in page.text
    assert "Mood" not in page.text


def test_the_log_tells_of_own_fields_by_their_names(house: House, acme: Tenant, ada: Desk) -> None:
    how: dict[str, Any] = {"owner": "scim", "actor": OPERATOR, "now": clock.now()}
    house.write(lambda tx: fields.create(tx, acme.id, "Shoe size", "number", **how))
    leo = _hire(acme, **{ROLLBOOK_USER: {"shoeSize": 42}})
    acme.scim.patch(f"/Users/{leo}", json=patch({"op": "replace", "path": f"{ROLLBOOK_USER}:shoeSize", "value": 43}))
    page = ada.open("/provisioning")
    assert "Shoe size before: 42 → after: 43" in page.text
    assert "custom." not in page.text
    assert f"{ROLLBOOK_USER}: changed" not in page.text

"""Full mode: a name that is somebody else's is never promised. The plan sets it aside, and everything else is done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.errors import Conflict
from rollbook.okta.changes import Change
from rollbook.okta.runs import Run
from rollbook.people import address_holders, deletion, exemptions, link_health, users
from rollbook.people.record import profile_of, with_fields
from tests.okta_pull.pull import ADMIN, Company, okta_user
from tests.scim.test_statements import counted

SCIM = Actor("scim", "a key")
OKTA = Actor("okta", "a run")


@pytest.fixture
def full(company: Company) -> Company:
    company.configure(mode="full")
    return company


def _both(company: Company) -> tuple[Run, list[Change]]:
    """A run and its plan, once its preview has said exactly the same."""
    preview = company.pull("preview")
    run = company.pull()
    told = [[replace(row, id="", state="", at=None, who=None) for row in company.plan(one)] for one in (preview, run)]
    assert [row for row in told[0] if row.kind != "create"] == [row for row in told[1] if row.kind != "create"]
    assert [row.okta_id for row in told[0]] == [row.okta_id for row in told[1]]
    assert not [row for row in company.plan(run) if row.state == "passed_over"]
    return run, company.plan(run)


def test_an_e_mail_that_is_somebody_s_stays_and_the_rest_is_written(full: Company) -> None:
    leo, mona = full.hire("leo", external_id="00uleo"), full.hire("mona", external_id="00umona")
    full.org.add(okta_user("00uleo", email="Mona@acme.example", title="Baker"))
    full.org.add(okta_user("00umona"))
    run, rows = _both(full)
    assert run.state == "done"
    assert [list(row.changes) for row in rows if row.kind == "change"] == [["job_title"]]
    [aside] = [row for row in rows if row.kind == "set_aside"]
    leo = full.user("leo")
    entry = full.read(lambda tx: link_health.of_user(tx, leo, now=clock.now()))
    assert entry.what_to_do.startswith("What the reason asks for")
    assert aside.reason in entry.reason
    assert aside.user_id == leo.id
    assert aside.reason == (
        f"The e-mail is in use by user {mona.id} (active), so user {leo.id} cannot take it. Archive that user or give "
        "one of the two another address. Until then it stays as it is."
    )
    assert (full.user("leo").email, full.user("leo").job_title) == ("leo@acme.example", "Baker")


def test_nothing_else_to_write_is_no_change(full: Company) -> None:
    leo, mona = full.hire("leo", external_id="00uleo"), full.hire("mona")
    full.org.add(okta_user("00uleo", login="Mona@acme.example", email="leo@acme.example", first_name="Leo"))
    _, rows = _both(full)
    assert [(row.kind, row.user_id) for row in rows] == [("set_aside", leo.id)]
    assert f"The user name is taken by user {mona.id} (active)." in rows[0].reason
    assert full.user("leo").version == 1


def test_a_name_given_up_before_is_taken_by_the_next_run(full: Company) -> None:
    full.hire("leo", external_id="00uleo")
    full.hire("mona", external_id="00umona")
    full.org.add(okta_user("00uleo", email="mona@acme.example"))
    full.org.add(okta_user("00umona", email="mona.new@acme.example"))
    _both(full)
    assert full.user("leo").email == "leo@acme.example"
    full.pull()
    assert full.user("leo").email == "mona@acme.example"


def test_of_two_new_people_with_one_e_mail_one_is_created(full: Company) -> None:
    full.org.add(okta_user("00uleo", email="office@acme.example"))
    full.org.add(okta_user("00umona", email="Office@acme.example"))
    _, rows = _both(full)
    assert [(row.kind, row.okta_id) for row in rows] == [("create", "00uleo"), ("set_aside", "00umona")]
    assert rows[1].reason.startswith("In Okta 00uleo has this e-mail as well, and only one person can have it here.")
    assert list(full.people()) == ["leo@acme.example"]


def test_of_two_who_change_to_one_e_mail_one_gets_it(full: Company) -> None:
    for name in ("leo", "mona"):
        full.hire(name, external_id=f"00u{name}")
        full.org.add(okta_user(f"00u{name}", email="office@acme.example"))
    _both(full)
    assert (full.user("leo").email, full.user("mona").email) == ("office@acme.example", "mona@acme.example")


def test_nobody_comes_back_to_an_e_mail_that_is_somebody_s_by_now(full: Company) -> None:
    leo = full.hire("leo", external_id="00uleo")
    full.org.add(okta_user("00uleo"))
    full.org.add(okta_user("00umona"))
    full.pull()
    full.org.suspend("00uleo")
    full.pull()
    assert not full.user("leo").active
    mona = full.user("mona")
    full.write(lambda tx: users.set_fields(tx, mona, {"email": "leo@acme.example"}, actor=ADMIN, now=clock.now()))
    full.org.unsuspend("00uleo")
    full.org.set_profile("00umona", email="leo@acme.example")
    _, rows = _both(full)
    assert [(row.user_id, row.kind) for row in rows] == [(leo.id, "set_aside")]
    assert f"in use by user {mona.id} (active), so user {leo.id} cannot take it" in rows[0].reason


def test_nobody_is_created_with_an_address_that_is_held_for_somebody(full: Company) -> None:
    mona = full.hire("mona", role="admin", external_id="00umona")
    full.write(lambda tx: users.set_fields(tx, mona, {"email": "new@acme.example"}, actor=SCIM, now=clock.now()))
    full.org.add(okta_user("00umona", email="new@acme.example"))
    full.org.add(okta_user("00uotto", email="mona@acme.example"))
    _, rows = _both(full)
    assert [(row.okta_id, row.kind) for row in rows] == [("00uotto", "set_aside")]
    assert f"Until a person confirms the new e-mail of user {mona.id}" in rows[0].reason


def test_what_was_given_to_somebody_else_since_the_plan_is_told_as_not_done(full: Company) -> None:
    full.hire("leo", external_id="00uleo")
    full.org.add(okta_user("00uleo", email="office@acme.example", title="Baker"))

    def taken_meanwhile(run: Run | None) -> None:
        if run is not None and run.state == "applying" and "office@acme.example" not in full.people():
            full.hire("office")

    full.after_step = taken_meanwhile
    run = full.pull()
    row, aside = full.plan(run)
    assert (row.state, list(row.changes)) == ("applied", ["job_title"])
    assert (aside.kind, aside.reason.startswith("The e-mail is in use by user ")) == ("set_aside", True)
    assert run.counts["set_aside"] == 1
    assert (full.user("leo").email, full.user("leo").job_title) == ("leo@acme.example", "Baker")


def test_who_comes_back_privileged_with_a_new_e_mail_takes_no_sign_in_address_back(full: Company) -> None:
    """The new e-mail is held, so the links of an administrator go on to the address that a learner has by now."""
    full.org.add(okta_user("00umona"), okta_user("00ustays"))
    full.pull()
    mona = full.user("mona")
    full.write(lambda tx: users.set_role(tx, mona, "admin", actor=ADMIN, now=clock.now()))
    full.org.suspend("00umona")
    full.approve(full.pull())
    full.org.set_profile("00umona", email="mona.new@acme.example")
    leo = full.hire("leo", email="mona@acme.example")
    full.org.unsuspend("00umona")
    _, rows = _both(full)
    assert [(row.user_id, row.kind) for row in rows] == [(mona.id, "set_aside")]
    assert f"Sign-in links of user {mona.id} go to an address that is the e-mail of user {leo.id}" in rows[0].reason
    profile = with_fields(profile_of(full.user("mona")), email="mona.new@acme.example")
    with pytest.raises(Conflict, match="Sign-in links"):
        full.write(lambda tx: users.update(tx, full.user("mona"), profile, active=True, actor=OKTA, now=clock.now()))
    signing_in = full.read(lambda tx: address_holders.signing_in_with(tx, full.id, "mona@acme.example"))
    assert signing_in == [leo.id]


@pytest.mark.parametrize("never", ["exempt", "archived by hand"])
def test_whoever_never_gets_a_name_keeps_it_from_nobody(full: Company, never: str) -> None:
    leo = full.hire("leo", external_id="00ua")
    if never == "exempt":
        full.write(lambda tx: exemptions.exempt(tx, leo, "house", actor=ADMIN, now=clock.now()))
    else:
        full.write(lambda tx: users.archive(tx, leo, actor=ADMIN, now=clock.now()))
    full.org.add(okta_user("00ua", "leo", email="office@acme.example"))
    full.org.add(okta_user("00ub", "mona", email="office@acme.example"))
    _, rows = _both(full)
    assert [(row.okta_id, row.kind) for row in rows] == [("00ub", "create")]
    assert full.user("mona").email == "office@acme.example"


def test_names_are_matched_and_compared_by_the_variables_that_fill_them(full: Company) -> None:
    full.map("workEmail", "email")
    cleo = full.hire("cleo", email="desk@acme.example")
    full.org.add(okta_user("00uleo", extra={"workEmail": "office@acme.example"}))
    full.org.add(okta_user("00umona", extra={"workEmail": "Office@acme.example"}))
    full.org.add(okta_user("00ucleo", "cleo.linden", extra={"workEmail": "Desk@acme.example"}))
    _, rows = _both(full)
    assert [(row.okta_id, row.kind) for row in rows] == [
        ("00ucleo", "link"),
        ("00ucleo", "change"),
        ("00uleo", "create"),
        ("00umona", "set_aside"),
    ]
    assert rows[3].reason.startswith("In Okta 00uleo has this e-mail as well")
    assert full.people()["cleo.linden@acme.example"].id == cleo.id


def test_an_old_account_is_no_leaver_whose_mapped_name_somebody_else_has(full: Company) -> None:
    full.map("workEmail", "email")
    full.hire("leo", email="office@acme.example")
    full.org.add(okta_user("00uold", "gone", extra={"workEmail": "office@acme.example"}))
    full.org.add(okta_user("00unew", "new", extra={"workEmail": "office@acme.example"}), groups=())
    full.org.deactivate("00uold")
    _, rows = _both(full)
    assert [(row.okta_id, row.kind) for row in rows] == [("00uold", "set_aside")]
    assert full.user("leo").active


def test_names_that_a_person_has_to_free_are_not_promised(full: Company) -> None:
    mona = full.hire("mona", role="admin", external_id="00umona")
    full.write(lambda tx: deletion.delete(tx, mona, actor=SCIM, now=clock.now()))
    full.org.add(okta_user("00umona"))
    full.org.add(okta_user("00uother", "mona.linden", login="MONA@acme.example.com"))
    _, rows = _both(full)
    assert [(row.okta_id, row.kind) for row in rows] == [("00umona", "set_aside"), ("00uother", "create")]
    assert f"rollbook user free SUBDOMAIN {mona.id}" in rows[0].reason


def test_who_would_change_places_is_told_so(full: Company) -> None:
    full.org.add(okta_user("00uleo"), okta_user("00umona"))
    full.pull()
    full.org.set_profile("00uleo", email="mona@acme.example")
    full.org.set_profile("00umona", email="leo@acme.example")
    _, rows = _both(full)
    assert [row.kind for row in rows] == ["set_aside", "set_aside"]
    ids = [full.user(name).id for name in ("leo", "mona")]
    assert rows[0].reason.startswith(f"Users {ids[0]} and {ids[1]} are to exchange e-mails, and neither can go first.")


@pytest.mark.parametrize("people", [3, 40])
def test_many_names_are_compared_in_as_many_statements_as_few(
    full: Company, people: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody is to get the e-mail of the next."""
    for number in range(people):
        full.org.add(okta_user(f"00u{number:02}", f"p{number:02}"))
    full.pull()
    for number in range(people):
        full.org.set_profile(f"00u{number:02}", email=f"p{(number + 1) % people:02}@acme.example")
    with counted(full.house, monkeypatch) as given:
        preview = full.pull("preview")
    assert [row.kind for row in full.plan(preview)] == ["set_aside"] * people
    assert len([text for text in given if "users.email_claim IN" in text]) == 1
    assert len([text for text in given if "okta_people.email_key IN" in text]) == 1


def test_who_is_here_and_on_no_list_just_now_comes_before_the_next_one(full: Company) -> None:
    """Out of the group for the first run: they stay until the next, and are written to."""
    full.org.add(okta_user("00ua", "leo"), okta_user("00ustays"))
    full.pull()
    full.org.leave("00ua")
    full.org.set_profile("00ua", email="office@acme.example")
    full.org.add(okta_user("00ub", "mona", email="office@acme.example"))
    _, rows = _both(full)
    assert [(row.okta_id, row.kind) for row in rows] == [("00ua", "change"), ("00ub", "set_aside")]

"""A pull from beginning to end, in both modes, on both databases, from a simulated org over real HTTP."""

from __future__ import annotations

import asyncio

import pytest

from rollbook import clock
from rollbook.activity import queue
from rollbook.okta import runs
from rollbook.okta.lease import LeaseLost
from rollbook.okta.runs import Run
from rollbook.okta.sync import Sync
from rollbook.people import alarms, exemptions, identity_links, users
from tests.conftest import OPERATOR
from tests.okta_pull.pull import ADMIN, Company, okta_user, state


def test_complement_fills_hire_date_and_own_fields_and_nothing_else(company: Company) -> None:
    company.configure()
    company.map("hireDate", "hire_date")
    company.field("Region", "region")
    leo = company.hire("leo", external_id="00uleo", location="Lyon")
    company.hire("cleo", external_id="00ucleo")
    company.org.add(
        okta_user("00uleo", cost_center="Porto", title="Cook", extra={"hireDate": "2024-02-01", "region": "South"}),
        okta_user("00ucleo"),
        okta_user("00unew"),
    )
    run = company.pull()
    assert (run.state, run.reason) == ("done", None)
    assert company.told(run) == [("change", "leo@acme.example", "applied")]
    after = company.user("leo")
    assert (after.hire_date, after.location, after.job_title) == ("2024-02-01", "Lyon", None)
    assert company.custom(after) == {"Region": "South"}
    assert company.kinds(leo) == ["UserCreated", "UserUpdated", "UserFieldChanged"]
    assert set(company.people()) == {"leo@acme.example", "cleo@acme.example"}
    assert run.counts == {"people": 3, "change": 1, "applied": 1}
    assert company.org.log.writes == []


def test_full_creates_silently_and_updates(company: Company) -> None:
    company.configure(mode="full")
    company.org.add(okta_user("00uleo", cost_center="Lyon", title="Cook"), okta_user("00ucleo", cost_center="Porto"))
    run = company.pull()
    assert company.told(run) == [
        ("create", "cleo@acme.example", "applied"),
        ("create", "leo@acme.example", "applied"),
    ]
    leo = company.user("leo")
    assert (leo.link, leo.external_id, leo.location, leo.role) == ("known", "00uleo", "Lyon", "learner")
    company.org.set_profile("00uleo", title="Chef", costCenter=None)
    assert company.told(company.pull()) == [("change", "leo@acme.example", "applied")]
    assert (company.user("leo").job_title, company.user("leo").location) == ("Chef", None)
    assert company.mails() == 0


def test_complement_archives_whom_okta_reports_and_nobody_who_is_only_missing(company: Company) -> None:
    company.configure(most_percent=100)
    for name in ("leo", "cleo", "mona", "ada"):
        company.hire(name, external_id=f"00u{name}")
    company.org.add(*[okta_user(f"00u{name}") for name in ("leo", "cleo", "mona", "ada")])
    company.org.deactivate("00uleo")
    company.org.leave("00ucleo")
    company.org.delete("00umona")
    for _ in range(3):
        run = company.pull()
        assert run.state == "done"
    assert [name for name, user in sorted(company.people().items()) if not user.active] == ["leo@acme.example"]
    leo = company.user("leo")
    assert (leo.archived_by or "").startswith("okta:")
    assert company.remembered()["00umona"]["status"] == "ABSENT"
    company.org.reactivate("00uleo")
    company.org.join("00uleo")
    assert company.pull().counts.get("restore") is None
    assert not company.user("leo").active


def test_reconcile_makes_the_exact_ones_known_and_archives_those_who_left(company: Company) -> None:
    company.configure(most_percent=100)
    company.hire("leo")
    company.hire("gone")
    company.hire("cleo.clover", email="cleo@acme.example")
    company.hire("twin1", email="twin1@acme.example")
    company.hire("ada", role="admin")
    company.hire("stranger")
    company.org.add(
        okta_user("00uleo"),
        okta_user("00ugone"),
        okta_user("00ucleo"),
        okta_user("00uone", "one", email="twin1@acme.example"),
        okta_user("00utwo", "two", email="twin1@acme.example"),
        okta_user("00uada"),
    )
    company.org.deactivate("00ugone")
    run = company.pull()
    assert run.state == "held"
    assert run.reason == "1 change of a privileged user needs a person's yes; everything else is done."
    assert company.told(run) == [
        ("archive", "gone@acme.example", "applied"),
        ("link", "ada@acme.example", "planned"),
        ("link", "cleo.clover@acme.example", "applied"),
        ("link", "gone@acme.example", "applied"),
        ("link", "leo@acme.example", "applied"),
        ("set_aside", "twin1@acme.example", "planned"),
        ("set_aside", "twin1@acme.example", "planned"),
    ]
    links = {name.partition("@")[0]: (user.link, user.external_id) for name, user in company.people().items()}
    assert links == {
        "leo": ("known", "00uleo"),
        "gone": ("known", "00ugone"),
        "cleo.clover": ("known", "00ucleo"),
        "twin1": ("unlinked", None),
        "ada": ("unlinked", None),
        "stranger": ("unlinked", None),
    }
    leo = company.user("leo")
    (linked,) = [event for event in company.timeline(leo) if event.kind == "UserLinked"]
    assert (linked.actor, linked.changes["rule"]) == (f"okta:{run.id}", [None, "user name"])
    assert company.approve(run).state == "done"
    assert company.user("ada").external_id == "00uada"


def test_a_match_that_a_person_undid_is_not_made_again(company: Company) -> None:
    company.configure()
    leo = company.hire("leo")
    company.org.add(okta_user("00uleo"))
    company.pull()
    company.write(
        lambda tx: identity_links.undo(tx, users.get(tx, company.id, leo.id, lock=True), actor=ADMIN, now=clock.now())
    )
    run = company.pull()
    assert company.told(run) == [("set_aside", "leo@acme.example", "planned")]
    assert company.user("leo").external_id is None


def test_a_linked_user_without_an_external_id_gets_it_and_stays_linked(company: Company) -> None:
    company.configure()
    leo = company.hire("leo")
    company.write(lambda tx: identity_links.link(tx, leo, by_client=True, actor=ADMIN, now=clock.now()))
    company.org.add(okta_user("00uleo"))
    company.pull()
    assert (company.user("leo").link, company.user("leo").external_id) == ("linked", "00uleo")


def test_full_archives_whoever_was_missing_in_two_complete_runs(company: Company) -> None:
    company.configure(mode="full", most_percent=100)
    company.org.add(*[okta_user(f"00u{name}") for name in ("leo", "cleo", "mona", "stays")])
    company.pull()
    company.org.leave("00uleo")
    company.org.delete("00ucleo")
    company.org.suspend("00umona")
    assert company.told(company.pull()) == [("archive", "mona@acme.example", "applied")]
    assert company.told(company.pull()) == [
        ("archive", "cleo@acme.example", "applied"),
        ("archive", "leo@acme.example", "applied"),
    ]
    assert company.user("stays").active


def test_one_run_that_saw_somebody_begins_the_count_anew(company: Company) -> None:
    company.configure(mode="full", most_percent=100)
    company.org.add(okta_user("00uleo"), okta_user("00ustays"))
    company.pull()
    for _ in range(3):
        company.org.leave("00uleo")
        assert company.pull().counts.get("archive") is None
        company.org.join("00uleo")
        company.pull()
    assert company.user("leo").active


def test_whom_a_list_left_out_is_asked_for_before_being_archived(company: Company) -> None:
    """A list that leaves every other person out, run after run, archives nobody who is in the group."""
    company.configure(mode="full", most_percent=100)
    company.org.add(*[okta_user(f"00u{number:03}") for number in range(20)])
    company.pull()
    company.org.faults.by(lambda request: "thinned" if request.path.endswith("/users") else None)
    for _ in range(4):
        run = company.pull()
        assert run.counts["people"] == 10
        assert (run.state, run.counts.get("archive")) == ("done", None)
    assert all(user.active for user in company.people().values())


def test_full_restores_the_same_user_silently(company: Company) -> None:
    company.configure(mode="full", most_percent=100)
    company.org.add(okta_user("00uleo", title="Cook"), okta_user("00ustays", title="Chef"))
    company.pull()
    leo = company.user("leo")
    company.org.deactivate("00uleo")
    company.pull()
    assert not company.user("leo").active
    company.org.reactivate("00uleo")
    company.pull()
    assert not company.user("leo").active  # not back in the group yet
    company.org.join("00uleo")
    company.org.set_profile("00uleo", title="Head cook")
    run = company.pull()
    assert company.told(run) == [("restore", "leo@acme.example", "applied")]
    back = company.user("leo")
    assert (back.id, back.active, back.job_title) == (leo.id, True, "Head cook")
    assert company.mails() == 0


def test_whom_a_person_archived_stays_archived(company: Company) -> None:
    company.configure(mode="full", most_percent=100)
    company.org.add(okta_user("00uleo"), okta_user("00ustays"))
    company.pull()
    leo = company.user("leo")
    company.write(lambda tx: users.archive(tx, leo, actor=ADMIN, now=clock.now()))
    assert company.told(company.pull()) == []
    assert not company.user("leo").active


def test_an_exempt_user_is_left_alone(company: Company) -> None:
    company.configure(mode="full", most_percent=100)
    kiosk = company.hire("kiosk")
    company.write(lambda tx: exemptions.exempt(tx, kiosk, "A kiosk.", actor=ADMIN, now=clock.now()))
    company.org.add(okta_user("00ukiosk", title="Kiosk"), okta_user("00uleo"))
    company.org.deactivate("00ukiosk")
    assert company.told(company.pull()) == [("create", "leo@acme.example", "applied")]
    assert (company.user("kiosk").active, company.user("kiosk").external_id) == (True, None)


def test_many_leavers_wait_for_a_yes(company: Company) -> None:
    company.configure(mode="full", most_people=3, most_percent=50)
    company.org.add(*[okta_user(f"00u{number:03}") for number in range(20)])
    company.pull()
    for number in range(4):
        company.org.deactivate(f"00u{number:03}")
    company.org.set_profile("00u010", title="Cook")
    run = company.pull()
    assert run.state == "held"
    assert run.reason is not None
    assert run.reason.startswith("4 people of 20 would be archived; more than 3 wait for a person's yes.")
    assert {state for _, _, state in company.told(run)} == {"planned"}
    assert all(user.active for user in company.people().values())
    approved = company.approve(run)
    assert (approved.state, approved.approved_by) == ("done", "user:ada")
    assert approved.counts["applied"] == 5
    assert sum(not user.active for user in company.people().values()) == 4


def test_a_preview_is_the_plan_and_changes_nothing(company: Company) -> None:
    company.configure(mode="full", most_people=1, most_percent=100)
    company.org.add(*[okta_user(f"00u{name}") for name in ("leo", "cleo", "mona", "stays")])
    company.pull()
    company.org.deactivate("00uleo")
    company.org.leave("00ucleo")
    company.org.set_profile("00ustays", title="Cook")
    company.org.add(okta_user("00unew"))
    company.pull()  # held: one leaver is archived unasked, and the other one is missing for the first time
    before, told = state(company), company.events()
    for _ in range(3):
        preview = company.pull("preview")
        assert preview.state == "done"
        assert state(company) == before
        assert company.remembered()["00ucleo"]["missing_runs"] == 1
    company.org.deactivate("00umona")
    preview = company.pull("preview")
    assert preview.reason is not None
    assert preview.reason.startswith("2 people of 4 would be archived")
    assert company.events() == told + 4  # that each was asked for
    run = company.pull()
    assert [(kind, who) for kind, who, _ in company.told(run)] == [
        (kind, who) for kind, who, _ in company.told(preview)
    ]
    assert company.told(run) == [
        ("archive", "cleo@acme.example", "planned"),
        ("archive", "mona@acme.example", "planned"),
    ]


def test_an_empty_list_archives_nobody_and_counts_no_absence(company: Company) -> None:
    company.configure(mode="full", most_percent=100)
    company.org.add(*[okta_user(f"00u{name}") for name in ("leo", "cleo", "gone")])
    company.pull()
    company.org.deactivate("00ugone")
    company.org.faults.by(lambda request: "empty" if request.path.endswith("/users") else None)
    for _ in range(3):
        run = company.pull()
        assert run.state == "held"
        assert run.reason is not None
        assert run.reason.startswith("Okta listed nobody, though 3 people here came from it.")
        assert company.approve(run).state == "done"
    assert all(user.active for user in company.people().values())
    company.org.faults.clear()
    assert company.told(company.pull()) == [("archive", "gone@acme.example", "applied")]


def test_a_variable_missing_on_everybody_erases_nothing_approved_or_not(company: Company) -> None:
    company.configure(mode="full")
    company.field("Region", "region")
    company.org.add(*[okta_user(f"00u{n}", title="Cook", extra={"region": "South"}) for n in range(5)])
    company.pull()
    before = state(company)
    for number in range(5):
        company.org.set_profile(f"00u{number}", region=None, title="Chef" if number == 0 else "Cook")
    run = company.pull()
    assert run.state == "held"
    assert run.reason is not None
    assert "Nobody whom Okta listed has a region, though 5 people here have a value from it." in run.reason
    assert company.told(run) == [("change", "0@acme.example", "planned")]
    assert state(company) == before
    company.approve(run)
    assert company.user("0").job_title == "Chef"
    assert all(company.custom(user) == {"Region": "South"} for user in company.people().values())


def test_a_name_that_somebody_took_since_the_plan_is_passed_over_and_the_others_go_on(company: Company) -> None:
    company.configure(mode="full")
    company.org.add(*[okta_user(f"00u{number:03}") for number in range(60)], okta_user("00ub"))

    def taken_meanwhile(run: Run | None) -> None:
        if run is not None and run.state == "applying":
            company.after_step = None
            company.hire("somebody", email="b@acme.example", external_id="00uelse")

    company.after_step = taken_meanwhile
    run = company.pull()
    assert (run.state, run.counts["applied"], run.counts["passed_over"]) == ("done", 60, 1)
    (row,) = [row for row in company.plan(run) if row.state == "passed_over"]
    told = f"User {company.user('somebody').id} has the same e-mail and is recorded with another external id."
    assert row.why_not == told
    assert [(row.kind, row.reason) for row in company.plan(company.pull())] == [("set_aside", told)]


def test_what_changed_since_the_plan_is_passed_over(company: Company) -> None:
    company.configure(mode="full", most_percent=100)
    company.org.add(*[okta_user(f"00u{name}", title="Cook") for name in ("leo", "cleo", "mona", "stays")])
    company.pull()
    company.org.set_profile("00uleo", title="Chef", department="Kitchen")
    company.org.set_profile("00ucleo", title="Chef")
    company.org.set_profile("00ustays", department="Kitchen")
    company.org.deactivate("00umona")

    def meddle(run: Run | None) -> None:
        if run is None or run.state != "applying" or run.cursor is not None:
            return
        company.after_step = None
        for name, title in (("leo", "Baker"), ("cleo", "Chef")):
            user = company.user(name)
            company.write(
                lambda tx, user=user, title=title: users.set_fields(  # type: ignore[misc]  # a lambda with a default
                    tx, user, {"job_title": title}, actor=ADMIN, now=clock.now()
                )
            )
        mona = company.user("mona")
        gone = company.write(lambda tx: users.archive(tx, mona, actor=ADMIN, now=clock.now()))
        company.write(lambda tx: users.restore(tx, gone, actor=ADMIN, now=clock.now()))

    company.after_step = meddle
    run = company.pull()
    assert company.told(run) == [
        ("archive", "mona@acme.example", "passed_over"),
        ("change", "cleo@acme.example", "passed_over"),
        ("change", "leo@acme.example", "applied"),
        ("change", "stays@acme.example", "applied"),
    ]
    assert (company.user("leo").job_title, company.user("leo").department) == ("Baker", "Kitchen")
    assert company.user("mona").active


def test_whoever_lost_the_lease_writes_nothing_more(company: Company) -> None:
    company.configure(mode="full")
    company.org.add(*[okta_user(f"00u{number:03}") for number in range(10)])
    run = company.ask()

    async def play() -> None:
        first = company.claim()
        assert first is not None
        async with company.client() as client:
            slow = Sync(company.house.installation.database, client, company.connection(), first)
            assert await slow.step()
            company.expire()
            await company.work_async()
            with pytest.raises(LeaseLost):
                await slow.step()
            assert not company.write(lambda tx: queue.finish(tx, first, now=clock.now()))

    asyncio.run(play())
    assert company.run(run.id).state == "done"
    assert all(company.kinds(user) == ["UserCreated"] for user in company.people().values())


def test_a_token_that_is_refused_needs_attention_until_a_run_succeeds(company: Company) -> None:
    company.configure(mode="full", most_percent=100)
    company.org.add(okta_user("00uleo"), okta_user("00ustays"))
    company.pull()
    before = state(company)
    company.org.deactivate("00uleo")
    company.org.restrict_token()
    run = company.pull()
    assert run.state == "needs_attention"
    assert run.reason is not None
    assert "Read-only Administrator" in run.reason
    assert state(company) == before
    assert company.connection().state == "needs_attention"
    assert company.read(lambda tx: alarms.find_open(tx, company.id, "okta_attention", company.id)) is not None
    company.org.tokens[company.org.token] = "read"
    assert company.told(company.pull()) == [("archive", "leo@acme.example", "applied")]
    assert company.connection().state == "on"
    assert company.read(lambda tx: alarms.find_open(tx, company.id, "okta_attention", company.id)) is None


def test_a_group_that_is_gone_needs_attention(company: Company) -> None:
    company.configure(mode="full", most_percent=100)
    company.org.add(okta_user("00uleo"))
    company.pull()
    company.org.remove_group(company.org.group_id)
    for _ in range(3):
        run = company.pull()
        assert run.state == "needs_attention"
    assert company.user("leo").active


def test_an_unchanged_pull_leaves_no_trace_with_anybody(company: Company) -> None:
    company.configure(mode="full", app_id=company.org.app_id)
    company.field("Region", "region")
    company.org.fill(450)
    company.pull()
    before, told = company.people(), company.events()
    assert company.told(run := company.pull()) == []
    assert company.people() == before
    assert company.events() == told + 1  # that it was asked for
    assert company.mails() == 0
    assert run.counts == {"people": 450}


def test_the_apps_list_shows_oktas_view(company: Company) -> None:
    company.configure(app_id=company.org.app_id)
    company.hire("leo", external_id="00uleo")
    company.org.add(okta_user("00uleo"), okta_user("00ucleo"))
    company.org.assign_before_provisioning("00uleo", "00ucleo")
    assert company.pull().counts["app"] == 2
    seen = company.remembered()
    assert (seen["00uleo"]["app_status"], seen["00uleo"]["app_external_id"]) == ("ACTIVE", None)
    company.org.unassign("00ucleo")
    company.pull()
    seen = company.remembered()
    assert seen["00uleo"]["app_status"] == "ACTIVE"
    assert seen["00ucleo"]["app_status"] is None


def test_of_those_who_left_long_ago_nothing_is_kept(company: Company) -> None:
    company.configure(most_percent=100)
    company.hire("leo")
    company.org.add(*[okta_user(f"00u{name}") for name in ("leo", "cleo", "mona")], groups=())
    for name in ("leo", "cleo", "mona"):
        company.org.deactivate(f"00u{name}")
    company.org.add(okta_user("00ustays"))
    company.pull()
    assert set(company.remembered()) == {"00uleo", "00ustays"}
    assert not company.user("leo").active


def test_a_run_reads_on_the_terms_with_which_it_began(company: Company) -> None:
    company.configure(mode="full", most_percent=100)
    company.org.add(okta_user("00uleo"), okta_user("00ustays"))
    company.pull()
    company.org.deactivate("00uleo")

    def limit(run: Run | None) -> None:
        if run is not None and run.state == "planning":
            company.after_step = None
            company.configure(mode="full", most_people=0)

    company.after_step = limit
    assert company.told(company.pull()) == [("archive", "leo@acme.example", "applied")]


def test_nobody_of_another_company_is_seen(company: Company, other_id: str) -> None:
    """The same people, by the same ids, in both."""
    other = Company(company.house, other_id, company.org, company.server)
    company.configure(most_percent=100)
    for one in (company, other):
        one.hire("leo", external_id="00uleo")
        one.hire("cleo")
    company.org.add(okta_user("00uleo"), okta_user("00ucleo"))
    company.org.deactivate("00uleo")
    before, told = state(other), other.events()
    run = company.pull()
    assert run.counts["applied"] == 2
    assert (state(other), other.events(), other.remembered()) == (before, told, {})
    assert company.read(lambda tx: runs.search(tx, other_id)) == []


def test_a_privileged_newcomer_by_oktas_role_gets_no_mail(company: Company) -> None:
    company.configure(mode="full", role_variable="learningRole")
    company.org.add(okta_user("00uada", extra={"learningRole": "Admin"}), okta_user("00uleo"))
    company.pull()
    assert (company.user("ada").role, company.user("leo").role) == ("admin", "learner")
    company.org.set_profile("00uada", learningRole="learner")
    company.org.set_profile("00uleo", learningRole="admin")
    company.pull()
    assert (company.user("ada").role, company.user("leo").role) == ("admin", "learner")
    assert company.mails() == 0


def test_an_administrators_address_from_okta_is_held(company: Company) -> None:
    company.configure(mode="full")
    company.hire("ada", role="admin", external_id="00uada")
    company.org.add(okta_user("00uada"), okta_user("00uleo"))
    company.org.set_profile("00uada", email="thief@acme.example")
    company.pull()
    ada = company.user("ada")
    assert (ada.email, ada.sign_in_email) == ("thief@acme.example", "ada@acme.example")
    assert company.read(lambda tx: alarms.find_open(tx, company.id, "address_held", ada.id)) is not None


def test_a_dropped_run_stops_between_two_writes(company: Company) -> None:
    company.configure(mode="full")
    company.org.add(okta_user("00uleo"))

    def drop(run: Run | None) -> None:
        if run is not None and run.state == "planning":
            company.after_step = None
            company.write(
                lambda tx: runs.drop(tx, company.id, run.id, "Switched off.", actor=OPERATOR, now=clock.now())
            )

    company.after_step = drop
    assert company.pull().state == "dropped"
    assert company.people() == {}

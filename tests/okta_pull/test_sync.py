"""A pull from beginning to end, in both modes, on both databases, from a simulated org over real HTTP."""

from __future__ import annotations

from tests.okta_pull.pull import Company, okta_user


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

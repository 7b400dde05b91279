"""Importing people: whom a row is about, what it changes, and what is said of a row that cannot be followed."""

from __future__ import annotations

from typing import Any

import pytest

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.database.tables import outbox
from rollbook.errors import InvalidValue
from rollbook.people import deletion, field_values, group_managers, groups, memberships, record, users
from rollbook.people.profiles import Profile
from tests import history
from tests.cast import ADA, CLEO, LEO, MONA, OTTO
from tests.conftest import House
from tests.people.spreadsheets import Company, actions, another, key, person


@pytest.fixture
def company(house: House, company_id: str) -> Company:
    return Company(house, company_id)


def test_a_row_makes_a_learner_with_every_field(company: Company) -> None:
    region = company.field("Region", "choice", choices=["North", "South"])
    (plan,) = company.run(
        "email,given_name,family_name,location,business_unit,department,job_title,manager_name,hire_date,locale,"
        "time_zone,external_id,custom.Region\n"
        "leo@acme.example,Leo,Linden,Lyon,Sales,Bread,Baker,Mona Marigold,2024-02-29,fr,Europe/Paris,00uleo,south\n"
    )
    (leo,) = company.people()
    assert (plan.row, plan.action, plan.user_id) == (2, "create", leo.id)
    assert (leo.user_name, leo.email, leo.role, leo.link) == (
        "leo@acme.example",
        "leo@acme.example",
        "learner",
        "known",
    )
    assert (leo.location, leo.business_unit, leo.department, leo.job_title) == ("Lyon", "Sales", "Bread", "Baker")
    assert (leo.manager_name, leo.hire_date, leo.locale) == ("Mona Marigold", "2024-02-29", "fr")
    assert (leo.time_zone, leo.external_id) == ("Europe/Paris", "00uleo")
    assert company.custom(leo) == {region.name: "South"}
    assert company.told(leo) == ["UserCreated", "UserFieldChanged"]


def test_an_empty_cell_leaves_a_field_and_a_dash_clears_it(company: Company) -> None:
    region = company.field("Region")
    leo = company.hire()
    company.do(field_values.set_value, leo, region, "North")
    (plan,) = company.run("id,location,business_unit,custom.region\n" + f"{leo.id},,-,-\n")
    assert plan.changes == {"business_unit": ["Sales", None], "custom.Region": ["North", None]}
    leo = company.named("leo@acme.example")
    assert (leo.location, leo.business_unit, company.custom(leo)) == ("Lyon", None, {})


def test_a_written_dash_is_kept_as_one(company: Company) -> None:
    leo = company.hire()
    company.run(f"id,location\n{leo.id},'-\n")
    assert company.named("leo@acme.example").location == "-"


def test_what_must_be_there_is_not_cleared(company: Company) -> None:
    leo = company.hire()
    assert company.problems(f"id,email,given_name,role,archived,external_id\n{leo.id},-,-,-,-,-\n") == {
        2: [
            "The e-mail must not be empty.",
            "The given name must not be empty.",
            "An external id is not taken away or changed here; with: rollbook user link",
            "Everybody has a role; write learner instead.",
            "Write yes or no; an empty cell leaves it as it is.",
        ]
    }


def test_archive_and_restore_go_by_the_column(company: Company) -> None:
    leo, mona = company.hire(), company.hire(MONA, "manager")
    archived = company.do(users.archive, mona)
    text = f"id,archive,location\n{leo.id},YES,Turin\n{mona.id},no,\n"
    assert [plan.action for plan in company.run(text)] == ["archive", "restore"]
    after = {user.id: user for user in company.people()}
    assert (after[leo.id].active, after[leo.id].location) == (False, "Turin")
    assert (after[mona.id].active, after[mona.id].role, archived.active) == (True, "manager", False)
    assert company.told(leo) == ["UserCreated", "UserUpdated", "UserArchived"]
    assert [plan.action for plan in company.run(text)] == ["unchanged", "unchanged"]


def test_somebody_may_come_archived(company: Company) -> None:
    company.run("email,given_name,family_name,archived\nleo@acme.example,Leo,Linden,true\n")
    assert not company.named("leo@acme.example").active


@pytest.mark.parametrize(
    ("cells", "by"),
    [
        ("{id},,,", "id"),
        (",00uleo,,", "external id"),
        (",,LEO@acme.example,", "user name"),
        (",,,Leo@Acme.Example", "e-mail"),
    ],
)
def test_a_person_is_found_by_each_of_their_names(company: Company, cells: str, by: str) -> None:
    leo = company.hire()
    (plan,) = company.run(f"id,external_id,user_name,email,location\n{cells.format(id=leo.id)},Turin\n")
    assert (plan.action, plan.user_id) == ("change", leo.id), by
    assert company.named(company.people()[0].user_name).location == "Turin"
    assert len(company.people()) == 1


def test_names_of_two_people_in_one_row_are_refused_naming_both(company: Company) -> None:
    leo, mona = company.hire(), company.hire(MONA)
    text = f"id,external_id,user_name,email\n,00uleo,mona@acme.example,\n{mona.id},,,leo@acme.example\n"
    assert company.problems(text) == {
        2: [f"The user name is that of user {mona.id}; the row is about user {leo.id}."],
        3: [f"The e-mail is that of user {leo.id}; the row is about user {mona.id}."],
    }


def test_an_e_mail_of_two_archived_people_is_refused_naming_both(company: Company) -> None:
    both = [company.hire(Profile(f"leo{n}", "leo@acme.example", "Leo", "Linden"), active=False) for n in range(2)]
    first, second = sorted(f"user {leo.id} (archived)" for leo in both)
    assert company.problems("email,location\nleo@acme.example,Lyon\n") == {
        2: [f"The e-mail is that of {first} and {second}; give the id of the one who is meant."]
    }
    company.hire(Profile("leo", "leo@acme.example", "Leo", "Linden"))
    assert [plan.action for plan in company.run("email,location\nleo@acme.example,Lyon\n")] == ["change"]


def test_who_shares_an_e_mail_with_an_archived_person_is_not_archived_by_it_alone(company: Company) -> None:
    """Archived they would be one of two, and the same file would not know whom it meant."""
    old = company.hire(Profile("old", "leo@acme.example", "Leo", "Old"), active=False)
    leo = company.hire()
    listed = " and ".join(sorted((f"user {old.id} (archived)", f"user {leo.id}")))
    assert company.problems("email,archived\nleo@acme.example,yes\n") == {
        2: [f"The e-mail is that of {listed}; give the id of the one who is meant."]
    }
    text = f"id,email,archived\n{leo.id},leo@acme.example,yes\n"
    assert [actions(company.run(text)) for _ in range(2)] == [{"archive": 1}, {"unchanged": 1}]


def test_another_external_id_is_another_person_until_the_id_says_otherwise(company: Company) -> None:
    leo = company.hire()
    refused = company.problems("external_id,user_name\n00uother,leo@acme.example\n")
    assert refused[2][0].startswith(f"The user name is that of user {leo.id}, who has another external id.")
    company.run(f"id,external_id\n{leo.id},00uother\n")
    assert company.named("leo@acme.example").external_id == "00uother"


def test_a_newcomer_is_not_taken_for_whoever_had_the_address_before(company: Company) -> None:
    old = company.hire(active=False)
    text = "user_name,email,given_name,family_name\nlea,leo@acme.example,Lea,Linden\n"
    said = f"The e-mail is that of user {old.id} (archived), another name is not."
    ways = "If they are one person, give the id as well; if not: rollbook user create"
    assert company.problems(text) == {2: [f"{said} {ways}"]}
    assert company.people() == [old]


def test_a_person_stands_in_one_row_only(company: Company) -> None:
    leo = company.hire()
    text = (
        "id,user_name,email,given_name,family_name,location\n"
        f"{leo.id},,,,,Lyon\n"
        ",leo@acme.example,,,,Turin\n"
        ",,mona@acme.example,Mona,Marigold,\n"
        ",,MONA@acme.example,Mona,Marigold,\n"
    )
    assert company.problems(text) == {
        3: ["Row 2 is about the same person; leave one of the two."],
        5: ["Row 4 has the same e-mail and no other name; give both an id."],
    }
    assert company.named("leo@acme.example").location == "Lyon"


def test_rows_see_what_the_rows_before_them_did(company: Company) -> None:
    leo, mona, cleo = company.hire(), company.hire(MONA), company.hire(CLEO)
    text = (
        "id,user_name,email,given_name,family_name,archived\n"
        f"{leo.id},former,former@acme.example,,,\n"
        ",leo@acme.example,leo@acme.example,Lea,Linden,\n"
        f"{mona.id},,,,,yes\n"
        f"{cleo.id},,mona@acme.example,,,\n"
    )
    planned = company.preview(text)
    assert [plan.action for plan in planned] == ["change", "create", "archive", "change"]
    assert [plan.changes for plan in company.run(text)] == [plan.changes for plan in planned]
    assert sorted(user.email for user in company.people(archived=False)) == [
        "former@acme.example",
        "leo@acme.example",
        "mona@acme.example",
    ]


def test_restoring_somebody_whose_address_is_taken_names_who_has_it(company: Company) -> None:
    old = company.hire(active=False)
    new = company.hire(Profile("lea", "leo@acme.example", "Lea", "Linden"))
    assert company.problems(f"id,archived\n{old.id},no\n") == {
        2: [f"The e-mail is that of user {new.id}; the row is about user {old.id}."]
    }


def test_every_problem_of_every_row_is_told_by_its_number(company: Company) -> None:
    company.field("Size", "number")
    text = (
        "email,given_name,family_name,job_title,hire_date,role,archived,custom.size\n"
        'leo@acme.example,Leo,Linden,"a title\nof two lines",,,,\n'
        "\n"
        ",,,,,,,\n"
        'mona@acme.example,Mona,Marigold,,"31/12/2024",boss,perhaps,big\n'
        "no address,,Clover,,,,,\n"
        ",Ada,Lovage,,,,,\n"
        "ada@acme.example,Ada,Lovage,,,,,,extra\n"
        "otto@acme.example,Otto,Oleander,,,,,7\n"
    )
    assert company.problems(text) == {
        2: ["The job title holds a control character or line break; remove it."],
        5: [
            "The hire date must be written as YYYY-MM-DD.",
            "'boss' is no role; use one of learner, creator, manager, admin.",
            "Write yes or no; an empty cell leaves it as it is.",
            "Size takes a number, such as 7 or 7.5.",
        ],
        6: ["The e-mail is no address of the form name@domain.", "The given name must not be empty."],
        7: ["The row says nothing of whom it is about; fill in id, external_id, user_name, email."],
        8: ["The row has 9 cells, and there are 8 headings; look for a separator."],
    }
    assert [user.email for user in company.people()] == ["otto@acme.example"]


def test_a_whole_name_is_split_at_its_last_space(company: Company) -> None:
    company.hire(ADA)
    text = "email,name\nmaria@acme.example,Maria del Carmen Lopez\nada@acme.example,ada LOVAGE\nx@acme.example,Prince\n"
    assert company.problems(text) == {4: ["The given name must not be empty."]}
    maria = company.named("maria@acme.example")
    assert (maria.given_name, maria.family_name) == ("Maria del Carmen", "Lopez")
    ada = company.named("ada@acme.example")
    assert (ada.given_name, company.told(ada)) == ("Ada", ["UserCreated"])


def test_a_whole_name_is_not_cleared(company: Company) -> None:
    leo = company.hire()
    said = ["The given name must not be empty.", "The family name must not be empty."]
    text = f"id,email,name,location\n{leo.id},,-,Turin\n,mona@acme.example,-,Turin\n"
    assert company.problems(text) == {2: said, 3: said}
    assert (company.named("leo@acme.example"), company.told(leo)) == (leo, ["UserCreated"])


def test_headings_are_read_without_case_spaces_and_underscores(company: Company) -> None:
    company.field("Shoe size")
    company.run("E-Mail ; Given Name;FAMILYNAME;Job_Title;CUSTOM.shoe_size\nleo@acme.example;Leo;Linden;Baker;43\n")
    leo = company.named("leo@acme.example")
    assert (leo.job_title, company.custom(leo)) == ("Baker", {"Shoe size": "43"})


@pytest.mark.parametrize(
    ("headings", "said"),
    [
        (
            "email,nickname,custom.Nothing",
            "No column is called 'nickname', 'custom.Nothing'. The columns are id, exter",
        ),
        ("email,e-mail", "The column 'email' is there twice"),
        ("given_name,location", "No column says who a row is about; add one of id, external_id, user_name, email."),
        ("email,name,given_name", "Give either the column name, or given_name and family_name."),
        (",,", "The first row holds no headings"),
    ],
)
def test_a_file_whose_headings_are_not_ours_is_refused_whole(company: Company, headings: str, said: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        company.run(f"{headings}\nleo@acme.example,Leo,Linden\n")
    assert refused.value.message.startswith(said)
    assert company.people() == []


def test_a_heading_that_may_mean_two_fields_is_none(company: Company) -> None:
    company.field("Shoe size")
    company.field("Shoe_size")
    with pytest.raises(InvalidValue, match=r"No column is called 'custom\.shoesize'"):
        company.preview("email,custom.shoesize\n")
    assert company.preview("email,custom.shoe size,custom.SHOE_SIZE\n") == []


def test_deleted_people_stay_as_they_were(company: Company) -> None:
    leo, ada = company.hire(), company.hire(ADA, "admin")
    company.do(deletion.delete, leo)
    company.do(deletion.delete, ada)
    text = (
        "id,user_name,email,given_name,family_name\n"
        f"{leo.id},,,Leon,\n"
        ",leo@acme.example,leo@acme.example,Leo,Linden\n"
        ",ada@acme.example,ada@acme.example,Ada,Lovage\n"
    )
    refused = company.problems(text)
    assert refused.keys() == {2, 4}
    assert "was deleted" in refused[2][0]
    assert refused[4] == [f"The user name is that of user {ada.id} (deleted)."]
    assert [user.given_name for user in company.people()] == ["Leo"]


def test_another_company_s_people_are_nobody_s(company: Company, house: House) -> None:
    other = another(house)
    otto = other.hire(OTTO)
    assert company.problems(f"id\n{otto.id}\n") == {
        2: ["Nobody in this company has this id; leave the cell empty to make a new person."]
    }
    company.run("email,given_name,family_name\notto@umbra.example,Otto,Other\n")
    assert [user.family_name for user in other.people()] == ["Oleander"]


def test_only_new_privileged_people_are_welcomed(company: Company) -> None:
    company.hire(CLEO)
    text = (
        "email,given_name,family_name,role,archived\n"
        "leo@acme.example,Leo,Linden,,\n"
        "ada@acme.example,Ada,Lovage,admin,\n"
        "mona@acme.example,Mona,Marigold,manager,yes\n"
        "cleo@acme.example,,,creator,\n"
    )
    for _ in range(2):
        company.run(text)
    assert company.named("cleo@acme.example").role == "creator"
    waiting = company.house.read(lambda tx: history.rows(tx, outbox, company.id))
    ada = company.named("ada@acme.example")
    assert [(mail["kind"], mail["user_id"]) for mail in waiting] == [("welcome", ada.id)]
    assert company.told(ada) == ["UserCreated", "UserWelcomed"]


def test_no_mail_means_none(company: Company) -> None:
    company.run("email,given_name,family_name,role\nada@acme.example,Ada,Lovage,admin\n", mail=False)
    assert company.house.read(lambda tx: history.rows(tx, outbox, company.id)) == []


def refused_to(company: Company, who: Any, text: str) -> list[str]:
    plans = company.run(text, who=who)
    return [problem.message for plan in plans for problem in plan.problems]


def test_a_key_makes_no_admins_and_writes_no_field_of_okta_s(company: Company) -> None:
    leo = company.hire()
    company.field("Badge", owner="scim")
    text = (
        "email,given_name,family_name,role,hire_date,custom.badge\n"
        "leo@acme.example,,,admin,,\n"
        "leo2@acme.example,Leo,Second,admin,,\n"
        "leo3@acme.example,Leo,Third,creator,2024-01-01,7\n"
        "leo4@acme.example,Leo,Fourth,creator,,\n"
    )
    said = refused_to(company, key(company), text)
    assert len(said) == 4
    assert all(message.startswith("An API key may not do this (make admins)") for message in said[:2])
    assert said[2].startswith("Hire date belongs to Okta SCIM")
    assert said[3].startswith("Badge belongs to Okta SCIM")
    assert company.named("leo@acme.example").role == leo.role == "learner"
    assert company.named("leo4@acme.example").role == "creator"
    assert refused_to(company, None, text) == []


def test_nobody_archives_themselves(company: Company) -> None:
    ada, leo = company.hire(ADA, "admin"), company.hire()
    text = f"id,archived\n{ada.id},yes\n{leo.id},yes\n"
    assert refused_to(company, person(ada), text) == ["Nobody archives themselves; ask another administrator."]
    assert [user.id for user in company.people(archived=True)] == [leo.id]


def test_a_manager_changes_the_learners_of_their_groups_alone(company: Company) -> None:
    mona, leo, cleo = company.hire(MONA, "manager"), company.hire(), company.hire(CLEO)
    bakers = company.do(groups.create, company.id, "Bakers")
    company.do(memberships.join, bakers, leo)
    company.do(group_managers.appoint, bakers, mona)
    text = (
        "email,given_name,family_name,location,role\n"
        "leo@acme.example,,,Turin,\n"
        "cleo@acme.example,,,Turin,\n"
        "new@acme.example,New,Person,,\n"
    )
    plans = company.run(text, who=person(mona))
    assert [plan.action for plan in plans] == ["change", "error", "error"]
    assert company.named("cleo@acme.example").location == cleo.location
    assert [plan.action for plan in company.run("email,role\nleo@acme.example,creator\n", who=person(mona))] == [
        "error"
    ]


def test_the_same_file_again_changes_nothing(company: Company) -> None:
    company.hire(LEO)
    text = "email,given_name,family_name,role,location,archived\n" + "".join(
        f"leo{n}@acme.example,Leo,Linden {n},{('', 'creator')[n % 2]},Lyon,{('', 'yes', 'no')[n % 3]}\n"
        for n in range(120)
    )
    assert actions(company.run(text)) == {"create": 120}
    told = company.events()
    assert actions(company.run(text)) == {"unchanged": 120}
    assert company.events() == told


def test_an_address_that_is_held_for_somebody_is_given_to_nobody_else(company: Company) -> None:
    mona = company.hire(MONA, "manager")
    moved = record.with_fields(record.profile_of(mona), email="moved@acme.example")
    company.house.write(lambda tx: users.update(tx, mona, moved, actor=Actor("scim", "key"), now=clock.now()))
    leo = company.do(users.archive, company.hire(record.with_fields(LEO, email="other@acme.example")))
    company.hire(ADA)
    rows = [f"nora,{MONA.email},Nora,Newman,", f"{ADA.user_name},{MONA.email},,,", f"{leo.user_name},{MONA.email},,,no"]
    problems = company.problems("\r\n".join(["user_name,email,given_name,family_name,archived", *rows]))
    assert sorted(problems) == [2, 3, 4]
    assert all(mona.id in text for texts in problems.values() for text in texts)

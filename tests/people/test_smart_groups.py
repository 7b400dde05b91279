"""Smart groups: who is in them follows the data at once, and a rule that is given counts when it was built."""

from __future__ import annotations

import msgspec
import pytest

from rollbook import clock
from rollbook.database import Tx
from rollbook.errors import Conflict, InvalidValue
from rollbook.people import (
    companies,
    deletion,
    erasure,
    groups,
    memberships,
    returners,
    rule_previews,
    smart_groups,
    users,
)
from rollbook.people.groups import Group
from tests import history
from tests.cast import ADA, CLEO, LEO, MONA
from tests.conftest import OPERATOR, House
from tests.people.smart_company import Company

LYON = 'location = "Lyon"'


@pytest.fixture
def company(house: House, company_id: str) -> Company:
    return Company(house, company_id)


def test_whoever_moves_leaves_one_group_and_joins_another_at_once(company: Company) -> None:
    lyon, turin = company.smart("Lyon", LYON), company.smart("Turin", "location = turin")
    leo, mona = company.hire(), company.hire(MONA)
    assert (company.members(lyon), company.members(turin)) == ({leo.id}, set())
    company.set(leo, "location", "TURIN")
    assert (company.members(lyon), company.members(turin)) == (set(), {leo.id})
    company.set(leo, "job_title", "Baker")
    company.set(leo, "location", None)
    assert (company.members(lyon), company.members(turin)) == (set(), set())
    assert company.told(leo) == ["+Lyon", "-Lyon", "+Turin", "-Turin"]
    assert company.told(mona) == []


def test_a_rule_finds_whom_it_means_among_those_who_are_here_already(company: Company) -> None:
    leo, ada = company.hire(), company.hire(ADA, role="admin")
    archived = company.hire(msgspec.structs.replace(CLEO, location="Lyon"), active=False)
    group = company.smart("Lyon", LYON, built=False)
    assert company.members(group) == set()
    company.build()
    assert company.members(group) == {leo.id}
    assert company.told(leo) == ["+Lyon"]
    assert company.told(ada) == company.told(archived) == []
    assert company.ask(memberships.groups_of, leo) == {group.id: "Lyon"}
    assert company.ask(memberships.sizes, company.id, [group]) == {group.id: 1}


def test_every_kind_of_change_is_followed(company: Company) -> None:
    size, hats = company.field("Shoe size", "number"), company.field("Hat")
    admins = company.smart("Admins", "role = admin")
    big = company.smart("Big", 'custom."Shoe size" >= 44.5')
    hatted = company.smart("Hatted", "custom.Hat is not empty")
    named = company.smart("Lindens", 'name ends with "linden"')
    recent = company.smart("Recent", "hire_date >= 2026-01-01")
    created = company.smart("Old", "created < 2020-01-01")
    leo = company.hire()
    company.do(users.set_role, leo, "admin")
    company.put(leo, size, "45")
    company.put(leo, hats, "Bowler")
    company.set(leo, "hire_date", "2026-02-01")
    for group in (admins, big, hatted, named, recent):
        assert company.members(group) == {leo.id}
    assert company.members(created) == set()
    company.do(users.set_role, company.now(leo), "learner")
    company.put(leo, size, "44")
    company.put(leo, hats, None)
    company.set(leo, "hire_date", None)
    company.set(leo, "family_name", "Lime")
    for group in (admins, big, hatted, named, recent):
        assert company.members(group) == set()
    joined = ["+Lindens", "+Admins", "+Big", "+Hatted", "+Recent"]
    assert company.told(leo) == [*joined, "-Admins", "-Big", "-Hatted", "-Recent", "-Lindens"]


def test_groups_read_groups(company: Company) -> None:
    contractors = company.group("Contractors")
    lyon = company.smart("Lyon", LYON)
    staff = company.smart("Staff of Lyon", 'group Lyon and not group "Contractors"')
    party = company.smart("Party", 'group "Staff of Lyon" or role = admin')
    leo = company.hire()
    for group in (lyon, staff, party):
        assert company.members(group) == {leo.id}
    company.do(memberships.join, contractors, leo)
    assert [company.members(group) for group in (lyon, staff, party)] == [{leo.id}, set(), set()]
    company.do(memberships.leave, contractors, leo)
    assert company.members(party) == {leo.id}
    company.set(leo, "location", "Turin")
    assert [company.members(group) for group in (lyon, staff, party)] == [set(), set(), set()]


def test_a_switched_rule_is_followed_by_those_that_read_its_group(company: Company) -> None:
    leo, mona = company.hire(), company.hire(msgspec.structs.replace(MONA, location="Turin"))
    town = company.smart("Town", LYON)
    readers = company.smart("Readers", "group Town")
    others = company.smart("Others", "not group Readers")
    company.rule(town, "location = Turin")
    assert [company.members(group) for group in (town, readers, others)] == [{mona.id}, {mona.id}, {leo.id}]
    assert company.told(leo) == ["+Town", "+Readers", "-Town", "-Readers", "+Others"]
    assert company.told(mona) == ["+Others", "+Town", "+Readers", "-Others"]


def test_an_archived_person_keeps_what_they_had_and_is_looked_at_when_restored(company: Company) -> None:
    lyon, turin = company.smart("Lyon", LYON), company.smart("Turin", "location = Turin")
    leo = company.do(users.archive, company.hire())
    company.set(leo, "location", "Turin")
    company.rule(lyon, "location = Paris")
    assert (company.members(lyon), company.members(turin)) == (set(), set())
    assert company.told(leo) == ["+Lyon"]
    company.do(users.restore, company.now(leo))
    assert (company.members(lyon), company.members(turin)) == (set(), {leo.id})
    assert company.told(leo) == ["+Lyon", "-Lyon", "+Turin"]


def test_somebody_who_comes_back_as_they_were_is_told_nothing(company: Company) -> None:
    lyon = company.smart("Lyon", LYON)
    leo = company.do(users.archive, company.hire())
    company.rule(lyon, 'location starts with "ly"')
    company.do(users.restore, company.now(leo))
    assert company.members(lyon) == {leo.id}
    assert company.told(leo) == ["+Lyon"]


def test_until_a_rule_is_built_the_one_before_counts(company: Company) -> None:
    leo, mona = company.hire(), company.hire(msgspec.structs.replace(MONA, location="Turin"))
    town = company.smart("Town", LYON)
    company.rule(town, "location = Turin", built=False)
    assert company.members(town) == {leo.id}
    assert company.ask(smart_groups.rule_text, town) == 'location = "Lyon"'
    assert company.ask(smart_groups.rule_text, town, given=True) == 'location = "Turin"'
    cleo = company.hire(msgspec.structs.replace(CLEO, location="Lyon"))
    assert company.members(town) == {leo.id, cleo.id}
    company.build()
    assert company.members(town) == {mona.id}
    assert company.told(cleo) == ["+Town", "-Town"]


def test_a_rule_given_while_another_is_built_takes_its_place(company: Company) -> None:
    leo, mona = company.hire(), company.hire(msgspec.structs.replace(MONA, location="Turin"))
    town = company.smart("Town", LYON)
    company.rule(town, "location = Turin", built=False)
    company.step(town.id, 2)
    company.rule(town, "location = Paris", built=False)
    assert company.step(town.id, 2)  # what it has written goes
    assert not company.step(town.id, 2)
    company.build()
    assert company.members(town) == set()
    assert (company.told(leo), company.told(mona)) == (["+Town", "-Town"], [])


def test_the_same_rule_again_is_no_change(company: Company) -> None:
    town = company.smart("Town", LYON)
    before = company.ask(groups.get, company.id, town.id)
    company.rule(town, "location  =  'Lyon'".replace("'", '"'), built=False)
    assert company.ask(groups.get, company.id, town.id) == before
    assert len(company.tasks("build_rule")) == 1


def test_a_smart_group_is_not_filled_by_hand_and_no_other_has_a_rule(company: Company) -> None:
    lyon, bakers, leo = company.smart("Lyon", LYON), company.group(), company.hire()
    for verb in (memberships.join, memberships.leave):
        with pytest.raises(Conflict, match="A rule fills Lyon"):
            company.do(verb, lyon, leo)
    with pytest.raises(Conflict, match="Bakers is filled without a rule"):
        company.rule(bakers, LYON)
    everyone = company.ask(groups.named, company.id, "Everyone")
    with pytest.raises(Conflict, match="Everyone is filled without a rule"):
        company.rule(everyone, LYON)


def test_a_rule_that_cannot_be_read_makes_no_group(company: Company) -> None:
    with pytest.raises(InvalidValue, match="locaton"):
        company.smart("Lyon", "locaton = Lyon")
    assert [group.name for group in company.ask(groups.all_of, company.id)] == ["Everyone"]


def test_no_group_reads_itself(company: Company) -> None:
    a, b = company.smart("A", LYON), company.smart("B", "group A")
    c = company.smart("C", "role = admin and not group B")
    with pytest.raises(InvalidValue, match="A would read itself: it reads A"):
        company.rule(a, "group A")
    with pytest.raises(InvalidValue, match="A would read itself: it reads C, which reads B, which reads A"):
        company.rule(a, "location = Lyon or group C")
    company.rule(c, LYON, built=False)
    with pytest.raises(InvalidValue, match="would read itself"):  # while the rule before still counts
        company.rule(a, "group C")
    company.build()
    company.rule(a, "group C")
    assert company.ask(smart_groups.rule_text, a) == 'group "C"'
    assert company.ask(smart_groups.rule_text, b) == 'group "A"'


def test_an_archived_group_does_not_hide_a_cycle(company: Company) -> None:
    a, b = company.smart("A", LYON), company.smart("B", "group A")
    company.smart("C", "group B")
    company.do(groups.archive, b)
    company.build()
    with pytest.raises(InvalidValue, match="A would read itself: it reads C, which reads B, which reads A"):
        company.rule(a, "group C")


def test_a_rule_that_was_being_built_when_its_group_was_archived_hides_no_cycle(company: Company) -> None:
    a, b = company.smart("A", LYON), company.smart("B", LYON)
    company.smart("C", "group A")
    company.rule(a, 'group B or department = "x"', built=False)
    a = company.do(groups.archive, a)
    with pytest.raises(InvalidValue, match="B would read itself: it reads C, which reads A, which reads B"):
        company.rule(b, "group C")
    with pytest.raises(InvalidValue, match="B would read itself"):
        company.ask(rule_previews.begin, company.id, "group C", b)
    company.do(groups.restore, a)
    company.build()
    assert company.ask(smart_groups.rule_text, a) == 'group "B" or department = "x"'


def test_an_archived_group_counts_as_empty_and_is_not_followed(company: Company) -> None:
    lyon = company.smart("Lyon", LYON)
    readers, others = company.smart("Readers", "group Lyon"), company.smart("Others", "not group Lyon")
    leo = company.hire()
    lyon = company.do(groups.archive, lyon)
    company.build()
    assert (company.members(readers), company.members(others)) == (set(), {leo.id})
    company.set(leo, "location", "Turin")
    mona = company.hire(msgspec.structs.replace(MONA, location="Lyon"))
    assert (company.members(lyon), company.told(leo)[:2]) == ({leo.id}, ["+Lyon", "+Readers"])
    company.do(groups.restore, lyon)
    company.build()
    assert [company.members(group) for group in (lyon, readers, others)] == [{mona.id}, {mona.id}, {leo.id}]


def test_archiving_a_group_filled_by_hand_empties_what_reads_it(company: Company) -> None:
    bakers, leo = company.group(), company.hire()
    company.do(memberships.join, bakers, leo)
    readers = company.smart("Readers", "group Bakers")
    bakers = company.do(groups.archive, bakers)
    company.build()
    assert company.members(readers) == set()
    company.do(groups.restore, bakers)
    company.build()
    assert company.members(readers) == {leo.id}


def test_a_rule_goes_on_under_new_names(company: Company) -> None:
    hats, bakers = company.field("Hat"), company.group()
    hatted = company.smart("Hatted", "custom.Hat = bowler and not group Bakers")
    leo = company.hire()
    company.put(leo, hats, "Bowler")
    company.do(groups.rename, bakers, "The millers")
    company.do(groups.rename, hatted, "Hatters")
    assert company.members(hatted) == {leo.id}
    assert company.ask(smart_groups.rule_text, hatted) == 'custom.Hat = "bowler" and not group "The millers"'
    company.put(leo, hats, None)
    assert company.told(leo) == ["+Hatted", "-Hatters"]


def test_who_joins_a_followed_group_is_greeted_once(company: Company) -> None:
    lyon = company.smart("Lyon", LYON)
    leo = company.hire()
    assert company.tasks("greet_member") == []

    def follow(tx: Tx, group: Group) -> None:
        groups.set_followed(tx, group, True, now=clock.now())
        groups.set_followed(tx, groups.get(tx, company.id, group.id), True, now=clock.now())

    company.house.write(lambda tx: follow(tx, lyon))
    mona = company.hire(msgspec.structs.replace(MONA, location="Lyon"))
    company.rule(lyon, "location = Lyon or role = admin")
    ada = company.hire(ADA, role="admin")
    expected = [{"subject_id": user.id, "group_id": lyon.id, "followed": True} for user in (mona, ada)]
    assert [msgspec.json.decode(task["payload"]) for task in company.tasks("greet_member")] == expected
    assert company.told(leo) == ["+Lyon"]


def test_everyone_greets_whoever_comes_and_looks_after_whoever_comes_back(company: Company) -> None:
    everyone = company.ask(groups.named, company.id, "Everyone")
    company.hire(ADA)
    company.house.write(lambda tx: groups.set_followed(tx, everyone, True, now=clock.now()))
    leo, mona = company.hire(), company.hire(MONA, active=False)
    company.do(users.restore, company.do(users.archive, leo))
    greeted = [msgspec.json.decode(task["payload"]) for task in company.tasks("greet_member")]
    assert greeted == [{"subject_id": leo.id, "group_id": everyone.id, "followed": True}]
    mona = company.do(users.restore, mona)
    company.do(users.restore, company.do(users.archive, mona))
    returned = [msgspec.json.decode(task["payload"]) for task in company.tasks("greet_returner")]
    assert returned == [{"subject_id": user.id, "followed": True} for user in (leo, mona, mona)]
    assert len(company.tasks("greet_member")) == 1


def test_everyone_is_a_group_that_rules_may_read(company: Company) -> None:
    everybody, nobody = company.smart("All", "group Everyone"), company.smart("None", "not group Everyone")
    leo = company.hire()
    company.rule(everybody, 'group Everyone and name contains "l"')
    assert (company.members(everybody), company.members(nobody)) == ({leo.id}, set())


def test_a_record_that_goes_on_is_in_what_its_own_data_say(company: Company) -> None:
    hats, bakers = company.field("Hat"), company.group()
    lyon, hatted = company.smart("Lyon", LYON), company.smart("Hatted", "custom.Hat = bowler and group Bakers")
    old = company.hire()
    company.put(old, hats, "bowler")
    company.do(memberships.join, bakers, old)
    old = company.do(deletion.delete, company.now(old))
    new = company.hire(msgspec.structs.replace(LEO, location="Turin"))
    company.do(returners.join, old, new)
    assert (company.members(lyon), company.members(hatted)) == (set(), {new.id})


def test_an_erased_person_is_in_no_version_of_any_group(company: Company) -> None:
    lyon, leo = company.smart("Lyon", LYON), company.hire()
    company.rule(lyon, "location != Paris", built=False)
    company.do(erasure.erase, leo)
    company.build()
    assert company.members(lyon) == set()
    assert company.ask(memberships.groups_of, leo) == {}


def test_companies_rules_are_sealed_from_each_other(company: Company, house: House) -> None:
    other = Company(house, company.do(lambda tx, **how: _another(tx)))
    lyon = company.smart("Lyon", LYON)
    theirs = other.hire()
    mine = company.hire()
    assert company.members(lyon) == {mine.id}
    assert other.told(theirs) == []
    with pytest.raises(InvalidValue, match="there is no group of this name"):
        other.smart("Spies", "group Lyon")
    with pytest.raises(InvalidValue, match="there is no group of this name"):
        other.smart("Spies", f'group "{lyon.id}"')


def _another(tx: Tx) -> str:
    return companies.create(tx, f"umbra-{clock.new_id()[-12:]}", "Umbra", actor=OPERATOR, now=clock.now()).id


def test_a_preview_of_many_shows_the_first_twenty_and_writes_nothing(company: Company) -> None:
    people = company.many(45, location="Lyon")
    company.do(users.archive, people[0])
    before = company.house.read(lambda tx: history.events_of(tx, company.id))
    seen = rule_previews.whole(company.house.read, company.id, LYON)
    assert (seen.members.count, seen.joining.count, seen.leaving.count, seen.looked_at) == (44, 44, 0, 45)
    assert [user_id for user_id, _ in seen.members.first] == [user.id for user in people[1:21]]
    assert company.house.read(lambda tx: history.events_of(tx, company.id)) == before

"""API keys: shown once, kept as a digest, good for one scope of one company, ended at once, their use remembered."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta

import pytest

from rollbook import clock
from rollbook.activity import events
from rollbook.database import Tx
from rollbook.database.tables import api_keys
from rollbook.errors import Conflict, InvalidValue, NotFound, Unauthorized
from rollbook.key_use import KeyUse
from rollbook.people import companies, credentials, keys, tokens
from rollbook.people.credentials import Holder
from rollbook.people.keys import Key, Scope
from rollbook.people.tokens import Pepper
from tests import history
from tests.conftest import OPERATOR, House

NOW = clock.now()


def issue(house: House, company_id: str, scope: Scope = "scim", expires_at: datetime | None = None) -> tuple[Key, str]:
    return house.write(
        lambda tx: keys.issue(
            tx,
            company_id,
            scope,
            label=" Okta ",
            expires_at=expires_at,
            pepper=house.installation.pepper,
            actor=OPERATOR,
            now=NOW,
        )
    )


def holder(
    house: House,
    text: str,
    scope: Scope = "scim",
    *,
    subdomain: str | None = None,
    now: datetime = NOW,
    pepper: Pepper | None = None,
) -> Holder:
    pepper = pepper or house.installation.pepper
    return house.read(lambda tx: credentials.claim(tx, text, subdomain=subdomain).holder(scope, pepper=pepper, now=now))


def subdomain_of(house: House, company_id: str) -> str:
    return house.read(lambda tx: companies.by_id(tx, company_id)).subdomain


def test_a_key_names_its_company_and_opens_its_scope(house: House, company_id: str) -> None:
    key, text = issue(house, company_id)
    assert text.startswith(f"rb_scim_{company_id.replace('-', '')}_{key.prefix}_")
    found = holder(house, text, subdomain=f" {subdomain_of(house, company_id).upper()} ")
    assert (found.company_id, found.key_id, found.scope) == (company_id, key.id, "scim")
    assert not found.stale_digest


def test_only_a_digest_is_kept(house: House, company_id: str) -> None:
    key, text = issue(house, company_id)
    (row,) = house.read(lambda tx: history.rows(tx, api_keys, company_id))
    assert row["digest"] == house.installation.pepper.digest(text)
    assert text.rsplit("_", 1)[1] not in str(row)
    assert (key.label, row["label"]) == ("Okta", "Okta")
    (event,) = house.read(lambda tx: events.of_subject(tx, company_id, key.id))
    assert event.kind == "KeyIssued"
    assert text not in str(event)


def test_no_two_keys_are_alike(house: House, company_id: str) -> None:
    texts = {issue(house, company_id)[1] for _ in range(50)}
    assert len({text.rsplit("_", 1)[1] for text in texts}) == 50


@pytest.mark.parametrize("spoil", range(11))
def test_what_is_not_the_key_is_refused(house: House, company_id: str, spoil: int) -> None:
    key, text = issue(house, company_id)
    other, other_text = issue(house, company_id, "api")
    head, secret = text.rsplit("_", 1)
    wrong = [
        tokens.make("scim", company_id).text,
        tokens.make("scim", clock.new_id()).text,
        text[:-1],
        text + "0",
        text.upper(),
        head,
        other_text,
        f"{other_text.rsplit('_', 1)[0]}_{secret}",
        text.replace("rb_scim", "rb_api"),
        "rb_" + "x" * 200,
        "ключ",
    ][spoil]
    with pytest.raises(Unauthorized):
        holder(house, wrong)
    assert holder(house, text).key_id == key.id
    assert holder(house, other_text, "api").key_id == other.id


def test_a_mistyped_key_is_known_without_asking_the_database() -> None:
    """The checksum finds nearly every slip of a finger."""
    text = tokens.make("scim", clock.new_id()).text
    assert tokens.read(text) is not None
    slips = [text[:at] + ("a" if text[at] != "a" else "b") + text[at + 1 :] for at in range(len(text))]
    assert [tokens.read(slip) for slip in slips] == [None] * len(text)


def test_a_key_expires_at_its_instant(house: House, company_id: str) -> None:
    _, text = issue(house, company_id, expires_at=NOW + timedelta(hours=1))
    assert holder(house, text, now=NOW + timedelta(minutes=59))
    with pytest.raises(Unauthorized):
        holder(house, text, now=NOW + timedelta(hours=1))


def test_a_revoked_key_is_ended_at_once_and_the_other_lives_on(house: House, company_id: str) -> None:
    old, old_text = issue(house, company_id)
    new, new_text = issue(house, company_id)
    revoke = [
        house.write(lambda tx, at=at: keys.revoke(tx, company_id, old.id, actor=OPERATOR, now=at))  # type: ignore[misc]  # a lambda with a default
        for at in (NOW, NOW + timedelta(days=1))
    ]
    assert revoke[0] == revoke[1]
    with pytest.raises(Unauthorized):
        holder(house, old_text)
    assert holder(house, new_text).key_id == new.id
    told = house.read(lambda tx: events.of_subject(tx, company_id, old.id))
    assert [event.kind for event in told] == ["KeyIssued", "KeyRevoked"]
    assert [key.revoked_at is None for key in house.read(lambda tx: keys.search(tx, company_id))] == [False, True]


def test_one_company_revokes_no_key_of_another(house: House, company_id: str) -> None:
    key, text = issue(house, company_id)
    with pytest.raises(NotFound):
        house.write(lambda tx: keys.revoke(tx, clock.new_id(), key.id, actor=OPERATOR, now=NOW))
    assert holder(house, text)


def test_a_digest_of_the_previous_secret_is_good_and_asks_to_be_renewed(house: House, company_id: str) -> None:
    _, text = issue(house, company_id)
    before = house.installation.pepper
    rotated = Pepper(b"a new secret of the tests", before.current)
    assert holder(house, text, pepper=rotated).stale_digest
    with pytest.raises(Unauthorized):
        holder(house, text, pepper=Pepper(b"a new secret of the tests"))
    with pytest.raises(Unauthorized):
        holder(house, tokens.make("scim", company_id).text, pepper=rotated)


def test_uses_and_failures_are_gathered_and_stored_together(house: House, company_id: str) -> None:
    key, text = issue(house, company_id)
    subdomain = subdomain_of(house, company_id)
    use = KeyUse(house.installation.database, house.installation.pepper)
    later = NOW + timedelta(seconds=90)
    use.used(holder(house, text), text, NOW)
    use.used(holder(house, text), text, later)
    for name, at in ((subdomain, NOW), (subdomain.upper(), NOW), (subdomain, later), ("nobody", NOW), (None, NOW)):
        use.failed(name, at)
    assert house.read(lambda tx: keys.search(tx, company_id))[0].last_used_at is None
    for _ in range(2):
        asyncio.run(use.flush())
    assert house.read(lambda tx: keys.search(tx, company_id))[0].last_used_at == clock.text(later)
    expected = Counter({clock.text(NOW)[:16]: 2}) + Counter({clock.text(later)[:16]: 1})
    assert dict(house.read(lambda tx: keys.failures(tx, company_id))) == dict(expected)
    use.failed(subdomain, NOW)
    asyncio.run(use.flush())
    assert dict(house.read(lambda tx: keys.failures(tx, company_id)))[clock.text(NOW)[:16]] == 3
    assert key.id


def test_what_strangers_make_us_remember_is_bounded(house: House) -> None:
    use = KeyUse(house.installation.database, house.installation.pepper)
    for number in range(10_500):
        use.failed(f"stranger-{number}", NOW)
    assert len(use._failed) == 10_000


def test_what_a_flush_could_not_store_is_stored_by_the_next(house: House, company_id: str) -> None:
    """A database that is away for a minute forgets no use and no failure."""
    _, text = issue(house, company_id)
    subdomain = subdomain_of(house, company_id)
    use = KeyUse(house.installation.database, house.installation.pepper)
    use.used(holder(house, text), text, NOW)
    use.failed(subdomain, NOW)

    class Away(Exception):
        pass

    class Database:
        async def write(self, fn: object) -> None:
            raise Away

    use._database, there = Database(), use._database  # type: ignore[assignment]  # a database that is away
    with pytest.raises(Away):
        asyncio.run(use.flush())
    use._database = there
    asyncio.run(use.flush())
    assert house.read(lambda tx: keys.search(tx, company_id))[0].last_used_at == clock.text(NOW)
    assert house.read(lambda tx: keys.failures(tx, company_id)) == [(clock.text(NOW)[:16], 1)]


@pytest.mark.parametrize(
    "subdomain", ["a", "-acme", "acme-", "ac me", "acme.com", "a_c", "x" * 64, "äcme", "", "ac\nme", "acme/x"]
)
def test_what_is_no_label_is_no_subdomain(house: House, subdomain: str) -> None:
    with pytest.raises(InvalidValue):
        house.write(lambda tx: companies.create(tx, subdomain, "Acme", actor=OPERATOR, now=NOW))


def test_a_subdomain_is_taken_whatever_its_case(house: House, company_id: str) -> None:
    taken = subdomain_of(house, company_id).upper()

    def create(tx: Tx) -> None:
        companies.create(tx, taken, "Acme", actor=OPERATOR, now=NOW)

    with pytest.raises(Conflict):
        house.write(create)

"""Sign-in links and sessions: good once, for their time, for whoever is active; gone with an archive, for good."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from rollbook import clock
from rollbook.activity import events
from rollbook.database import Tx
from rollbook.database.tables import sessions, sign_in_links
from rollbook.errors import Unauthorized
from rollbook.people import deletion, sign_in, tokens, users
from rollbook.people.record import User
from rollbook.people.sign_in import HANDED_OVER_DAYS, SESSION_HOURS, SignedIn
from tests import history
from tests.cast import LEO, MONA
from tests.conftest import OPERATOR, House

NOW = clock.now()


@pytest.fixture
def leo(house: House, company_id: str) -> User:
    return house.write(lambda tx: users.create(tx, company_id, LEO, actor=OPERATOR, now=NOW))


def link(house: House, user: User, now: datetime = NOW) -> str:
    pepper = house.installation.pepper
    return house.write(
        lambda tx: sign_in.issue_link(tx, user.company_id, user.id, pepper=pepper, actor=OPERATOR, now=now)
    )


def enter(house: House, text: str, now: datetime = NOW) -> str:
    pepper = house.installation.pepper
    return house.write(lambda tx: sign_in.consume_link(tx, text, pepper=pepper, now=now))[0]


def look(house: House, text: str, now: datetime = NOW) -> None:
    house.read(lambda tx: sign_in.check_link(tx, text, pepper=house.installation.pepper, now=now))


def who(house: House, text: str, now: datetime = NOW) -> SignedIn | None:
    return house.read(lambda tx: sign_in.session(tx, text, pepper=house.installation.pepper, now=now))


def do(house: House, user: User, verb: Any, *of: Any) -> None:
    house.write(lambda tx: verb(tx, users.get(tx, user.company_id, user.id, lock=True), *of, actor=OPERATOR, now=NOW))


def test_a_link_signs_in_once(house: House, leo: User) -> None:
    text = link(house, leo)
    session = enter(house, text)
    found = who(house, session)
    assert found is not None
    assert (found.company_id, found.user_id, found.role) == (leo.company_id, leo.id, "learner")
    with pytest.raises(Unauthorized):
        enter(house, text)
    with pytest.raises(Unauthorized):
        look(house, text)
    told = house.read(lambda tx: events.of_subject(tx, leo.company_id, leo.id))
    assert [event.kind for event in told] == ["UserCreated", "SignInLinkIssued", "SignedIn"]


def test_looking_at_a_link_uses_nothing_up(house: House, leo: User) -> None:
    """Mail scanners open every link."""
    text = link(house, leo)
    before = house.read(lambda tx: history.rows(tx, sign_in_links, leo.company_id))
    for _ in range(5):
        look(house, text)
    assert house.read(lambda tx: history.rows(tx, sign_in_links, leo.company_id)) == before
    assert who(house, enter(house, text)) is not None


def test_a_link_and_a_session_live_for_their_time(house: House, leo: User) -> None:
    text = link(house, leo)
    end = NOW + timedelta(days=HANDED_OVER_DAYS)
    look(house, text, end - timedelta(seconds=1))
    for late in (look, enter):
        with pytest.raises(Unauthorized):
            late(house, text, end)
    session = enter(house, text)
    assert who(house, session, NOW + timedelta(hours=SESSION_HOURS, seconds=-1)) is not None
    assert who(house, session, NOW + timedelta(hours=SESSION_HOURS)) is None


def test_several_links_live_beside_each_other(house: House, leo: User) -> None:
    first, second = link(house, leo), link(house, leo)
    sessions_ = [enter(house, text) for text in (second, first)]
    assert [who(house, session) is not None for session in sessions_] == [True, True]


@pytest.mark.parametrize("verb", [users.archive, deletion.delete])
def test_with_an_archive_everything_ends_and_a_restore_brings_none_of_it_back(
    house: House, leo: User, verb: Any
) -> None:
    mona = house.write(lambda tx: users.create(tx, leo.company_id, MONA, actor=OPERATOR, now=NOW))
    of_mona = enter(house, link(house, mona))
    session, open_link = enter(house, link(house, leo)), link(house, leo)
    do(house, leo, verb)
    assert who(house, session) is None
    with pytest.raises(Unauthorized):
        enter(house, open_link)
    if verb is users.archive:
        do(house, leo, users.restore)
    assert who(house, session) is None
    with pytest.raises(Unauthorized):
        look(house, open_link)
    assert who(house, of_mona) is not None
    ended = house.read(lambda tx: history.rows(tx, sessions, leo.company_id))
    assert [row["ended_at"] is None for row in ended if row["user_id"] == leo.id] == [False]


def test_signing_out_ends_one_session(house: House, leo: User) -> None:
    here, there = enter(house, link(house, leo)), enter(house, link(house, leo))
    signed_in = who(house, here)
    assert signed_in is not None
    house.write(lambda tx: sign_in.sign_out(tx, signed_in, now=NOW))
    assert who(house, here) is None
    assert who(house, there) is not None


def test_a_role_that_changes_is_the_session_s_at_once(house: House, leo: User) -> None:
    session = enter(house, link(house, leo))
    do(house, leo, users.set_role, "admin")
    found = who(house, session)
    assert found is not None
    assert found.role == "admin"


@pytest.mark.parametrize("field", ["email", "user_name"])
def test_open_links_end_when_the_address_changes_hands_and_sessions_stay(house: House, leo: User, field: str) -> None:
    session, open_link = enter(house, link(house, leo)), link(house, leo)
    do(house, leo, users.set_fields, {field: "LEO@ACME.example"})
    look(house, open_link)
    do(house, leo, users.set_fields, {field: "new@acme.example"})
    with pytest.raises(Unauthorized):
        look(house, open_link)
    assert who(house, session) is not None


def test_a_link_is_no_session_and_a_session_no_link(house: House, leo: User) -> None:
    open_link = link(house, leo)
    session = enter(house, link(house, leo))
    assert who(house, open_link) is None
    with pytest.raises(Unauthorized):
        enter(house, session)
    for wrong in ("", "x", session[:-1], tokens.make("session", leo.company_id).text, session.replace("_", "-")):
        assert who(house, wrong) is None


def test_a_token_of_one_company_opens_nothing_in_another(house: House, leo: User) -> None:
    """The company is in the token's public part; one who writes another one there has no valid checksum or digest."""
    session = enter(house, link(house, leo))
    head, body = session.rsplit("_", 1)
    other = head.replace(leo.company_id.replace("-", ""), clock.new_id().replace("-", ""))
    forged = f"{other}_{body[:32]}"
    assert who(house, forged + tokens._checksum(forged)) is None


def together(*works: Any) -> list[Any]:
    """Runs them at once; returns what each returned or raised."""
    outcomes: list[Any] = [None] * len(works)
    start = threading.Barrier(len(works), timeout=20)

    def run(number: int) -> None:
        start.wait()
        try:
            outcomes[number] = works[number]()
        except Unauthorized as error:
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


def test_of_many_who_use_a_link_at_once_one_gets_in(house: House, leo: User) -> None:
    for _ in range(5):
        text = link(house, leo)
        outcomes = together(*[lambda text=text: enter(house, text)] * 6)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Unauthorized"] * 5 + ["str"]


def test_nobody_slips_in_beside_an_archive(house: House, leo: User) -> None:
    """Whichever comes first: afterwards no session of the leaver works, nor once they are back."""
    for _ in range(15):
        text = link(house, leo)
        session, _ = together(lambda text=text: enter(house, text), lambda: do(house, leo, users.archive))
        assert isinstance(session, Unauthorized) or who(house, session) is None
        do(house, leo, users.restore)
        assert isinstance(session, Unauthorized) or who(house, session) is None
        with pytest.raises(Unauthorized):
            look(house, text)


def test_an_archive_and_a_sign_in_never_wait_for_each_other(house: House, leo: User) -> None:
    """Both touch the person and the link. In one order they queue; in two they would lock each other out until the
    database ends one of them, a second later.
    """
    pepper, text = house.installation.pepper, link(house, leo)
    turns: list[str] = []
    locked = threading.Event()

    def archive(tx: Tx) -> None:
        turns.append("archive")
        user = users.get(tx, leo.company_id, leo.id, lock=True)
        locked.set()
        time.sleep(0.3)  # the other is under way by now
        users.archive(tx, user, actor=OPERATOR, now=NOW)

    def sign_in_beside_it(tx: Tx) -> None:
        turns.append("sign in")
        sign_in.consume_link(tx, text, pepper=pepper, now=NOW)

    def enter_beside_it() -> None:
        assert locked.wait(10)
        house.write(sign_in_beside_it)

    outcomes = together(lambda: house.write(archive), enter_beside_it)
    assert sorted(turns) == ["archive", "sign in"]
    assert isinstance(outcomes[1], Unauthorized)


def test_only_digests_are_kept(house: House, leo: User) -> None:
    open_link = link(house, leo)
    session = enter(house, link(house, leo))

    def everything(tx: Tx) -> str:
        return str([history.rows(tx, table, leo.company_id) for table in (sessions, sign_in_links)])

    found = house.read(everything)
    pepper = house.installation.pepper
    for text in (open_link, session):
        assert pepper.digest(text) in found
        assert text.rsplit("_", 1)[1] not in found

"""Who signs in with an address. Which address that is of somebody's, addresses.py decides."""

from __future__ import annotations

from rollbook.database import Tx
from rollbook.people import addresses, search, users
from rollbook.people.folding import fold
from rollbook.people.record import User
from rollbook.people.search import Equals


def who_signs_in_with(tx: Tx, company_id: str, email: str, *, lock: bool = False) -> User | None:
    """The active person whose sign-in links go to this address: a held one, or their confirmed e-mail. None where two
    people have it: whose it is, a person has to say first.
    """
    matches = signing_in_with(tx, company_id, email)
    return users.get(tx, company_id, matches[0], lock=lock) if len(matches) == 1 else None


def signing_in_with(tx: Tx, company_id: str, email: str) -> list[str]:
    """The ids of the active people whose sign-in links go to this address: mostly one."""
    theirs = [
        match.id
        for match in with_email(tx, company_id, email)
        if match.active and fold(match.sign_in_email) == fold(email)
    ]
    return sorted({*addresses.held_for(tx, company_id, email), *theirs})


def with_email(tx: Tx, company_id: str, email: str) -> list[User]:
    """Whoever has this address as their e-mail, archived people too."""
    return search.page(tx, company_id, Equals("email", email), offset=0, limit=10).users

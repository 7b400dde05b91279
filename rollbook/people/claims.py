"""Names that only one may have: user name, external id, and the e-mail of whoever is active."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, exists, select

from rollbook.database import Tx
from rollbook.database.tables import users
from rollbook.errors import Conflict, InvalidValue
from rollbook.people.folding import fold
from rollbook.people.record import SELECT, User, any_of

# Whoever has one of these names; NULL is compared with nothing, so what is not asked for is given as NULL.
_HOLDERS = (
    SELECT.where(
        any_of(
            users.c.user_name_key == bindparam("user_name_key"),
            users.c.external_id == bindparam("external_id"),
            users.c.email_claim == bindparam("email_claim"),
        )
    )
    .order_by(users.c.id)
    .with_for_update()
)

# Whoever is here and signs in with an address that another record shows, or has as their e-mail one that is to be held.
_SIGNING_IN = SELECT.where(
    any_of(users.c.confirmed_email_key == bindparam("email_key"), users.c.email_claim == bindparam("held_key")),
    users.c.archived_at.is_(None),
    users.c.deleted_at.is_(None),
).order_by(users.c.id)
_holders = users.alias("holders")
_OF_NAMES = SELECT.where(
    any_of(
        users.c.user_name_key.in_(bindparam("user_names", expanding=True)),
        users.c.external_id.in_(bindparam("external_ids", expanding=True)),
        users.c.email_claim.in_(bindparam("emails", expanding=True)),
        users.c.confirmed_email_key.in_(bindparam("held", expanding=True)),
    )
)

# Bytes of one name in an index. PostgreSQL takes 2,704 a row with the company's id, and compresses no random text.
LONGEST_KEY = 2400

_FIELDS = {"user_name_key": "user_name", "email_key": "email", "email_claim": "email", "name_key": "family_name"}
_WORDS = {
    "user_name": "user name",
    "email": "e-mail",
    "external_id": "external id",
    "family_name": "given and family name",
}


def keys_of(user: User) -> dict[str, Any]:
    """The folded keys of a whole record. Raises InvalidValue for a name that no index can hold."""
    email_key = fold(user.email)
    keys = {
        "user_name_key": fold(user.user_name),
        "email_key": email_key,
        "email_claim": email_key if user.active else None,
        "name_key": fold(user.display_name),
    }
    _refuse_long(keys)
    _refuse_long({"external_id": user.external_id})
    return keys


def changed_keys(user: User, after: User, values: Mapping[str, Any]) -> dict[str, Any]:
    """The folded keys that change with these values; keys given in them (freed ones) stand. Raises as `keys_of`."""
    keys: dict[str, Any] = {}
    if after.user_name != user.user_name:
        keys["user_name_key"] = fold(after.user_name)
    if after.email != user.email:
        keys["email_key"] = fold(after.email)
    if after.active and (after.email != user.email or not user.active):
        keys["email_claim"] = fold(after.email)
    elif user.active and not after.active:
        keys["email_claim"] = None
    if after.given_name != user.given_name or after.family_name != user.family_name:
        keys["name_key"] = fold(after.display_name)
    _refuse_long(keys)
    if "external_id" in values:
        _refuse_long({"external_id": values["external_id"]})
    return {name: value for name, value in keys.items() if name not in values}


def _refuse_long(keys: Mapping[str, str | None]) -> None:
    for name, key in keys.items():
        if key is not None and len(key) > LONGEST_KEY // 4 and (size := len(key.encode())) > LONGEST_KEY:
            field = _FIELDS.get(name, name)
            raise InvalidValue(
                f"The {_WORDS[field]} takes {size:,} bytes, case set aside; at most {LONGEST_KEY:,} can be kept.",
                field=field,
            )


def refuse_taken(
    tx: Tx,
    company_id: str,
    user: User | None,
    user_name_key: str | None,
    external_id: str | None,
    email_claim: str | None,
) -> None:
    """Raises Conflict where another user has one of these. Asked once a constraint has objected (`tx.careful`), to say
    who it is.
    """
    parameters = {
        "company": company_id,
        "user_name_key": user_name_key,
        "external_id": external_id,
        "email_claim": email_claim,
    }
    for row in tx.all(_HOLDERS, parameters):
        holder = User(*row)
        if user is not None and holder.id == user.id:
            continue
        if user_name_key is not None and fold(holder.user_name) == user_name_key:
            raise _user_name_taken(holder)
        if external_id is not None and holder.external_id == external_id:
            raise _external_id_taken(holder)
        raise _email_taken(holder, user)


class Holders:
    """Whoever has some names, and why nobody else is given one of them: what the verbs would refuse by a Conflict."""

    def __init__(self, found: Sequence[User]) -> None:
        self._by_user_name = {fold(user.user_name): user for user in found if user.former_user_name is None}
        self._by_external_id = {user.external_id: user for user in found if user.external_id is not None}
        self._by_email = {fold(user.email): user for user in found if user.active}
        self._by_sign_in = {fold(user.confirmed_email): user for user in found if user.active and user.confirmed_email}

    def why_no_user_name(self, key: str, user: User | None) -> Conflict | None:
        """Why `user`, or with None somebody new, cannot have this user name, folded."""
        holder = _another(self._by_user_name.get(key), user)
        return _user_name_taken(holder) if holder else None

    def why_no_external_id(self, external_id: str, user: User | None) -> Conflict | None:
        """Why they cannot have this external id."""
        holder = _another(self._by_external_id.get(external_id), user)
        return _external_id_taken(holder) if holder else None

    def why_no_email(self, key: str, user: User | None) -> Conflict | None:
        """Why they cannot be here with this e-mail, folded."""
        if holder := _another(self._by_email.get(key), user):
            return _email_taken(holder, user)
        holder = _another(self._by_sign_in.get(key), user)
        return Conflict(held_by(holder), field="email", holder_id=holder.id) if holder else None

    def why_no_sign_in(self, key: str, user: User) -> Conflict | None:
        """Why sign-in links of somebody who comes back cannot go to this address, folded."""
        holder = _another(self._by_email.get(key), user)
        return _links_lead_to(user, holder) if holder else None


def holders(
    tx: Tx, company_id: str, *, user_names: Collection[str], external_ids: Collection[str], emails: Collection[str]
) -> Holders:
    """Whoever has one of these user names or external ids, or is here with one of these e-mails: as their own, or as
    the one they sign in with. All are folded but the ids.
    """
    held = emails if emails and _is_any_held(tx, company_id) else ()
    names = {"user_names": user_names, "external_ids": external_ids, "emails": emails, "held": held}
    return Holders([User(*row) for row in tx.among(_OF_NAMES, {"company": company_id}, **names)])


def _another(holder: User | None, user: User | None) -> User | None:
    return holder if holder is not None and (user is None or holder.id != user.id) else None


def _whose(holder: User) -> str:
    return f"user {holder.id} ({'active' if holder.active else 'archived'})"


def _user_name_taken(holder: User) -> Conflict:
    message = (
        f"The user name is taken by {_whose(holder)}. Open that person in Okta or in Learning and change one of the "
        "two user names."
    )
    return Conflict(_freed_by_a_person(holder) or message, field="user_name", holder_id=holder.id)


def _external_id_taken(holder: User) -> Conflict:
    message = (
        f"The external id is recorded for {_whose(holder)}. Two people cannot share one: check the mapping of "
        "externalId in Okta."
    )
    return Conflict(_freed_by_a_person(holder) or message, field="external_id", holder_id=holder.id)


def _email_taken(holder: User, user: User | None) -> Conflict:
    other = f", so user {user.id} cannot take it" if user is not None else ""
    what_to_do = "Archive that user or give one of the two another address."
    return Conflict(
        f"The e-mail is in use by {_whose(holder)}{other}. {what_to_do}", field="email", holder_id=holder.id
    )


def _freed_by_a_person(holder: User) -> str | None:
    """Of a privileged user whom provisioning deleted and whose names still stand."""
    if holder.deleted_at is None:
        return None
    return (
        f"The name belonged to the {holder.role} {holder.id}, whom provisioning deleted. A privileged account's names "
        f"are freed by a person only: rollbook user free SUBDOMAIN {holder.id}"
    )


def refuse_held(tx: Tx, company_id: str, email_key: str) -> None:
    """Raises Conflict where an active user signs in with this address although their record shows another."""
    if _is_any_held(tx, company_id):
        _refuse_signing_in(tx, company_id, None, email_key, None)


def refuse_shared_address(tx: Tx, before: User, after: User) -> None:
    """Raises Conflict where after this change two active people would sign in with one address.

    It is asked where the e-mail of somebody who is here is new, and of whoever comes back. No constraint watches over
    it: of two who do so at the same moment both may go through, and then the address leads to neither.
    """
    new = fold(after.email) != fold(before.email)
    back = not before.active
    if after.active and (new or back) and (after.confirmed_email or _is_any_held(tx, after.company_id)):
        held_key = fold(after.confirmed_email) if back and after.confirmed_email else None
        _refuse_signing_in(tx, after.company_id, after, fold(after.email), held_key)


def any_held(company_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether an address is held for anybody of a company: mostly not, and then nothing more is asked."""
    return exists().where(_holders.c.company_id == company_id, _holders.c.confirmed_email_key.is_not(None))


_ANY_HELD = select(any_held(bindparam("company", type_=Text())))


def _is_any_held(tx: Tx, company_id: str) -> bool:
    known = tx.holds
    if known is None or known[0] != company_id:
        row = tx.one(_ANY_HELD, {"company": company_id})
        known = tx.holds = (company_id, row is not None and bool(row[0]))
    return known[1]


def _refuse_signing_in(tx: Tx, company_id: str, user: User | None, email_key: str | None, held_key: str | None) -> None:
    for row in tx.all(_SIGNING_IN, {"company": company_id, "email_key": email_key, "held_key": held_key}):
        other = User(*row)
        if user is not None and other.id == user.id:
            continue
        if user is not None and fold(other.email) == held_key:
            raise _links_lead_to(user, other)
        raise Conflict(held_by(other), field="email", holder_id=other.id)


def _links_lead_to(user: User, other: User) -> Conflict:
    return Conflict(
        f"Sign-in links of user {user.id} go to an address that is the e-mail of user {other.id} by now. "
        f"Archive that user, or confirm the present e-mail first: rollbook user confirm SUBDOMAIN {user.id}",
        field="email",
        holder_id=other.id,
    )


def held_by(holder: User) -> str:
    """Why nobody else is given an address that is held for somebody, and what to do."""
    return (
        f"Until a person confirms the new e-mail of user {holder.id}, they sign in with this one. If the new one is "
        f"right, an administrator confirms it in Learning (rollbook user confirm SUBDOMAIN {holder.id}); if not, "
        "correct it in Okta."
    )

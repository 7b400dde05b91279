"""Who a POST is about: nobody yet, somebody to link, somebody to bring back, or a conflict. The ordered rule, and
the text that tells the identity provider's administrator what to click.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import bindparam

from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import users as table
from rollbook.errors import Conflict
from rollbook.people import claims, field_values, identity_links, profiles, record, users
from rollbook.people.attribute_mapping import HIRE_DATE, ROLLBOOK_USER
from rollbook.people.credentials import LookUp
from rollbook.people.fields import Field
from rollbook.people.folding import fold
from rollbook.people.profiles import Profile
from rollbook.people.record import User

Outcome = Literal["created", "linked", "restored", "refreshed"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of a POST."""

    user: User
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who shares a name with the newcomer, and which: `user_name`, `external_id`, `email`; none of them where
    the newcomer's e-mail is only where they sign in (addresses.py).
    """

    user: User
    shared: tuple[str, ...]


_WORDS = {"user_name": "userName", "external_id": "externalId", "email": "e-mail"}
_SHARING = record.any_of(
    table.c.user_name_key == bindparam("user_name_key"),
    table.c.external_id == bindparam("external_id"),
    table.c.email_key == bindparam("email_key"),
    table.c.confirmed_email_key == bindparam("email_key"),
)
_CANDIDATES = record.SELECT.where(_SHARING).order_by(table.c.id).with_for_update()
_LOOK_UP = LookUp(_SHARING)


def look_up(profile: Profile) -> tuple[LookUp, dict[str, str | None]]:
    """Asks together with the caller's key whether anybody has one of the newcomer's names; mostly nobody has."""
    return _LOOK_UP, _names(profile)


def arrive(
    tx: Tx,
    company_id: str,
    profile: Profile,
    *,
    active: bool | None = None,
    unknown: bool = False,
    texts: Mapping[Field, str | None],
    actor: Actor,
    now: datetime,
) -> Arrival:
    """Creates, links or restores the user that a provisioning client posts; `active` None means true.

    `unknown` says that the caller's look-up found nobody with one of the names; `texts` are what was sent for the
    company's own fields. Raises Conflict with the field, the holder and the next click; InvalidValue for what a field
    cannot hold.
    """
    profiles.check(profile)
    candidates = [] if unknown else _candidates(tx, company_id, profile)
    _refuse_held(candidates)
    if not candidates:
        user = users.create(
            tx,
            company_id,
            profile,
            active=active is not False,
            linked=True,
            vetted=True,
            own=field_values.changes(tx, None, texts, actor=actor) if texts else (),
            actor=actor,
            now=now,
        )
        return Arrival(user, "created")
    if len(candidates) > 1:
        raise _ambiguous(candidates)
    candidate = candidates[0]
    before = candidate.user
    if before.deleted_at:
        raise _awaits_a_person(candidate)
    if before.active:
        if before.link == "linked":
            raise _taken(candidate)
        if not _same_person(candidate, profile):
            raise _needs_a_click(candidate)
        outcome: Outcome = "linked"
    else:
        if not _may_return(candidate, profile):
            raise _not_the_returner(candidate, profile)
        outcome = "refreshed" if active is False else "restored"
    own = field_values.changes(tx, before, texts, actor=actor)
    # Some mappings leave the external id out, and most clients do not know our extension: what is recorded stays.
    profile = msgspec.structs.replace(
        profile,
        external_id=profile.external_id or before.external_id,
        hire_date=profile.hire_date or before.hire_date,
        kept=_kept(profile, before),
    )
    linked = identity_links.link(tx, before, external_id=profile.external_id, by_client=True, actor=actor, now=now)
    user = users.update(tx, linked, profile, active=active is not False, own=own, actor=actor, now=now)
    return Arrival(user, outcome)


def _kept(profile: Profile, before: User) -> dict[str, Any]:
    ours = before.kept_attributes.get(ROLLBOOK_USER, {})
    if profile.hire_date is not None:
        ours.pop(HIRE_DATE, None)
    ours |= profile.kept.get(ROLLBOOK_USER, {})
    return profile.kept | {ROLLBOOK_USER: ours} if ours else profile.kept


def _names(profile: Profile) -> dict[str, str | None]:
    return {
        "user_name_key": fold(profile.user_name),
        "external_id": profile.external_id,
        "email_key": fold(profile.email),
    }


def _candidates(tx: Tx, company_id: str, profile: Profile) -> list[Candidate]:
    names = _names(profile)
    candidates = []
    for row in tx.all(_CANDIDATES, {"company": company_id, **names}):
        user = record.of_row(row)
        shared = {
            "user_name": fold(user.user_name) == names["user_name_key"],
            "external_id": profile.external_id is not None and user.external_id == profile.external_id,
            "email": fold(user.email) == names["email_key"],
        }
        candidates.append(Candidate(user, tuple(name for name, same in shared.items() if same)))
    # Whoever was archived signs in nowhere, and an address that is held for them is nobody's.
    candidates = [c for c in candidates if c.shared or c.user.active]
    # An archived user keeps the text of an address that an active one has taken since, but no claim to it.
    if any(candidate.user.active and "email" in candidate.shared for candidate in candidates):
        candidates = [c for c in candidates if c.user.active or c.shared != ("email",)]
    return candidates


def _refuse_held(candidates: list[Candidate]) -> None:
    for candidate in candidates:
        if not candidate.shared:
            raise Conflict(claims.held_by(candidate.user), field="email", holder_id=candidate.user.id)


def _same_person(candidate: Candidate, profile: Profile) -> bool:
    """An account of before is linked without a person's yes only where nothing speaks against it."""
    user = candidate.user
    return (
        user.role == "learner"
        and "user_name" in candidate.shared
        and "email" in candidate.shared
        and not _contradicts(user, profile)
    )


def _may_return(candidate: Candidate, profile: Profile) -> bool:
    named = "user_name" in candidate.shared or "external_id" in candidate.shared
    return named and not _contradicts(candidate.user, profile)


def _contradicts(user: User, profile: Profile) -> bool:
    sent = profile.external_id
    return sent is not None and user.external_id is not None and user.external_id != sent


def _ambiguous(candidates: list[Candidate]) -> Conflict:
    parts = [f"{_shared(c)} of user {c.user.id} ({'active' if c.user.active else 'archived'})" for c in candidates]
    return Conflict(
        "The request matches more than one user: "
        + "; ".join(parts)
        + ". Correct the user name or the e-mail of one of them, in Okta or in Learning, and retry the task.",
        field=candidates[0].shared[0],
        holder_id=candidates[0].user.id,
    )


def _taken(candidate: Candidate) -> Conflict:
    if "user_name" in candidate.shared:
        what_to_do = (
            "In Okta open the person's assignment and retry the task: Okta then finds the user by its user name and "
            "writes to it."
        )
    else:  # a retry would meet the same conflict
        what_to_do = (
            "The user name is another one. If it is the same person: give them that user's user name in Okta and retry "
            f"the task; if not: correct the {_shared(candidate)} of one of the two."
        )
    return Conflict(
        f"User {candidate.user.id} is active and has this {_shared(candidate)} already. {what_to_do}",
        field=candidate.shared[0],
        holder_id=candidate.user.id,
    )


def _needs_a_click(candidate: Candidate) -> Conflict:
    user = candidate.user
    if user.privileged:
        why = f"that account is {user.role}, and a privileged account is linked by a person only"
    else:
        why = "the user name and the e-mail are not both the same, so it may be somebody else"
    return Conflict(
        f"User {user.id} existed before provisioning and has this {_shared(candidate)}, but {why}. If it is the same "
        "person: in Okta choose Import, Import Now, and confirm the match; Okta then writes to that id.",
        field=candidate.shared[0],
        holder_id=user.id,
    )


def _not_the_returner(candidate: Candidate, profile: Profile) -> Conflict:
    user = candidate.user
    if _contradicts(user, profile):
        why = "was recorded with another externalId, so this may be a different person with a re-used name"
    else:
        why = "shares only the e-mail, so this may be a different person"
    return Conflict(
        f"The archived user {user.id} has this {_shared(candidate)} but {why}. If it is the same person: restore that "
        "user in Learning and retry the task; if not: give the archived user another user name and e-mail first.",
        field=candidate.shared[0],
        holder_id=user.id,
    )


def _awaits_a_person(candidate: Candidate) -> Conflict:
    return Conflict(
        f"The {_shared(candidate)} belonged to the {candidate.user.role} {candidate.user.id}, whom provisioning "
        "deleted. A privileged account's names are freed by a person only: rollbook user free",
        field=candidate.shared[0],
        holder_id=candidate.user.id,
    )


def _shared(candidate: Candidate) -> str:
    return " and ".join(_WORDS[name] for name in candidate.shared)

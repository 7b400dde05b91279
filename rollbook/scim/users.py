"""`/Users`: what each method does, in the words of people; lists are user_lists.py's. Limits, errors and the socket are
app.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from rollbook.activity import log
from rollbook.database import Tx
from rollbook.errors import NotFound
from rollbook.people import arrivals, deletion, field_values, flapping, identity_links, users
from rollbook.people.fields import Field
from rollbook.people.profiles import Profile
from rollbook.people.record import User, own_attributes
from rollbook.scim import extension, mapping, showing
from rollbook.scim.exchange import Answer, Request
from rollbook.scim.extension import STANDARD, Extension
from rollbook.scim.protocol import errors, patch
from rollbook.scim.protocol.normalize import Canonical, canonical
from rollbook.scim.user_schema import ROLLBOOK_USER, USER

_NOBODY = "00000000-0000-0000-0000-000000000000"
# Sent by Okta whether or not passwords are synchronized; never kept, so never named either.
_PASSWORD = "password"  # noqa: S105 - the attribute's name


async def get(request: Request) -> Answer:
    """GET /Users/{id}: the user, archived or not; 304 where the client has this version."""
    showing.projection(request)

    def find(tx: Tx) -> tuple[User, Extension]:
        claim = request.claim(tx, users.BY_ID, {"user": _id(request)})
        request.admit(claim)
        user = _present(request, claim.user())
        return user, showing.extension_for(request, tx, claim.company_id, (user,))

    user, shown = await request.service.database.read(find, brief=True)
    version = mapping.version_of(user)
    if request.if_none_match is not None and _names(request.if_none_match, version):
        return Answer(304, None, ((b"etag", version.encode()),))
    return showing.answer(request, user, 200, shown)


async def create(request: Request) -> Answer:
    """POST /Users: the ordered rule of people/arrivals.py decides who it is about. 201 in every good case."""
    showing.projection(request)
    sent = canonical(USER, request.document)
    profile = mapping.profile_of(sent.resource)

    def arrive(tx: Tx) -> tuple[User, Extension]:
        claim = request.claim(tx, *arrivals.look_up(profile))
        actor = request.admit(claim)
        ours, said, wanted = STANDARD, sent, profile
        texts: Mapping[Field, str | None] = {}
        if sent.ignored and extension.is_missed(sent.ignored):
            ours = extension.of_company(tx, claim.company_id)
            said, wanted = _read(request, ours, sent, profile)
            texts = ours.texts({}, own_attributes(wanted.kept))
        log.begin(tx)
        arrival = arrivals.arrive(
            tx,
            claim.company_id,
            wanted,
            active=said.resource.get("active"),
            unknown=not claim.users(),
            texts=texts,
            actor=actor,
            now=request.now,
        )
        passed_over = _ignored(said.ignored) + _not_owned(wanted, arrival.user)
        entry = request.entry(201, arrival.outcome, user_id=arrival.user.id, ignored=passed_over)
        log.write(tx, claim.company_id, entry, now=request.now)
        return arrival.user, showing.extension_for(request, tx, claim.company_id, (arrival.user,), ours)

    user, shown = await request.service.database.write(arrive, brief=True)
    answer = showing.answer(request, user, 201, shown)
    location = f"{request.service.base_url}/Users/{user.id}".encode()
    return Answer(answer.status, answer.body, (*answer.headers, (b"location", location)))


async def replace(request: Request) -> Answer:
    """PUT /Users/{id}: the whole resource (RFC 7644 section 3.5.1); absent attributes that SCIM owns are cleared.

    Without `active` the state stays as it is; without our extension the hire date does, since most clients do not
    know it and Learning may have it from elsewhere.
    """
    sent = canonical(USER, request.document)
    profile = mapping.profile_of(sent.resource)

    def change(tx: Tx, before: User) -> _Wanted:
        ours, said, wanted = STANDARD, sent, profile
        texts: Mapping[Field, str | None] = {}
        whole = ROLLBOOK_USER in sent.resource
        before_own = before.own_attributes
        if before_own or (sent.ignored and extension.is_missed(sent.ignored)):
            ours = extension.of_company(tx, before.company_id)
            said, wanted = _read(request, ours, sent, profile)
            whole = ROLLBOOK_USER in said.resource
            texts = ours.texts(before_own, own_attributes(wanted.kept), whole=whole)
        if not whole and before.hire_date is not None:
            wanted = mapping.keeping_hire_date(wanted, before)
        return _Wanted(wanted, said.resource.get("active"), said.ignored, ours, texts)

    return await _write(request, change)


async def modify(request: Request) -> Answer:
    """PATCH /Users/{id}: every operation or none (RFC 7644 section 3.5.2); 200 with the resource."""
    operations = patch.parse_operations(request.document)
    switched = patch.only_switches("active", operations)  # most PATCHes of Okta's: somebody leaves or comes back

    def change(tx: Tx, before: User) -> _Wanted:
        if switched is not None:
            return _Wanted(None, switched)
        before_own = before.own_attributes
        ours = extension.of_company(tx, before.company_id) if before_own else STANDARD
        resource = mapping.resource_of(before, request.service.base_url, ours.own)
        patched = patch.apply(ours.resource_type, resource, operations)
        if not before_own and extension.is_missed(patched.ignored):
            ours = extension.of_company(tx, before.company_id)
            patched = patch.apply(ours.resource_type, resource, operations)
        profile = mapping.profile_of(patched.resource)
        texts = ours.texts(before_own, own_attributes(profile.kept)) if ours.own else {}
        return _Wanted(profile, patched.resource.get("active"), patched.ignored, ours, texts)

    return await _write(request, change)


async def delete(request: Request) -> Answer:
    """DELETE /Users/{id}: archived, and unknown to SCIM from now on; the names are free again."""

    def remove(tx: Tx) -> None:
        claim = request.claim(tx, users.BY_ID_LOCKED, {"user": _id(request)})
        actor = request.admit(claim)
        before = _present(request, claim.user())
        _check_version(request, before)
        log.begin(tx)
        after = deletion.delete(tx, before, actor=actor, now=request.now)
        entry = request.entry(204, "deleted", user_id=after.id)
        log.write(tx, claim.company_id, entry, now=request.now)

    await request.service.database.write(remove, brief=True)
    return Answer(204, None)


class _Wanted(msgspec.Struct, frozen=True):
    """What a write by id is to make of a user: the profile (None: as it is), whether active (None: as it is), and the
    texts of the company's own fields; `ignored` names what was passed over.
    """

    profile: Profile | None
    active: bool | None
    ignored: tuple[str, ...] = ()
    ours: Extension = STANDARD
    texts: Mapping[Field, str | None] = {}


async def _write(request: Request, change: Callable[[Tx, User], _Wanted]) -> Answer:
    """A write by id: whoever was never linked is linked by it, then the user becomes what `change` wants."""
    showing.projection(request)

    def write(tx: Tx) -> tuple[User, Extension]:
        claim = request.claim(tx, users.BY_ID_LOCKED, {"user": _id(request)})
        actor = request.admit(claim)
        before = _present(request, claim.user())
        _check_version(request, before)
        wanted = change(tx, before)
        profile, active = wanted.profile, wanted.active
        own = field_values.changes(tx, before, wanted.texts, actor=actor) if wanted.texts else ()
        log.begin(tx)
        user = before
        if user.link != "linked":
            user = identity_links.link(tx, user, by_client=True, actor=actor, now=request.now)
        if profile is not None:
            user = users.update(tx, user, profile, active=active, own=own, actor=actor, now=request.now)
        elif active is not None:
            user = (users.restore if active else users.archive)(tx, user, actor=actor, now=request.now)
        decision = "updated" if own and user is before else _decision(before, user)
        passed_over = _ignored(wanted.ignored) + (_not_owned(profile, user) if profile is not None else ())
        entry = request.entry(200, decision, user_id=user.id, ignored=passed_over)
        log.write(tx, claim.company_id, entry, now=request.now)
        if decision == "archived":
            flapping.watch(tx, before, actor=actor, now=request.now)
        return user, showing.extension_for(request, tx, claim.company_id, (user,), wanted.ours)

    user, shown = await request.service.database.write(write, brief=True)
    return showing.answer(request, user, 200, shown)


def _decision(before: User, after: User) -> str:
    if after is before:
        return "unchanged"
    if before.active != after.active:
        return "restored" if after.active else "archived"
    return "linked" if before.link != after.link else "updated"


def _read(request: Request, ours: Extension, sent: Canonical, profile: Profile) -> tuple[Canonical, Profile]:
    """The body once more, by what the company adds to our extension; as it was read where that is nothing."""
    if ours.resource_type is USER:
        return sent, profile
    said = canonical(ours.resource_type, request.document)
    return said, mapping.profile_of(said.resource)


def _present(request: Request, user: User | None) -> User:
    """Another company's user, a deleted one and one that never was are the same to the caller."""
    if user is None or user.deleted_at is not None:
        raise NotFound(
            f"There is no user {request.resource_id[:80]!r}. If the person was deleted: in Okta unassign and "
            "assign the app again, which makes a new user."
        )
    return user


def _id(request: Request) -> str:
    """The id as asked, or nobody's."""
    return request.user_id or _NOBODY


def _check_version(request: Request, user: User) -> None:
    """If-Match (RFC 7644 section 3.14); no client we know sends it, so it is never asked for."""
    if request.if_match is not None and not _names(request.if_match, mapping.version_of(user)):
        raise errors.ScimError(
            "The user was changed since this client read it; nothing was changed now. Read it again and repeat.",
            status=412,
        )


def _names(header: str, version: str) -> bool:
    tags = [tag.strip() for tag in header.split(",")]
    return "*" in tags or version in tags or version.removeprefix("W/") in tags


def _ignored(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name.lower() != _PASSWORD) if names else names


def _not_owned(profile: Profile, user: User) -> tuple[str, ...]:
    """What was sent and not followed, since another source owns the field (people/fields.py)."""
    followed = profile.hire_date is None or profile.hire_date == user.hire_date
    return () if followed else (f"{ROLLBOOK_USER}:hireDate",)

"""`/Users`: what each method does, in the words of people. Limits, errors and the socket are app.py's."""

from __future__ import annotations

from typing import Any

from rollbook.activity import log
from rollbook.database import Tx
from rollbook.errors import NotFound
from rollbook.people import arrivals, identity_links, search, users
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from rollbook.scim import mapping
from rollbook.scim.conditions import condition_of
from rollbook.scim.discovery import MAX_RESULTS
from rollbook.scim.exchange import Answer, Request
from rollbook.scim.protocol import errors, messages, patch
from rollbook.scim.protocol.evaluation import evaluate
from rollbook.scim.protocol.filter import And, Filter, ValuePath, parse_filter
from rollbook.scim.protocol.messages import Page, list_response
from rollbook.scim.protocol.normalize import canonical
from rollbook.scim.protocol.projection import Projection
from rollbook.scim.user_schema import ROLLBOOK_USER, USER

# Okta steps by 100 whatever it is told, so that is the least a page must be able to hold.
DEFAULT_PAGE = 100

_NOBODY = "00000000-0000-0000-0000-000000000000"
# Sent by Okta whether or not passwords are synchronized; never kept, so never named either.
_PASSWORD = "password"  # noqa: S105 - the attribute's name


async def list_(request: Request) -> Answer:
    """GET /Users: a page of everybody, or of those who meet the filter; archived users too, deleted ones never."""
    projection = _projection(request)
    page = messages.parse_page(request.query, default=DEFAULT_PAGE, cap=MAX_RESULTS)
    text = request.query.get("filter")
    node = parse_filter(text) if text is not None and text.strip() else None
    condition = condition_of(node) if node is not None else None
    # What an e-mail's type says is settled below, so such a filter is answered from all that it may mean.
    exact = node is None or not _looks_inside(node)
    unique = condition if isinstance(condition, search.Equals) and condition.field in search.UNIQUE else None

    def find(tx: Tx) -> search.Page:
        if unique is not None:
            claim = request.claim(tx, *search.look_up(unique))
            request.admit(claim)
            return search.page_of(claim.users(), offset=page.start_index - 1, limit=page.count)
        claim = request.claim(tx)
        request.admit(claim)
        offset, limit = (page.start_index - 1, page.count) if exact else (0, MAX_RESULTS)
        return search.page(tx, claim.company_id, condition, offset=offset, limit=limit)

    found = await request.service.database.read(find, brief=unique is not None)
    resources = [mapping.resource_of(user, request.service.base_url) for user in found.users]
    total = found.total
    if not exact and node is not None:
        resources = [resource for resource in resources if evaluate(node, resource, USER)]
        total = len(resources)
        resources = _part(resources, page)
    return Answer(200, list_response([projection.apply(resource) for resource in resources], total, page.start_index))


async def get(request: Request) -> Answer:
    """GET /Users/{id}: the user, archived or not; 304 where the client has this version."""
    projection = _projection(request)

    def find(tx: Tx) -> User:
        claim = request.claim(tx, users.BY_ID, {"user": _id(request)})
        request.admit(claim)
        return _present(request, claim.user())

    user = await request.service.database.read(find, brief=True)
    version = mapping.version_of(user)
    if request.if_none_match is not None and _names(request.if_none_match, version):
        return Answer(304, None, ((b"etag", version.encode()),))
    return _shown(request, user, 200, projection)


async def create(request: Request) -> Answer:
    """POST /Users: the ordered rule of people/arrivals.py decides who it is about. 201 in every good case."""
    projection = _projection(request)
    sent = canonical(USER, request.document)
    profile = mapping.profile_of(sent.resource)
    active = sent.resource.get("active")

    def arrive(tx: Tx) -> User:
        claim = request.claim(tx, *arrivals.look_up(profile))
        actor = request.admit(claim)
        log.begin(tx)
        arrival = arrivals.arrive(
            tx,
            claim.company_id,
            profile,
            active=active,
            unknown=not claim.users(),
            actor=actor,
            now=request.now,
        )
        passed_over = _ignored(sent.ignored) + _not_owned(profile, arrival.user)
        entry = request.entry(201, arrival.outcome, user_id=arrival.user.id, ignored=passed_over)
        log.write(tx, claim.company_id, entry, now=request.now)
        return arrival.user

    user = await request.service.database.write(arrive, brief=True)
    answer = _shown(request, user, 201, projection)
    location = f"{request.service.base_url}/Users/{user.id}".encode()
    return Answer(answer.status, answer.body, (*answer.headers, (b"location", location)))


async def replace(request: Request) -> Answer:
    """PUT /Users/{id}: the whole resource (RFC 7644 section 3.5.1); absent attributes that SCIM owns are cleared.

    Without `active` the state stays as it is; without our extension the hire date does, since most clients do not
    know it and Learning may have it from elsewhere.
    """
    projection = _projection(request)
    sent = canonical(USER, request.document)
    profile = mapping.profile_of(sent.resource)

    def change(tx: Tx, before: User) -> tuple[Any, bool | None, tuple[str, ...]]:
        wanted = profile
        if ROLLBOOK_USER not in sent.resource and before.hire_date is not None:
            wanted = mapping.keeping_hire_date(profile, before)
        return wanted, sent.resource.get("active"), sent.ignored

    return await _write(request, projection, change)


async def modify(request: Request) -> Answer:
    """PATCH /Users/{id}: every operation or none (RFC 7644 section 3.5.2); 200 with the resource."""
    projection = _projection(request)
    operations = patch.parse_operations(request.document)
    switched = patch.only_switches("active", operations)  # most PATCHes of Okta's: somebody leaves or comes back

    def change(tx: Tx, before: User) -> tuple[Any, bool | None, tuple[str, ...]]:
        if switched is not None:
            return None, switched, ()
        patched = patch.apply(USER, mapping.resource_of(before, request.service.base_url), operations)
        profile = mapping.profile_of(patched.resource)
        return profile, patched.resource.get("active"), patched.ignored

    return await _write(request, projection, change)


async def delete(request: Request) -> Answer:
    """DELETE /Users/{id}: archived, and unknown to SCIM from now on; the names are free again."""

    def remove(tx: Tx) -> None:
        claim = request.claim(tx, users.BY_ID_LOCKED, {"user": _id(request)})
        actor = request.admit(claim)
        before = _present(request, claim.user())
        _check_version(request, before)
        log.begin(tx)
        after = users.delete(tx, before, actor=actor, now=request.now)
        entry = request.entry(204, "deleted", user_id=after.id)
        log.write(tx, claim.company_id, entry, now=request.now)

    await request.service.database.write(remove, brief=True)
    return Answer(204, None)


async def _write(request: Request, projection: Projection, change: Any) -> Answer:
    """A write by id: whoever was never linked is linked by it, then the user becomes what `change` wants.

    `change` gives the profile (None: as it is), whether active (None: as it is), and what was passed over.
    """

    def write(tx: Tx) -> User:
        claim = request.claim(tx, users.BY_ID_LOCKED, {"user": _id(request)})
        actor = request.admit(claim)
        before = _present(request, claim.user())
        _check_version(request, before)
        profile, active, ignored = change(tx, before)
        log.begin(tx)
        user = before
        if user.link != "linked":
            user = identity_links.link(tx, user, by_client=True, actor=actor, now=request.now)
        if profile is not None:
            user = users.update(tx, user, profile, active=active, actor=actor, now=request.now)
        elif active is not None:
            user = (users.restore if active else users.archive)(tx, user, actor=actor, now=request.now)
        passed_over = _ignored(ignored) + (_not_owned(profile, user) if profile is not None else ())
        entry = request.entry(200, _decision(before, user), user_id=user.id, ignored=passed_over)
        log.write(tx, claim.company_id, entry, now=request.now)
        return user

    user = await request.service.database.write(write, brief=True)
    return _shown(request, user, 200, projection)


def _decision(before: User, after: User) -> str:
    if after is before:
        return "unchanged"
    if before.active != after.active:
        return "restored" if after.active else "archived"
    return "linked" if before.link != after.link else "updated"


def _shown(request: Request, user: User, status: int, projection: Projection) -> Answer:
    resource = mapping.resource_of(user, request.service.base_url)
    return Answer(status, projection.apply(resource), ((b"etag", mapping.version_of(user).encode()),))


def _projection(request: Request) -> Projection:
    query = request.query
    if "attributes" not in query and "excludedAttributes" not in query:
        return _EVERYTHING
    return Projection.parse(query.get("attributes"), query.get("excludedAttributes"), USER)


_EVERYTHING = Projection.parse(None, None, USER)


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


def _looks_inside(node: Filter) -> bool:
    if isinstance(node, And):
        return any(_looks_inside(term) for term in node.terms)
    return isinstance(node, ValuePath)


def _part(resources: list[dict[str, Any]], page: Page) -> list[dict[str, Any]]:
    return resources[page.start_index - 1 : page.start_index - 1 + page.count]

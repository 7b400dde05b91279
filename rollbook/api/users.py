"""/users: the people of a company, and what happened to each. How one is shown is user_record.py's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import Field

from rollbook.api.call import TheCall
from rollbook.api.operation import PREFIX, router
from rollbook.api.paging import Page, Paging
from rollbook.api.shapes import Body, Date, Email, Id, Instant, Required, Shape, Text, left_out
from rollbook.api.user_record import User, show, shown
from rollbook.database import Tx
from rollbook.errors import InvalidValue
from rollbook.people import authorization, directory, field_values, fields, identity_links, returners, users
from rollbook.people.authorization import Who
from rollbook.people.folding import fold
from rollbook.people.profiles import Profile
from rollbook.people.roles import Role

routes = router("users")

CustomFilter = Annotated[str, Field(pattern=r"^[^=]+=", max_length=2000, examples=["Region=North"])]


class Users(Page[User]):
    """A page of people."""


class NewUser(Body):
    """A person to be made in Learning; nothing is mailed."""

    email: Email
    given_name: Required = Field(examples=["Leo"])
    family_name: Required = Field(examples=["Linden"])
    user_name: Required | None = Field(None, description="The e-mail where it is not given.")
    role: Role = Field("learner", description="admin is for people to give, not for keys.")
    location: Text | None = Field(None, examples=["Lyon"])
    business_unit: Text | None = Field(None, examples=["Sales"])
    department: Text | None = None
    job_title: Text | None = None
    manager_name: Text | None = None
    hire_date: Date | None = Field(None, description="Where Learning owns the field.")
    locale: Text | None = None
    time_zone: Text | None = None
    external_id: Required | None = None
    custom: dict[str, Text | None] = Field({}, description="Fields of the company's own, where Learning owns them.")


class UserChange(Body):
    """What is to be different; what is left out stays, null clears."""

    email: Email = left_out()
    given_name: Required = left_out()
    family_name: Required = left_out()
    user_name: Required = left_out()
    location: Text | None = None
    business_unit: Text | None = None
    department: Text | None = None
    job_title: Text | None = None
    manager_name: Text | None = None
    hire_date: Date | None = None
    locale: Text | None = None
    time_zone: Text | None = None
    external_id: Required = left_out(description="Recorded once; it cannot be cleared or replaced here.")
    custom: dict[str, Text | None] = Field({}, description="Fields of the company's own, where Learning owns them.")


class RoleChange(Body):
    """The role that somebody is to have."""

    role: Role = Field(description="admin is for people to give, not for keys.", examples=["manager"])


class Event(Shape):
    """One line of a timeline."""

    id: Id
    at: Instant
    kind: str = Field(examples=["UserArchived"])
    actor: str = Field(description="Who did it.", examples=["scim:0199c0de-1e00-7000-8000-000000000002"])
    changes: dict[str, list[Any]] = Field(
        description="Field: [before, after].", examples=[{"location": ["Lyon", "Turin"]}]
    )
    request_id: str | None


class Events(Page[Event]):
    """A page of a timeline, oldest first."""


class Filters(Paging):
    """Every filter that is given must hold."""

    archived: Literal["false", "true", "any"] = Field("false", description="Those who are archived, or everybody.")
    text: str | None = Field(None, max_length=200, description="Part of a name, a user name or an e-mail.")
    email: str | None = Field(None, max_length=254, description="Compared without regard to case.")
    user_name: str | None = Field(None, max_length=1024, description="Compared without regard to case.")
    external_id: str | None = Field(None, max_length=1024)
    role: Role | None = None
    link: Literal["linked", "known", "unlinked", "exempt"] | None = None
    location: str | None = Field(None, max_length=1024)
    business_unit: str | None = Field(None, max_length=1024)
    department: str | None = Field(None, max_length=1024)
    group_id: Id | None = None
    custom: list[CustomFilter] = Field([], max_length=20, description="A field of the company's own; once for each.")


FILTERS = (
    *("text", "email", "user_name", "external_id", "role", "link"),
    *("location", "business_unit", "department", "group_id"),
)


@routes.get("", operation_id="list_users", summary="List people")
async def list_(call: TheCall, asked: Annotated[Filters, Query()]) -> Users:
    """In the order in which they were made. Who is archived is not among them unless `archived` asks for it."""

    def work(tx: Tx, who: Who) -> Users:
        given = asked.model_dump(include=set(FILTERS), exclude_none=True)
        found = directory.list_people(
            tx,
            who.company_id,
            archived=None if asked.archived == "any" else asked.archived == "true",
            custom=custom_filters(tx, who.company_id, asked.custom),
            after=asked.after("users"),
            limit=asked.one_more,
            **given,
        )
        page, following = asked.cut("users", found, lambda user: user.id)
        return Users(items=shown(tx, who.company_id, page), next=following)

    return await call.read("see_people", work)


@routes.post("", operation_id="create_user", summary="Make a person", status_code=201)
async def create(call: TheCall, body: NewUser, response: Response) -> User:
    """Silent: nobody is mailed. The person may sign in once somebody sends them a link."""

    def work(tx: Tx, who: Who) -> User:
        _authorize_role(tx, who, body.role)
        texts = body.model_dump(exclude={"role", "custom"}, exclude_none=True)
        profile = Profile(**{"user_name": body.email, **texts})
        own = field_values.changes(tx, None, _own_texts(tx, who, body.custom), actor=who.actor)
        user = users.create(tx, who.company_id, profile, role=body.role, own=own, actor=who.actor, now=call.now)
        return show(tx, user)

    made = await call.write("create_people", work)
    response.headers["Location"] = f"{PREFIX}/users/{made.id}"
    return made


@routes.get("/{user_id}", operation_id="get_user", summary="Show one person")
async def get(call: TheCall, user_id: str) -> User:
    """Archived people too."""
    return await call.read("see_people", lambda tx, who: show(tx, users.get(tx, who.company_id, user_id)))


@routes.patch("/{user_id}", operation_id="update_user", summary="Change a person")
async def update(call: TheCall, user_id: str, body: UserChange) -> User:
    """All or nothing. A field that Okta owns is refused: what is written here would be written over."""

    def work(tx: Tx, who: Who) -> User:
        user = users.get(tx, who.company_id, user_id, lock=True)
        wanted = body.model_dump(exclude_unset=True, exclude={"external_id", "custom"})
        own = field_values.changes(tx, user, _own_texts(tx, who, body.custom), actor=who.actor)
        if "external_id" in body.model_fields_set:
            user = identity_links.link(
                tx, user, external_id=body.external_id, by_client=False, actor=who.actor, now=call.now
            )
        if wanted or own:
            user = users.set_fields(tx, user, wanted, own=own, actor=who.actor, now=call.now)
        return show(tx, user)

    return await call.write("edit_people", work)


@routes.post("/{user_id}/archive", operation_id="archive_user", summary="Archive a person")
async def archive(call: TheCall, user_id: str) -> User:
    """Out at once: sign-in, sessions, links and waiting mail end, and the person is in no report from then on."""

    def work(tx: Tx, who: Who) -> User:
        user = users.get(tx, who.company_id, user_id, lock=True)
        return show(tx, users.archive(tx, user, actor=who.actor, now=call.now))

    return await call.write("archive_people", work)


@routes.post("/{user_id}/restore", operation_id="restore_user", summary="Restore a person")
async def restore(call: TheCall, user_id: str) -> User:
    """The same person again: id, role, groups and history. Nothing is mailed."""

    def work(tx: Tx, who: Who) -> User:
        user = users.get(tx, who.company_id, user_id, lock=True)
        if user.role == "admin" and not user.active:
            authorization.authorize(tx, who, "make_admins")
        return show(tx, users.restore(tx, user, actor=who.actor, now=call.now))

    return await call.write("archive_people", work)


@routes.put("/{user_id}/role", operation_id="set_user_role", summary="Set a person's role")
async def set_role(call: TheCall, user_id: str, body: RoleChange) -> User:
    """learner, creator or manager. Administrators are made in the console or by the operator, not by a key."""

    def work(tx: Tx, who: Who) -> User:
        user = users.get(tx, who.company_id, user_id, lock=True)
        if user.role != body.role:
            _authorize_role(tx, who, body.role)
        return show(tx, users.set_role(tx, user, body.role, actor=who.actor, now=call.now))

    return await call.write("set_roles", work)


@routes.get("/{user_id}/events", operation_id="list_user_events", summary="Show a person's timeline")
async def timeline(call: TheCall, user_id: str, asked: Annotated[Paging, Query()]) -> Events:
    """What happened to the person, oldest first, and to the records that were joined into theirs."""

    def work(tx: Tx, who: Who) -> Events:
        lines = returners.timeline(tx, users.get(tx, who.company_id, user_id))
        page, following = asked.slice(f"events of {user_id}", lines, lambda event: event.id)
        return Events(items=[Event.show(line) for line in page], next=following)

    return await call.read("see_people", work)


def custom_filters(tx: Tx, company_id: str, given: Sequence[str]) -> dict[fields.Field, str]:
    """Fields with their values, of `NAME=VALUE` each."""
    own = {fold(field.name): field for field in fields.all_of(tx, company_id)} if given else {}
    found = {}
    for text in given:
        name, _, value = text.partition("=")
        field = own.get(fold(name))
        if field is None:
            raise InvalidValue(f"The company has no field {name[:100]!r}; GET /fields lists them.", field="custom")
        if field in found:
            raise InvalidValue(f"{field.name} was given twice; one value of a field can be asked for.", field="custom")
        found[field] = fields.checked(field, value) or ""
    return found


def _authorize_role(tx: Tx, who: Who, role: Role) -> None:
    if role != "learner":
        authorization.authorize(tx, who, "make_admins" if role == "admin" else "set_roles")


def _own_texts(tx: Tx, who: Who, custom: dict[str, str | None]) -> dict[fields.Field, str | None]:
    """Fields of the company's own with what is to be in them, by their names."""
    texts = {}
    own = {fold(field.name): field for field in fields.all_of(tx, who.company_id)} if custom else {}
    for name, text in custom.items():
        field = own.get(fold(name))
        if field is None or field.user_column is not None:
            message = f"The company has no field {name[:100]!r} of its own; GET /fields lists them."
            raise InvalidValue(message, field=f"custom.{name}")
        texts[field] = text
    return texts

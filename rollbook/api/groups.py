"""/groups: named sets of people, who is in them and who manages them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

from fastapi import Query, Response
from pydantic import Field

from rollbook.api.call import Call, TheCall
from rollbook.api.operation import PREFIX, router
from rollbook.api.paging import Page, Paging
from rollbook.api.shapes import Body, Id, Instant, Name, Shape
from rollbook.database import Tx
from rollbook.people import group_managers, groups, memberships, smart_groups, users
from rollbook.people.authorization import Who
from rollbook.people.group_people import Member as MemberRecord
from rollbook.people.groups import Group as Record
from rollbook.people.roles import Permission, Role
from rollbook.people.rules.tree import LONGEST_TEXT

routes = router("groups")


Rule = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, examples=['location = "Lyon"'])]


class Building(Shape):
    """How far a rule is: so many of all people were looked at."""

    rule: str = Field(examples=['location = "Lyon"'])
    looked_at: int = Field(examples=[300])
    of: int = Field(examples=[1200])


class Group(Shape):
    """A group."""

    id: Id
    name: str = Field(examples=["Bakers of Lyon"])
    kind: Literal["everyone", "custom", "smart"] = Field(
        description="everyone: whoever is active; custom: filled by hand; smart: by a rule.", examples=["custom"]
    )
    members: int = Field(description="How many active people are in it.", examples=[12])
    rule: str | None = Field(description="Of a smart group: the rule that counts.", examples=[None])
    building: Building | None = Field(description="A rule that was given and does not count yet.", examples=[None])
    archived_at: Instant | None = Field(examples=[None])
    created_at: Instant


class Groups(Page[Group]):
    """A page of groups."""


class NewGroup(Body):
    """A group to be made."""

    name: Name = Field(examples=["Bakers of Lyon"])
    rule: Rule | None = Field(None, description="Who is in it; without a rule people are put in one by one.")


class RuleChange(Body):
    """The rule that a smart group is to have."""

    rule: Rule


class GroupChange(Body):
    """What is to be different."""

    name: Name = Field(examples=["Bakers of Turin"])


class Member(Shape):
    """An active person in a group, or a manager of it."""

    id: Id
    user_name: str = Field(examples=["leo@acme.example"])
    given_name: str = Field(examples=["Leo"])
    family_name: str = Field(examples=["Linden"])
    email: str = Field(examples=["leo@acme.example"])
    role: Role = Field(examples=["learner"])
    since: Instant = Field(description="When they joined or were appointed.")


class Members(Page[Member]):
    """A page of people."""


class Filters(Paging):
    """Which groups."""

    archived: Literal["false", "true"] = Field("false", description="Those that were archived.")


@routes.get("", operation_id="list_groups", summary="List groups")
async def list_(call: TheCall, asked: Annotated[Filters, Query()]) -> Groups:
    """In the order in which they were made."""

    def work(tx: Tx, who: Who) -> Groups:
        found = groups.search(
            tx,
            who.company_id,
            archived=asked.archived == "true",
            after=asked.after("groups"),
            limit=asked.one_more,
        )
        page, following = asked.cut("groups", found, lambda group: group.id)
        return Groups(items=_shown(tx, who.company_id, page), next=following)

    return await call.read("see_groups", work)


@routes.post("", operation_id="create_group", summary="Make a group", status_code=201)
async def create(call: TheCall, body: NewGroup, response: Response) -> Group:
    """Without members, who are put in one by one; or a smart group, whose rule is looked at by and by."""

    def work(tx: Tx, who: Who) -> Group:
        if body.rule is None:
            return _counted(tx, groups.create(tx, who.company_id, body.name, actor=who.actor, now=call.now))
        return _counted(
            tx, smart_groups.create(tx, who.company_id, body.name, body.rule, actor=who.actor, now=call.now)
        )

    made = await call.write("edit_groups", work)
    response.headers["Location"] = f"{PREFIX}/groups/{made.id}"
    return made


@routes.get("/{group_id}", operation_id="get_group", summary="Show one group")
async def get(call: TheCall, group_id: str) -> Group:
    """Archived groups too."""
    return await call.read("see_groups", lambda tx, who: _counted(tx, groups.get(tx, who.company_id, group_id)))


@routes.patch("/{group_id}", operation_id="update_group", summary="Rename a group")
async def update(call: TheCall, group_id: str, body: GroupChange) -> Group:
    """Who is in it stays."""
    return await _change(call, group_id, lambda tx, group, **how: groups.rename(tx, group, body.name, **how))


@routes.put("/{group_id}/rule", operation_id="set_group_rule", summary="Give a smart group another rule")
async def set_rule(call: TheCall, group_id: str, body: RuleChange) -> Group:
    """It counts once everybody was looked at; until then the present one does. `building` says how far that is."""
    return await _change(call, group_id, lambda tx, group, **how: smart_groups.set_rule(tx, group, body.rule, **how))


@routes.post("/{group_id}/archive", operation_id="archive_group", summary="Archive a group")
async def archive(call: TheCall, group_id: str) -> Group:
    """Out of every list; who is in it is kept, and the name is free for another group."""
    return await _change(call, group_id, groups.archive)


@routes.post("/{group_id}/restore", operation_id="restore_group", summary="Restore a group")
async def restore(call: TheCall, group_id: str) -> Group:
    """The same group again, with its people."""
    return await _change(call, group_id, groups.restore)


@routes.get("/{group_id}/members", operation_id="list_group_members", summary="List who is in a group")
async def members(call: TheCall, group_id: str, asked: Annotated[Paging, Query()]) -> Members:
    """Whoever is archived is not in the list."""
    of = f"members of {group_id}"

    def work(tx: Tx, who: Who) -> Members:
        group = groups.get(tx, who.company_id, group_id)
        found = memberships.members(tx, group, after=asked.after(of), limit=asked.one_more)
        return _people(*asked.cut(of, found, lambda member: member.id))

    return await call.read("see_groups", work)


@routes.put("/{group_id}/members/{user_id}", operation_id="add_group_member", summary="Add to a group", status_code=204)
async def add_member(call: TheCall, group_id: str, user_id: str) -> None:
    """Puts a person into a custom group; who is in it stays in it."""
    await _move(call, "fill_groups", memberships.join, group_id, user_id)


@routes.delete(
    "/{group_id}/members/{user_id}", operation_id="remove_group_member", summary="Take out of a group", status_code=204
)
async def remove_member(call: TheCall, group_id: str, user_id: str) -> None:
    """Takes a person out of a custom group; who is not in it stays out."""
    await _move(call, "fill_groups", memberships.leave, group_id, user_id)


@routes.get("/{group_id}/managers", operation_id="list_group_managers", summary="List who manages a group")
async def managers(call: TheCall, group_id: str, asked: Annotated[Paging, Query()]) -> Members:
    """They act on the learners in it."""

    def work(tx: Tx, who: Who) -> Members:
        found = group_managers.managers(tx, groups.get(tx, who.company_id, group_id))
        return _people(*asked.slice(f"managers of {group_id}", found, lambda manager: manager.id))

    return await call.read("see_groups", work)


@routes.put(
    "/{group_id}/managers/{user_id}", operation_id="appoint_group_manager", summary="Appoint a manager", status_code=204
)
async def appoint(call: TheCall, group_id: str, user_id: str) -> None:
    """The person's role must be manager or admin."""
    await _move(call, "edit_groups", group_managers.appoint, group_id, user_id)


@routes.delete(
    "/{group_id}/managers/{user_id}", operation_id="dismiss_group_manager", summary="Dismiss a manager", status_code=204
)
async def dismiss(call: TheCall, group_id: str, user_id: str) -> None:
    """The person's role stays."""
    await _move(call, "edit_groups", group_managers.dismiss, group_id, user_id)


async def _change(call: Call, group_id: str, verb: Callable[..., Record]) -> Group:
    def work(tx: Tx, who: Who) -> Group:
        group = groups.get(tx, who.company_id, group_id, lock=True)
        return _counted(tx, verb(tx, group, actor=who.actor, now=call.now))

    return await call.write("edit_groups", work)


async def _move(
    call: Call,
    permission: Permission,
    verb: Callable[..., bool],
    group_id: str,
    user_id: str,
) -> None:
    def work(tx: Tx, who: Who) -> None:
        user = users.get(tx, who.company_id, user_id, lock=True)
        group = groups.get(tx, who.company_id, group_id, lock=True)
        verb(tx, group, user, actor=who.actor, now=call.now)

    await call.write(permission, work)


def _counted(tx: Tx, group: Record) -> Group:
    return _shown(tx, group.company_id, [group])[0]


def _shown(tx: Tx, company_id: str, page: Sequence[Record]) -> list[Group]:
    sizes = memberships.sizes(tx, company_id, page)
    return [
        Group.show(group, members=sizes[group.id], rule=_rule(tx, group), building=_building(tx, group))
        for group in page
    ]


def _rule(tx: Tx, group: Record) -> str | None:
    return smart_groups.rule_text(tx, group) if group.kind == "smart" else None


def _building(tx: Tx, group: Record) -> Building | None:
    done = smart_groups.progress(tx, group) if group.kind == "smart" else None
    if done is None or done.state != "building":
        return None
    given = smart_groups.rule_text(tx, group, given=True) or ""
    return Building(rule=given, looked_at=done.looked_at, of=done.of)


def _people(page: Sequence[MemberRecord], following: str | None) -> Members:
    return Members(items=[Member.show(member) for member in page], next=following)

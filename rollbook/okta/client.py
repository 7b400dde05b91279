"""The Okta client: what Rollbook asks Okta, and whom an answer is about.

There is no way to ask for anything but GET. How a question is put until it is answered is conversation.py's, what the
answers say answers.py's.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self
from urllib.parse import quote

from rollbook.okta import answers, failures
from rollbook.okta.answers import AppUser, Page, Person, Refused, Variable
from rollbook.okta.conversation import Conversation
from rollbook.okta.failures import OktaFailure, RecordRefused

MOST_PAGES_OF_GROUPS = 50
ASSIGNED = frozenset({"ACTIVE", "PROVISIONED", "STAGED"})  # what an assignment says of whoever may use the app


class Client:
    """The questions of a conversation. Every method raises OktaFailure; leaving the client ends the conversation."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def __repr__(self) -> str:
        return f"<Client: {self._conversation!r}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._conversation.aclose()

    async def people(self, group_id: str | None, after: str | None) -> Page[Person]:
        """A page of a group's users, or of the whole directory, whose plain list leaves out DEPROVISIONED ones.

        `after` is the `next` of the page before, or None.
        """
        if group_id is None:
            return await self._conversation.page("/users", {}, after, answers.people, what=None)
        path = f"/groups/{_segment(group_id)}/users"
        return await self._conversation.page(path, {}, after, answers.people, what=f"the group {group_id}")

    async def deprovisioned(self, after: str | None) -> Page[Person]:
        """A page of everybody in the directory who was deactivated in Okta."""
        query = {"filter": 'status eq "DEPROVISIONED"'}
        return await self._conversation.page("/users", query, after, answers.people, what=None)

    async def app_users(self, app_id: str, after: str | None) -> Page[AppUser]:
        """A page of whom an app is assigned to, with what Okta holds of the link."""
        path = f"/apps/{_segment(app_id)}/users"
        return await self._conversation.page(path, {}, after, answers.app_users, what=f"the app {app_id}")

    async def person(self, okta_id: str) -> Person | None:
        """One person by id, or None where Okta itself says that there is none. Raises OktaFailure, and of those
        RecordRefused where it is only this record that cannot be read.

        Okta takes a user name, or `me`, for an id as well: whoever answers to one but has another id is not meant.
        """
        if not okta_id or not okta_id.strip("."):
            return None
        try:
            path = f"/users/{_segment(okta_id)}"
            found = await self._conversation.get(path, answers.person, what=f"the person {okta_id}")
        except OktaFailure as failure:
            if failure.kind == "gone":
                return None
            raise
        if found.id is not None and found.id != okta_id:
            return None
        if isinstance(found, Refused):
            raise RecordRefused(found.why, found.status)
        return found

    async def is_member(self, okta_id: str, group_id: str) -> bool:
        """Whether somebody is in a group, as their own list of groups has it; whom Okta does not know is in none.

        An empty list is no answer: everybody in Okta is in its group Everyone.
        """
        after: str | None = None
        for _ in range(MOST_PAGES_OF_GROUPS):
            path = f"/users/{_segment(okta_id)}/groups"
            try:
                read = answers.some_group_ids if after is None else answers.group_ids
                page = await self._conversation.page(path, {}, after, read, what=f"the person {okta_id}")
            except OktaFailure as failure:
                if failure.kind == "gone":
                    return False
                raise
            if group_id in page.items or page.next is None:
                return group_id in page.items
            after = page.next
        raise failures.unreadable("the list of a person's groups does not end")

    async def namesakes(
        self, okta_id: str, names: Sequence[str], variables: Sequence[str] = ("login", "email")
    ) -> list[Person] | None:
        """Whoever else has one of these names in one of the variables, of whatever status. None where Okta does not say
        so for certain: the answer has to hold the person themselves too, or it may as well be empty by mistake.

        A `search` finds names in any case, which a `filter` does not.
        """
        asked = [f"profile.{variable} eq {_quoted(name)}" for name in names for variable in variables]
        condition = " or ".join([*asked, f"id eq {_quoted(okta_id)}"])
        try:
            page = await self._conversation.page("/users", {"search": condition}, None, answers.people, what=None)
        except OktaFailure as failure:
            if failure.kind != "unreadable":
                raise
            return None
        if page.refused or page.next is not None or not any(person.id == okta_id for person in page.items):
            return None
        return [person for person in page.items if person.id != okta_id]

    async def is_assigned(self, okta_id: str, app_id: str) -> bool:
        """Whether an app is assigned to somebody who may use it."""
        path = f"/apps/{_segment(app_id)}/users/{_segment(okta_id)}"
        try:
            found = await self._conversation.get(path, answers.app_user, what="the assignment")
        except OktaFailure as failure:
            if failure.kind == "gone":
                return False
            raise
        return isinstance(found, AppUser) and found.id == okta_id and found.status in ASSIGNED

    async def variables(self) -> list[Variable]:
        """The variables of people's profiles, for the field map."""
        return await self._conversation.get("/meta/schemas/user/default", answers.variables, what="its own schema")

    async def group_name(self, group_id: str) -> str:
        """The name of a group; OktaFailure `gone` where Okta knows none by this id."""
        path = f"/groups/{_segment(group_id)}"
        return await self._conversation.get(path, answers.group_name, what=f"the group {group_id}")


def _quoted(text: str) -> str:
    """A text as a filter has it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _segment(id_: str) -> str:
    return quote(id_, safe="")

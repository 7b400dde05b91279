"""/users/{id}/exemption and /users/{id}/unlink: one person's link with Okta. Who is not linked: links.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from rollbook.api.call import Call, TheCall
from rollbook.api.operation import router
from rollbook.api.shapes import Body, Required
from rollbook.api.user_record import User, shown
from rollbook.database import Tx
from rollbook.people import exemptions, identity_links, users
from rollbook.people.authorization import Who
from rollbook.people.exemptions import LONGEST_REASON
from rollbook.people.record import User as Record

routes = router("users")


class NewExemption(Body):
    """Why a person is meant to have no link."""

    reason: Annotated[Required, Field(max_length=LONGEST_REASON)] = Field(examples=["A contractor, not in Okta"])


@routes.put("/{user_id}/exemption", operation_id="exempt_user", summary="Exempt a person from being linked")
async def exempt(call: TheCall, user_id: str, body: NewExemption) -> User:
    """No run of the standard integration links, changes or archives the person. Whoever is linked cannot be exempted,
    and a write of the provisioning client ends the exemption.
    """

    def work(tx: Tx, user: Record, who: Who) -> Record:
        return exemptions.exempt(tx, user, body.reason, actor=who.actor, now=call.now)

    return await _change(call, user_id, work)


@routes.delete("/{user_id}/exemption", operation_id="lift_user_exemption", summary="End a person's exemption")
async def lift(call: TheCall, user_id: str) -> User:
    """Known again where the external id is recorded, else unlinked."""
    return await _change(call, user_id, lambda tx, user, who: exemptions.lift(tx, user, actor=who.actor, now=call.now))


@routes.post("/{user_id}/unlink", operation_id="unlink_user", summary="Undo a match by rule")
async def unlink(call: TheCall, user_id: str) -> User:
    """Takes back an external id that a rule recorded within 30 days; no rule makes that match again."""
    return await _change(
        call, user_id, lambda tx, user, who: identity_links.undo(tx, user, actor=who.actor, now=call.now)
    )


async def _change(call: Call, user_id: str, work: Callable[[Tx, Record, Who], Record]) -> User:
    def change(tx: Tx, who: Who) -> User:
        user = work(tx, users.get(tx, who.company_id, user_id, lock=True), who)
        return shown(tx, who.company_id, [user])[0]

    return await call.write("link_people", change)

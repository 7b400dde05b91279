"""Full mode beside SCIM: both write the same fields, and each undoes what the other wrote. Not unless it is said."""

from __future__ import annotations

from datetime import datetime

from rollbook import clock
from rollbook.database import Tx
from rollbook.errors import Conflict
from rollbook.people import keys

LATELY_DAYS = 30


def last_use(tx: Tx, company_id: str, *, now: datetime) -> str | None:
    """When a SCIM key that is neither revoked nor expired was last used; None where none was in LATELY_DAYS."""
    at, since = clock.text(now), clock.later(now, seconds=-LATELY_DAYS * 86_400)
    live = (
        key.last_used_at
        for key in keys.search(tx, company_id)
        if key.scope == "scim" and not key.revoked_at and (key.expires_at is None or key.expires_at > at)
    )
    return max((used for used in live if used is not None and used >= since), default=None)


def check_said(tx: Tx, company_id: str, *, said: bool, now: datetime) -> bool:
    """For a connection that is to be in full mode from now on: whether it stands beside SCIM, as was `said`. Raises
    Conflict with what to do where nobody said so.
    """
    used = last_use(tx, company_id, now=now)
    if used is None:
        return False
    if not said:
        raise Conflict(
            f"Okta SCIM writes here as well: its key was last used on {used[:10]}, and in full mode each would "
            "overwrite the other's fields. Use complement beside SCIM, or switch SCIM off first (rollbook disconnect "
            "SUBDOMAIN scim --people keep); whoever wants both says so (--beside-scim, in the API beside_scim).",
            field="mode",
        )
    return True

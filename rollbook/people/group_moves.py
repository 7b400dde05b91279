"""Somebody came into a group or left it: the event, whether a person or a rule did it."""

from __future__ import annotations

from datetime import datetime

from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx


def joined(
    tx: Tx,
    company_id: str,
    user_id: str,
    group_id: str,
    name: str,
    *,
    followed: bool,
    actor: Actor,
    now: datetime,
) -> None:
    """Tells of it, and starts what follows where the group has followers (activity/reactions.py)."""
    changes = {"group": [None, name], "group_id": [None, group_id]}
    about = {"group_id": group_id, "followed": followed}
    events.record(tx, company_id, "GroupJoined", user_id, changes, about=about, actor=actor, now=now)


def left(tx: Tx, company_id: str, user_id: str, group_id: str, name: str, *, actor: Actor, now: datetime) -> None:
    """Tells of it."""
    changes = {"group": [name, None], "group_id": [group_id, None]}
    events.record(tx, company_id, "GroupLeft", user_id, changes, actor=actor, now=now)

"""The tasks of the standard integration, and the one question to Okta about a single person."""

from __future__ import annotations

import structlog

from rollbook.activity.queue import Task
from rollbook.database import Database, Tx
from rollbook.people import flapping, okta_view

log = structlog.get_logger()


async def ask_okta(database: Database, task: Task) -> None:
    """Asks Okta about somebody who was restored and archived again at once (people/flapping.py).

    Without the standard integration nobody can be asked, and the alarm waits for an administrator.
    """
    user_id: str = task.payload["user_id"]

    def look(tx: Tx) -> bool:
        is_waiting = flapping.waiting(tx, task.company_id, user_id) is not None
        return is_waiting and not okta_view.is_watched(tx, task.company_id)

    if await database.read(look):
        log.info("okta cannot be asked: no standard integration", company_id=task.company_id, user_id=user_id)

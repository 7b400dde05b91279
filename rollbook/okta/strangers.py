"""Whom Okta listed and who is nobody here: in complement mode they are SCIM's to make, so no plan speaks of them."""

from __future__ import annotations

from sqlalchemy import bindparam, exists, func, or_, select

from rollbook.database import Tx
from rollbook.database.tables import okta_people
from rollbook.database.tables import users as table
from rollbook.okta import connections
from rollbook.okta.person_record import ALIVE
from rollbook.okta.runs import Run

_HERE = exists().where(
    table.c.company_id == okta_people.c.company_id,
    or_(
        table.c.external_id == okta_people.c.okta_id,
        table.c.user_name_key == okta_people.c.login_key,
        table.c.email_key == okta_people.c.email_key,
    ),
)
_COUNT = select(func.count()).where(
    okta_people.c.company_id == bindparam("company"),
    okta_people.c.read_run == bindparam("run"),
    okta_people.c.listed == 1,
    or_(*(okta_people.c.status == status for status in sorted(ALIVE))),
    ~_HERE,
)


def count(tx: Tx, run: Run) -> int:
    """How many active people a run listed who have nobody's external id, user name or e-mail here; 0 in full mode,
    which creates them, and once a newer run has read them.
    """
    connection = connections.find(tx, run.company_id)
    if connection is None or connection.mode == "full":
        return 0
    row = tx.one(_COUNT, {"company": run.company_id, "run": run.id})
    return row[0] if row else 0

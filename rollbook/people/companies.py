"""Companies: the tenants. Everything else in people belongs to exactly one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, select

from rollbook import clock
from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import companies
from rollbook.errors import Conflict, InvalidValue, NotFound
from rollbook.people import fields, groups

SUBDOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])")


@dataclass(frozen=True, slots=True)
class Company:
    """A tenant; the subdomain is its SCIM user name."""

    id: str
    subdomain: str
    name: str
    created_at: str


_COLUMNS = (companies.c.id, companies.c.subdomain, companies.c.name, companies.c.created_at)
_INSERT = insert(companies)
_BY_SUBDOMAIN = select(*_COLUMNS).where(companies.c.subdomain == bindparam("subdomain"))
_BY_ID = select(*_COLUMNS).where(companies.c.id == bindparam("company"))
_ALL = select(*_COLUMNS).order_by(companies.c.subdomain)


def create(tx: Tx, subdomain: str, name: str, *, actor: Actor, now: datetime) -> Company:
    """A new company. Raises InvalidValue for what is no DNS label, Conflict where the subdomain is taken."""
    subdomain, name = subdomain.strip().lower(), name.strip()
    if not SUBDOMAIN.fullmatch(subdomain):
        raise InvalidValue(
            f"{subdomain!r} cannot be a subdomain: use 2 to 63 letters a to z, digits and inner hyphens.",
            field="subdomain",
        )
    if not name:
        raise InvalidValue("A company needs a name; give it with --name.", field="name")
    taken = find(tx, subdomain)
    if taken:
        raise Conflict(f"The subdomain {subdomain} belongs to {taken.name} already.", field="subdomain")
    company = Company(clock.new_id(), subdomain, name, clock.text(now))
    values = {"id": company.id, "subdomain": subdomain, "name": name, "created_at": company.created_at}
    values["settings"] = "{}"
    tx.run(_INSERT, values)
    events.record(tx, company.id, "CompanyCreated", company.id, {"name": [None, name]}, actor=actor, now=now)
    groups.create(tx, company.id, groups.EVERYONE, kind="everyone", actor=actor, now=now)
    fields.create(tx, company.id, "Hire date", "date", owner="scim", user_column=fields.HIRE_DATE, actor=actor, now=now)
    return company


def find(tx: Tx, subdomain: str) -> Company | None:
    """The company with this subdomain, without regard to case."""
    row = tx.one(_BY_SUBDOMAIN, {"subdomain": subdomain.strip().lower()})
    return Company(*row) if row else None


def get(tx: Tx, subdomain: str) -> Company:
    """As `find`; raises NotFound."""
    company = find(tx, subdomain)
    if company is None:
        raise NotFound(
            f"There is no company {subdomain!r}; make one with: rollbook company create {subdomain} --name …"
        )
    return company


def by_id(tx: Tx, company_id: str) -> Company:
    """The company with this id; raises NotFound."""
    row = tx.one(_BY_ID, {"company": company_id})
    if row is None:
        raise NotFound("There is no such company.")
    return Company(*row)


def all_of_them(tx: Tx) -> list[Company]:
    """Every company, by subdomain: for the operator and the worker."""
    return [Company(*row) for row in tx.all(_ALL)]

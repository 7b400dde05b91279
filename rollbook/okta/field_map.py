"""Which variable of Okta's profile goes into which field of a company. Whose a field is stays one question
(people/fields.py): what is mapped here belongs to the standard integration, and what Okta SCIM owns is not fought over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from rollbook.activity import events
from rollbook.activity.events import Actor
from rollbook.database import Tx
from rollbook.database.tables import field_values
from rollbook.database.tables import okta_fields as table
from rollbook.errors import Conflict, NotFound
from rollbook.okta import connections, wanted
from rollbook.okta.wanted import Mode
from rollbook.people import fields
from rollbook.people.attribute_mapping import LABELS
from rollbook.people.fields import HIRE_DATE, OWNER_WORDS, Field

CUSTOM = "custom:"  # before the id of a company's own field, so that a renamed one stays mapped

# Full mode: what fills the fields that every company has, unless the company's own map says otherwise.
STANDARD: dict[str, str] = {
    "user_name": "login",
    "email": "email",
    "given_name": "firstName",
    "family_name": "lastName",
    "job_title": "title",
    "department": "department",
    "business_unit": "division",
    "location": "costCenter",
    "manager_name": "manager",
    "locale": "locale",
    "preferred_language": "preferredLanguage",
    "time_zone": "timezone",
}
_LOOKED_AT = 500  # values of a field, for who wrote them


@dataclass(frozen=True, slots=True)
class Mapped:
    """A field that is filled from a variable; `field` as it is kept, `name` as people read it, `typed` as they type it.

    `standard`: full mode fills it so by itself. `conflict` says why it is not written, None where it is.
    """

    field: str
    name: str
    typed: str
    type: str
    variable: str
    standard: bool
    conflict: str | None


_OF_COMPANY = table.c.company_id == bindparam("company")
_ALL = select(table.c.field, table.c.variable).where(_OF_COMPANY).order_by(table.c.field)
_PUT = insert(table)
_PUT = _PUT.on_conflict_do_update(index_elements=["company_id", "field"], set_={"variable": _PUT.excluded["variable"]})
_DROP = delete(table).where(_OF_COMPANY, table.c.field == bindparam("mapped"))
_WRITTEN = (
    select(field_values.c.written_by)
    .where(field_values.c.company_id == bindparam("company"), field_values.c.field_id == bindparam("field"))
    .limit(_LOOKED_AT)
)


def of_company(tx: Tx, company_id: str) -> dict[str, str]:
    """What the company itself mapped: field (a column of people, or custom:ID) -> variable."""
    return dict(tx.all(_ALL, {"company": company_id}))


def effective(mode: Mode, own: Mapping[str, str]) -> dict[str, str]:
    """What a run reads: the company's own map, in full mode before the standard one; in complement mode the fields of
    every company are provisioning's.
    """
    if mode == "full":
        return {**STANDARD, **own}
    return {field: variable for field, variable in own.items() if field not in STANDARD}


def listed(tx: Tx, company_id: str) -> list[Mapped]:
    """What fills which field, the standard ones of full mode too, with what stands in the way."""
    connection = connections.get(tx, company_id)
    own = of_company(tx, company_id)
    known = {kept(field): field for field in fields.all_of(tx, company_id)}
    found = []
    for field, variable in ({**STANDARD, **own} if connection.mode == "full" else own).items():
        conflict = None
        if field in known and known[field].owner != "okta":
            conflict = f"{known[field].name} belongs to {OWNER_WORDS[known[field].owner]}, which writes it."
        elif field not in known and connection.mode != "full":
            conflict = f"In complement mode {LABELS[field]} is provisioning's; only full mode fills it."
        name = known[field].name if field in known else LABELS[field]
        typed = _typed(known[field]) if field in known else field
        type_ = known[field].type if field in known else "text"
        found.append(Mapped(field, name, typed, type_, variable, field not in own, conflict))
    return found


def map_to(
    tx: Tx, company_id: str, variable: str, target: str, *, take_over: bool = False, actor: Actor, now: datetime
) -> Mapped:
    """Fills a field from a variable from the next run on; the field then belongs to the standard integration. A run
    that began without it is dropped.

    Raises NotFound for a field that does not exist, InvalidValue for what is no variable, and Conflict where Okta SCIM
    owns the field, unless it is to be taken over. The hire date is SCIM's by birth: as long as SCIM wrote none, it may
    be taken without a word.
    """
    connection = connections.get(tx, company_id, lock=True)
    wanted.check_variable(variable)
    own = of_company(tx, company_id)
    if target in STANDARD:
        if connection.mode != "full":
            raise Conflict(
                f"In complement mode {LABELS[target]} is provisioning's, and is not fought over; only full mode, for "
                f"companies without SCIM, fills it from here.",
                field=target,
            )
        field = target
    else:
        found = fields.named(tx, company_id, target)
        found = fields.find(tx, company_id, found.id, lock=True) or found
        if found.owner == "scim" and not take_over and not _unwritten_hire_date(tx, found):
            raise Conflict(
                f"{found.name} belongs to Okta SCIM, which writes it already, and two sources would fight over it. "
                f"Take it out of the app's mappings in Okta, then map it again with --take-over.",
                field=_typed(found),
            )
        fields.change(tx, found, owner="okta", actor=actor, now=now)
        field = kept(found)
    if own.get(field) != variable:
        tx.run(_PUT, {"company_id": company_id, "field": field, "variable": variable})
        connections.drop_begun_run(tx, company_id, actor=actor, now=now)
        changes = {field: [own.get(field), variable]}
        events.record(tx, company_id, "OktaFieldMapped", company_id, changes, actor=actor, now=now)
    return next(mapped for mapped in listed(tx, company_id) if mapped.field == field)


def unmap(tx: Tx, company_id: str, target: str, *, actor: Actor, now: datetime) -> None:
    """Fills a field from Okta no more. What people have in it stays, and from now on it is Learning's to write. A run
    that began with it is dropped.

    A standard field of full mode goes back to its standard variable. Raises NotFound where nothing is mapped.
    """
    connections.get(tx, company_id, lock=True)
    own = of_company(tx, company_id)
    found = None if target in STANDARD else fields.named(tx, company_id, target)
    field = kept(found) if found is not None else target
    if field not in own:
        raise NotFound(f"Nothing is mapped to {target}; `rollbook okta fields` shows what is.")
    tx.run(_DROP, {"company": company_id, "mapped": field})
    connections.drop_begun_run(tx, company_id, actor=actor, now=now)
    if found is not None and found.owner == "okta":
        fields.change(tx, found, owner="learning", actor=actor, now=now)
    changes = {field: [own[field], None]}
    events.record(tx, company_id, "OktaFieldUnmapped", company_id, changes, actor=actor, now=now)


def kept(field: Field) -> str:
    """The name under which a field is mapped."""
    return field.user_column or f"{CUSTOM}{field.id}"


def _typed(field: Field) -> str:
    return field.user_column or f"{fields.PREFIX}{field.name}"


def _unwritten_hire_date(tx: Tx, field: Field) -> bool:
    if field.user_column != HIRE_DATE:
        return False
    written = tx.all(_WRITTEN, {"company": field.company_id, "field": field.id})
    return not any(by.startswith("scim") for (by,) in written)

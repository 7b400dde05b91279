"""Our extension as a company knows it: beside the hire date, the fields of its own that Okta SCIM owns.

A field that another source owns is no attribute here: it is neither published nor shown, and what is sent for it is
passed over. What is the same for every company is user_schema.py's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from rollbook import errors as people_errors
from rollbook.database import Tx
from rollbook.people import fields
from rollbook.people.fields import Field
from rollbook.scim.protocol.errors import InvalidValue
from rollbook.scim.protocol.schema import Attribute, ResourceType, Schema
from rollbook.scim.user_schema import ROLLBOOK, ROLLBOOK_USER, USER

COMPANIES = 128  # whose extension stays in memory; another one is made within a few milliseconds
_URN = ROLLBOOK_USER.lower()
_TYPES = {"text": "string", "number": "decimal", "date": "dateTime", "choice": "string"}


@dataclass(frozen=True, slots=True)
class Extension:
    """`own` are the company's own fields by attribute, `seen` whatever a filter may name, by attribute in lower case;
    `resource_type` knows the attributes, and is USER where there are none.
    """

    own: Mapping[str, Field]
    seen: Mapping[str, Field]
    resource_type: ResourceType

    def texts(
        self, before: Mapping[str, Any], after: Mapping[str, Any], *, whole: bool = False
    ) -> dict[Field, str | None]:
        """What changed of the company's own fields between two sets of attributes, as text, None for cleared.

        With `whole`, every field that is not in `after` is cleared. What stays as it was is not looked at again: a
        leaver goes, though the choice on their record is none any more. Raises InvalidValue, in Okta's words.
        """
        changed: dict[Field, str | None] = {}
        for name, field in self.own.items():
            if name in after:
                if name not in before or before[name] != after[name]:
                    changed[field] = _checked(field, after[name])
            elif whole or name in before:
                changed[field] = None
        return changed


STANDARD = Extension({}, {}, USER)


def of_company(tx: Tx, company_id: str) -> Extension:
    """The extension of a company: one statement, so only where somebody has sent or has something in it."""
    return _of(tuple(fields.seen_by_scim(tx, company_id)))


def is_named(text: str | None) -> bool:
    """Whether a filter or a list of attributes mentions our extension."""
    return text is not None and _URN in text.lower()


def is_missed(ignored: Iterable[str]) -> bool:
    """Whether there is something of our extension among the paths that USER does not know."""
    return any(":" in name and name.lower().startswith(_URN) for name in ignored)


def published(tx: Tx, company_id: str) -> Schema:
    """The schema of our extension as `/Schemas` shows it to this company."""
    known = fields.seen_by_scim(tx, company_id)
    (hire_date,) = ROLLBOOK.attributes
    if any(field.user_column is not None and field.owner != "scim" for field in known):
        hire_date = replace(hire_date, mutability="readOnly")
    return replace(ROLLBOOK, attributes=(hire_date, *_attributes(_own(known))))


@lru_cache(maxsize=COMPANIES)
def _of(known: tuple[Field, ...]) -> Extension:
    own = _own(known)
    seen = {field.attribute.lower(): field for field in known}
    if not own:
        return Extension({}, seen, USER)
    schema = replace(ROLLBOOK, attributes=(*ROLLBOOK.attributes, *_attributes(own)))
    others = tuple(extension for extension in USER.extensions if extension is not ROLLBOOK)
    return Extension({field.attribute: field for field in own}, seen, replace(USER, extensions=(*others, schema)))


def _own(known: Iterable[Field]) -> list[Field]:
    return [field for field in known if field.user_column is None and field.owner == "scim"]


def _attributes(own: Iterable[Field]) -> list[Attribute]:
    return [
        Attribute(
            field.attribute,
            type=_TYPES[field.type],
            canonical_values=field.choices,
            description=f"{field.name}; YYYY-MM-DD is understood as well." if field.type == "date" else field.name,
        )
        for field in own
    ]


def _checked(field: Field, value: Any) -> str | None:
    text = f"{Decimal(repr(value)):f}" if isinstance(value, float) else str(value)
    try:
        return fields.checked(field, text)
    except people_errors.InvalidValue as refusal:
        raise InvalidValue(
            f"{refusal.message} That is not what was sent as {ROLLBOOK_USER}:{field.attribute}. In Okta correct it on "
            f"the person's profile, or what is mapped to {field.attribute}: Provisioning, To App, Attribute Mappings."
        ) from None

"""The columns of a spreadsheet of people: their headings, and what each shows of a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rollbook.database import Tx
from rollbook.errors import InvalidValue
from rollbook.people import fields
from rollbook.people.fields import PREFIX, Field
from rollbook.people.folding import fold
from rollbook.people.record import User
from rollbook.spreadsheet import plain

# Fields of the record that a cell says as they are.
TEXTS = (
    "user_name",
    "email",
    "given_name",
    "family_name",
    "job_title",
    "business_unit",
    "department",
    "location",
    "manager_name",
    "hire_date",
    "locale",
    "time_zone",
)
NAMING = ("id", "external_id", "user_name", "email")  # those by which a person is found, the first first
EXPORTED = (*NAMING, "given_name", "family_name", "role", *TEXTS[4:])  # then the company's own, then `archived`
WHOLE_NAME = "name"  # given and family name in one cell
ARCHIVED = "archived"
YES, NO = frozenset({"yes", "true", "1"}), frozenset({"no", "false", "0"})  # folded: what its cell may say
CLEAR = "-"  # an empty cell leaves a field as it is; one that holds only this clears it

_ALSO = {"archive": ARCHIVED, "manager": "manager_name", "mail": "email"}
_IGNORED = re.compile(r"[\s_\-]+")
Cells = Mapping[str, str | None]  # column -> what its cell says; None clears; a column without a say is not there


def _key(heading: str) -> str:
    """Headings are compared without case, spaces, underscores and hyphens."""
    return _IGNORED.sub("", fold(plain(heading.strip())))


_KNOWN = {_key(name): name for name in (*EXPORTED, WHOLE_NAME, ARCHIVED)} | _ALSO


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a company: those that every company has, and `custom.NAME` for each field of its own."""

    own: Mapping[str, Field]  # custom.NAME -> field
    hire_date: Field

    @property
    def exported(self) -> tuple[str, ...]:
        """The headings of an export, in order."""
        return (*EXPORTED, *self.own, ARCHIVED)

    def is_heading(self, heading: str) -> bool:
        """Whether a heading names a column."""
        return self._named(heading) is not None

    def of_headings(self, headings: Sequence[str]) -> list[str | None]:
        """The column of each heading, None under an empty one. Raises InvalidValue where one names no column, two
        name the same, or none names a person.
        """
        columns = [self._named(heading) for heading in headings]
        unknown = [
            heading.strip()
            for heading, column in zip(headings, columns, strict=True)
            if column is None and heading.strip()
        ]
        if unknown:
            raise _wrong(
                f"No column is called {_listed(unknown)}. The columns are {', '.join(self.exported)}; `name` may stand "
                "for given_name and family_name. Rename or remove the others."
            )
        given = [column for column in columns if column is not None]
        twice = sorted({column for column in given if given.count(column) > 1})
        if twice:
            raise _wrong(f"The column {_listed(twice)} is there twice; remove one.")
        if WHOLE_NAME in given and {"given_name", "family_name"} & set(given):
            raise _wrong("Give either the column name, or given_name and family_name.")
        if not set(NAMING) & set(given):
            raise _wrong(f"No column says who a row is about; add one of {', '.join(NAMING)}.")
        return columns

    def of_field(self, field: Field) -> str:
        """The heading of a company's own field."""
        return f"{PREFIX}{field.name}"

    def _named(self, heading: str) -> str | None:
        text = plain(heading.strip())
        if text[: len(PREFIX)].lower() != PREFIX:
            return _KNOWN.get(_key(heading))
        name = text[len(PREFIX) :]
        exact = [column for column, field in self.own.items() if fold(field.name) == fold(name)]
        alike = exact or [column for column, field in self.own.items() if _key(field.name) == _key(name)]
        return alike[0] if len(alike) == 1 else None


def of_company(tx: Tx, company_id: str) -> Columns:
    """The columns of this company."""
    everything = fields.all_of(tx, company_id)
    own = {f"{PREFIX}{field.name}": field for field in everything if field.user_column is None}
    hire_date = next(field for field in everything if field.user_column == fields.HIRE_DATE)
    return Columns(own, hire_date)


def cells_of(columns: Sequence[str | None], cells: Sequence[str]) -> Cells:
    """What a row says. Raises InvalidValue where a cell is under no heading, or holds what no field could."""
    if any("\0" in cell for cell in cells):  # no key of a look-up may hold it
        raise _wrong("The row holds a NUL character; remove it.")
    if any(cell.strip() for cell in cells[len(columns) :]):
        raise _wrong(f"The row has {len(cells)} cells, and there are {len(columns)} headings; look for a separator.")
    said: dict[str, str | None] = {}
    for column, cell in zip(columns, cells, strict=False):
        if cell.strip() == CLEAR and column is not None:
            said[column] = None
        elif cell.strip():
            if column is None:
                raise _wrong("The row has a cell under an empty heading; name the column or remove it.")
            said[column] = plain(cell)
    return said


def shown(user: User, column: str) -> str | None:
    """What a column of EXPORTED shows of a person."""
    if column == "manager_name":
        return user.manager_name or user.manager_value
    text: str | None = getattr(user, column)
    return text


def row_of(columns: Columns, user: User, custom: Mapping[str, str]) -> list[str | bool | None]:
    """A person's row in an export; `custom` is what they have in the company's own fields, by the field's id."""
    row: list[str | bool | None] = [shown(user, column) for column in EXPORTED]
    row += [custom.get(field.id) for field in columns.own.values()]
    row.append(not user.active)
    return row


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _wrong(message: str) -> InvalidValue:
    return InvalidValue(message, field="file")

"""On what terms a run reads: how much of Okta, into which fields, and how many archives wait for a person's yes.

They are noted when a run begins and stay its own, whatever is configured meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from rollbook.database import Tx
from rollbook.okta import field_map
from rollbook.okta.connections import Connection

TERMS = "terms"  # note of a run
# What is kept of everybody: by these the rules match, and a person reads who is meant.
EVERYBODYS = ("login", "email", "firstName", "lastName")


class Terms(msgspec.Struct, frozen=True):
    """`fields` says which of Okta's variables fills which field: a column of people, or custom:ID."""

    mode: Literal["complement", "full"] = "complement"
    group_id: str | None = None
    app_id: str | None = None
    role_variable: str | None = None
    most_people: int = 50
    most_percent: int = 5
    fields: dict[str, str] = msgspec.field(default_factory=dict)

    def lists_as(self, other: Terms) -> bool:
        """Whether somebody who is missing under these terms would be under the other ones."""
        return (self.mode, self.group_id) == (other.mode, other.group_id)

    @property
    def full(self) -> bool:
        return self.mode == "full"

    @property
    def names(self) -> tuple[str, str]:
        """The variables that are the user name and the e-mail of a user: by these people are matched and compared."""
        return self.fields.get("user_name", "login"), self.fields.get("email", "email")

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that are kept of each person."""
        role = (self.role_variable,) if self.role_variable and self.full else ()
        return tuple(dict.fromkeys((*EVERYBODYS, *self.fields.values(), *role)))


def of_notes(notes: Mapping[str, Any]) -> Terms:
    """Those that a run began with."""
    return msgspec.convert(notes[TERMS], Terms)


def of_connection(tx: Tx, connection: Connection) -> Terms:
    """The terms as they are configured now."""
    own = field_map.of_company(tx, connection.company_id)
    return Terms(
        connection.mode,
        connection.group_id,
        connection.app_id,
        connection.role_variable,
        connection.most_people,
        connection.most_percent,
        field_map.effective(connection.mode, own),
    )

"""What a row would change, and why it cannot: the one plan that a preview shows and an import carries out. Whom a row
is about is matching.py's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from rollbook.database import Tx
from rollbook.errors import Conflict, Forbidden, RollbookError
from rollbook.people import claims, field_values, fields, profiles, roles
from rollbook.people.authorization import Target, Who, authorize
from rollbook.people.csv import matching
from rollbook.people.csv.columns import ARCHIVED, NO, TEXTS, WHOLE_NAME, YES, Cells, Columns, shown
from rollbook.people.csv.roster import Roster
from rollbook.people.fields import Field
from rollbook.people.folding import fold
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from rollbook.people.roles import Permission, Role

Action = Literal["create", "change", "archive", "restore", "unchanged", "error"]
ACTIONS: tuple[Action, ...] = ("create", "change", "archive", "restore", "unchanged", "error")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is not followed; `column` is where, if one cell is to blame."""

    column: str | None
    message: str


@dataclass(slots=True)
class Work:
    """What is to be written: a new person, or what changes of one."""

    user: User | None
    texts: dict[str, str | None] = field(default_factory=dict)
    external_id: str | None = None
    role: Role | None = None
    active: bool | None = None
    custom: list[tuple[Field, str | None]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """About how many rows of the database it writes."""
        return 4 + 2 * len(self.custom)


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a row: `changes` maps a column to its value before and after."""

    row: int
    action: Action
    who: str  # the user name, or what else the row says of whom it is about
    user_id: str | None = None  # None where the row makes the person
    changes: dict[str, list[Any]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    work: Work | None = field(default=None, compare=False)


def plan(tx: Tx, row: int, cells: Cells, roster: Roster, columns: Columns, *, who: Who) -> Plan:
    """The plan of one row; the roster remembers whom it was about and which names it leaves them with."""
    said = next((text for name in ("user_name", "email", "external_id", "id") if (text := cells.get(name))), "")
    drawn = _Row(tx, row, cells, roster, columns, who)
    try:
        user = matching.find(tx, row, cells, roster, who=who)
    except RollbookError as error:
        drawn.refuse(error)
        return Plan(row, "error", said, problems=tuple(drawn.problems))
    drawn.draw(user)
    name, user_id = (user.user_name, user.id) if user else (said, None)
    if drawn.problems:
        return Plan(row, "error", name, user_id, problems=tuple(drawn.problems))
    work, changes = drawn.work, drawn.changes
    if not changes:
        return Plan(row, "unchanged", name, user_id)
    action: Action = "change"
    if user is None:
        action = "create"
    elif work.active is not None:
        action = "restore" if work.active else "archive"
    return Plan(row, action, name, user_id, changes, work=work)


class _Row:
    """One row while its plan is drawn."""

    def __init__(self, tx: Tx, row: int, cells: Cells, roster: Roster, columns: Columns, who: Who) -> None:
        self.tx, self.row, self.cells, self.roster, self.columns, self.who = tx, row, cells, roster, columns, who
        self.problems: list[Problem] = []
        self.changes: dict[str, list[Any]] = {}
        self.work = Work(None)

    def refuse(self, error: RollbookError, column: str | None = None) -> None:
        """Notes a problem."""
        self.problems.append(Problem(column or getattr(error, "field", None), error.message))

    def draw(self, user: User | None) -> None:
        """Collects what changes for the person, or for a new one, and every problem."""
        self.work = Work(user)
        self._draw_texts(user)
        self._draw_external_id(user)
        self._draw_role(user)
        self._draw_active(user)
        for column, own in self.columns.own.items():
            if column in self.cells:
                self._draw_custom(user, column, own)
        if user is None:
            self._try(self._authorize, "create_people")
        elif self.work.texts or self.work.custom:
            self._try(self._authorize, "edit_people", user)
        if not self.problems:
            self._try(self._settle_names, user)

    def _draw_texts(self, user: User | None) -> None:
        wanted = {column: self.cells[column] for column in TEXTS if column in self.cells}
        if WHOLE_NAME in self.cells:
            whole = self.cells[WHOLE_NAME] or ""
            if user is None or fold(whole) != fold(user.display_name):
                given, _, family = whole.strip().rpartition(" ")
                wanted |= {"given_name": given, "family_name": family}
        if user is None:
            for column in profiles.REQUIRED:
                wanted.setdefault(column, None)
            wanted["user_name"] = wanted["user_name"] or wanted["email"]
        for column, text in wanted.items():
            before = shown(user, column) if user is not None else None
            value = None if text is None or not text.strip() else text.strip()
            if user is not None and before in (text, value):
                continue
            try:
                profiles.check_field(column, value)
                if column == fields.HIRE_DATE and value != before:
                    field_values.refuse_others(self.columns.hire_date, self.who.actor)
            except RollbookError as error:
                self.refuse(error, column)
                continue
            if value != before:
                self.work.texts[column] = value
                self.changes[column] = [before, value]

    def _draw_external_id(self, user: User | None) -> None:
        if "external_id" not in self.cells:
            return
        sent = matching.text_of(self.cells, "external_id")
        before = user.external_id if user is not None else None
        if sent == before:
            return
        if sent is None or (before is not None and self.who.actor.kind != "operator"):
            message = "An external id is not taken away or changed here; with: rollbook user link"
            self.problems.append(Problem("external_id", message))
            return
        try:
            profiles.check_field("external_id", sent)
            authorize(self.tx, self.who, "link_people", Target(user=user))
        except RollbookError as error:
            self.refuse(error, "external_id")
            return
        self.work.external_id = sent
        self.changes["external_id"] = [before, sent]

    def _draw_role(self, user: User | None) -> None:
        text = self.cells.get("role")
        before = user.role if user is not None else "learner"
        if "role" in self.cells and text is None:
            self.problems.append(Problem("role", "Everybody has a role; write learner instead."))
            return
        try:
            role = roles.read(text) if text is not None else None
            if role is not None and role != before:
                authorize(self.tx, self.who, "set_roles", Target(user=user))
                if role == "admin":
                    authorize(self.tx, self.who, "make_admins", Target(user=user))
                self.work.role = role
        except RollbookError as error:
            self.refuse(error, "role")
            return
        if self.work.role is not None or user is None:
            self.changes["role"] = [None if user is None else before, self.work.role or "learner"]

    def _draw_active(self, user: User | None) -> None:
        if ARCHIVED not in self.cells:
            return
        word = fold(self.cells[ARCHIVED] or "")
        if word not in YES | NO:
            self.problems.append(Problem(ARCHIVED, "Write yes or no; an empty cell leaves it as it is."))
            return
        archived = word in YES
        if archived == (user is not None and not user.active):
            return
        if user is not None:
            try:
                authorize(self.tx, self.who, "archive_people", Target(user=user))
            except Forbidden as error:
                self.refuse(error, ARCHIVED)
                return
        self.work.active = not archived
        self.changes[ARCHIVED] = [None if user is None else not archived, archived]

    def _draw_custom(self, user: User | None, column: str, own: Field) -> None:
        text = self.cells[column]
        before = self.roster.custom.get(user.id, {}).get(own.id) if user is not None else None
        if text == before:
            return
        try:
            value = fields.checked(own, text)
            if value == before:
                return
            field_values.refuse_others(own, self.who.actor)
        except RollbookError as error:
            self.refuse(error, column)
            return
        self.work.custom.append((own, value))
        self.changes[column] = [before, value]

    def _settle_names(self, user: User | None) -> None:
        """Raises Conflict where somebody else has a name that the person would have; else the roster knows it."""
        after = self._after(user)
        keys = claims.keys_of(after)
        before = claims.keys_of(user) if user is not None else dict.fromkeys(keys)
        asked = [
            ("user_name", keys["user_name_key"], before["user_name_key"]),
            ("external_id", after.external_id, user.external_id if user is not None else None),
            ("email", keys["email_claim"], before["email_claim"]),
        ]
        for column, key, had in asked:
            holder = self.roster.holder(column, key) if key is not None and key != had else None
            if holder is not None and (user is None or holder.id != user.id):
                about = f"; the row is about user {user.id}" if user is not None else ""
                raise Conflict(
                    f"The {matching.WORDS[column]} is that of {matching.whose(self.roster, holder)}{about}.",
                    field=column,
                )
        if user is not None:
            claims.refuse_shared_address(self.tx, user, after)
        elif after.active:
            claims.refuse_held(self.tx, self.who.company_id, fold(after.email))
        new_id = f"row {self.row}"
        if user is None:
            self.roster.seen.rows[new_id] = self.roster.seen.made[new_id] = self.row
        if any(key != had for _, key, had in asked):
            self.roster.move(user, after, new_id)

    def _after(self, user: User | None) -> User:
        """The person as the row would leave them, as far as names go."""
        active = self.work.active if self.work.active is not None else user is None or user.active
        archived_at = None if active else "then"
        if user is None:
            texts: dict[str, Any] = dict(zip(profiles.TEXT_FIELDS, profiles.texts(profile_of(self.work)), strict=True))
            own = {"id": "", "company_id": self.who.company_id, "kept": "{}", "role": "learner", "link": "unlinked"}
            return User(**own, **texts, version=1, created_at="", updated_at="", archived_at=archived_at)
        external_id = self.work.external_id or user.external_id
        return msgspec.structs.replace(user, **self.work.texts, external_id=external_id, archived_at=archived_at)

    def _authorize(self, permission: Permission, user: User | None = None) -> None:
        authorize(self.tx, self.who, permission, Target(user=user))

    def _try(self, check: Callable[..., None], *of: Any) -> None:
        try:
            check(*of)
        except RollbookError as error:
            self.refuse(error)


def profile_of(work: Work) -> Profile:
    """The profile of a person who is to be made."""
    texts: dict[str, Any] = work.texts
    return Profile(**texts, external_id=work.external_id)

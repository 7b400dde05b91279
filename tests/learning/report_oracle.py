"""What each report must say of a world: plain Python over its rows, which knows nothing of SQL and of pages."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

from rollbook.learning.reports import Filters
from tests.learning.report_world import DAY, TODAY, Row, World


class Oracle:
    """What each report says of a world, narrowed by filters: every row, in order."""

    def __init__(self, world: World, filters: Filters) -> None:
        self.world, self.filters = world, filters
        self.content = {row["id"]: row for row in world.content}
        self.versions = {row["id"]: row["version"] for row in world.groups}
        self.here = [user for user in world.users if self._is_here(user)]
        self.ids = {user["id"] for user in self.here}
        self.theirs = [row for row in world.assignments if row["user_id"] in self.ids]
        self.counted = [row for row in self.theirs if self._counts(row)]
        self.narrowed = bool(filters.content_id or filters.status or filters.since or filters.until)

    def rows(self, name: str) -> list[list[Any]]:
        found: list[list[Any]] = getattr(self, f"_{name}")()
        return found

    def members(self, group_id: str) -> set[str]:
        """Whoever the group holds, archived people too."""
        return {
            row["user_id"]
            for row in self.world.members
            if row["group_id"] == group_id and row["version"] == self.versions[group_id]
        }

    def managed(self) -> list[str]:
        """The groups of the manager who asks."""
        live = {row["id"] for row in self.world.groups if row["archived_at"] is None}
        return [
            row["group_id"]
            for row in self.world.managers
            if row["user_id"] == self.filters.managed_by and row["group_id"] in live
        ]

    def _is_here(self, user: Row) -> bool:
        filters = self.filters
        texts = ("location", "business_unit", "department")
        wanted = [(user[name], getattr(filters, name)) for name in texts] + [(user["manager_name"], filters.manager)]
        if user["archived_at"] or user["deleted_at"] or any(want not in (None, has) for has, want in wanted):
            return False
        if filters.group_id and not filters.everyone and user["id"] not in self.members(filters.group_id):
            return False
        if filters.managed_by and not any(user["id"] in self.members(group_id) for group_id in self.managed()):
            return False
        has = {(row["field_id"], row["value_key"]) for row in self.world.values if row["user_id"] == user["id"]}
        return all(value in has for value in filters.custom)

    def _shows(self, content_id: str) -> bool:
        if self.filters.content_id:
            return content_id == self.filters.content_id
        return self.filters.archived_content or self.content[content_id]["state"] != "archived"

    def _within(self, text: str) -> bool:
        since, until = self.filters.since, self.filters.until
        day = text[:10]
        return (since is None or day >= since.isoformat()) and (until is None or day <= until.isoformat())

    def _counts(self, row: Row) -> bool:
        return (
            row["state"] != "withdrawn"
            and self._shows(row["content_id"])
            and self._within(row["opened_at"])
            and self.filters.status in (None, self._status(row))
        )

    def _status(self, row: Row) -> str:
        late = row["state"] == "incomplete" and row["due_on"] is not None and row["due_on"] < DAY
        return "overdue" if late else row["state"]

    def _totals(self, rows: list[Row]) -> list[int]:
        count = Counter(self._status(row) for row in rows)
        return [len(rows), count["completed"], count["incomplete"], count["overdue"]]

    def _average(self, rows: list[Row]) -> float | None:
        scores = [row["score"] for row in rows if row["state"] == "completed" and row["score"] is not None]
        return round(sum(scores) / len(scores), 1) if scores else None

    def _of(self, user: Row) -> list[Row]:
        return [row for row in self.counted if row["user_id"] == user["id"]]

    def _person(self, user: Row) -> list[Any]:
        name = f"{user['given_name']} {user['family_name']}"
        texts = [user[key] for key in ("email", "location", "business_unit", "department", "manager_name")]
        return [user["id"], name, *texts]

    def _listed(self) -> list[Row]:
        people = sorted(self.here, key=lambda user: (user["name_key"], user["id"]))
        return [user for user in people if not self.narrowed or self._of(user)]

    def _learners(self) -> list[list[Any]]:
        return [
            [*self._person(user), *self._totals(self._of(user)), self._average(self._of(user)), self._last(user)]
            for user in self._listed()
        ]

    def _last(self, user: Row) -> str | None:
        theirs = {row["id"] for row in self.theirs if row["user_id"] == user["id"]}
        beside = [row for row in (*self.world.rounds, *self.world.progress) if row["assignment_id"] in theirs]
        own = [row for row in self.theirs if row["id"] in theirs]
        return max((row["completed_at"] for row in (*own, *beside) if row["completed_at"]), default=None)

    def _things(self) -> list[Row]:
        shown = [row for row in self.world.content if row["state"] != "draft" and self._shows(row["id"])]
        return sorted(shown, key=lambda row: (row["title_key"], row["id"]))

    def _gradebook(self) -> list[list[Any]]:
        return [[*self._person(user)[:3], *self._cells(user)] for user in self._listed()]

    def _cells(self, user: Row) -> list[str | None]:
        cells = {}
        for row in self._of(user):
            status = self._status(row)
            cells[row["content_id"]] = f"{status} {row['score']}" if row["score"] is not None else status
        return [cells.get(thing["id"]) for thing in self._things()]

    def _content(self) -> list[list[Any]]:
        found = []
        for thing in self._things():
            rows = [row for row in self.counted if row["content_id"] == thing["id"]]
            totals = self._totals(rows)
            rate = round(100 * totals[1] / totals[0], 1) if rows else None
            about = [thing["id"], thing["title"], thing["kind"], thing["state"] == "archived"]
            found.append([*about, *totals, rate, self._average(rows)])
        return found

    def _groups(self) -> list[list[Any]]:
        found = []
        for group in sorted(self.world.groups, key=lambda row: row["name"].lower()):
            asked = self.filters.group_id in (None, group["id"])
            if group["archived_at"] or not asked or (self.filters.managed_by and group["id"] not in self.managed()):
                continue
            inside = self.ids if group["kind"] == "everyone" else self.ids & self.members(group["id"])
            totals = self._totals([row for row in self.counted if row["user_id"] in inside])
            found.append([group["id"], group["name"], group["kind"], len(inside), *totals])
        return found

    def _overdue(self) -> list[list[Any]]:
        people = {user["id"]: user for user in self.here}
        late = [row for row in self.theirs if self._status(row) == "overdue" and self._shows(row["content_id"])]
        found = []
        for row in sorted(late, key=lambda row: (row["due_on"], row["id"])):
            if self._within(row["due_on"]):
                user, thing = people[row["user_id"]], self.content[row["content_id"]]
                days = (TODAY - date.fromisoformat(row["due_on"])).days
                about = [thing["id"], thing["title"], row["due_on"], days, self._returned(row, user)]
                found.append([*self._person(user), *about])
        return found

    def _returned(self, row: Row, user: Row) -> bool:
        if not user["away_until"]:
            return False
        over = f"{row['due_on']}T24"
        return row["opened_at"] < user["away_until"] and user["away_from"] < over <= user["away_until"]

    def _assignments(self) -> list[list[Any]]:
        people = {user["id"]: user for user in self.here}
        found = []
        for row in sorted(self.counted, key=lambda row: row["id"]):
            thing = self.content[row["content_id"]]
            about = [thing["id"], thing["title"], thing["kind"], row["round"], self._status(row)]
            of_round = [row[name] for name in ("opened_at", "due_on", "completed_at", "score")]
            found.append([row["id"], *self._person(people[row["user_id"]]), *about, *of_round])
        return found

    def _activity(self) -> list[list[Any]]:
        whose = {row["id"]: row for row in self.theirs}
        rounds = [row for row in self.world.rounds if row["assignment_id"] in whose]
        acts = [(row, row["content_id"]) for row in self.theirs]
        acts += [(row, whose[row["assignment_id"]]["content_id"]) for row in rounds]
        shown = [row for row, content_id in acts if self._shows(content_id)]
        opened = [row["opened_at"] for row in shown if row["state"] != "withdrawn"]
        done = [row["completed_at"] for row in shown if row["completed_at"]]
        return self._by_step(opened, done, [user["created_at"] for user in self.here])

    def _provisioning(self) -> list[list[Any]]:
        pushed = [row for row in self.world.events if row["actor"].startswith("scim")]
        of_kind = [
            [row["at"] for row in pushed if row["kind"] in kinds]
            for kinds in (("UserCreated",), ("UserUpdated", "UserFieldChanged"), ("UserArchived",), ("UserRestored",))
        ]
        return self._by_step(*of_kind)

    def _by_step(self, *instants: list[str]) -> list[list[Any]]:
        weekly, until = self.filters.by == "week", self.filters.until or TODAY
        since = self.filters.since
        if since is None:
            since = until - timedelta(days=until.weekday() + 77 if weekly else 29)
        days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
        steps = {day: day - timedelta(days=day.weekday()) if weekly else day for day in days}
        counts = [Counter(steps.get(date.fromisoformat(at[:10])) for at in found) for found in instants]
        return [[step.isoformat(), *(count[step] for count in counts)] for step in dict.fromkeys(steps.values())]

"""The life of assignments as plain dicts: what each act must lead to, said as shortly as it can be.

It shares no code with the product. `test_assignment_lives.py` plays both against each other.
"""

from __future__ import annotations

from typing import Any

Held = dict[str, Any]


class Refused(Exception):
    """The act changes nothing."""


class Life:
    """A company with lessons, paths of them, and people; `told` counts events, `heard` what mail speaks of."""

    def __init__(self, people: list[str], lessons: list[str], paths: dict[str, list[str]], enforced: set[str]) -> None:
        self.active = dict.fromkeys(people, True)
        self.lessons, self.paths, self.enforced = lessons, paths, enforced
        self.archived: set[str] = set()
        self.held: dict[tuple[str, str], Held] = {}
        self.told = dict.fromkeys(people, 0)
        self.heard: set[tuple[str, str, int]] = set()

    def assign(self, who: str, what: str, due: str | None, notify: bool, reassign: bool) -> None:
        self._refuse_unless(self.active[who] and what not in self.archived)
        held = self.held.get((who, what))
        if held is None:
            self.held[who, what] = held = {"past": [], "round": 0}
        elif not reassign:
            return
        elif held["state"] == "incomplete":
            if due not in (None, held["due"]):
                held["due"] = due
                self.told[who] += 1
            return
        else:
            held["past"].append((held["state"], held["due"], held["score"]))
        held |= {"round": held["round"] + 1, "state": "incomplete", "due": due, "score": None, "done": {}}
        self.told[who] += 1
        if notify:
            self.heard.add((who, what, held["round"]))

    def set_due(self, who: str, what: str, due: str | None) -> None:
        held = self._get(who, what)
        if due != held["due"]:
            self._refuse_unless(held["state"] == "incomplete")
            held["due"] = due
            self.told[who] += 1

    def withdraw(self, who: str, what: str) -> None:
        held = self._get(who, what)
        self._refuse_unless(held["state"] != "completed")
        if held["state"] == "incomplete":
            held["state"] = "withdrawn"
            self.told[who] += 1

    def complete(self, who: str, lesson: str, score: int | None) -> None:
        self._refuse_unless(lesson in self.lessons and lesson not in self.archived and self.active[who])
        own = self.held.get((who, lesson))
        own = own if own and own["state"] != "withdrawn" else None
        paths = [
            (path, self.held[who, path])
            for path, of in self.paths.items()
            if lesson in of and path not in self.archived and self.held.get((who, path), {}).get("state") in DOING
        ]
        self._refuse_unless(own is not None or bool(paths))
        waiting = [(path, held) for path, held in paths if held["state"] == "incomplete" and lesson not in held["done"]]
        in_turn = [(path, held) for path, held in waiting if self._is_turn(path, held, lesson)]
        self._refuse_unless(not waiting or bool(in_turn) or (own is not None and own["state"] == "incomplete"))
        for path, held in paths:
            if (path, held) in in_turn:
                held["done"][lesson] = score
                self.told[who] += 1
                if len(held["done"]) == len(self.paths[path]):
                    held |= {"state": "completed", "score": self._mean(held)}
                    self.told[who] += 1
            elif lesson in held["done"] and score not in (None, held["done"][lesson]):
                held["done"][lesson] = score
                self.told[who] += 1
                if held["state"] == "completed" and held["score"] != self._mean(held):
                    held["score"] = self._mean(held)
                    self.told[who] += 1
        if own is not None and own["state"] == "incomplete":
            own |= {"state": "completed", "score": score}
            self.told[who] += 1
        elif own is not None and score not in (None, own["score"]):
            own["score"] = score
            self.told[who] += 1

    def move(self, who: str) -> None:
        """Archived, or restored: nothing of theirs changes."""
        self.active[who] = not self.active[who]

    def shelve(self, what: str) -> None:
        """Archives content, or restores it."""
        if what in self.archived:
            self._refuse_unless(what in self.lessons or not set(self.paths[what]) & self.archived)
            self.archived.remove(what)
        else:
            self._refuse_unless(not any(what in of for path, of in self.paths.items() if path not in self.archived))
            self.archived.add(what)

    def listed(self) -> set[tuple[str, str]]:
        """Who is to do what, or has done it, as lists show it."""
        return {
            (who, what)
            for (who, what), held in self.held.items()
            if self.active[who] and what not in self.archived and held["state"] != "withdrawn"
        }

    def _get(self, who: str, what: str) -> Held:
        self._refuse_unless((who, what) in self.held)
        return self.held[who, what]

    def _is_turn(self, path: str, held: Held, lesson: str) -> bool:
        return path not in self.enforced or len(held["done"]) == self.paths[path].index(lesson)

    def _mean(self, held: Held) -> int | None:
        given = [score for score in held["done"].values() if score is not None]
        return int(sum(given) / len(given) + 0.5) if given else None

    def _refuse_unless(self, holds: bool) -> None:
        if not holds:
            raise Refused


DOING = ("incomplete", "completed")

"""A provisioning client that keeps a ledger of what was acknowledged to it, apart from the server it speaks to."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2

from tests.cast import CORE, ENTERPRISE, patch
from tests.servers import PLAIN

TITLES = ("Baker", "Cook", "Waiter", "Cellarer")
LOCATIONS = ("Lyon", "Turin", "Bern", "Graz")


@dataclass(frozen=True, slots=True)
class State:
    """What a person's record must say. Every write changes several of these at once, so half of one would show."""

    user_name: str
    title: str
    location: str
    active: bool

    def document(self) -> dict[str, Any]:
        return {
            "schemas": [CORE, ENTERPRISE],
            "userName": self.user_name,
            "name": {"givenName": "Leo", "familyName": "Linden"},
            "emails": [{"value": self.user_name, "type": "work", "primary": True}],
            "title": self.title,
            "active": self.active,
            ENTERPRISE: {"costCenter": self.location},
        }


@dataclass
class Ledger:
    """Acknowledged states by id; at most one request is under way."""

    acknowledged: dict[str, State] = field(default_factory=dict)
    under_way: tuple[str | None, State] | None = None  # id (None: a new person) and the state asked for
    answers: int = 0
    surprises: list[str] = field(default_factory=list)


class Client(threading.Thread):
    """Hires, changes, archives, restores and looks people up until the line is cut or `stopped` is set."""

    def __init__(self, url: str, auth: tuple[str, str], name: str, ledger: Ledger, *, pace: float = 0) -> None:
        super().__init__(name=name, daemon=True)
        self.stopped = threading.Event()
        self._http = httpx2.Client(base_url=f"{url}/scim/v2", auth=auth, timeout=20, verify=PLAIN)
        self._ledger = ledger
        self._pace = pace
        self._random = random.Random(name)
        self._hired = 0

    def run(self) -> None:
        with self._http:
            while not self.stopped.wait(self._pace):
                try:
                    self._act()
                except httpx2.TransportError:
                    return

    def _act(self) -> None:
        people = self._ledger.acknowledged
        if len(people) < 3 or self._random.random() < 0.15:
            self._hired += 1
            self._write(None, State(f"{self.name}-{self._hired}@acme.example", "Baker", "Lyon", True))
            return
        user_id = self._random.choice(list(people))
        state = people[user_id]
        wanted = replace(state, title=self._random.choice(TITLES), location=self._random.choice(LOCATIONS))
        act = self._random.randrange(4)
        if act == 0:
            self._find(user_id, state)
        elif act == 1:
            self._write(user_id, wanted)
        else:
            self._write(user_id, replace(wanted, active=act == 2), in_parts=True)

    def _write(self, user_id: str | None, wanted: State, *, in_parts: bool = False) -> None:
        ledger = self._ledger
        ledger.under_way = (user_id, wanted)
        if user_id is None:
            answer = self._http.post("/Users", json=wanted.document())
        elif in_parts:
            value = {"title": wanted.title, "active": wanted.active, ENTERPRISE: {"costCenter": wanted.location}}
            answer = self._http.patch(f"/Users/{user_id}", json=patch({"op": "replace", "value": value}))
        else:
            answer = self._http.put(f"/Users/{user_id}", json=wanted.document())
        self._count(answer, 201 if user_id is None else 200)
        ledger.acknowledged[answer.json()["id"]] = wanted
        ledger.under_way = None

    def _find(self, user_id: str, state: State) -> None:
        """What Okta does before it writes; what was acknowledged is found."""
        answer = self._http.get("/Users", params={"filter": f'userName eq "{state.user_name}"'})
        self._count(answer, 200)
        found = [(one["id"], one["title"], one["active"]) for one in answer.json()["Resources"]]
        if found != [(user_id, state.title, state.active)]:
            self._ledger.surprises.append(f"asked for {state}, found {found}")

    def _count(self, answer: httpx2.Response, status: int) -> None:
        self._ledger.answers += 1
        if answer.status_code != status:
            self._ledger.surprises.append(f"{answer.request.method} answered {answer.status_code}: {answer.text}")
            self.stopped.set()
            raise httpx2.TransportError("the client gives up")

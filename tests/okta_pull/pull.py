"""A company whose Okta is a simulated org over real HTTP on loopback, and runs of the pull, worked at step by step."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, func, select, update

from rollbook import clock
from rollbook.activity import events, queue
from rollbook.activity.queue import Task
from rollbook.database import Tx
from rollbook.database.tables import events as events_table
from rollbook.database.tables import okta_people, outbox, tasks
from rollbook.database.tables import users as users_table
from rollbook.okta import approval, changes, connections, field_map, runs
from rollbook.okta.changes import Change
from rollbook.okta.client import Client
from rollbook.okta.connections import Connection
from rollbook.okta.conversation import Conversation
from rollbook.okta.org_address import OrgAddress
from rollbook.okta.planning import Kind
from rollbook.okta.runs import Purpose, Run
from rollbook.okta.sync import Sync
from rollbook.okta.wanted import Wanted
from rollbook.people import field_values, fields, record, users
from rollbook.people.fields import Field
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from rollbook.simulator.org import Org
from rollbook.simulator.org_server import OrgServer
from rollbook.simulator.people import OktaUser
from tests.conftest import OPERATOR, House

ADMIN = events.Actor("user", "ada")
_EXPIRE = update(tasks).where(tasks.c.company_id == bindparam("company"), tasks.c.state == "running")


def okta_user(okta_id: str, name: str = "", **more: Any) -> OktaUser:
    """A person of the org: `leo` is leo@acme.example, Leo Linden, of the id 00uleo."""
    name = name or okta_id.removeprefix("00u")
    texts = {"login": f"{name}@acme.example", "email": f"{name}@acme.example", "first_name": name.title()}
    return OktaUser(okta_id, **{**texts, "last_name": "Linden", "locale": "", **more})


@dataclass
class Company:
    """A company, its org, and what tests do with both."""

    house: House
    id: str
    org: Org
    server: OrgServer
    page_size: int = 200
    request_seconds: float = 10.0
    tries_again: int = 5
    steps: int = 0
    after_step: Callable[[Run | None], None] | None = field(default=None, repr=False)

    def configure(self, **how: Any) -> Connection:
        """Connects the company to the org's group, in complement mode unless told otherwise."""
        wanted = Wanted(self.server.address, **{"group_id": self.org.group_id, **how})
        return self.write(
            lambda tx: connections.configure(
                tx, self.id, wanted, sealed_token="sealed", actor=OPERATOR, now=clock.now()
            )
        )

    def write(self, fn: Callable[[Tx], Any]) -> Any:
        return self.house.write(fn)

    def read(self, fn: Callable[[Tx], Any]) -> Any:
        return self.house.read(fn)

    # People of ours.

    def hire(self, name: str, *, role: Any = "learner", external_id: str | None = None, **fields_: Any) -> User:
        """Somebody of before: `leo` is leo@acme.example."""
        texts = {"user_name": f"{name}@acme.example", "email": f"{name}@acme.example"}
        profile = Profile(**{**texts, "given_name": name.title(), "family_name": "Linden", **fields_})
        if external_id is not None:
            profile = record.with_fields(profile, external_id=external_id)
        made: User = self.write(
            lambda tx: users.create(tx, self.id, profile, role=role, actor=OPERATOR, now=clock.now())
        )
        return made

    def people(self) -> dict[str, User]:
        """Everybody by user name, archived ones too."""
        query = record.SELECT.where(users_table.c.company_id == self.id)
        return {user.user_name: user for user in self.read(lambda tx: users.search(tx, query))}

    def user(self, name: str) -> User:
        return self.people()[f"{name}@acme.example"]

    def timeline(self, user: User) -> list[events.Event]:
        found: list[events.Event] = self.read(lambda tx: events.of_subject(tx, self.id, user.id))
        return found

    def kinds(self, user: User) -> list[str]:
        return [event.kind for event in self.timeline(user)]

    def field(self, name: str, variable: str | None = None, type_: Any = "text", **how: Any) -> Field:
        """A field that the standard integration owns, filled from a variable."""
        how = {"owner": "okta", **how}
        made: Field = self.write(
            lambda tx: fields.create(tx, self.id, name, type_, actor=OPERATOR, now=clock.now(), **how)
        )
        if variable is not None:
            self.map(variable, f"custom.{name}")
        return made

    def map(self, variable: str, target: str) -> None:
        self.write(lambda tx: field_map.map_to(tx, self.id, variable, target, actor=OPERATOR, now=clock.now()))

    def custom(self, user: User) -> dict[str, str]:
        found: dict[str, str] = self.read(lambda tx: field_values.custom_of(tx, user))
        return found

    # Runs.

    def ask(self, purpose: Purpose = "sync") -> Run:
        asked: Run = self.write(lambda tx: runs.create_by_hand(tx, self.id, purpose, actor=ADMIN, now=clock.now()))
        return asked

    def pull(self, purpose: Purpose = "sync") -> Run:
        """Asks for a run and works at it until nothing is left to do."""
        run = self.ask(purpose)
        self.work()
        return self.run(run.id)

    def approve(self, run: Run) -> Run:
        """As somebody who has read what the run asks."""
        how: dict[str, Any] = {"question": run.question, "actor": ADMIN, "now": clock.now()}
        self.write(lambda tx: approval.approve(tx, self.id, run.id, **how))
        self.work()
        return self.run(run.id)

    def drop(self, run: Run) -> None:
        """As the next slot does with a held run."""
        self.write(lambda tx: runs.drop(tx, self.id, run.id, "No.", actor=ADMIN, now=clock.now()))

    def run(self, run_id: str) -> Run:
        found: Run = self.read(lambda tx: runs.get(tx, self.id, run_id))
        return found

    def work(self) -> None:
        """Claims the task as a worker does, and works at it."""
        asyncio.run(self.work_async())

    async def work_async(self) -> None:
        task = self.claim()
        assert task is not None, "no pull is due"
        async with self.client() as client:
            sync = Sync(self.house.installation.database, client, self.connection(), task)
            while await sync.step():
                self.steps += 1
                if self.after_step is not None:
                    self.after_step(sync.run)
        self.write(lambda tx: queue.finish(tx, task, now=clock.now()))

    def claim(self) -> Task | None:
        claimed: Task | None = self.write(lambda tx: queue.claim(tx, self.id, only=runs.PULL, now=clock.now()))
        return claimed

    def expire(self) -> None:
        """The lease of a worker that died has run out."""
        past = clock.text(clock.now() - timedelta(seconds=1))
        self.write(lambda tx: tx.run(_EXPIRE, {"company": self.id, "lease_until": past, "due_at": past}))

    def connection(self) -> Connection:
        found: Connection = self.read(lambda tx: connections.get(tx, self.id))
        return found

    def client(self, **options: Any) -> Client:
        """A client that lives by the org's clock, and so never really waits."""
        address = OrgAddress("http", "127.0.0.1", self.server.port, local=True)
        how: dict[str, Any] = {
            "page_size": self.page_size,
            "request_seconds": self.request_seconds,
            "tries_again": self.tries_again,
            "clock": self.org.clock.time,
            "sleep": self.org.clock.sleep,
            "jitter": lambda: 0.5,
        }
        return Client(Conversation(address, self.org.token, **{**how, **options}))

    # What came of it.

    def plan(self, run: Run, kind: Kind | None = None) -> list[Change]:
        found: list[Change] = self.read(lambda tx: changes.search(tx, run, kind=kind, limit=10_000))
        return found

    def told(self, run: Run, *kinds: Kind) -> list[tuple[str, str | None, str]]:
        """(kind, who, state) of what was planned, by kind and name."""
        rows = [(row.kind, row.who, row.state) for row in self.plan(run) if not kinds or row.kind in kinds]
        return sorted(rows, key=lambda row: (row[0], row[1] or ""))

    def events(self) -> int:
        """How many events of this company there are."""
        return self._count(events_table)

    def mails(self) -> int:
        return self._count(outbox)

    def remembered(self) -> dict[str, dict[str, Any]]:
        """What is kept of Okta's people, by their ids."""
        columns = [column for column in okta_people.columns if column.name != "company_id"]
        query = select(*columns).where(okta_people.c.company_id == self.id)
        names = [column.name for column in columns]
        return {row[0]: dict(zip(names, row, strict=True)) for row in self.read(lambda tx: tx.search(query))}

    def _count(self, table: Any) -> int:
        query = select(func.count()).select_from(table).where(table.c.company_id == self.id)
        count: int = self.read(lambda tx: tx.search(query))[0][0]
        return count


@contextmanager
def company_of(house: House, company_id: str, *, per_minute: int = 10_000_000, **how: Any) -> Iterator[Company]:
    """A company with an org of its own that answers as fast as it is asked, unless it is to allow less."""
    org = Org(per_minute=per_minute)
    with OrgServer(org) as server:
        yield Company(house, company_id, org, server, **how)


def state(company: Company) -> dict[str, tuple[Any, ...]]:
    """Everybody and what they have: what two runs are compared by."""
    return {
        name: (
            user.email,
            user.given_name,
            user.family_name,
            user.job_title,
            user.location,
            user.hire_date,
            user.external_id,
            user.link,
            user.active,
            user.role,
            tuple(sorted(company.custom(user).items())),
        )
        for name, user in company.people().items()
    }


Work = Callable[[Client], Awaitable[Any]]

"""Companies with a key of scope api, and a client that speaks with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from rollbook import clock
from rollbook.database import Tx
from rollbook.people import keys, users
from rollbook.people.profiles import Profile
from rollbook.people.record import User
from rollbook.people.roles import Role
from tests.cast import LEO
from tests.conftest import OPERATOR, House, Tenant
from tests.servers import PLAIN, ThreadServer


@dataclass
class Api:
    """A company as a program of its administrators reaches it."""

    tenant: Tenant
    house: House
    key: str
    key_id: str
    http: httpx2.Client

    @property
    def id(self) -> str:
        return self.tenant.id

    @property
    def subdomain(self) -> str:
        return self.tenant.company.subdomain

    def ask(self, method: str, path: str, body: Any = None, **how: Any) -> httpx2.Response:
        """A request; whatever the answer is, it has the headers that every answer has."""
        answer = (
            self.http.request(method, path, json=body, **how)
            if body is not None
            else self.http.request(method, path, **how)
        )
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.headers["x-request-id"]) == 36
        if answer.status_code >= 400:
            problem(answer)
        return answer

    def get(self, path: str, status: int = 200, /, **parameters: Any) -> Any:
        answer = self.ask("GET", path, params=parameters or None)
        assert answer.status_code == status, answer.text
        return answer.json()

    def send(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.ask(method, path, body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def hire(self, profile: Profile = LEO, role: Role = "learner") -> User:
        """A person who is there already, made by the operator."""
        return self.house.write(
            lambda tx: users.create(tx, self.id, profile, role=role, actor=OPERATOR, now=clock.now())
        )

    def issue(self, scope: Any = "api", *, days: float | None = None) -> tuple[str, str]:
        """(id, key) of another key of the company."""

        def work(tx: Tx) -> tuple[str, str]:
            expires = clock.now() + timedelta(days=days) if days else None
            key, text = keys.issue(
                tx,
                self.id,
                scope,
                expires_at=expires,
                pepper=self.house.installation.pepper,
                actor=OPERATOR,
                now=clock.now(),
            )
            return key.id, text

        return self.house.write(work)


def problem(answer: httpx2.Response) -> dict[str, Any]:
    """The body of a refusal, checked against RFC 9457."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body: dict[str, Any] = answer.json()
    assert body.keys() <= {"type", "title", "status", "detail", "instance", "errors", "field", "holder_id"}
    assert body["status"] == answer.status_code
    assert body["title"]
    assert len(body["detail"].split()) > 3
    assert body["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    assert "Traceback" not in answer.text
    return body


def told(answer: httpx2.Response) -> dict[str, Any]:
    """A refusal without the request's own id, for comparing whole bodies."""
    return {name: value for name, value in problem(answer).items() if name != "instance"}


@pytest.fixture
def api_of(house: House, server: ThreadServer) -> Iterator[Callable[[Tenant], Api]]:
    """The management API of a company."""
    clients: list[httpx2.Client] = []

    def make(tenant: Tenant) -> Api:
        def work(tx: Tx) -> tuple[str, str]:
            key, text = keys.issue(
                tx, tenant.id, "api", pepper=house.installation.pepper, actor=OPERATOR, now=clock.now()
            )
            return key.id, text

        key_id, key = house.write(work)
        client = httpx2.Client(
            base_url=f"{server.url}/api/v1", auth=(tenant.company.subdomain, key), timeout=30, verify=PLAIN
        )
        clients.append(client)
        return Api(tenant, house, key, key_id, client)

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def api(acme: Tenant, api_of: Callable[[Tenant], Api]) -> Api:
    """Acme's management API."""
    return api_of(acme)


@pytest.fixture
def other(umbra: Tenant, api_of: Callable[[Tenant], Api]) -> Api:
    """Umbra's, which acme's must see nothing of."""
    return api_of(umbra)

"""A plain reader of the simulated org: pages followed by their links, as any program would."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from rollbook.simulator.org import Org
from rollbook.simulator.org_server import OrgServer


class Reader:
    """Asks one org with one token; `ask` gives the answer as it is, `pages` and `ids` follow the links."""

    def __init__(self, server: OrgServer, token: str | None = None) -> None:
        self.org = server.org
        self.address = server.address
        headers = {"Authorization": f"SSWS {token or server.org.token}"}
        self.client = httpx2.Client(headers=headers, trust_env=False, timeout=10)

    def ask(self, path: str, method: str = "GET") -> httpx2.Response:
        return self.client.request(method, path if path.startswith("http") else f"{self.address}{path}")

    def pages(self, path: str) -> Iterator[list[Any]]:
        """Raises httpx2.HTTPStatusError for an answer that is no list."""
        following: str | None = path
        while following:
            answer = self.ask(following).raise_for_status()
            yield answer.json()
            following = next_of(answer)

    def ids(self, path: str) -> list[str]:
        return [item["id"] for page in self.pages(path) for item in page]

    def group(self, size: int = 200) -> str:
        return f"/api/v1/groups/{self.org.group_id}/users?limit={size}"


def next_of(answer: httpx2.Response) -> str | None:
    """The address of the next page."""
    found = (re.fullmatch(r'<([^>]+)>; rel="next"', link) for link in answer.headers.get_list("link"))
    return next((match[1] for match in found if match), None)


@contextmanager
def reading(org: Org) -> Iterator[Reader]:
    """Serves an org and reads it."""
    with OrgServer(org) as server:
        reader = Reader(server)
        try:
            yield reader
        finally:
            reader.client.close()

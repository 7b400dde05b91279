"""What the simulated org answers: addresses, pages, errors, and how each fault looks. No socket is touched here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal
from urllib.parse import unquote

import msgspec

from rollbook.simulator import org_profile
from rollbook.simulator.org import Org
from rollbook.simulator.org_faults import Fault
from rollbook.simulator.org_lists import BEGINNING, ExpiredCursor, Roll
from rollbook.simulator.org_log import Request
from rollbook.simulator.org_profile import Person, address

MOST = 200  # people on a page
APP_USERS = 50  # on a page of the app, unless asked otherwise
SIGN_IN_PAGE = b"<!DOCTYPE html><html><head><title>Acme - Sign In</title></head><body>Sign in</body></html>"
CONDITION = re.compile(r'(status|id|profile\.login|profile\.email)\s+eq\s+"((?:[^"\\]|\\.)*)"')
EVERYONE = "00gEveryone000000000"

End = Literal["sent", "silence", "reset", "cut"]
Shown = Callable[[Person], Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; `end` says what becomes of it on the wire."""

    status: int
    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)
    end: End = "sent"


class Refusal(Exception):
    """An answer that is an error in Okta's shape."""

    def __init__(self, status: int, code: str, summary: str) -> None:
        super().__init__(summary)
        self.status, self.code, self.summary = status, code, summary


# Status, Okta's code, Okta's words.
BAD_SEARCH = (400, "E0000031", "Invalid search criteria.")
WRONG_METHOD = (405, "E0000022", "The endpoint does not support the provided HTTP method")
OVER_LIMIT = (429, "E0000047", "API call exceeded rate limit due to too many requests.")
WRONG_TOKEN = (401, "E0000011", "Invalid token provided")
NO_RIGHT = (403, "E0000006", "You do not have permission to perform the requested action")
REFUSED: dict[Fault | None, tuple[int, str, str]] = {
    "429": OVER_LIMIT,
    "500": (500, "E0000009", "Internal Server Error"),
    "503": (503, "E0000010", "Service is in read only mode"),
    "401": WRONG_TOKEN,
    "403": NO_RIGHT,
    "expired": BAD_SEARCH,
}


class Api:
    """The pull API of an org: GET and nothing else."""

    def __init__(self, org: Org) -> None:
        self.org = org

    def answer(self, method: str, path: str, query: Mapping[str, str], authorization: str, origin: str) -> Reply:
        """`origin` is where the org is reached, for the links; the path is still escaped."""
        org = self.org
        request = org.log.note(method, path, query, org.clock.now())
        within = org.limits.count()
        fault = org.faults.of(request) if within else None
        try:
            if not within:
                raise Refusal(*OVER_LIMIT)
            self._fail(fault)
            self._check(request, authorization)
            reply = self._found(request, origin, fault)
        except Refusal as refusal:
            shown = org_profile.error(refusal.code, refusal.summary, request.number)
            reply = _json(shown, refusal.status)
        reply.headers.extend(org.limits.headers().items())
        return self._distorted(reply, fault)

    def _fail(self, fault: Fault | None) -> None:
        if fault == "429":
            self.org.limits.shut(self.org.faults.wait)
        if fault in REFUSED:
            raise Refusal(*REFUSED[fault])

    def _check(self, request: Request, authorization: str) -> None:
        scheme, _, token = authorization.partition(" ")
        right = self.org.tokens.get(token) if scheme == "SSWS" else None
        if right is None:
            raise Refusal(*WRONG_TOKEN)
        if right != "read":
            raise Refusal(*NO_RIGHT)
        if request.method != "GET":
            raise Refusal(*WRONG_METHOD)

    def _distorted(self, reply: Reply, fault: Fault | None) -> Reply:
        if fault == "silence" or fault == "reset" or fault == "cut":
            return Reply(reply.status, reply.body, reply.headers, fault)
        if fault == "bad_json":
            return Reply(200, reply.body[: len(reply.body) // 2] + b'{"', reply.headers)
        if fault == "html":
            return Reply(200, SIGN_IN_PAGE, [("Content-Type", "text/html;charset=utf-8")])
        if fault == "object":
            return Reply(200, b'{"status":"ok"}', [("Content-Type", "application/json")])
        if fault == "empty":
            return Reply(200, b"[]", [header for header in reply.headers if 'rel="next"' not in header[1]])
        if fault == "redirect":
            return Reply(302, b"", [("Location", f"{self.org.faults.elsewhere}/login")])
        return reply

    def _found(self, request: Request, origin: str, fault: Fault | None) -> Reply:
        org = self.org
        parts = [unquote(part) for part in request.path.strip("/").split("/")]
        with org.lock:
            match parts:
                case ["api", "v1", "users"]:
                    return self._page(request, origin, fault, org.roll, self._by_status(request, origin))
                case ["api", "v1", "users", who]:
                    person = org.find(who)
                    if person is None:
                        raise _unknown(who, "User")
                    return _json(org.showing.person(person, origin, org.variables))
                case ["api", "v1", "users", who, "groups"]:
                    person = org.find(who)
                    if person is None:
                        raise _unknown(who, "User")
                    mine = [group for group in org.groups.values() if person.user.id in group.members]
                    shown = [org_profile.group(each.id, each.name, each.created, origin) for each in mine]
                    return _json([org_profile.group(EVERYONE, "Everyone", org.created, origin), *shown])
                case ["api", "v1", "groups", group_id, *rest]:
                    group = org.groups.get(group_id)
                    if group is None:
                        raise _unknown(group_id, "UserGroup")
                    if not rest:
                        return _json(org_profile.group(group.id, group.name, group.created, origin))
                    if rest == ["users"]:
                        return self._page(request, origin, fault, group.members, self._everybody(origin))
                case ["api", "v1", "apps", app_id, *rest]:
                    if app_id != org.app_id:
                        raise _unknown(app_id, "AppInstance")
                    if not rest:
                        label = org.push.name if org.push else "Rollbook"
                        return _json(org_profile.app(app_id, label, org.created, origin))
                    if rest == ["users"]:
                        return self._page(request, origin, fault, org.roll, self._assigned, APP_USERS)
                    if len(rest) == 2 and rest[0] == "users":
                        person = org.find(rest[1])
                        assigned = self._assigned(person) if person is not None else None
                        if assigned is None:
                            raise _unknown(rest[1], "AppUser")
                        return _json(assigned)
                case ["api", "v1", "meta", "schemas", "user", "default"]:
                    return _json(org_profile.schema(org.variables, f"{origin}/api/v1"))
        raise Refusal(404, *WRONG_METHOD[1:])

    # Who is on a list, and how they are shown there: None leaves somebody out.

    def _by_status(self, request: Request, origin: str) -> Shown:
        asked = request.query.get("filter") or request.query.get("search") or ""
        as_compared = str if request.query.get("filter") else str.casefold  # only a search finds a name in any case
        wanted = {(name, as_compared(re.sub(r"\\(.)", r"\1", text))) for name, text in CONDITION.findall(asked)}
        if re.sub(r"\bor\b", "", CONDITION.sub("", asked)).strip(" ()"):
            raise Refusal(*BAD_SEARCH)
        show = self._everybody(origin)

        def shown(person: Person) -> Any:
            user = person.user
            texts = {"status": user.status, "id": user.id, "profile.login": user.login, "profile.email": user.email}
            has = {(name, as_compared(text)) for name, text in texts.items()}
            return show(person) if (wanted & has if wanted else user.status != "DEPROVISIONED") else None

        return shown

    def _everybody(self, origin: str) -> Shown:
        org = self.org
        return lambda person: org.showing.person(person, origin, org.variables)

    def _assigned(self, person: Person) -> Any:
        assignment = self.org.assignments.get(person.user.id)
        if assignment is None or not assignment.assigned:
            return None
        return org_profile.app_user(person, assignment)

    def _page(
        self, request: Request, origin: str, fault: Fault | None, roll: Roll, shown: Shown, usual: int = MOST
    ) -> Reply:
        """A page of a list. A full page names a next one, which may turn out to be empty, as Okta's may."""
        query = request.query
        size = _size(query.get("limit"), usual)
        list_name = f"{request.path}?{query.get('filter', '')}&{query.get('search', '')}"
        now = self.org.clock.now()
        start = BEGINNING
        if query.get("after"):
            try:
                start = self.org.cursors.read(query["after"], list_name, now)
            except ExpiredCursor:
                raise Refusal(*BAD_SEARCH) from None
        found = list(islice(self._listed(roll, start, shown), size))
        last = found[-1][0] if found else start
        items = [item for _, item in found]
        goes_on = len(found) == size
        if fault == "thinned":
            items = items[::2]
        elif fault == "repeated" or fault == "loop":
            last, goes_on = (start if fault == "repeated" else BEGINNING), True
        elif fault == "missing":
            skipped = list(islice(self._listed(roll, last, shown), size))
            last = skipped[-1][0] if skipped else last
        elif fault == "beyond":
            last = roll.end
        reply = _json(items)
        here = address(origin, request.path, query)
        reply.headers.append(("Link", f'<{here}>; rel="self"'))
        if goes_on:
            kept = {name: value for name, value in query.items() if name != "after"}
            following = kept | {"after": self.org.cursors.make(list_name, last, now)}
            leads_to = self.org.faults.elsewhere if fault == "stray" else origin
            reply.headers.append(("Link", f'<{address(leads_to, request.path, following)}>; rel="next"'))
        return reply

    def _listed(self, roll: Roll, start: int, shown: Shown) -> Iterator[tuple[int, Any]]:
        for place, id_ in roll.after(start):
            item = shown(self.org.people[id_])
            if item is not None:
                yield place, item


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(status, msgspec.json.encode(value), [("Content-Type", "application/json")])


def _unknown(what: str, kind: str) -> Refusal:
    return Refusal(404, "E0000007", f"Not found: Resource not found: {what} ({kind})")


def _size(text: str | None, usual: int) -> int:
    if text is None:
        return usual
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) < 1:
        raise Refusal(400, "E0000001", "Api validation failed: limit")
    return min(int(text), MOST)

"""The life of a company's people as plain dicts: what each request must lead to, said as shortly as it can be.

It shares no code with the product. `test_life_cycle_machine.py` plays both against each other.
"""

from __future__ import annotations

from typing import Any
from unicodedata import normalize

Person = dict[str, Any]
Fields = dict[str, str | None]

FIELDS = ("user_name", "email", "given_name", "family_name", "job_title", "location", "external_id", "nick_name")


def key(text: str) -> str:
    return normalize("NFC", normalize("NFC", text.strip()).casefold())


class Refused(Exception):
    """The request changes nothing; a 409 names `shared` fields and `holders`."""

    def __init__(self, status: int, *found: tuple[tuple[str, ...], Person]) -> None:
        super().__init__(status)
        self.status = status
        self.shared = {name for names, _ in found for name in names}
        self.holders = [person["id"] for _, person in found]


class Life:
    """One company."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.turns = 0

    def _turn(self) -> int:
        self.turns += 1
        return self.turns

    def living(self) -> list[Person]:
        return [person for person in self.people.values() if not person["deleted"]]

    # The ordered rule of POST.

    def decide(self, sent: Fields, active: bool | None) -> tuple[str, Person | None]:
        candidates = self._candidates(sent)
        sharing = [person for _, person in candidates]
        for person in self._holders():
            if person not in sharing and self._signs_in_with(person, sent["email"]):
                raise Refused(409, (("email",), person))
        if not candidates:
            return "created", None
        if len(candidates) > 1:
            raise Refused(409, *candidates)
        shared, person = candidates[0]
        contradicted = None not in (sent["external_id"], person["external_id"]) and "external_id" not in shared
        if person["deleted"] or (person["active"] and person["link"] == "linked") or contradicted:
            raise Refused(409, candidates[0])
        if person["active"]:
            if person["role"] != "learner" or not {"user_name", "email"} <= set(shared):
                raise Refused(409, candidates[0])
            return "linked", person
        if shared == ("email",):
            raise Refused(409, candidates[0])
        return "refreshed" if active is False else "restored", person

    def _candidates(self, sent: Fields) -> list[tuple[tuple[str, ...], Person]]:
        found = []
        for person in self._holders():
            same = {
                "user_name": key(person["user_name"]) == key(sent["user_name"] or ""),
                "external_id": sent["external_id"] is not None and person["external_id"] == sent["external_id"],
                "email": key(person["email"]) == key(sent["email"] or ""),
            }
            if any(same.values()):
                found.append((tuple(name for name in same if same[name]), person))
        claimed = any(person["active"] and "email" in shared for shared, person in found)
        return [(shared, person) for shared, person in found if person["active"] or not claimed or shared != ("email",)]

    def post(self, person: Person | None, new_id: str, sent: Fields, active: bool | None) -> Person:
        if person is None:
            return self.create(new_id, sent, active=active is not False, link="linked")
        self._refuse_held(person, sent, active is not False)
        sent = sent | {"external_id": sent["external_id"] or person["external_id"]}
        if person["link"] != "linked" or person["external_id"] != sent["external_id"]:
            person["external_id"] = sent["external_id"]
            self._tell(person, "UserLinked")
            person["link"] = "linked"
        self._become(person, sent, active is not False, by_client=True)
        return person

    # Writes by id.

    def put(self, person_id: str, sent: Fields, active: bool | None) -> Person:
        person = self.found(person_id)
        self._refuse_taken(person, sent, active)
        if person["link"] != "linked":
            person["link"] = "linked"
            self._tell(person, "UserLinked")
        self._become(person, sent, active, by_client=True)
        return person

    def delete(self, person_id: str) -> None:
        person = self.found(person_id)
        self._tell(person, *["UserArchived"] * person["active"], "UserDeleted")
        if person["active"]:
            person["gone"] = self._turn()
        person |= {"deleted": True, "active": False, "links": set(), "sessions": set()}
        if person["role"] == "learner":
            person |= {"freed": True, "external_id": None}

    def found(self, person_id: str) -> Person:
        person = self.people.get(person_id)
        if person is None or person["deleted"]:
            raise Refused(404)
        return person

    # What people do in Learning.

    def create(self, new_id: str, sent: Fields, *, active: bool, link: str) -> Person:
        self._refuse_taken(None, sent, active)
        person: Person = dict.fromkeys(FIELDS) | sent
        person |= {"id": new_id, "active": active, "link": link, "role": "learner", "version": 0, "events": []}
        person |= {
            "deleted": False,
            "freed": False,
            "came": self._turn(),
            "gone": 0 if active else self.turns,
            "was_away": False,
            "hire_date": None,
            "back_by_client": False,
            "flaps": 0,  # archived by a client that had just restored them: a test lasts no two minutes
            "signs_in_at": None,
            "links": set(),
            "sessions": set(),
        }
        self._tell(person, "UserCreated")
        self.people[new_id] = person
        return person

    def link(self, person: Person, external_id: str) -> None:
        if person["deleted"]:
            raise Refused(409, ((), person))
        if person["external_id"] == external_id and person["link"] != "unlinked":
            return
        self._refuse_taken(person, {name: person[name] for name in FIELDS} | {"external_id": external_id}, None)
        person["external_id"] = external_id
        person["link"] = "known" if person["link"] == "unlinked" else person["link"]
        self._tell(person, "UserLinked")

    def activate(self, person: Person, active: bool) -> None:
        if active and person["deleted"]:
            raise Refused(409, ((), person))
        if not person["deleted"]:
            fields = {name: person[name] for name in FIELDS}
            self._refuse_taken(person, fields, active)
            self._become(person, fields, active, by_client=False)

    def set_hire_date(self, person: Person, date: str) -> None:
        if person["deleted"]:
            raise Refused(409, ((), person))
        if person["hire_date"] != date:
            person["hire_date"] = date
            self._tell(person, "UserUpdated")

    def set_role(self, person: Person, role: str) -> None:
        if person["role"] != role:
            person["role"] = role
            self._tell(person, "UserRoleChanged")

    def confirm(self, person: Person) -> None:
        if person["signs_in_at"]:
            person["signs_in_at"] = None
            self._tell(person, "AddressConfirmed")

    def free(self, person: Person) -> None:
        if not person["deleted"]:
            raise Refused(409, ((), person))
        if not person["freed"]:
            person |= {"freed": True, "external_id": None}
            self._tell(person, "UserFreed")

    # What they have in common.

    def join(self, old: Person, new: Person) -> None:
        """Told of both; the row of the one who goes on changes where it came after the other one had gone, and knows of
        no time away yet.
        """
        self._tell(old, "UserJoined")
        if old["gone"] < new["came"] and not new["was_away"]:
            new |= {"version": new["version"] + 1, "was_away": True}
        new["events"].append("UserJoined")

    def _holders(self) -> list[Person]:
        return [person for _, person in sorted(self.people.items()) if not person["freed"]]

    @staticmethod
    def _signs_in_with(person: Person, email: str | None) -> bool:
        """Whether links for an address that their record does not show go to them."""
        return bool(person["active"] and person["signs_in_at"] and key(person["signs_in_at"]) == key(email or ""))

    def _refuse_held(self, person: Person | None, sent: Fields, active: bool) -> None:
        """One address leads to one person: asked where an e-mail is new, and of somebody who comes back."""
        new = person is None or key(person["email"]) != key(sent["email"] or "")
        back = person is None or not person["active"]
        if not active or not (new or back):
            return
        held = person["signs_in_at"] if person and back and not new else None
        if person and back and new and person["role"] != "learner":
            held = person["signs_in_at"] or person["email"]
        for other in self._holders():
            if other is not person and other["active"]:
                theirs = held and key(held) == key(other["email"]) and key(held) != key(sent["email"] or "")
                if self._signs_in_with(other, sent["email"]) or theirs:
                    raise Refused(409, (("email",), other))

    def _refuse_taken(self, person: Person | None, sent: Fields, active: bool | None) -> None:
        self._refuse_held(person, sent, bool(person and person["active"]) if active is None else active)
        is_active = person is not None and person["active"] if active is None else active
        for other in self._holders():
            taken = [
                key(other["user_name"]) == key(sent["user_name"] or ""),
                None is not sent["external_id"] == other["external_id"],
                is_active and other["active"] and key(other["email"]) == key(sent["email"] or ""),
            ]
            if other is not person and any(taken):
                field = ("user_name", "external_id", "email")[taken.index(True)]
                raise Refused(409, ((field,), other))

    def _become(self, person: Person, sent: Fields, active: bool | None, *, by_client: bool) -> None:
        changed = [name for name in FIELDS if person[name] != sent[name]]
        kinds = ["UserUpdated"] if changed else []
        if active is not None and active != person["active"]:
            kinds.append("UserRestored" if active else "UserArchived")
            person["active"] = active
            person["flaps"] += by_client and not active and person["back_by_client"]
            person["back_by_client"] = by_client and active
            if active:
                person["was_away"] = True
            else:
                person |= {"links": set(), "sessions": set(), "gone": self._turn()}
        if key(person["email"]) != key(sent["email"] or "") or key(person["user_name"]) != key(sent["user_name"] or ""):
            person["links"] = set()
        if "email" in changed:
            kept = person["signs_in_at"] or person["email"]
            held = by_client and person["role"] != "learner" and key(kept) != key(sent["email"] or "")
            person["signs_in_at"] = kept if held else None
        person |= sent
        self._tell(person, *kinds)

    @staticmethod
    def _tell(person: Person, *kinds: str) -> None:
        person["events"] += kinds
        person["version"] += bool(kinds)

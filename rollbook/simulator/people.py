"""The people of the simulated Okta: users, an invented staff, and what Okta remembers of each app user.

What is sent about them is in bodies.py; when it is sent is in app.py.
"""

import random
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["ACTIVE", "SUSPENDED", "DEPROVISIONED"]
SyncState = Literal["NEVER", "SYNCHRONIZED", "ERROR"]

ID_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

LOCATIONS = {
    "Lyon": "fr-FR",
    "Berlin": "de-DE",
    "Leeds": "en-GB",
    "Porto": "pt-PT",
    "Ghent": "nl-BE",
    "Gdynia": "pl-PL",
}

TITLES = {
    "Sales": ("Account Executive", "Sales Engineer", "Regional Lead"),
    "Support": ("Support Specialist", "Field Technician", "Escalation Engineer"),
    "Engineering": ("Software Engineer", "Site Reliability Engineer", "Test Engineer"),
    "Finance": ("Controller", "Payroll Specialist", "Procurement Analyst"),
    "Operations": ("Dispatcher", "Warehouse Planner", "Quality Inspector"),
}

DEPARTMENTS = {
    "Sales": ("Inside Sales", "Key Accounts"),
    "Support": ("First Line", "Customer Success"),
    "Engineering": ("Platform", "Product"),
    "Finance": ("Accounting", "Purchasing"),
    "Operations": ("Logistics", "Quality"),
}

FIRST_NAMES = (
    *("Amira", "Bastien", "Chidi", "Dorota", "Eszter", "Fergus", "Giulia", "Håkon", "Inês", "Jonas"),
    *("Karim", "Lieke", "Maëlle", "Niamh", "Oskar", "Priya", "Quentin", "Rosa", "Søren", "Tomasz"),
    *("Ulrike", "Vera", "Wanjiru", "Xavier", "Yusuf", "Zoë"),
)

LAST_NAMES = (
    *("Abadie", "Brandt", "Castro", "Dąbrowski", "Eriksen", "Fontaine", "Górski", "Hartley", "Iqbal"),
    *("Jansen", "Kowalczyk", "Lindqvist", "Müller", "Nunes", "O'Brien", "Peeters", "Quist", "Ribeiro"),
    *("Schäfer", "Thwaite", "Ucar", "Verbeke", "Whitfield", "Xu", "Yilmaz", "Zielińska"),
)


@dataclass(frozen=True, slots=True)
class OktaUser:
    """A person in the simulated Okta's directory; `id` is Okta's own (`00u…`, 20 characters).

    An empty text is an attribute that Okta does not hold. `extra` are further variables of the profile; only
    the pull API shows them.
    """

    id: str
    login: str
    email: str
    first_name: str
    last_name: str
    title: str = ""
    department: str = ""
    division: str = ""
    cost_center: str = ""
    employee_number: str = ""
    manager: str = ""
    manager_id: str = ""
    locale: str = "en-US"
    status: Status = "ACTIVE"
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def display_name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True)
class Assignment:
    """An app user: somebody assigned to the app, now or before.

    `external_id` is what Okta calls by that name: the id that the server gave. Without one Okta sends
    nothing about this person, neither updates nor a deactivation. `assigned` is False once unassigned.
    """

    user: OktaUser
    external_id: str | None = None
    sync: SyncState = "NEVER"
    assigned: bool = True


def okta_id(dice: random.Random) -> str:
    """An id in the shape of Okta's user ids: `00u` and 17 letters or digits."""
    return "00u" + "".join(dice.choices(ID_LETTERS, k=17))


def person(login: str, first_name: str, last_name: str, dice: random.Random) -> OktaUser:
    """An ACTIVE user of whom Okta knows the four required attributes only; the e-mail is the login."""
    return OktaUser(okta_id(dice), login, login, first_name, last_name)


def staff(count: int, *, seed: int = 1, domain: str = "acme.example") -> list[OktaUser]:
    """Invents `count` ACTIVE users with distinct ids and logins; the same arguments give the same people.

    The first person of each Business Unit is the manager of the others in it.
    """
    dice = random.Random(seed)  # noqa: S311 (invented people, not secrets)
    taken: dict[str, int] = {}
    heads: dict[str, OktaUser] = {}
    people: list[OktaUser] = []
    for number in range(count):
        first, last = dice.choice(FIRST_NAMES), dice.choice(LAST_NAMES)
        unit, location = dice.choice(tuple(TITLES)), dice.choice(tuple(LOCATIONS))
        name = f"{_ascii(first)}.{_ascii(last)}"
        taken[name] = taken.get(name, 0) + 1
        login = f"{name}{taken[name] if taken[name] > 1 else ''}@{domain}"
        head = heads.get(unit)
        user = OktaUser(
            id=okta_id(dice),
            login=login,
            email=login,
            first_name=first,
            last_name=last,
            title=dice.choice(TITLES[unit]) if head else f"Head of {unit}",
            department=dice.choice(DEPARTMENTS[unit]),
            division=unit,
            cost_center=location,
            employee_number=str(701000 + number),
            manager=head.display_name if head else "",
            manager_id=head.login if head else "",
            locale=LOCATIONS[location],
        )
        heads.setdefault(unit, user)
        people.append(user)
    return people


def _ascii(name: str) -> str:
    plain = name.lower().replace("ø", "o").replace("ł", "l").replace("'", "")
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()

"""The acceptance story: everything Okta demands of a SCIM server, played step by step against a real address.

`rollbook scim check` and the demo use it; drawing the steps on a screen is in screen.py.
"""

import random
from collections.abc import Iterator
from urllib.parse import urlsplit

from rollbook.simulator import probes
from rollbook.simulator.acceptance import Visit, specification, visit
from rollbook.simulator.app import Kind
from rollbook.simulator.checks import Step, play
from rollbook.simulator.lifecycle import life_cycle, new_life, take_away
from rollbook.simulator.people import OktaUser, okta_id
from rollbook.simulator.wire import ProvisioningError, Scheme, Wire

PATIENCE = 30.0  # seconds a check waits when the server asks for a pause
KINDS: tuple[Kind, ...] = ("wizard", "catalogue")

__all__ = ["Step", "acceptance"]


def acceptance(
    base_url: str, user: str, key: str, *, scheme: Scheme = "basic", seed: int | None = None
) -> Iterator[Step]:
    """Plays the whole acceptance against the server at `base_url` and yields each step when it is done.

    The address may lack the path: then `/scim/v2` is tried too. Invented users (`…@check.example`) are
    created and taken away at the end, by DELETE, or archived where DELETE is refused. Nothing else is
    changed. Ends early when the server cannot be reached, is not https off this machine, or refuses the
    credentials. Raises ValueError for an address or key that cannot be one.
    """
    wire = Wire(base_url=base_url, user=user, key=key, scheme=scheme, patience=PATIENCE)
    try:
        yield from _acceptance(wire, random.Random(seed))  # noqa: S311 (invented names, not secrets)
    finally:
        wire.close()


def _acceptance(wire: Wire, dice: random.Random) -> Iterator[Step]:
    reachable = probes.address(wire)
    if not reachable.ok:
        yield reachable
        return
    _settle_path(wire)
    yield probes.address(wire)
    here = visit(wire, dice)
    try:
        yield from specification(here)
        if here.first_id:
            yield from _beyond(here, dice)
    finally:
        tidied = play("Tidy", "the invented users are gone", lambda: take_away(wire, here.made))
    yield tidied


def _beyond(here: Visit, dice: random.Random) -> Iterator[Step]:
    for kind in KINDS:
        yield from life_cycle(new_life(here.wire, kind, _person(here, kind, dice), here.made))
    yield from probes.discovery(here.wire)
    yield from probes.credentials(here.wire)
    yield from probes.error_shape(here.wire)
    yield from probes.paging(here.wire)
    yield from probes.encodings(here.wire, here.login)


def _person(here: Visit, kind: str, dice: random.Random) -> OktaUser:
    login = f"{here.given}.{here.family}.{kind}@check.example"
    return OktaUser(
        id=okta_id(dice),
        login=login,
        email=login,
        first_name=here.given,
        last_name=here.family,
        title="Visitor",
        division="Support",
        cost_center="Lyon",
    )


def _settle_path(wire: Wire) -> None:
    """Appends /scim/v2 to an address without a path when the list of users is there and not at the root."""
    if urlsplit(wire.base_url).path:
        return
    root = wire.base_url
    for base_url in (f"{root}/scim/v2", root):
        wire.base_url = base_url
        try:
            answer = wire.send("GET", "/Users", query={"startIndex": 1, "count": 2})
        except ProvisioningError:
            continue
        if answer.body is not None and answer.status != 404:
            return

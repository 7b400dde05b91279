"""What can be typed to a running simulated org: one act a line, one sentence back. The acts are in org.py."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Callable

from rollbook.simulator.org import Org
from rollbook.simulator.org_faults import FAULTS
from rollbook.simulator.people import Assignment
from rollbook.simulator.wire import ProvisioningError

Command = Callable[[Org, list[str]], str]

HELP = """\
list [N]                      the first N people (20), with what Okta holds of the app
deactivate | suspend | unsuspend | delete WHO
reactivate WHO [assign]       active again; with `assign`, the app too
join | leave WHO              the group that is synchronised
set WHO VARIABLE [VALUE]      a variable of the profile; without a value it is taken away
assign | unassign WHO         the app, through the push client
before WHO                    an assignment from before provisioning: no id is known, nothing is sent
provision | confirm WHO       Provision User; Import Now and confirm
fault NAME [TIMES]            what becomes of the next answers:
{faults}
clock HOURS                   turns the org's clock
expire                        ends every cursor
revoke | restrict             the token is answered 401, or 403, from now on
quit                          ends the org

WHO is a login or an id.""".format(
    faults=textwrap.fill(", ".join(FAULTS), 100, initial_indent=" " * 32, subsequent_indent=" " * 32)
)


def obey(org: Org, line: str) -> str:
    """Does what a line says; gives what happened, or in one sentence why nothing did."""
    try:
        verb, *words = shlex.split(line)
    except ValueError:
        return "A quotation mark is left open."
    try:
        command = COMMANDS.get(verb)
        return command(org, words) if command else f"There is no {verb}: help lists what there is."
    except KeyError as unknown:
        return f"There is nobody called {unknown.args[0]}."
    except IndexError:
        return f"{verb} lacks a word: help shows how it is written."
    except (ValueError, ProvisioningError) as error:
        return str(error)


def _list(org: Org, words: list[str]) -> str:
    lines = []
    for id_ in list(org.roll)[: _number(words[0]) if words else 20]:
        user = org.user(id_)
        grouped = "in the group" if id_ in org.groups[org.group_id].members else "not in the group"
        lines.append(f"{id_}  {user.login}  {user.status}  {grouped}  {_app(org, id_)}")
    return "\n".join(lines) or "Nobody."


def _app(org: Org, id_: str) -> str:
    if not org.is_assigned(id_):
        return "not assigned"
    external_id = org.assignments[id_].external_id
    return f"assigned as {external_id}" if external_id else "assigned without an id"


def _about(org: Org, who: str) -> str:
    user = org.user(who)
    return f"{user.login} is {user.status}, {_app(org, user.id)}."


def _act(act: Callable[[Org, str], object]) -> Command:
    """A command whose one word is somebody, answered by how they stand afterwards."""

    def command(org: Org, words: list[str]) -> str:
        done = act(org, words[0])
        if isinstance(done, Assignment) and done.sync == "ERROR" and org.push:
            return org.push.tasks[-1].text
        return _about(org, words[0])

    return command


def _reactivate(org: Org, words: list[str]) -> str:
    org.reactivate(words[0], assign=words[1:] == ["assign"])
    return _about(org, words[0])


def _delete(org: Org, words: list[str]) -> str:
    org.delete(words[0])
    return f"{words[0]} is gone."


def _set(org: Org, words: list[str]) -> str:
    who, variable, *value = words[0], words[1], *words[2:]
    id_ = org.user(who).id  # the login may be what changes
    org.set_profile(id_, **{variable: value[0] if value else None})
    return _about(org, id_)


def _fault(org: Org, words: list[str]) -> str:
    for fault in FAULTS:
        if fault == words[0]:
            org.faults.next(fault, _number(words[1]) if words[1:] else 1)
            return f"{fault} comes next."
    raise ValueError(f"There is no fault {words[0]}: help lists them.")


def _number(word: str) -> int:
    if not (word.isascii() and word.isdigit()):
        raise ValueError(f"{word} is no number: help shows how it is written.")
    return int(word)


def _clock(org: Org, words: list[str]) -> str:
    try:
        now = org.clock.turn(hours=float(words[0]))
    except (ValueError, OverflowError):
        raise ValueError(f"{words[0]} is no number of hours that a clock can be turned by.") from None
    return f"It is {now:%Y-%m-%d %H:%M:%S} UTC."


def _expire(org: Org, words: list[str]) -> str:
    org.cursors.expire()
    return "Every cursor has expired."


def _revoke(org: Org, words: list[str]) -> str:
    org.revoke_token()
    return "The token is answered 401."


def _restrict(org: Org, words: list[str]) -> str:
    org.restrict_token()
    return "The token is answered 403."


COMMANDS: dict[str, Command] = {
    "help": lambda org, words: HELP,
    "list": _list,
    "deactivate": _act(lambda org, who: org.deactivate(who)),
    "suspend": _act(lambda org, who: org.suspend(who)),
    "unsuspend": _act(lambda org, who: org.unsuspend(who)),
    "reactivate": _reactivate,
    "delete": _delete,
    "join": _act(lambda org, who: org.join(who)),
    "leave": _act(lambda org, who: org.leave(who)),
    "set": _set,
    "assign": _act(lambda org, who: org.assign(who)),
    "unassign": _act(lambda org, who: org.unassign(who)),
    "before": _act(lambda org, who: org.assign_before_provisioning(who)),
    "provision": _act(lambda org, who: org.provision_user(who)),
    "confirm": _act(lambda org, who: org.import_and_confirm(who)[0]),
    "fault": _fault,
    "clock": _clock,
    "expire": _expire,
    "revoke": _revoke,
    "restrict": _restrict,
}

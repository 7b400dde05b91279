"""`python -m rollbook.simulator org`: the simulated org as a program, for a Rollbook on this machine to pull from.

What can be typed to it while it runs is in org_commands.py.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TextIO

from rollbook.simulator.app import ProvisioningApp
from rollbook.simulator.org import REQUESTS_A_MINUTE, Org
from rollbook.simulator.org_commands import HELP, obey
from rollbook.simulator.org_server import HOST, OrgServer
from rollbook.simulator.wire import Wire, is_loopback

EXAMPLE = f"""\
example:
  python -m rollbook.simulator org --port 9000 --people 500 --token an-invented-token
  (Rollbook, with ROLLBOOK_OKTA_HOSTS=127.0.0.1:9000)
  rollbook okta configure acme --org-url http://127.0.0.1:9000 --group ID --app ID --token-file F

typed while it runs:
  {HELP.replace(chr(10), chr(10) + "  ")}
"""


def main(arguments: Sequence[str] | None = None, typed: TextIO | None = None) -> int:
    """Serves until it is told to quit, Ctrl-C or SIGTERM; 0 then, 1 where the port is taken, 2 for wrong arguments."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    try:
        push = _push(asked)
    except OSError as error:
        parser.error(f"The key file {asked.key_file} cannot be read: {error.strerror}.")
    except ValueError as error:
        parser.error(str(error))
    org = Org(push, per_minute=asked.limit, token=asked.token, seed=asked.seed)
    org.fill(asked.people, seed=asked.seed)
    try:
        server = OrgServer(org, port=asked.port)
    except OSError as error:
        print(f"Port {asked.port} of {HOST} is taken ({error.strerror}): choose another.", file=sys.stderr)  # noqa: T201 - a command
        return 1
    with server:
        _introduce(server, as_json=asked.json)
        _run(org, typed or sys.stdin)
    if push:
        push.wire.close()
    return 0


def _introduce(server: OrgServer, *, as_json: bool) -> None:
    org = server.org
    told = {
        "address": server.address,
        "token": org.token,
        "group": org.group_id,
        "app": org.app_id,
        "people": len(org.people),
    }
    if as_json:
        _say(json.dumps(told))
        return
    _say("\n".join(f"{name:<8} {value}" for name, value in told.items()))
    _say(f"Rollbook must be allowed to ask it: ROLLBOOK_OKTA_HOSTS={server.host}")
    _say("Ctrl-C stops it; help lists what can be typed.")


def _run(org: Org, typed: TextIO) -> None:
    """Obeys line after line; once nothing more can be typed, waits for a signal."""
    stopped = threading.Event()
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        for line in typed:
            if line.strip() == "quit":
                return
            if line.strip():
                _say(obey(org, line))
        stopped.wait()
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 (a program's own output)


def _push(asked: argparse.Namespace) -> ProvisioningApp | None:
    """Raises OSError for a key file that cannot be read, ValueError for what cannot be pushed to."""
    if not asked.push:
        return None
    if not asked.user or not asked.key_file:
        raise ValueError("--push needs --user and --key-file.")
    key = asked.key_file.read_text(encoding="utf-8").strip()
    wire = Wire(base_url=asked.push, user=asked.user, key=key)
    if not wire.base_url.startswith("https://") and not is_loopback(wire.base_url):
        raise ValueError("Off this machine the address must begin with https://, or the key would travel in clear.")
    return ProvisioningApp(wire=wire, kind=asked.kind, seed=asked.seed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rollbook.simulator org",
        description="A simulated Okta org that can be read like the real one, on 127.0.0.1 only.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=_port, default=9000, metavar="N", help="port (9000); 0 takes a free one")
    parser.add_argument("--people", type=_count, default=40, metavar="N", help="size of the invented staff (40)")
    parser.add_argument("--token", metavar="TEXT", help="the API token; invented unless given")
    parser.add_argument(
        "--limit",
        type=_positive,
        default=REQUESTS_A_MINUTE,
        metavar="N",
        help=f"requests a minute ({REQUESTS_A_MINUTE})",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed, the same staff and ids (1)")
    parser.add_argument("--push", metavar="URL", help="SCIM base URL: what the app is told of is pushed there")
    parser.add_argument("--user", metavar="SUBDOMAIN", help="the SCIM user name")
    parser.add_argument("--key-file", type=Path, metavar="F", help="file that holds the SCIM key")
    parser.add_argument("--kind", choices=("wizard", "catalogue"), default="wizard", help="kind of Okta app")
    parser.add_argument("--json", action="store_true", help="one JSON document about the org instead of lines")
    return parser


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return number


def _count(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 100_000:
        raise argparse.ArgumentTypeError("a staff has at most 100000 people")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one request a minute")
    return number

"""`make demo`: a fresh Rollbook, a simulated Okta and a mail sink play the whole story over real HTTP and SMTP.

`python -m rollbook.simulator.demo [--once] [--port 8000] [--data-dir DIR]`; the scenes are beside this file.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from rollbook.simulator import departures, refusals, scenes, training
from rollbook.simulator.app import Kind, ProvisioningApp
from rollbook.simulator.cast import Play
from rollbook.simulator.checks import Step, UnmetError, expect, play
from rollbook.simulator.integration import integration
from rollbook.simulator.org import Org
from rollbook.simulator.org_server import OrgServer
from rollbook.simulator.screen import Screen
from rollbook.simulator.stage import Stage, StageError, set_stage
from rollbook.simulator.story import acceptance
from rollbook.simulator.wire import Encoding, Scheme, Wire

Scene = Callable[[], Iterator[Step]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Plays the demo; 0 only if every step held, 1 when one did not or the stage could not be set."""
    asked = _parser().parse_args(arguments)
    screen = Screen()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        stage = set_stage(asked.port, asked.data_dir)
    except StageError as error:
        screen.say(str(error), style="bold red")
        return 1
    try:
        wizard = _app(stage)
        with OrgServer(Org(wizard)) as served:
            return _demo(stage, wizard, served, screen, once=asked.once)
    except StageError as error:
        screen.say(str(error), style="bold red")
        return 1
    except KeyboardInterrupt:
        screen.say("Stopped.")
        return 130
    finally:
        stage.close()


def _demo(stage: Stage, wizard: ProvisioningApp, served: OrgServer, screen: Screen, *, once: bool) -> int:
    screen.say("Rollbook, a simulated Okta and a mail sink, all on this machine.", style="bold")
    screen.say(f"Rollbook {stage.base_url}   SCIM {stage.scim_url}   mail 127.0.0.1:{stage.sink.port}", "dim")
    stage.environment["ROLLBOOK_OKTA_HOSTS"] = served.host
    start = time.perf_counter()
    stage.start()
    screen.say(f"Rollbook was ready after {time.perf_counter() - start:.1f} seconds.", style="dim")
    catalogue = _app(stage, "catalogue", "bearer", "plus")
    demo = Play(stage=stage, wizard=wizard, catalogue=catalogue, org=served.org, org_address=served.address)
    umbra = _app(stage, user="umbra")
    try:
        _play(demo, umbra, screen)
    finally:
        demo.close()
        umbra.wire.close()
    held = screen.summary()
    if once:
        return 0 if held else 1
    screen.console.print()
    screen.say(f"Rollbook stays up at {stage.base_url}", style="bold")
    try:
        link = scenes.invite_ada(demo)
        screen.say("Sign in as Ada:")
        screen.address(link)
    except UnmetError as unmet:
        screen.say(f"Ada has no new sign-in link: {unmet}", style="red")
    screen.say("Ctrl-C stops everything.", style="dim")
    _wait(stage)
    screen.say("Stopped." if stage.alive() else "Rollbook has ended by itself; so do we.")
    return 0 if held else 1


def _play(demo: Play, umbra: ProvisioningApp, screen: Screen) -> None:
    screen.chapter("The company and its key")
    screen.play(scenes.company(demo))
    if not demo.wizard.wire.key:
        return  # nothing that follows could hold
    screen.chapter("People from before")
    screen.play(scenes.before(demo))
    screen.chapter("Hires")
    with screen.progress("Hires stream in", len(demo.hires)) as demo.tick:
        screen.play(scenes.hires(demo))
    others: dict[str, Scene] = {
        "Changes": lambda: scenes.changes(demo),
        "Learning": lambda: training.training(demo),
        "Leavers": lambda: departures.leavers(demo),
        "Returners": lambda: departures.returners(demo),
        "A second app": lambda: departures.second_app(demo),
        "The standard integration": lambda: integration(demo),
        "Refusals and tasks": lambda: refusals.refusals(demo),
        "Another company": lambda: refusals.sealed(demo, umbra),
        "The provisioning log": lambda: refusals.log(demo),
        "Okta's acceptance": lambda: _acceptance(demo),
    }
    for title, scene in others.items():
        screen.chapter(title)
        screen.play(scene())


def _acceptance(demo: Play) -> Iterator[Step]:
    """The acceptance in one line; each of its steps that fails gets a line of its own."""
    steps: list[Step] = []
    yield play("Acceptance", "what rollbook scim check plays", lambda: _accept(demo, steps))
    yield from (step for step in steps if not step.ok)
    yield play("Still up", "the server ran through all of it", lambda: _alive(demo))


def _accept(demo: Play, steps: list[Step]) -> str:
    steps += acceptance(demo.stage.scim_url, "acme", demo.wizard.wire.key)
    failed = [step for step in steps if not step.ok]
    expect(not failed, f"{len(failed)} of {len(steps)} steps failed.")
    return f"{len(steps)} steps held"


def _alive(demo: Play) -> str:
    if not demo.stage.alive():
        raise UnmetError("It has ended; its log is serve.log in the data directory.")
    return f"{demo.stage.commands} commands and some {_requests(demo)} SCIM requests later"


def _requests(demo: Play) -> int:
    return sum(len(wire.exchanges) for wire in demo.wires())


def _app(
    stage: Stage,
    kind: Kind = "wizard",
    scheme: Scheme = "basic",
    encoding: Encoding = "percent",
    *,
    user: str = "acme",
) -> ProvisioningApp:
    wire = Wire(base_url=stage.scim_url, user=user, key="", scheme=scheme, encoding=encoding, remember=5000)
    return ProvisioningApp(wire=wire, kind=kind, seed=1)


def _wait(stage: Stage) -> None:
    """Returns on Ctrl-C, or when the server ends by itself."""
    try:
        while stage.alive():
            time.sleep(0.5)
    except KeyboardInterrupt:
        return


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rollbook.simulator.demo",
        description="Starts a fresh Rollbook on this machine and plays the life of two companies through a "
        "simulated Okta, checking every step.",
    )
    parser.add_argument("--once", action="store_true", help="end after the story; 0 only if every step held")
    parser.add_argument("--port", type=_port, default=8000, metavar="N", help="port (8000); 0 takes a free one")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="an empty directory to keep afterwards")
    return parser


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return number


if __name__ == "__main__":
    sys.exit(main())

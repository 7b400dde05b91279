"""The scenes of the demo about the standard integration: what 06:00 brings, and how somebody whom Okta would never have
de-provisioned is found, matched, and archived when they leave.

What comes before is in departures.py. The hours come when a worker's clock is turned to them (turned.py).
"""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

from rollbook import clock
from rollbook.simulator.cast import EMIL, LEO, Play, expect_fields
from rollbook.simulator.checks import Step, UnmetError, expect, play
from rollbook.simulator.stage import COMMAND_SECONDS

HIRED = "2024-03-18"
REGION = "North"


def integration(demo: Play) -> Iterator[Step]:
    yield play("From before", "Emil's account is older than the integration", lambda: _from_before(demo))
    yield play("Connect", "org, token, group and app are tried, then kept", lambda: _connect(demo))
    yield play("Field map", "hireDate and region become fields of Learning", lambda: _map(demo))
    yield play("Preview", "says what a run would do, and does none of it", lambda: _preview(demo))
    yield play("06:00", "the run brings hire date and region, silently", lambda: _six(demo))
    yield play("Known", "Emil was matched by his user name; a rule says so", lambda: _known(demo))
    yield play("Emil leaves", "Okta holds no id for him and sends nothing", lambda: _leaves(demo))
    yield play("15:00", "the run asks about him, and he is archived", lambda: _fifteen(demo))
    yield play("Read only", "the org was asked and never written to", lambda: _read_only(demo))


def _from_before(demo: Play) -> str:
    made = demo.ask(
        *("user", "create", "acme", EMIL.email, "--given", EMIL.first_name, "--family", EMIL.last_name),
    )
    demo.ids[EMIL.email] = made["id"]
    org = demo.org
    org.adopt()
    org.add(EMIL)
    org.assign_before_provisioning(EMIL)
    org.set_profile(LEO.login, hireDate=HIRED, region=REGION)
    entry = _not_linked(demo)
    expect(entry["link"] == "unlinked", f"Emil is {entry['link']}.")
    return str(entry["what_to_do"])


def _connect(demo: Play) -> str:
    token = demo.stage.directory / "okta-token"
    token.write_text(demo.org.token, encoding="utf-8")
    token.chmod(0o600)
    shown = demo.ask(
        *("okta", "configure", "acme", "--org-url", demo.org_address, "--group", demo.org.group_id),
        *("--app", demo.org.app_id, "--token-file", str(token)),
    )
    expect(demo.org.token not in repr(shown), "The token is shown.")
    expect(shown["mode"] == "complement", f"The mode is {shown['mode']!r}.")
    return f"{shown['found']['people']} people in the group {shown['found']['group_name']}"


def _map(demo: Play) -> str:
    demo.ask("field", "create", "acme", "Region")
    for variable, field in (("hireDate", "hire_date"), ("region", "custom.Region")):
        demo.ask("okta", "field", "acme", variable, field)
    return "hireDate → hire date, region → Region"


def _preview(demo: Play) -> str:
    plan = demo.ask("okta", "preview", "acme")
    expect(not plan["create"] and not plan["archive"] and not plan["restore"], "It would do more than fill fields.")
    linked = [entry["user"] for entry in plan["link"]]
    expect(len(linked) == 1, f"It would match {len(linked)} people, expected Emil alone.")
    expect(demo.user(LEO.email)["hire_date"] is None, "It wrote something.")
    return f"{len(plan['change'])} would change, 1 be matched, nobody created or archived"


def _six(demo: Play) -> str:
    before = len(demo.stage.sink.mails())
    run = _work_at(demo, 6)
    expect(run["state"] == "done", f"It ended as {run['state']}: {run['reason']}")
    leo = demo.user(LEO.email)
    expect_fields(leo, hire_date=HIRED)
    expect(leo["custom"].get("Region") == REGION, f"His Region is {leo['custom'].get('Region')!r}.")
    told = [mail for mail in demo.stage.sink.mails()[before:] if mail.recipient in (LEO.email, EMIL.email)]
    expect(not told, f"{len(told)} mails were sent.")
    return f"Leo was hired on {HIRED}, Region {REGION}; no mail"


def _known(demo: Play) -> str:
    expect_fields(demo.user(EMIL.email), link="known", external_id=EMIL.id)
    entry = _not_linked(demo)
    linked = [event for event in demo.ask("user", "events", "acme", EMIL.email) if event["kind"] == "UserLinked"]
    expect(len(linked) == 1, f"{len(linked)} events tell of it.")
    rule = linked[0]["changes"]["rule"][1]
    return f"by {rule}; in Okta: {entry['okta_status']}"


def _leaves(demo: Play) -> str:
    sent = len(demo.wizard.wire.exchanges)
    demo.org.deactivate(EMIL)
    expect(len(demo.wizard.wire.exchanges) == sent, "Something was sent.")
    expect_fields(demo.user(EMIL.email), archived_at=None)
    return "no request; in Learning he is still there"


def _fifteen(demo: Play) -> str:
    run = _work_at(demo, 15)
    expect(run["state"] == "done", f"It ended as {run['state']}: {run['reason']}")
    expect(demo.user(EMIL.email)["archived_at"], "He is still active.")
    archived = [event for event in demo.ask("user", "events", "acme", EMIL.email) if event["kind"] == "UserArchived"]
    expect(archived[-1]["actor"].startswith("okta:"), f"It was {archived[-1]['actor']}.")
    return "archived by the run, with its reason in his timeline"


def _read_only(demo: Play) -> str:
    log = demo.org.log
    expect(not log.writes, f"{len(log.writes)} requests wanted to write.")
    expect(not demo.org.limits.violations, f"{demo.org.limits.violations} requests came too soon.")
    return f"{log.count} requests, each a GET"


def _not_linked(demo: Play) -> dict[str, Any]:
    """Emil's line of `rollbook links`."""
    for entry in demo.ask("links", "acme"):
        if demo.ids[EMIL.email] in repr(entry["user"]) or EMIL.email in repr(entry["user"]):
            return dict(entry)
    raise UnmetError("rollbook links does not name Emil.")


def _work_at(demo: Play, hour: int) -> dict[str, Any]:
    """Lets a worker come to the next such hour; gives the run of that slot."""
    slot = _next(hour, after=demo.latest_slot)
    demo.latest_slot = slot
    log = demo.stage.directory / f"worker-{hour:02}.log"
    with log.open("wb") as output:
        done = subprocess.run(  # noqa: S603 (our own program)
            [sys.executable, "-m", "rollbook.simulator.turned", f"{slot:%Y-%m-%dT%H:%M:%SZ}", "worker", "--once"],
            env=demo.stage.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    expect(done.returncode == 0, f"The worker ended with {done.returncode}; its log is {log}.")
    for run in demo.ask("okta", "runs", "acme"):
        if run["slot"] == clock.text(slot):
            return dict(run)
    raise UnmetError(f"There is no run for {slot:%H:%M} UTC.")


def _next(hour: int, *, after: datetime) -> datetime:
    slot = datetime.combine(after.astimezone(UTC).date(), time(hour), UTC)
    return slot if slot > after else slot + timedelta(days=1)

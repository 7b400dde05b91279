"""`rollbook doctor`: what an operator would check, each with a verdict and the fix."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import httpx2

from rollbook import clock, installation, settings
from rollbook.activity import outbox, queue, sending
from rollbook.database import Database, health, open_database, schema
from rollbook.errors import Misconfigured, Unavailable
from rollbook.jobs import heartbeat, post
from rollbook.okta import attention, sessions
from rollbook.people import alarms, companies
from rollbook.people.companies import Company
from rollbook.settings import Settings

Verdict = Literal["ok", "note", "problem"]

SMTP_SECONDS = 5
SKEW_SECONDS = 5
QUIET_SECONDS = 60
LATE_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what it is about, how it stands, and what to do where it does not stand well."""

    check: str
    verdict: Verdict
    detail: str
    fix: str | None = None


def examine() -> list[Finding]:
    """Every check in turn; a broken one hides only what needs it."""
    try:
        chosen = settings.read()
        installation.pepper_of(chosen)
    except Misconfigured as error:
        return [Finding("configuration", "problem", error.message, "Correct the setting and run doctor again.")]
    findings = [Finding("configuration", "ok", "Every setting can be read.")]
    findings += _data_directory(chosen)
    findings += _database(chosen)
    findings += _mail(chosen)
    findings += _okta_hosts(chosen)
    findings += _public_address(chosen)
    return findings


def _data_directory(chosen: Settings) -> Iterator[Finding]:
    path = chosen.data_dir / "secret"
    if chosen.sqlite_path is None or not path.exists():
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield Finding("secret", "problem", f"Others on this machine can read {path}.", f"chmod 600 {path}")
    else:
        yield Finding("secret", "ok", f"{path} is readable by its owner only.")


def _database(chosen: Settings) -> Iterator[Finding]:
    try:
        newest = schema.is_newest(chosen)
    except Unavailable as error:
        yield Finding("database", "problem", error.message, "Start the database, or correct ROLLBOOK_DATABASE_URL.")
        return
    if not newest:
        yield Finding("migrations", "problem", "The schema is not this version's.", "rollbook migrate")
        return
    yield Finding("migrations", "ok", "The schema is the newest.")
    try:
        opened = installation.open_installation(chosen)
    except (Misconfigured, Unavailable) as error:
        yield Finding("secret", "problem", error.message, "Set ROLLBOOK_SECRET to the one of this database.")
        return
    opened.close()
    yield _durability(chosen)
    database = open_database(chosen)
    try:
        yield _clock(chosen, database)
        yield from _work(database)
        for company in database.engine.read(companies.all_of_them):
            yield from _outbox(chosen, database, company)
        yield from _okta(chosen, database)
    finally:
        database.close()


def _durability(chosen: Settings) -> Finding:
    """A write that was acknowledged must survive a power cut (promise P1)."""
    forgetful = health.forgetful_setting(chosen)
    if forgetful is None:
        return Finding("database", "ok", "Keeps what it acknowledges, through a power cut too.")
    fix = "Put the data directory on a local disk." if chosen.sqlite_path else "Set it on in postgresql.conf."
    return Finding("database", "problem", f"It runs with {forgetful}: a power cut may lose writes.", fix)


def _clock(chosen: Settings, database: Database) -> Finding:
    """Leases and expiry compare instants that several machines wrote."""
    here = clock.now()
    there = health.server_time(chosen)
    if there is not None:
        skew = abs((there - here).total_seconds())
        if skew > SKEW_SECONDS:
            return Finding("clock", "problem", f"This clock and the database's differ by {skew:.0f} s.", "Run NTP.")
        return Finding("clock", "ok", f"Within {skew:.1f} s of the database's.")
    beat = database.engine.read(heartbeat.last)
    if beat is not None and clock.moment(beat) > here:
        return Finding("clock", "problem", f"The worker last beat at {beat}, in the future.", "Run NTP.")
    return Finding("clock", "ok", f"{here:%Y-%m-%d %H:%M:%S} UTC, behind nothing that was written.")


def _work(database: Database) -> Iterator[Finding]:
    beat = database.engine.read(heartbeat.last)
    age = (clock.now() - clock.moment(beat)).total_seconds() if beat else None
    waiting, oldest = database.engine.read(lambda tx: queue.backlog(tx, now=clock.now()))
    if age is None or age > QUIET_SECONDS:
        seen = "never seen" if age is None else f"last seen {age:.0f} s ago"
        yield Finding(
            "worker",
            "problem" if waiting else "note",
            f"No worker runs ({seen}); {waiting} tasks wait" + (f" since {oldest}." if oldest else "."),
            "rollbook serve, or rollbook worker",
        )
    else:
        yield Finding("worker", "ok", f"Seen {age:.0f} s ago; {waiting} tasks wait.")
    for company in database.engine.read(companies.all_of_them):
        failed = database.engine.read(partial(queue.given_up, company_id=company.id))
        if failed:
            names = ", ".join(sorted({task.name for task in failed}))
            yield Finding(
                f"tasks of {company.subdomain}",
                "problem",
                f"{len(failed)} were given up: {names}.",
                "See the worker's log.",
            )
        for alarm in database.engine.read(partial(alarms.open_ones, company_id=company.id)):
            last = alarm.kind == "last_admin_archived"
            yield Finding(
                f"alarm of {company.subdomain}",
                "problem" if last else "note",
                f"{alarm.kind.replace('_', ' ')}, since {alarm.raised_at[:16]}.",
                _admin_again(company.subdomain, alarm.detail["user_id"]) if last else "See Provisioning.",
            )


def _admin_again(subdomain: str, user_id: str) -> str:
    return f"rollbook user restore {subdomain} {user_id}, and rollbook user role {subdomain} {user_id} admin"


def _mail(chosen: Settings) -> Iterator[Finding]:
    if not chosen.smtp_url.get_secret_value():
        yield Finding("mail", "note", "ROLLBOOK_SMTP_URL is empty: mail waits in the outbox.")
        return
    wrong = post.try_server(chosen, seconds=SMTP_SECONDS)
    if wrong is not None:
        yield Finding("mail", "problem", wrong, "Check ROLLBOOK_SMTP_URL; what waits is sent when it is right.")
        return
    yield Finding("mail", "ok", f"The mail server answers; mail comes from {chosen.mail_from}.")


def _outbox(chosen: Settings, database: Database, company: Company) -> Iterator[Finding]:
    """What waits longer than it should, and what a person has to look at."""
    check = f"mail of {company.subdomain}"
    counts = database.engine.read(lambda tx: outbox.counts(tx, company.id))
    next_at = database.engine.read(lambda tx: sending.next_at(tx, company.id))
    waiting = counts.get("queued", 0)
    if waiting and not chosen.smtp_url.get_secret_value():
        yield Finding(check, "note", f"{waiting} wait, and there is no mail server.", "Set ROLLBOOK_SMTP_URL.")
    elif next_at is not None and next_at < clock.later(clock.now(), seconds=-LATE_SECONDS):
        fix = "See whether a worker runs and the mail server takes mail."
        yield Finding(check, "problem", f"{waiting} wait, since {next_at[:16]}.", fix)
    elif waiting:
        yield Finding(check, "ok", f"{waiting} wait for their turn.")
    if counts.get("unknown"):
        yield Finding(
            check,
            "note",
            f"Of {counts['unknown']} nobody knows whether they arrived.",
            f"rollbook outbox {company.subdomain} --state unknown; then rollbook resend, if they should go again",
        )
    if counts.get("failed"):
        yield Finding(
            check,
            "note",
            f"{counts['failed']} could not be delivered.",
            f"rollbook outbox {company.subdomain} --state failed says why",
        )


def _okta_hosts(chosen: Settings) -> Iterator[Finding]:
    """Simulated orgs are for trying out: one there needs no TLS, and whoever holds the port gets the token."""
    for entry in chosen.okta_entries:
        if ":" in entry:
            yield Finding(
                "okta hosts",
                "note",
                f"Unsafe: an Okta org may be at {entry}, on this machine and over plain http.",
                "Where real people are, take it out of ROLLBOOK_OKTA_HOSTS.",
            )


def _okta(chosen: Settings, database: Database) -> Iterator[Finding]:
    """Each company's standard integration, as it was last met; Okta itself is not asked."""
    access = sessions.access_of(chosen, installation.pepper_of(chosen))
    met = False
    for company in database.engine.read(companies.all_of_them):
        found = database.engine.read(partial(attention.standing, company=company, access=access))
        if found is not None:
            met = True
            yield Finding(f"okta of {company.subdomain}", "ok" if found.well else "problem", found.detail, found.fix)
    if not met:
        yield Finding("okta token", "note", "No company has the standard integration, so there is no token.")


def _public_address(chosen: Settings) -> Iterator[Finding]:
    """What Okta will be given must lead here, over https."""
    try:
        answer = httpx2.get(f"{chosen.public_url}/healthz", timeout=5)
        reached = answer.status_code == 200 and answer.text == "ok\n"
    except (httpx2.HTTPError, httpx2.InvalidURL):
        reached = False
    if not reached:
        yield Finding(
            "public address",
            "problem",
            f"{chosen.public_url} does not lead to a running Rollbook.",
            "Start `rollbook serve`, or correct ROLLBOOK_PUBLIC_URL or the proxy.",
        )
    elif chosen.public_url.startswith("http://"):
        yield Finding(
            "public address",
            "note",
            f"{chosen.public_url} answers, to this machine only.",
            "For a real Okta set ROLLBOOK_PUBLIC_URL to an https:// address.",
        )
    else:
        yield Finding("public address", "ok", f"{chosen.public_url} answers.")

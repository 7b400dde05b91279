"""The address of a company's Okta org: what was typed, checked against the domains that the operator allows.

The token goes to whatever this lets through, so it reads by one strict pattern. Where the name leads is network.py's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rollbook.errors import InvalidValue
from rollbook.settings import OKTA_DOMAINS

LONGEST = 300

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_NUMBERS = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*")  # every spelling of an IPv4 address
_TYPED = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?P<host>\[[0-9a-f:.]*\]|[^\[\]:/]*)(?::(?P<port>[0-9]*))?/?"
)


@dataclass(frozen=True, slots=True)
class OrgAddress:
    """Scheme, host and port of an org, checked. `local`: a simulated one, which must be on this machine."""

    scheme: str
    host: str
    port: int
    local: bool = False

    @property
    def url(self) -> str:
        """`https://acme.okta.com`, without a slash at its end."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == (443 if self.scheme == "https" else 80)
        return f"{self.scheme}://{shown}" if usual else f"{self.scheme}://{shown}:{self.port}"


def checked(text: str, entries: Sequence[str]) -> OrgAddress:
    """The org that somebody means; a bare `acme.okta.com` and a slash at the end are understood.

    `entries` are `settings.okta_entries`. Raises InvalidValue with what to write instead.
    """
    typed = text.strip(" \t\r\n")
    if not typed:
        raise _wrong("Give the address of the Okta org, as https://company.okta.com is.")
    if len(typed) > LONGEST or not typed.isascii() or not typed.isprintable() or " " in typed:
        raise _wrong("An Okta org address is short and has only letters from a to z, digits, hyphens and dots.")
    if "@" in typed or "\\" in typed or "%" in typed:
        raise _wrong("An Okta org address holds no user name and no @, \\ or %: write https://company.okta.com.")
    parts = _TYPED.fullmatch(typed.lower())
    if parts is None:
        raise _wrong("Give only the address of the org, without a path: https://company.okta.com.")
    scheme, host, port = parts["scheme"], parts["host"], parts["port"]
    if port is not None and f"{host}:{port}" in entries and scheme in (None, "http", "https"):
        return OrgAddress(scheme or "http", host.strip("[]"), int(port), local=True)
    if scheme not in (None, "https"):
        raise _wrong("An Okta org address begins with https://.")
    if port is not None:
        raise _wrong("An Okta org address has no port: write https://company.okta.com.")
    _check_name(host, entries)
    return OrgAddress("https", host, 443)


def _check_name(host: str, entries: Sequence[str]) -> None:
    if host.startswith("[") or _NUMBERS.fullmatch(host):
        raise _wrong("An Okta org has a name, not a number: write https://company.okta.com.")
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise _wrong("This is not the name of a host: write https://company.okta.com.")
    if any(label.startswith("xn--") for label in host.split(".")):
        raise _wrong("An Okta org address has only letters from a to z, and none that look like them (xn--).")
    domains = [entry for entry in entries if ":" not in entry]
    domain = next((each for each in domains if host == each or host.endswith(f".{each}")), None)
    if domain is None:
        allowed = ", ".join(entries) or "none"
        raise _wrong(
            f"{host} lies under no domain that this Rollbook may ask ({allowed}). The operator allows another one in "
            "ROLLBOOK_OKTA_HOSTS."
        )
    if domain in OKTA_DOMAINS:
        _check_okta_s_own(host, domain)


def _check_okta_s_own(host: str, domain: str) -> None:
    if host == domain:
        raise _wrong(f"{host} is Okta's own site. Write the org's name before it: https://company.{domain}.")
    org, _, rest = host.partition(".")
    if org.endswith("-admin") and org != "-admin":
        right = f"https://{org.removesuffix('-admin')}.{rest}"
        raise _wrong(f"{host} is where Okta has the org's admin pages. The org's own address is {right}.")


def _wrong(message: str) -> InvalidValue:
    return InvalidValue(message, field="org_url")

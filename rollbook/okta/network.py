"""The way to an Okta org: GET only, to its origin only, over connections to addresses that were found to be public.

Whoever controls a name's DNS may let it lead into our own network, so the connection goes to the very address that was
checked; TLS still asks for the org's name. What is asked is client.py's, what an answer's status means
conversation.py's.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence

import httpx2

from rollbook.okta import failures
from rollbook.okta.org_address import OrgAddress
from rollbook.settings import is_loopback

KEPT_SECONDS = 60.0  # how long what a name led to is believed
MOST_ADDRESSES = 4

# All of IPv6 that is given to anybody; what lies outside has been taken for public by one library or another.
_GIVEN = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_CARRIERS = (ipaddress.IPv6Network("2002::/16"), ipaddress.IPv6Network("2001::/32"))  # 6to4, Teredo: lead anywhere
_NOT_EVEN_V4 = ipaddress.IPv4Network("192.88.99.0/24")  # the relays of 6to4

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def look_up(host: str, port: int) -> list[str]:
    """The addresses that a name leads to, as the system prefers them. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def is_public(address: str) -> bool:
    """Whether an address belongs to the internet and to nothing of ours: neither directly nor wrapped in IPv6."""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(read, ipaddress.IPv6Address):
        wrapped = read.ipv4_mapped or (ipaddress.IPv4Address(int(read) & 0xFFFFFFFF) if read in _NAT64 else None)
        if wrapped is None:
            carried = any(read in network for network in _CARRIERS) or _is_isatap(read)
            return read in _GIVEN and read.is_global and not carried and read.scope_id is None
        read = wrapped
    return read.is_global and not read.is_multicast and not read.is_reserved and read not in _NOT_EVEN_V4


def _is_isatap(address: ipaddress.IPv6Address) -> bool:
    """An interface id that holds an IPv4 address (RFC 5214)."""
    return (int(address) >> 32) & 0xFDFFFFFF == 0x5EFE


@functools.cache
def authorities() -> ssl.SSLContext:
    """The system's certificate authorities; the environment cannot add any."""
    return httpx2.create_ssl_context(trust_env=False)


class NotAllowed(Exception):
    """A request that this program must never make: it is a mistake of ours, and nothing was sent."""


class PinnedTransport(httpx2.AsyncBaseTransport):
    """Carries GET to one org. Raises NotAllowed for anything else, OktaFailure where none may be reached."""

    def __init__(self, address: OrgAddress, *, resolve: Resolve = look_up, tls: ssl.SSLContext | None = None) -> None:
        self._address = address
        self._resolve = resolve
        self._targets: list[str] = []
        self._looked_up_at = 0.0
        self._inner = httpx2.AsyncHTTPTransport(
            verify=tls or authorities(),
            trust_env=False,
            retries=0,
            limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "GET":
            raise NotAllowed("only GET goes to Okta")
        if not is_of(request.url, self._address):
            raise NotAllowed("only the company's own org is asked")
        for target in await self._checked_targets():
            try:
                response = await self._inner.handle_async_request(self._towards(target, request))
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
            self._targets.sort(key=lambda each: each != target)  # the one that answers stays the first
            return response
        self._targets = []
        raise failures.unreachable("no connection is made, or the host does not prove its name by TLS")

    def _towards(self, target: str, request: httpx2.Request) -> httpx2.Request:
        """The same request to an address; its Host header is set, and the certificate must still be the name's."""
        extensions = {**request.extensions, "sni_hostname": self._address.host}
        return httpx2.Request("GET", request.url.copy_with(host=target), headers=request.headers, extensions=extensions)

    async def _checked_targets(self) -> list[str]:
        if self._targets and time.monotonic() - self._looked_up_at < KEPT_SECONDS:
            return list(self._targets)
        before = self._targets[:1]
        self._targets = []
        try:
            found = await self._resolve(self._address.host, self._address.port)
        except OSError:
            raise failures.unreachable(f"nobody knows the name {self._address.host}") from None
        allowed = is_loopback if self._address.local else is_public
        if not found or not all(allowed(target) for target in found):
            raise failures.unreachable(f"the name {self._address.host} leads to an address that must not be asked")
        self._targets = sorted(found, key=lambda each: each not in before)[:MOST_ADDRESSES]
        self._looked_up_at = time.monotonic()
        return list(self._targets)

    async def aclose(self) -> None:
        await self._inner.aclose()


def is_of(url: httpx2.URL, address: OrgAddress) -> bool:
    """Whether an address is at the org: scheme, host and port, and nobody named before the host."""
    port = url.port or (443 if url.scheme == "https" else 80)
    own = (address.scheme, address.host, address.port)
    return (url.scheme, url.host, port) == own and not url.userinfo and not url.fragment

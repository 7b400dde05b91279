"""Where a request comes from: this machine, a trusted proxy, or the network; and whether it came over https."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.types import Scope

from rollbook import settings

Networks = tuple[IPv4Network | IPv6Network, ...]

PLAIN_HTTP = (
    "Plain http is refused from here, since it shows the key to the network. Use the https:// address; behind a proxy, "
    "name the proxy in ROLLBOOK_TRUSTED_PROXIES."
)


is_loopback = lru_cache(maxsize=1024)(settings.is_loopback)  # the same few peers ask again and again


def is_local(scope: Scope, proxies: Networks) -> bool:
    """Whether the peer is this machine or a trusted proxy."""
    client = scope.get("client")
    if client is None:  # a Unix socket
        return True
    return is_loopback(client[0]) or _trusted(client[0], proxies)


def is_plain(scope: Scope, proxies: Networks, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the request crossed a network in the clear; behind a trusted proxy its word about the scheme counts."""
    if scope["scheme"] == "https":
        return False
    client = scope.get("client")
    if client is None or is_loopback(client[0]):
        return False
    if not _trusted(client[0], proxies):
        return True
    forwarded = next((value for name, value in headers if name == b"x-forwarded-proto"), b"https")
    return forwarded.split(b",")[0].strip().lower() != b"https"


def _trusted(host: str, proxies: Networks) -> bool:
    address = ip_address(host)
    mapped = getattr(address, "ipv4_mapped", None)
    return any(address in network or (mapped is not None and mapped in network) for network in proxies)

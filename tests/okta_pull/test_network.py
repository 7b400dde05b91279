"""The way to an org: only to addresses that were checked, only to the org's own name by TLS, only with GET."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Awaitable, Callable, Sequence

import httpx2
import pytest

from rollbook.okta import network
from rollbook.okta.failures import OktaFailure
from rollbook.okta.network import NotAllowed, PinnedTransport, Resolve, is_public
from rollbook.okta.org_address import OrgAddress
from tests.okta_pull.authority import Authority
from tests.okta_pull.org import Org, client, person, reply

NOT_PUBLIC = [
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.254",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.254",
    "198.18.0.1",
    "198.19.255.254",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::2",
    "::127.0.0.1",
    "::7f00:1",
    "::10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b::224.0.0.1",
    "64:ff9b:1::1",
    "64:ff9b:1::127.0.0.1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "2001:10::1",
    "2002:7f00:1::1",
    "2002:a00:1::1",
    "2002:a9fe:a9fe::",
    "2002:808:808::1",
    "2600:1:2:3:0:5efe:7f00:1",
    "2600:1:2:3:200:5efe:a00:1",
    "4000::1",
    "5f00::1",
    "e000::1",
    "fc00::1",
    "fd00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2600:1::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f000001",
    "8.8.8.8:443",
    "8.8.8.8\n",
]
PUBLIC = ["8.8.8.8", "52.84.1.1", "100.128.0.1", "172.32.0.1", "2600:9000::1", "2a00:1450::1", "64:ff9b::8.8.8.8"]
ORG = "acme.okta.com"
SECOND = "127.0.0.2" if sys.platform == "linux" else "::1"  # another address of this machine


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_the_internet_s_is_never_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


def leading_to(*turns: Sequence[str]) -> tuple[Resolve, list[str]]:
    """A resolver whose answers change, the last one staying; and the names it was asked for."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return turns[min(len(asked), len(turns)) - 1]

    return resolve, asked


def people(_: object) -> bytes:
    return reply(200, [person("00uleo")])


async def failure_of(org: OrgAddress, resolve: Resolve = network.look_up, tls: ssl.SSLContext | None = None) -> str:
    """The message with which reading people fails."""
    async with client(org, resolve=resolve, tls=tls, tries_again=0) as okta:
        with pytest.raises(OktaFailure) as failure:
            await okta.people(None, None)
    assert failure.value.kind == "unreachable"
    return failure.value.message


@pytest.mark.parametrize("also", [(), ("8.8.8.8",)], ids=["alone", "beside a public one"])
@pytest.mark.parametrize("target", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254", "fd00::1"])
def test_a_name_that_leads_into_our_own_network_is_not_followed(target: str, also: tuple[str, ...]) -> None:
    """A server listens where it leads: nothing reaches it."""

    async def ask() -> int:
        async with Org(people) as server:
            resolve, _ = leading_to((*also, target))
            message = await failure_of(OrgAddress("http", ORG, server.port), resolve)
            assert message.startswith(
                "Okta cannot be reached: the name acme.okta.com leads to an address that must not"
            )
            return server.connections

    assert asyncio.run(ask()) == 0


def test_a_name_that_leads_nowhere_is_said_to_be_unknown() -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("words of the system")

    message = asyncio.run(failure_of(OrgAddress("https", ORG, 443), unknown))
    assert message == (
        "Okta cannot be reached: nobody knows the name acme.okta.com. See whether Okta is up (status.okta.com) and "
        "Rollbook's network lets it out there."
    )
    none, _ = leading_to(())
    assert "must not be asked" in asyncio.run(failure_of(OrgAddress("https", ORG, 443), none))


def test_a_simulated_org_must_be_on_this_machine() -> None:
    resolve, _ = leading_to(("8.8.8.8",))
    message = asyncio.run(failure_of(OrgAddress("http", "localhost", 9000, local=True), resolve))
    assert "must not be asked" in message


def test_the_connection_goes_to_the_very_address_that_was_checked() -> None:
    """The name leads to another server by the time of the connection: it sees nothing."""

    async def ask() -> tuple[int, int, list[str], str]:
        async with Org(people, host=SECOND) as checked, Org(people) as other:
            resolve, asked = leading_to((SECOND,), ("127.0.0.1",))
            async with client(OrgAddress("http", "localhost", checked.port, local=True), resolve=resolve) as okta:
                for _ in range(3):
                    await okta.people(None, None)
            return checked.connections, other.connections, asked, checked.asked[0].headers["host"]

    connections, others, asked, host = asyncio.run(ask())
    assert (connections, others, asked) == (1, 0, ["localhost"])
    assert host.startswith("localhost:")


def test_a_name_is_looked_up_and_checked_anew_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: first an address that may be asked, then one that may not."""
    monkeypatch.setattr(network, "KEPT_SECONDS", 0.0)

    async def ask() -> int:
        async with Org(people) as server:
            resolve, _ = leading_to(("127.0.0.1",), ("127.0.0.1",), ("10.0.0.1",))
            address = OrgAddress("http", "localhost", server.port, local=True)
            async with client(address, resolve=resolve, tries_again=0) as okta:
                await okta.people(None, None)
                await okta.people(None, None)
                with pytest.raises(OktaFailure, match="must not be asked"):
                    await okta.people(None, None)
            assert len(server.asked) == 2
            return server.connections

    assert asyncio.run(ask()) == 1


def test_of_several_addresses_one_that_answers_is_enough_and_is_kept() -> None:
    async def ask() -> int:
        async with Org(people, host=SECOND) as server:
            resolve, _ = leading_to(("127.0.0.1", SECOND))
            async with client(OrgAddress("http", "localhost", server.port, local=True), resolve=resolve) as okta:
                await okta.people(None, None)
                await okta.people(None, None)
            return server.connections

    assert asyncio.run(ask()) == 1


@pytest.mark.parametrize(
    "verb", ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "G E T"]
)
def test_nothing_but_get_can_be_sent(verb: str) -> None:
    async def ask() -> int:
        async with Org(people) as server:
            transport = PinnedTransport(server.address)
            with pytest.raises(NotAllowed):
                await transport.handle_async_request(httpx2.Request(verb.encode(), f"{server.url}/api/v1/users"))
            await transport.aclose()
            return server.connections

    assert asyncio.run(ask()) == 0


def test_nobody_but_the_org_can_be_asked() -> None:
    async def ask() -> int:
        async with Org(people) as server, Org(people) as other:
            transport = PinnedTransport(server.address)
            for url in (
                f"{other.url}/api/v1/users",
                f"https://127.0.0.1:{server.port}/api/v1/users",
                f"http://127.0.0.2:{server.port}/api/v1/users",
                f"http://localhost:{server.port}/api/v1/users",
                f"http://ada@127.0.0.1:{server.port}/api/v1/users",
                "http://127.0.0.1/api/v1/users",
            ):
                with pytest.raises(NotAllowed):
                    await transport.handle_async_request(httpx2.Request("GET", url))
            await transport.aclose()
            return server.connections + other.connections

    assert asyncio.run(ask()) == 0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def over_tls(
    authority: Authority, name: str, ask: Callable[[OrgAddress, Resolve], Awaitable[str]]
) -> tuple[str, list[str], int]:
    """What came of `ask` where acme.okta.com leads to a server that proves to be `name`; the names that TLS asked for,
    and how many requests arrived.
    """
    named: list[str] = []
    context = authority.server(name)
    context.sni_callback = lambda _, asked, __: named.append(asked or "")

    async def run() -> tuple[str, int]:
        async with Org(people, tls=context) as server:
            resolve, _ = leading_to(("127.0.0.1",))
            return await ask(OrgAddress("https", ORG, server.port, local=True), resolve), len(server.asked)

    outcome, requests = asyncio.run(run())
    return outcome, named, requests


def test_tls_is_asked_for_the_org_s_name_though_the_connection_goes_to_an_address(authority: Authority) -> None:
    async def ask(address: OrgAddress, resolve: Resolve) -> str:
        async with client(address, resolve=resolve, tls=authority.trusted()) as okta:
            return (await okta.people(None, None)).items[0].id

    assert over_tls(authority, ORG, ask) == ("00uleo", [ORG], 1)


@pytest.mark.parametrize("name", ["umbra.okta.com", "127.0.0.1", "okta.com", "acme.okta.com.evil.example"])
def test_a_host_that_proves_to_be_another_gets_no_token(authority: Authority, name: str) -> None:
    async def ask(address: OrgAddress, resolve: Resolve) -> str:
        return await failure_of(address, resolve, authority.trusted())

    message, _, requests = over_tls(authority, name, ask)
    assert "does not prove its name by TLS" in message
    assert requests == 0


def test_the_environment_adds_no_authority_and_no_proxy(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    network.authorities.cache_clear()

    async def ask(address: OrgAddress, resolve: Resolve) -> str:
        return await failure_of(address, resolve)

    message, _, requests = over_tls(authority, ORG, ask)
    network.authorities.cache_clear()
    assert ("does not prove its name by TLS" in message, requests) == (True, 0)

    async def beside_a_proxy() -> tuple[int, int]:
        async with Org(people) as server, Org(people) as proxy:
            for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
                monkeypatch.setenv(name, proxy.url)
            async with client(server) as okta:
                await okta.people(None, None)
            return server.connections, proxy.connections

    assert asyncio.run(beside_a_proxy()) == (1, 0)

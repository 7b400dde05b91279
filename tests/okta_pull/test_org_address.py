"""The org address: what administrators paste is understood, whatever would lead the token elsewhere is refused."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook import doctor, settings
from rollbook.errors import InvalidValue, Misconfigured
from rollbook.okta.org_address import OrgAddress, checked
from tests.servers import environment

OKTA = settings.OKTA_DOMAINS

LOOPBACKS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "0",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7f.0x0.0x0.0x1",
    "0177.0.0.1",
    "017700000001",
    "0177.0x0.0.1",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:0:0:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fe80::1%25eth0]",
    "::1",
    "localhost",
    "169.254.169.254",
    "10.0.0.1",
    "192.168.1.1",
    "[fd00::1]",
    "8.8.8.8",
]

HOSTILE = [
    "",
    " ",
    "https://",
    "//acme.okta.com",
    "https:acme.okta.com",
    "https:/acme.okta.com",
    "https:///acme.okta.com",
    "http://acme.okta.com",
    "ftp://acme.okta.com",
    "file:///etc/passwd",
    "gopher://acme.okta.com",
    "javascript:alert(1)",
    "data:text/html,x",
    "unix:///run/socket",
    "HTTP://ACME.OKTA.COM",
    # somebody named before the host
    "https://acme.okta.com@evil.example",
    "https://acme.okta.com:443@evil.example",
    "https://evil.example@acme.okta.com",
    "https://user:word@acme.okta.com",
    "https://evil.example#@acme.okta.com",
    "https://evil.example?@acme.okta.com",
    "https://evil.example/@acme.okta.com",
    "https://evil.example\\@acme.okta.com",
    "https://acme.okta.com\\@evil.example",
    "https://acme.okta.com\\.evil.example",
    "https://acme.okta.com%40evil.example",
    "https://acme.okta.com%2eevil.example",
    "https://acme.okta.com%00.evil.example",
    "https://acme%2eokta.com",
    # ports
    "https://acme.okta.com:443",
    "https://acme.okta.com:8443",
    "https://acme.okta.com:22",
    "https://acme.okta.com:",
    "acme.okta.com:80",
    "https://acme.okta.com:0x50",
    "https://acme.okta.com:99999",
    # paths, queries, fragments
    "https://acme.okta.com/api/v1",
    "https://acme.okta.com//evil.example",
    "https://acme.okta.com/../evil",
    "https://acme.okta.com?next=https://evil.example",
    "https://acme.okta.com#evil.example",
    "https://acme.okta.com/;x",
    # look-alikes
    "https://okta.com.evil.example",
    "https://acme.okta.com.evil.example",
    "https://acmeokta.com",
    "https://evilokta.com",
    "https://acme.okta.com-evil.example",
    "https://acme.okta.co",
    "https://acme.okta.comm",
    "https://acme.0kta.com",
    "https://acme.okta.example",
    "https://acme-okta.com",
    "https://acme.xn--okta-9fd.com",
    "https://xn--cme-5cd.okta.com",
    "https://acme.оkta.com",  # a Cyrillic o
    "https://аcme.okta.com",  # a Cyrillic a
    "https://acme.o\u212ata.com",  # the sign of Kelvin, which lower case turns into a k
    "https://acme.okta。com",
    "https://acme．okta.com",
    "https://acme.okta.com\u200b",
    "https://acme\u00ad.okta.com",
    "https://ⓐcme.okta.com",
    # names that are none
    "https://acme.okta.com.",
    "https://acme.okta.com..",
    "https://.okta.com",
    "https://acme..okta.com",
    "https://okta.com",
    "https://oktapreview.com",
    "https://-acme.okta.com",
    "https://acme-.okta.com",
    "https://ac_me.okta.com",
    "https://_acme.okta.com",
    "https://*.okta.com",
    "https://ac me.okta.com",
    "https://acme.okta.com evil.example",
    "https://acme.okta.com\tevil.example",
    "https://acme.okta.com\r\nHost: evil.example",
    "https://acme.okta.com\x00",
    "https://acme.okta.com\x7f",
    "https://acme,okta.com",
    "https://acme.okta.com,evil.example",
    "https://acme.okta.com;evil.example",
    "https://[acme.okta.com]",
    "https://[::1].okta.com",
    "https://acme'.okta.com",
    'https://acme".okta.com',
    "https://<acme>.okta.com",
    "https://${acme}.okta.com",
    f"https://{'a' * 64}.okta.com",
    f"https://{'a.' * 130}okta.com",
    "https://" + "a" * 5000 + ".okta.com",
    # Okta's pages for administrators, and no scheme at all
    "https://acme-admin.okta.com",
    "acme-admin.oktapreview.com",
    "acme",
    "okta",
    "evil.example",
    "https://https://acme.okta.com",
    "https://acme.okta.com https://evil.example",
    *LOOPBACKS,
    *(f"https://{host}" for host in LOOPBACKS),
    *(f"http://{host}:9000" for host in LOOPBACKS),
    *(f"https://acme.okta.com@{host}" for host in LOOPBACKS),
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_an_address_that_may_lead_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        checked(text, OKTA)
    assert refusal.value.field == "org_url"
    assert refusal.value.message.endswith(".")


def test_the_table_is_long_enough_to_be_worth_its_name() -> None:
    assert len(set(HOSTILE)) >= 150


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://acme.okta.com", "https://acme.okta.com"),
        ("https://acme.okta.com/", "https://acme.okta.com"),
        (" https://ACME.Okta.com \n", "https://acme.okta.com"),
        ("acme.oktapreview.com", "https://acme.oktapreview.com"),
        ("https://acme.okta-emea.com", "https://acme.okta-emea.com"),
        ("https://agency.okta-gov.com", "https://agency.okta-gov.com"),
        ("https://base.okta.mil", "https://base.okta.mil"),
        ("https://acme-7.okta.com", "https://acme-7.okta.com"),
        ("HTTPS://a.b.okta.com", "https://a.b.okta.com"),
    ],
)
def test_what_an_administrator_pastes_is_understood(text: str, url: str) -> None:
    address = checked(text, OKTA)
    assert (address.url, address.scheme, address.port, address.local) == (url, "https", 443, False)


def test_the_address_of_the_admin_pages_is_answered_with_the_right_one() -> None:
    with pytest.raises(InvalidValue, match=r"The org's own address is https://acme\.okta\.com\."):
        checked("https://acme-admin.okta.com/", OKTA)


def test_a_domain_that_the_operator_adds_may_be_the_org_itself_or_lie_above_it() -> None:
    entries = ("id.acme.example", *OKTA)
    assert checked("https://id.acme.example", entries).host == "id.acme.example"
    assert checked("https://eu.id.acme.example", entries).host == "eu.id.acme.example"
    for text in ("https://acme.example", "https://evilid.acme.example", "https://id.acme.example.evil.example"):
        with pytest.raises(InvalidValue, match="ROLLBOOK_OKTA_HOSTS"):
            checked(text, entries)


def test_a_simulated_org_may_be_plain_http_at_its_own_port_and_no_other() -> None:
    entries = (*OKTA, "127.0.0.1:9000", "[::1]:9001", "localhost:9002")
    own = OrgAddress("http", "127.0.0.1", 9000, local=True)
    assert checked("http://127.0.0.1:9000", entries) == own
    assert checked("127.0.0.1:9000/", entries) == own
    assert checked("http://[::1]:9001", entries).url == "http://[::1]:9001"
    assert checked("http://LOCALHOST:9002", entries) == OrgAddress("http", "localhost", 9002, local=True)
    for text in (
        "http://127.0.0.1:9001",
        "http://127.0.0.1",
        "http://127.1:9000",
        "http://localhost:9000",
        "http://acme.okta.com",
        "http://acme.okta.com:9000",
        "http://x@127.0.0.1:9000",
        "http://127.0.0.1:9000/api",
        "ftp://127.0.0.1:9000",
        "http://127.0.0.1:09000",
    ):
        with pytest.raises(InvalidValue):
            checked(text, entries)


PIECES = st.sampled_from(
    [
        *"@:/\\#?%.-_[]",
        "https://",
        "http://",
        "acme",
        "okta.com",
        ".okta.com",
        "evil.example",
        "127.0.0.1",
        "xn--a",
        "\t",
    ]
)


@given(st.one_of(st.lists(PIECES, max_size=8).map("".join), st.text(max_size=40).map(lambda text: f"https://{text}")))
def test_whatever_is_let_through_means_the_same_host_to_every_reader(text: str) -> None:
    try:
        url = checked(text, OKTA).url
    except InvalidValue:
        return
    hosts = {urlsplit(url).hostname, httpx2.URL(url).host}
    assert len(hosts) == 1
    assert str(hosts.pop()).endswith(tuple(f".{domain}" for domain in OKTA))
    assert urlsplit(url).scheme == "https"


def test_the_setting_names_the_domains(tmp_path: Path) -> None:
    assert settings.read(environment(tmp_path)).okta_entries == OKTA
    chosen = settings.read(environment(tmp_path, ROLLBOOK_OKTA_HOSTS=" Okta.com, id.acme.example ,127.0.0.1:9000"))
    assert chosen.okta_entries == ("okta.com", "id.acme.example", "127.0.0.1:9000")


@pytest.mark.parametrize(
    "value",
    [
        "com",
        "okta.com,*.acme.example",
        ".okta.com",
        "https://okta.com",
        "okta.com/x",
        "127.0.0.1",
        "10.0.0.1:9000",
        "okta.com:443",
        "acme.example:9000",
        "127.0.0.1:0",
        "127.0.0.1:70000",
        "оkta.com",
    ],
)
def test_an_entry_that_would_allow_too_much_or_nothing_stops_the_start(tmp_path: Path, value: str) -> None:
    with pytest.raises(Misconfigured, match="ROLLBOOK_OKTA_HOSTS is wrong"):
        settings.read(environment(tmp_path, ROLLBOOK_OKTA_HOSTS=value))


def test_doctor_names_a_simulated_org_as_unsafe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> list[tuple[str, str]]:
        return [(each.verdict, each.detail) for each in doctor.examine() if each.check == "okta hosts"]

    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    assert found() == []
    monkeypatch.setenv("ROLLBOOK_OKTA_HOSTS", "okta.com,127.0.0.1:9000")
    ((verdict, detail),) = found()
    assert verdict == "note"
    assert detail.startswith("Unsafe: an Okta org may be at 127.0.0.1:9000")

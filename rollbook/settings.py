"""The settings, all from the environment; each secret also as NAME_FILE. docs/settings.md is checked against them."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from rollbook.errors import Misconfigured

_ADDRESS = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+"
_SENDER = re.compile(rf"{_ADDRESS}|[^<>\"\x00-\x1f\x7f]{{1,100}}<{_ADDRESS}>")

# A label of a host name as the internet has them: letters, digits and inner hyphens.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
_OWN_ORG = re.compile(r"(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\]):(?P<port>[0-9]{1,5})")

# Where Okta itself has its customers' orgs.
OKTA_DOMAINS = ("okta.com", "oktapreview.com", "okta-emea.com", "okta-gov.com", "okta.mil")

SECRETS = ("ROLLBOOK_SECRET", "ROLLBOOK_SECRET_PREVIOUS", "ROLLBOOK_DATABASE_URL", "ROLLBOOK_SMTP_URL")


class Settings(BaseSettings):
    """What the operator decides. Reading it never touches the disk but for NAME_FILE."""

    model_config = SettingsConfigDict(env_prefix="ROLLBOOK_", frozen=True, extra="ignore")

    @classmethod
    def settings_customise_sources(  # type: ignore[override]  # the sources that are not used are not named
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, **others: object
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """`read` gathers the environment, because of the NAME_FILE twins; nothing is read a second time."""
        return (init_settings,)

    data_dir: Path = Field(
        default=Path("~/.local/share/rollbook"), description="The embedded database and the secret live here."
    )
    database_url: SecretStr = Field(
        default=SecretStr(""),
        description="`postgresql://…` for more than one machine; empty: a SQLite file in the data directory.",
    )
    secret: SecretStr = Field(
        default=SecretStr(""),
        description="Pepper of key hashes, sessions and links. SQLite: made once in the data directory. "
        "PostgreSQL: must be given.",
    )
    secret_previous: SecretStr = Field(
        default=SecretStr(""), description="The secret before the present one, while you rotate it."
    )
    public_url: str = Field(
        default="http://127.0.0.1:8000",
        description="Base of every address handed out; https off loopback; no underscore (Okta refuses one).",
    )
    smtp_url: SecretStr = Field(
        default=SecretStr(""),
        description="The mail server: `smtp://user:pass@host:587?starttls=1` or `smtps://…`; empty: mail waits in the "
        "outbox.",
    )
    mail_from: str = Field(
        default="notifications@localhost",
        description="The sender of every mail: an address, or `Name <address>`.",
    )
    okta_hosts: str = Field(
        default=",".join(OKTA_DOMAINS),
        description="Domains, separated by commas, that an Okta org address may lie under; https only. An entry with a "
        "port (`127.0.0.1:9000`) is a simulated org on this machine, plain http allowed: unsafe, and `doctor` says so.",
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses or networks, separated by commas, whose X-Forwarded-* headers count. Plain http "
        "from anywhere but loopback and these is refused.",
    )

    api_requests_per_minute: int = Field(
        default=600,
        ge=1,
        description="How often one key may ask the management API in each web process; 100 at once, then 429.",
    )

    @field_validator("data_dir")
    @classmethod
    def _expand(cls, value: Path) -> Path:
        return value.expanduser()

    @field_validator("public_url")
    @classmethod
    def _public(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("write it as https://rollbook.company.example, without query or fragment")
        if "_" in value:
            raise ValueError("it must not hold an underscore: Okta refuses base addresses with one")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("off loopback it must begin with https://")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: SecretStr) -> SecretStr:
        address = value.get_secret_value()
        if address and not address.startswith(("postgresql://", "postgres://")):
            raise ValueError("write it as postgresql://user:password@host/database")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, value: SecretStr) -> SecretStr:
        address = value.get_secret_value()
        if not address:
            return value
        parts = urlsplit(address)
        try:
            known = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            known = False
        if not known or parts.path not in ("", "/"):
            raise ValueError("write it as smtp://user:password@host:587?starttls=1, or smtps://…")
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str) -> str:
        if not _SENDER.fullmatch(value.strip()):
            raise ValueError("write it as training@acme.example, or Acme training <training@acme.example>")
        return value.strip()

    @field_validator("okta_hosts")
    @classmethod
    def _hosts(cls, value: str) -> str:
        folded = value.lower() if value.isascii() else value
        for entry in _entries(folded):
            own = _OWN_ORG.fullmatch(entry)
            if own and is_loopback(own["host"].strip("[]")) and 0 < int(own["port"]) < 65536:
                continue
            if ":" in entry:
                raise ValueError("an entry with a port must be on this machine, as 127.0.0.1:9000 is")
            if not _DOMAIN.fullmatch(entry) or len(entry) > 253:
                raise ValueError("write domains of two labels or more, separated by commas, as okta.com is")
        return folded

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: str) -> str:
        for entry in _entries(value):
            ip_network(entry, strict=False)
        return value

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The trusted proxies as networks."""
        return tuple(ip_network(entry, strict=False) for entry in _entries(self.trusted_proxies))

    @property
    def okta_entries(self) -> tuple[str, ...]:
        """The domains, and the `host:port` of simulated orgs, that an Okta org address may lie under; lower case."""
        return tuple(_entries(self.okta_hosts))

    @property
    def scim_base_url(self) -> str:
        """What the Okta administrator pastes as *Base URL*."""
        return f"{self.public_url}/scim/v2"

    @property
    def sqlite_path(self) -> Path | None:
        """The embedded database's file, or None where PostgreSQL is used."""
        return None if self.database_url.get_secret_value() else self.data_dir / "rollbook.sqlite3"


def read(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this environment; raises Misconfigured naming each wrong one."""
    environment = os.environ if environment is None else environment
    values = {name.lower(): value for name, value in environment.items() if name.startswith("ROLLBOOK_")}
    for name in SECRETS:
        path = values.pop(f"{name.lower()}_file", "")
        if not path:
            continue
        if values.get(name.lower()):
            raise Misconfigured(f"Both {name} and {name}_FILE are set; keep one of them.")
        try:
            values[name.lower()] = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Misconfigured(f"{name}_FILE cannot be read ({error.strerror}); check the path.") from None
    fields = {name.removeprefix("rollbook_"): value for name, value in values.items()}
    try:
        return Settings(**fields)  # type: ignore[arg-type]  # pydantic reads the texts
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = f"ROLLBOOK_{str(first['loc'][0]).upper()}"
        raise Misconfigured(f"{name} is wrong: {first['msg'].removeprefix('Value error, ')}.") from None


def secret_of(settings: Settings) -> bytes:
    """The secret; on SQLite made once in the data directory with mode 0600. Raises Misconfigured."""
    given = settings.secret.get_secret_value()
    if given:
        if len(given) < 16:
            raise Misconfigured("ROLLBOOK_SECRET is too short: give at least 16 characters, better 40.")
        return given.encode()
    if settings.sqlite_path is None:
        raise Misconfigured(
            "With PostgreSQL ROLLBOOK_SECRET must be given, the same on every machine; "
            "make one with: openssl rand -base64 40"
        )
    path = settings.data_dir / "secret"
    if not path.exists():
        _make_secret(path)
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise Misconfigured(f"The secret {path} cannot be read ({error.strerror}).") from None


def _make_secret(path: Path) -> None:
    """Two processes may start at once: the first link wins and both read the same file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f"secret.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(40) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    except OSError as error:
        raise Misconfigured(
            f"The secret cannot be made in {path.parent} ({error.strerror}); set ROLLBOOK_DATA_DIR."
        ) from None


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)


def _entries(value: str) -> list[str]:
    return [entry.strip() for entry in value.split(",") if entry.strip()]

"""The HTTP side of the simulated Okta: its headers, credentials, query encodings, patience and error reading.

One exchange at a time, each recorded without the credentials. Which exchanges there are is in app.py.
"""

import base64
import json
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote, quote_plus, urlsplit

import httpx2

from rollbook.simulator.bodies import JSON

Scheme = Literal["basic", "bearer", "raw"]
Encoding = Literal["percent", "plus"]

SILENCE = 60.0  # seconds without a byte after which Okta gives up
BLIND_WAIT = 300  # seconds Okta waits where a 429 names no whole number of them
MOST_RETRIES = 10
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"

HEADERS = {
    "Accept": "application/scim+json",
    "Accept-Charset": "utf-8",
    "Content-Type": "application/scim+json; charset=utf-8",
    "User-Agent": "Okta SCIM Client 1.0.0",
    "Connection": "Keep-Alive",
    "Accept-Encoding": "gzip,deflate",
}


class ProvisioningError(Exception):
    """A call that failed. `message` is what Okta shows; `detail` is the server's own text, if it had one.

    `status` is None when there was no HTTP answer.
    """

    def __init__(self, message: str, status: int | None = None, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as the record keeps it; `path` holds the query, no body holds a secret.

    `status` is None when no answer came; `response_body` is then the reason. A body that is not JSON is
    kept as its first 2,000 characters.
    """

    method: str
    path: str
    status: int | None
    request_body: JSON | None
    response_body: Any
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as Okta reads it: `body` is the JSON object, None for an empty body.

    `fault` says why a body could not be read, in the words of Okta's JSON parser, and is empty otherwise.
    """

    status: int
    headers: Mapping[str, str]
    body: JSON | None
    fault: str
    milliseconds: float

    @property
    def detail(self) -> str:
        text = (self.body or {}).get("detail")
        return text if isinstance(text, str) else ""


@dataclass(kw_only=True)
class Wire:
    """Okta's connection to one SCIM server.

    `base_url` reaches up to and without `/Users`. `user` matters for Basic only. `patience` is the longest
    single wait, in seconds, that a 429 may ask for; None waits as long as Okta does. Raises ValueError
    for an address that is not http or https, or holds credentials, a query or a fragment, and for a key
    that does not fit into a header.
    """

    base_url: str
    user: str = ""
    key: str = field(repr=False)
    scheme: Scheme = "basic"
    encoding: Encoding = "percent"
    sleep: Callable[[float], None] = time.sleep
    patience: float | None = None
    silence: float = SILENCE
    remember: int = 1000
    exchanges: deque[Exchange] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.base_url = checked_address(self.base_url)
        if not re.fullmatch(r"[!-~]*", self.key):
            raise ValueError("The key holds a space, a line break or a letter that no key has.")
        self.exchanges = deque(maxlen=self.remember)
        # A loopback server is reached directly, whatever proxy the environment names.
        far = not is_loopback(self.base_url)
        self._client = httpx2.Client(timeout=httpx2.Timeout(self.silence), trust_env=far)

    def close(self) -> None:
        self._client.close()

    def authorization(self) -> str:
        """The value of the Authorization header."""
        if self.scheme == "basic":
            return "Basic " + base64.b64encode(f"{self.user}:{self.key}".encode()).decode()
        return f"Bearer {self.key}" if self.scheme == "bearer" else self.key

    def ask(
        self, method: str, path: str, *, query: Mapping[str, object] | None = None, body: JSON | None = None
    ) -> JSON:
        """Sends like `send` and gives the body (empty dict for an empty one); raises ProvisioningError."""
        answer = self.send(method, path, query=query, body=body)
        if answer.fault:
            raise ProvisioningError(answer.fault, answer.status)
        if not 200 <= answer.status < 300:
            raise ProvisioningError(_refusal(answer), answer.status, answer.detail)
        return answer.body or {}

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: JSON | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends one request and gives the answer, whatever its status; 429 is waited for and tried again.

        Okta waits for the whole seconds of `Retry-After`, twice as long at each repetition, and for five
        minutes where it is missing or anything else; after ten repetitions the 429 is the answer. `headers`
        are written over Okta's own. Raises ProvisioningError when no answer came, or when a wait would
        exceed `patience`.
        """
        for repetition in range(MOST_RETRIES + 1):
            answer = self._once(method, path + self._query(query), body, headers or {})
            if answer.status != HTTPStatus.TOO_MANY_REQUESTS or repetition == MOST_RETRIES:
                break
            pause = retry_after(answer.headers.get("retry-after")) * 2**repetition
            if self.patience is not None and pause > self.patience:
                raise ProvisioningError(
                    f"Too Many Requests. Okta would now wait {pause} seconds, longer than we do.", 429
                )
            self.sleep(pause)
        return answer

    def _once(self, method: str, path: str, body: JSON | bytes | None, headers: Mapping[str, str]) -> Answer:
        if not self.key:
            raise ProvisioningError("No key has been entered.")
        content = body if isinstance(body, bytes | None) else json.dumps(body, ensure_ascii=False).encode()
        sent = {**HEADERS, "Authorization": self.authorization(), **headers}
        if method == "GET":
            del sent["Content-Type"]
        shown = _without_password(body) if isinstance(body, dict) else None
        start = time.perf_counter()
        try:
            response = self._client.request(method, self.base_url + path, content=content, headers=sent)
        except httpx2.RequestError as error:
            reason = str(self._without_key(_why_silent(error, self.silence)))
            self._record(method, path, None, shown, reason, start)
            raise ProvisioningError(reason) from error
        self._client.cookies.clear()  # Okta keeps no session
        parsed, fault = _read(response.text)
        elapsed = self._record(
            method, path, response.status_code, shown, response.text[:2000] if fault else parsed, start
        )
        return Answer(response.status_code, response.headers, parsed, fault, elapsed)

    def _record(self, method: str, path: str, status: int | None, sent: JSON | None, got: Any, start: float) -> float:
        elapsed = (time.perf_counter() - start) * 1000
        self.exchanges.append(Exchange(method, path, status, sent, self._without_key(got), elapsed))
        return elapsed

    def _query(self, query: Mapping[str, object] | None) -> str:
        """Okta encodes a query in two styles, depending on the app: `%20` or `+` for a space."""
        if not query:
            return ""
        encode = quote_plus if self.encoding == "plus" else quote
        return "?" + "&".join(f"{name}={encode(str(value), safe='')}" for name, value in query.items())

    def _without_key(self, got: Any) -> Any:
        """The same value with the credentials blotted out, should a server ever repeat them."""
        if isinstance(got, dict):
            return {name: self._without_key(value) for name, value in got.items()}
        if isinstance(got, list):
            return [self._without_key(value) for value in got]
        if isinstance(got, str) and self.key:
            return got.replace(self.key, "…").replace(self.authorization(), "…")
        return got


def equals(attribute: str, value: str) -> str:
    """A SCIM filter `attribute eq "value"` (RFC 7644 section 3.4.2.2), the value quoted as JSON."""
    return f"{attribute} eq {json.dumps(value, ensure_ascii=False)}"


def retry_after(header: str | None) -> int:
    """The seconds to wait; five minutes unless the header is a whole number, as Okta reads it."""
    return int(header) if header and re.fullmatch(r"[0-9]{1,9}", header.strip()) else BLIND_WAIT


def checked_address(address: str) -> str:
    """The base URL without a slash at its end; raises ValueError with a sentence when it cannot be one."""
    trimmed = address.strip().rstrip("/")
    parts = urlsplit(trimmed)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{address} is not an http or https address.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("The base URL holds no user name, query or fragment, only host and path.")
    return trimmed


def is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _read(text: str) -> tuple[JSON | None, str]:
    """The JSON object in a body and what the parser has to say against it."""
    if not text.strip():
        return None, ""
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError as error:
        ended = error.msg.startswith("Unterminated")
        return None, f"Invalid JSON: {_parser_words(text, len(text) if ended else error.pos)}"
    if not isinstance(parsed, dict):
        return None, "Invalid JSON: expected an object"
    return parsed, ""


def _parser_words(text: str, at: int) -> str:
    """Okta's parser names the word it stumbled over, or the character and its code."""
    if at >= len(text):
        return "Unexpected end-of-input"
    word = re.match(r"\w+", text[at:])
    if word:
        return f"Unrecognized token '{word.group()[:40]}'"
    return f"Unexpected character ('{text[at]}' (code {ord(text[at])}))"


def _refusal(answer: Answer) -> str:
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = f"HTTP {answer.status}"
    return f"{phrase}. Errors reported by remote server: {answer.detail}" if answer.detail else f"{phrase}."


def _why_silent(error: httpx2.RequestError, silence: float) -> str:
    if isinstance(error, httpx2.ReadTimeout):
        return f"Read timed out: no answer for {silence:g} seconds."
    if isinstance(error, httpx2.ConnectTimeout):
        return f"Connect timed out after {silence:g} seconds."
    if isinstance(error, httpx2.LocalProtocolError):  # its text would repeat the header, key and all
        return "Nothing was sent: the request holds what no header may hold."
    return f"No connection: {error}"


def _without_password(body: JSON) -> JSON:
    return {name: "…" if name == "password" else value for name, value in body.items()}

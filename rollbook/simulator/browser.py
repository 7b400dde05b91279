"""Somebody with a browser who opens a one-time sign-in link and presses the button on the page."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx2

from rollbook.simulator.checks import UnmetError


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it lies open in the browser; `action` is None where it has no form to send."""

    url: str
    status: int
    action: str | None
    fields: dict[str, str]
    keeps_referrer: bool

    @property
    def has_button(self) -> bool:
        return self.status == 200 and self.action is not None


class Browser:
    """One person's browser with its cookies. Every method raises UnmetError when nobody answers."""

    def __init__(self) -> None:
        self._client = httpx2.Client(trust_env=False, follow_redirects=False, timeout=30)

    def open(self, url: str) -> Page:
        """Looks at a page and keeps it open."""
        answer = self._ask("GET", url)
        forms = _Forms()
        forms.feed(answer.text)
        keeps = answer.headers.get("referrer-policy") != "no-referrer"
        return Page(url, answer.status_code, forms.action, forms.fields, keeps)

    def press(self, page: Page) -> int:
        """Sends the form of a page opened before, however long ago; gives the status of the answer.

        Raises UnmetError where the page has none.
        """
        if page.action is None:
            raise UnmetError(f"The page has no button to press; it was answered {page.status}.")
        headers = {"Sec-Fetch-Site": "same-origin"}
        if page.keeps_referrer:
            headers |= {"Origin": urljoin(page.url, "/").rstrip("/"), "Referer": page.url}
        else:
            headers |= {"Origin": "null"}  # what browsers send from a page with Referrer-Policy: no-referrer
        return self._ask("POST", urljoin(page.url, page.action), page.fields, headers).status_code

    def sees(self, url: str, words: str) -> bool:
        """Whether the page, behind at most a few redirects, is there and shows the words."""
        for _ in range(5):
            answer = self._ask("GET", url)
            if not answer.is_redirect:
                return answer.status_code == 200 and words in answer.text
            url = urljoin(url, answer.headers.get("location", ""))
        raise UnmetError(f"{url} leads from page to page without end.")

    def close(self) -> None:
        self._client.close()

    def _ask(
        self,
        method: str,
        url: str,
        fields: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        try:
            return self._client.request(method, url, data=fields, headers=headers)
        except httpx2.TransportError as error:
            raise UnmetError(f"The page did not answer: {error}") from error


@dataclass
class _Forms(HTMLParser):
    """The first form that posts, but for the way out that stands on every page: its action and its fields."""

    action: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    inside: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        posts = tag == "form" and values.get("method", "").lower() == "post" and values.get("action") != "/sign-out"
        if posts and self.action is None:
            self.action, self.inside = values.get("action", ""), True
        elif self.inside and tag in ("input", "button") and values.get("name"):
            self.fields[values["name"]] = values.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False

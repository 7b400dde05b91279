"""A lesson's Markdown, as HTML that is safe to show and as plain text for mail. By markdown-it-py: docs/decisions/0010.

HTML in the text is text. Links lead to http, https and mailto; a picture is shown as a link to it, so that a lesson
loads nothing from elsewhere and tells nobody who reads it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

_SCHEMES = re.compile(r"(?:https?://|mailto:)[^\s]", re.IGNORECASE)
_INDENT = "  "


def html(text: str) -> str:
    """Safe HTML: nothing in it runs, loads or opens anything by itself."""
    rendered: str = _MARKDOWN.render(text)
    return rendered


def text(text: str) -> str:
    """The same for a mail without HTML: no marks, links with their address, tables a row a line."""
    return _Plain().render(_MARKDOWN.parse(text))


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 - the library's name
        return _SCHEMES.match(url) is not None


def _picture(_: Any, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    token = tokens[index]
    alt = "".join(child.content for child in token.children or [])
    words = _escaped(alt or "picture")
    within = sum(one.nesting for one in tokens[:index] if one.type.startswith("link_"))
    return words if within else f'<a href="{_escaped(str(token.attrs["src"]))}" rel="noopener">{words}</a>'


def _link(renderer: Any, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    tokens[index].attrSet("rel", "noopener")
    opened: str = renderer.renderToken(tokens, index, options, env)
    return opened


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _made() -> MarkdownIt:
    markdown = _Markdown("commonmark", {"html": False, "linkify": False, "typographer": False})
    markdown.enable("table")
    markdown.add_render_rule("image", _picture)
    markdown.add_render_rule("link_open", _link)
    return markdown


class _Plain:
    """Walks the tokens once; `prefix` is what stands before each line of the present list or quotation."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._lists: list[int | None] = []  # the next number, None for bullets
        self._mark: str | None = None  # before the first line of a list's item
        self._quotes = 0
        self._cells: list[str] | None = None

    def render(self, tokens: Sequence[Token]) -> str:
        for token in tokens:
            self._take(token)
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines)).strip("\n")

    def _take(self, token: Token) -> None:
        kind = token.type
        if kind == "inline":
            said = _inline(token.children or [])
            if self._cells is not None:
                self._cells.append(said)
            else:
                self._say(said)
        elif kind in ("fence", "code_block"):
            self._say("\n".join(_INDENT + line for line in token.content.rstrip("\n").split("\n")))
            self._gap()
        elif kind == "hr":
            self._say("---")
            self._gap()
        elif kind in ("bullet_list_open", "ordered_list_open"):
            self._lists.append(int(token.attrs.get("start", 1)) if kind.startswith("ordered") else None)
        elif kind in ("bullet_list_close", "ordered_list_close"):
            self._lists.pop()
            if not self._lists:
                self._gap()
        elif kind == "list_item_open":
            number = self._lists[-1]
            self._mark = "- " if number is None else f"{number}. "
            if number is not None:
                self._lists[-1] = number + 1
        elif kind in ("blockquote_open", "blockquote_close"):
            self._quotes += token.nesting
        elif kind == "tr_open":
            self._cells = []
        elif kind == "tr_close":
            self._say(" | ".join(self._cells or []))
            self._cells = None
        elif kind in ("heading_close", "table_close") or (kind == "paragraph_close" and not token.hidden):
            self._gap()

    def _say(self, said: str) -> None:
        indent = "> " * self._quotes + _INDENT * max(0, len(self._lists) - 1)
        for line in said.split("\n"):
            first = self._mark if self._mark is not None else _INDENT if self._lists else ""
            self._mark = None
            self._lines.append(f"{indent}{first}{line}".rstrip())

    def _gap(self) -> None:
        self._lines.append("")


def _inline(tokens: Sequence[Token]) -> str:
    """The words of a paragraph; a link's address follows where the words are another text."""
    said: list[str] = []
    links: list[tuple[str, int]] = []
    for token in tokens:
        if token.type in ("text", "code_inline"):
            said.append(token.content)
        elif token.type == "softbreak":
            said.append(" ")
        elif token.type == "hardbreak":
            said.append("\n")
        elif token.type == "image":
            said.append(f"{_inline(token.children or [])} ({token.attrs['src']})")
        elif token.type == "link_open":
            links.append((str(token.attrs["href"]), len(said)))
        elif token.type == "link_close":
            address, begin = links.pop()
            if "".join(said[begin:]) not in (address, address.removeprefix("mailto:")):
                said.append(f" ({address})")
    return "".join(said)


_MARKDOWN = _made()

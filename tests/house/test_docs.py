"""The docs tell the truth: what is generated from the code is up to date, and every command and setting is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts import docs

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(docs.GENERATED))
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    page, wanted = docs.render(name)
    assert page == wanted, "run: .venv/bin/python scripts/docs.py"


def test_the_attribute_page_lists_every_published_attribute() -> None:
    page = (ROOT / "docs" / "attributes.md").read_text()
    listed = set(re.findall(r"^\| `([^`]+)` \|", page, flags=re.MULTILINE))
    published = {attribute.name for attribute in docs.USER.schema.attributes}
    published |= {f"enterprise:{a.name}" for a in docs.USER.find_schema(docs.ENTERPRISE_USER).attributes}  # type: ignore[union-attr]  # it is there
    assert published <= listed


def test_every_link_in_the_docs_leads_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_decision_has_a_page_of_its_own() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(page.name[:4]) for page in pages]
    assert numbers == list(range(1, len(pages) + 1))
    for page in pages:
        assert page.read_text(encoding="utf-8").startswith(f"# {page.name[:4]}: ")


def test_every_dependency_has_a_decision() -> None:
    """A new dependency needs a page in docs/decisions; one page may speak for several."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[\[<>=~; ]", requirement)[0] for requirement in project["dependencies"]}
    text = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "decisions").glob("*.md"))
    assert {name for name in names if f"`{name}`" not in text} == set()

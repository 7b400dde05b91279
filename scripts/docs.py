"""Writes the generated parts of docs/: settings, attributes, commands, roles.

`--check` only says whether they are true.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import typer

from rollbook.cli import app
from rollbook.people.roles import NOT_FOR_KEYS, PERMISSIONS, ROLES
from rollbook.scim.mapping import ROWS
from rollbook.scim.protocol.messages import CORE_USER, ENTERPRISE_USER
from rollbook.scim.protocol.schema import COMMON_ATTRIBUTES, Attribute
from rollbook.scim.user_schema import ROLLBOOK_USER, USER
from rollbook.settings import SECRETS, Settings

DOCS = Path(__file__).parent.parent / "docs"

_WORDS = {
    "user_name": "user name",
    "given_name": "given name",
    "family_name": "family name",
    "job_title": "job title",
    "location": "**Location**",
    "business_unit": "**Business Unit**",
    "manager_value": "manager",
    "manager_name": "manager",
    "preferred_language": "locale",
    "time_zone": "time zone",
    "external_id": "external id",
    "hire_date": "hire date",
}
_OWN = {
    "active": "archived / restored",
    "emails": "e-mail (the primary one)",
    "id": "id, made by Rollbook",
    "meta": "–",
    "schemas": "–",
    "name": "see its parts",
    "enterprise:manager": "see its parts",
    "displayName": "given and family name, derived",
    "name.formatted": "given and family name, derived",
}


def settings_table() -> str:
    """One row a setting."""
    lines = ["| Setting | Default | What it does |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        variable = f"ROLLBOOK_{name.upper()}"
        default = field.default
        shown = str(default.get_secret_value() if hasattr(default, "get_secret_value") else default)
        twin = f", or `{variable}_FILE`" if variable in SECRETS else ""
        lines.append(f"| `{variable}`{twin} | {f'`{shown}`' if shown else 'empty'} | {field.description} |")
    return "\n".join(lines)


def attributes_table() -> str:
    """One row an attribute of the User resource, with what `/Schemas` says of it."""
    lines = [
        "| Attribute | Learning field | Published as | Where Okta has it |",
        "|---|---|---|---|",
    ]
    okta = {".".join(row.path[-2:] if row.path[0] != CORE_USER else row.path): row for row in ROWS}
    for prefix, attribute in _attributes():
        name = f"{prefix}{attribute.name}"
        row = okta.get(name) or okta.get(f"{_urn(prefix)}.{attribute.name}")
        field = _OWN.get(name) or (_WORDS.get(row.field, row.field.replace("_", " ")) if row else "kept as sent")
        source = row.okta if row else "user.email to email" if name == "emails" else "–"
        lines.append(f"| `{name}` | {field} | {_published(attribute)} | {source} |")
    return "\n".join(lines)


def permissions_table() -> str:
    """One row a permission, with how far it reaches for each role."""
    lines = [f"| Permission | {' | '.join(ROLES)} |", "|---|" + "---|" * len(ROLES)]
    for name, held in PERMISSIONS.items():
        mark = " (no API key)" if name in NOT_FOR_KEYS else ""
        lines.append(f"| {name.replace('_', ' ')}{mark} | {' | '.join(held.get(role, '–') for role in ROLES)} |")
    return "\n".join(lines)


def commands() -> str:
    """Every command with its arguments, options and example."""
    return "\n\n".join(_command(command, path) for path, command in _walk(typer.main.get_command(app), "rollbook"))


def _attributes() -> Iterator[tuple[str, Attribute]]:
    for attribute in (*COMMON_ATTRIBUTES, *USER.schema.attributes):
        yield "", attribute
        if attribute.name == "name":
            for part in attribute.sub_attributes:
                yield "name.", part
    for extension, prefix in ((ENTERPRISE_USER, "enterprise:"), (ROLLBOOK_USER, "rollbook:")):
        schema = USER.find_schema(extension)
        assert schema is not None
        for attribute in schema.attributes:
            yield prefix, attribute
            if attribute.name == "manager":
                for part in attribute.sub_attributes:
                    yield f"{prefix}manager.", part


def _urn(prefix: str) -> str:
    if prefix.endswith("manager."):
        return "manager"
    return {"enterprise:": ENTERPRISE_USER, "rollbook:": ROLLBOOK_USER}.get(prefix, prefix.rstrip("."))


def _published(attribute: Attribute) -> str:
    words = [attribute.type + (" list" if attribute.multi_valued else "")]
    words += ["required"] if attribute.required else []
    words += [attribute.mutability] if attribute.mutability != "readWrite" else []
    words += [f"returned {attribute.returned}"] if attribute.returned != "default" else []
    words += [f"unique per {attribute.uniqueness}"] if attribute.uniqueness != "none" else []
    words += ["case exact"] if attribute.case_exact else []
    return ", ".join(words)


def _walk(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name in sorted(children):
        if not children[name].hidden:
            yield from _walk(children[name], f"{path} {name}")


def _command(command: click.Command, path: str) -> str:
    parts = [f"### `{path}`", _plain(command.help or "")]
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not getattr(p, "hidden", False)]
    rows = [f"| `{p.metavar or (p.name or '').upper()}` | {_plain(getattr(p, 'help', '') or '')} |" for p in arguments]
    rows += [f"| `{', '.join(p.opts)}` | {_plain(getattr(p, 'help', '') or '')} |" for p in options if p.name != "help"]
    if rows:
        parts.append("\n".join(["| | |", "|---|---|", *rows]))
    if command.epilog:
        parts.append(f"`{command.epilog.removeprefix('Example: ')}`")
    return "\n\n".join(parts)


def _plain(text: str) -> str:
    return " ".join(text.split())


GENERATED: dict[str, Callable[[], str]] = {
    "settings.md": settings_table,
    "attributes.md": attributes_table,
    "cli.md": commands,
    "roles.md": permissions_table,
}


def render(name: str) -> tuple[str, str]:
    """The page as it is, and as it should be."""
    page = (DOCS / name).read_text(encoding="utf-8")
    pattern = re.compile(r"(<!-- generated: [^>]*-->).*?(<!-- end -->)", re.DOTALL)
    wanted, found = pattern.subn(lambda match: f"{match[1]}\n\n{GENERATED[name]()}\n\n{match[2]}", page)
    if found != 1:
        raise ValueError(f"docs/{name} must hold one generated part, and holds {found}")
    return page, wanted


def main() -> None:
    """Writes the pages, or with --check exits with 1 where one is out of date."""
    stale = []
    for name in GENERATED:
        page, wanted = render(name)
        if page != wanted:
            stale.append(name)
            if "--check" not in sys.argv:
                (DOCS / name).write_text(wanted, encoding="utf-8")
    if stale and "--check" in sys.argv:
        sys.exit(f"Out of date: {', '.join(stale)}. Run: .venv/bin/python scripts/docs.py")


if __name__ == "__main__":
    main()

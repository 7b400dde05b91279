"""The program finds each command in its module, and loads no other."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest
import typer

import rollbook.cli
from rollbook.cli import MODULES
from tests.servers import rollbook as run

HELPERS = {"okta_fields", "okta_plan", "okta_runs", "output", "rules", "user_links", "user_record"}


@pytest.mark.parametrize("module", sorted(set(MODULES.values())))
def test_a_module_s_commands_are_those_that_are_looked_for_in_it(module: str) -> None:
    part = typer.Typer(callback=lambda: None)
    loaded = import_module(f"rollbook.cli.{module}")
    if hasattr(loaded, "add_to"):
        loaded.add_to(part)
    else:
        part.add_typer(loaded.app, name=module)
    assert set(typer.main.get_group(part).commands) == {name for name, of in MODULES.items() if of == module}


def test_no_module_is_forgotten() -> None:
    there = {module.name for module in pkgutil.iter_modules(rollbook.cli.__path__)}
    assert there == set(MODULES.values()) | HELPERS


def test_what_is_no_command_is_told_with_what_is_meant() -> None:
    ended = run({}, "usr", "list")
    assert ended.returncode == 2
    assert "Did you mean 'user'?" in " ".join(ended.stderr.split())
    assert all(f" {name} " in run({}, "--help").stdout for name in MODULES)


def test_a_command_loads_its_own_module_alone() -> None:
    look = "import sys, rollbook.cli as cli; cli._Commands(name='x').commands['company']; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(done.stdout.split())
    assert "rollbook.cli.company" in loaded
    assert not loaded & {"rollbook.cli.user", "rollbook.okta", "rollbook.mail", "rollbook.web", "httpx2", "uvicorn"}

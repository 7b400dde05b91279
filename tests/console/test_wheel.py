"""The program as it is installed: templates and static files come with it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from rollbook import console

ROOT = Path(console.__file__).resolve().parent


def test_the_wheel_holds_templates_and_static_files(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT.parent.parent, check=True, capture_output=True, timeout=120)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        packed = set(wheel.namelist())
    here = [path for path in ROOT.rglob("*") if path.suffix in (".html", ".css", ".js", ".svg", ".py")]
    assert len(here) > 20
    assert {f"rollbook/console/{path.relative_to(ROOT).as_posix()}" for path in here} <= packed

"""`make demo ONCE=1`: the whole story against a Rollbook of its own, over real HTTP."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_step_of_the_demo_holds(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    done = subprocess.run(
        [sys.executable, "-m", "rollbook.simulator.demo", "--once", "--port", "0", "--data-dir", str(data_dir)],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=880,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "steps held." in done.stdout
    assert "✗" not in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "Traceback" not in (data_dir / "serve.log").read_text()

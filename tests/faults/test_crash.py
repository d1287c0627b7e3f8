"""The crash run in short: a gateway killed at random and replies cut off lose nothing and tell nobody twice."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "crash"


def test_nothing_is_lost_and_nobody_is_told_twice(folder: Path) -> None:
    """``python -m benchmarks.crash`` is the whole of it; dispatchers are killed there too."""
    command = [sys.executable, "-m", "benchmarks.crash", "--mutations", "40", "--cut", "0.1", "--kill", "gateway"]
    run = subprocess.run(
        [*command, "--folder", str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert "Nothing was lost, and nobody was told twice." in run.stdout
    assert "mutations answered          40" in run.stdout

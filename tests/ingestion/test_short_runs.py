"""The two runs of the bank in short, with real processes: ``python -m benchmarks.bank load`` and ``crash``."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.long
def test_nothing_is_lost_while_everything_is_killed() -> None:
    command = [sys.executable, "-m", "benchmarks.bank", "crash", "--short"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert "Nothing was lost or doubled." in run.stdout


@pytest.mark.long
def test_a_steady_rate_is_taken_and_recounted() -> None:
    """Its goals are those of an idle machine; here it is only to be right."""
    command = [sys.executable, "-m", "benchmarks.bank", "load", "--short"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert " 0 differ, 0 are not there, 0 behind in the graph; 0 bags are not of this text" in run.stdout, run.stderr
    assert "clean" in run.stdout
    assert "NOT clean" not in run.stdout

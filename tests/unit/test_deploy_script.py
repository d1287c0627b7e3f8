"""``scripts/deploy_production.sh`` in a copy of the scripts, with a Python that prints how it is called."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = """#!/bin/sh
[ "$1" = -c ] && exit 0
echo "ENV_FILE=$ENV_FILE" "$@"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in which everything is installed."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("schema_lint"))
    for name in ("requirements.lock", "requirements-demo.lock", "requirements-dev.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for program, text in {".venv/bin/python": PYTHON, "uv": "#!/bin/sh\necho uv 99.0.0\n"}.items():
        (tmp_path / program).write_text(text)
        (tmp_path / program).chmod(0o755)
    lock = (tmp_path / "requirements.lock").read_bytes()
    checksum = subprocess.run(["cksum"], input=lock, capture_output=True, check=True)
    (tmp_path / ".venv" / "lock").write_bytes(checksum.stdout)
    return tmp_path


def deploy(checkout: Path, *arguments: str, **variables: str) -> str:
    """Runs the script; returns what it printed."""
    path = f"{checkout}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    run = subprocess.run(
        [checkout / "scripts" / "deploy_production.sh", *arguments],
        cwd="/",
        env={"PATH": path, "PYTHON": sys.executable, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return run.stdout.strip()


def test_the_script_passes_its_arguments_on(checkout: Path) -> None:
    assert deploy(checkout, "--dry-run", "--from", "seed") == "ENV_FILE= -m gateway deploy --dry-run --from seed"


def test_the_script_takes_the_file_env_unless_another_is_named(checkout: Path) -> None:
    (checkout / ".env").touch()
    assert deploy(checkout) == "ENV_FILE=.env -m gateway deploy"
    assert deploy(checkout, ENV_FILE="/etc/baggage.env") == "ENV_FILE=/etc/baggage.env -m gateway deploy"

"""Facts that stand in two files of the repository are equal in both."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gateway.config import ExternalServices, Settings
from resolvers.health import VERSION

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `([A-Z0-9_]+)` \|(.*)\|$", re.MULTILINE)


def settings_table() -> dict[str, list[str]]:
    """Settings in ``docs/CONFIGURATION.md``: the columns after the variable's name."""
    rows = ROW.findall((ROOT / "docs" / "CONFIGURATION.md").read_text())
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in rows}


def test_every_setting_is_documented() -> None:
    assert list(settings_table()) == [name.upper() for name in Settings.model_fields]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_is_documented_with_its_description_and_default(name: str) -> None:
    setting = Settings.model_fields[name]
    default, _, description = settings_table()[name.upper()]

    assert description == setting.description
    assert default == _shown(setting.default if not setting.is_required() else ...)


def _shown(default: Any) -> str:
    if default is ...:
        return "required"
    if default is None:
        return "none"
    if isinstance(default, ExternalServices):
        return "all `enabled`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def test_the_files_of_config_hold_no_unknown_setting() -> None:
    names = {
        line.partition(":")[0]
        for path in (ROOT / "config").rglob("*.yaml")
        for line in path.read_text().splitlines()
        if line and line[0] not in "# "  # what is indented belongs to the setting above it
    }
    assert names <= Settings.model_fields.keys()


def test_the_product_and_its_package_have_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION


def test_no_lock_holds_an_address() -> None:
    locks = [
        *ROOT.glob("*.lock"),
        *(ROOT / "integrations" / "embedded").glob("*-jars.lock"),
        ROOT / "console" / "package-lock.json",
        ROOT / "tests" / "browser" / "package-lock.json",
        ROOT / "benchmarks" / "peers" / "node" / "package-lock.json",
        ROOT / "scripts" / "schema_lint" / "package-lock.json",
    ]
    assert len(locks) >= 10
    assert [lock.name for lock in locks if re.search(r"https?://|\bfile://|git\+", lock.read_text())] == []


def test_every_requirement_is_pinned_with_its_hash() -> None:
    for lock in ROOT.glob("*.lock"):
        requirements = re.findall(r"^[a-z0-9][^\s;]*.*(?:\n    .*)*", lock.read_text(), re.MULTILINE)
        assert requirements, lock.name
        assert all("==" in one and "--hash=sha256:" in one for one in requirements), lock.name


def test_imports_go_down() -> None:
    """The contracts of pyproject.toml; takes a few seconds."""
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout

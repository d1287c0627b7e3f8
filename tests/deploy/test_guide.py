"""Commands and names in ``docs/PRODUCTION_SETUP.md`` exist."""

import re
import shlex
from pathlib import Path

import pytest

from gateway.cli import _parser
from gateway.config import Settings
from gateway.deploy import DEPLOYMENT_STEPS
from integrations.records.effects import EffectReason
from schema.runtime.errors import ErrorCode
from tests.deploy.test_compose import OWN
from tests.deploy.test_manifests import OVERLAYS, of_kind

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "PRODUCTION_SETUP.md").read_text()
QUOTED = re.findall(r"`((?:scripts/|python -m |kubectl )[^`\n]+)`", GUIDE)
LINES = [*re.findall(r"^(?:\$ |ExecStart=)(.*)$", GUIDE, re.MULTILINE), *QUOTED]


def product_arguments(line: str) -> list[list[str]]:
    """Arguments of the product's command line in a line of a shell, directly or by the script that deploys."""
    words = shlex.split(line, comments=True)
    found = []
    for place, word in enumerate(words):
        if words[place : place + 2] == ["-m", "gateway"]:
            found.append(words[place + 2 :])
        if word == "scripts/deploy_production.sh":
            found.append(["deploy", *words[place + 1 :]])
    return found


def test_the_guide_has_commands() -> None:
    assert len(LINES) > 15
    assert sum(len(product_arguments(line)) for line in LINES) > 8


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_guide_exists(line: str) -> None:
    for arguments in product_arguments(line):
        _parser().parse_args(arguments)
    for path in re.findall(r"(?<![\w/.])((?:scripts|deploy|docs)/[\w./-]+)", line):
        assert (ROOT / path).exists(), path
    for name in re.findall(r"(?:deployment|job)/([a-z]+)", line):
        assert any(name in of_kind(overlay, kind) for overlay in OVERLAYS for kind in ("Deployment", "Job"))


def test_files_folders_steps_and_settings_of_the_guide_exist() -> None:
    for path in re.findall(r"`((?:scripts|deploy|config|gateway)/[\w./-]+)`", GUIDE):
        assert (ROOT / path).exists(), path
    assert re.findall(r"^\| \d `([a-z]+)` \|", GUIDE, re.MULTILINE) == list(DEPLOYMENT_STEPS)
    other = {*OWN, "NAME", "PID", "STEP", "URL", "FILE", "HOST", "ENV_FILE", "ENVIRONMENT"}
    # Codes of the product, and words of PostgreSQL and Redis.
    other |= {*ErrorCode, *EffectReason, "REPLICATION", "FLUSHDB"}
    names = set(re.findall(r"`([A-Z][A-Z0-9_]{2,})`", GUIDE)) - other
    assert {name.lower() for name in names} <= Settings.model_fields.keys()

"""``compose.yaml`` by the schema of the Compose specification and by our rules, and the example of ``.env``."""

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gateway.cli import commands
from gateway.config import Settings
from gateway.env_file import read_env_file
from gateway.settings_faults import faults, warnings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "compose.yaml"
EXAMPLE = ROOT / "deploy" / "example.env"
PRODUCT = {"initialise", "gateway", "projector", "dispatcher"}
STORES = {"postgres", "neo4j", "redis"}
# Variables of compose.yaml alone.
OWN = {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The file, with what its anchors stand for."""
    parsed: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return parsed


def test_the_file_is_valid_by_the_compose_specification(compose: dict[str, Any]) -> None:
    vendored = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    validator = jsonschema.Draft202012Validator(json.loads(vendored.read_text()))
    validator.validate(compose)
    compose = json.loads(json.dumps(compose))
    compose["services"]["gateway"]["read_onli"] = True
    assert not validator.is_valid(compose)


def test_the_product_runs_beside_real_stores(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services.keys() == PRODUCT | STORES
    known = {command.name for command in commands()}
    for name in PRODUCT:
        service = services[name]
        assert service["command"][0] in known
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        names = {key.lower() for key in service["environment"]}
        assert names <= Settings.model_fields.keys()
        assert {name for name, field in Settings.model_fields.items() if field.is_required()} <= names
    for name in STORES:
        assert services[name]["healthcheck"]["retries"]
        assert "ports" not in services[name]  # only the product reaches them
        assert services["initialise"]["depends_on"][name] == {"condition": "service_healthy"}
    for name in PRODUCT - {"initialise"}:
        assert services[name]["depends_on"] == {"initialise": {"condition": "service_completed_successfully"}}


def test_no_secret_stands_in_the_file() -> None:
    """Each is a variable without a default, which must be set."""
    used = dict(re.findall(r"\$\{([A-Z0-9_]+)(:?[?-][^}]*)?\}", FILE.read_text()))
    assert {name for name, rest in used.items() if rest.startswith(":?")} == OWN | {
        "NEO4J_PASSWORD",
        "JWT_SECRET",
        "SECRET_KEY",
        "PUBLIC_URL",
    }
    assert used.keys() <= read_env_file({"ENV_FILE": str(EXAMPLE)}).keys() | {"PORT"}


def test_the_example_names_settings_and_every_placeholder_is_a_fault() -> None:
    environment = {"ENV_FILE": str(EXAMPLE)}
    values = read_env_file(environment)
    assert {name.lower() for name in values.keys() - OWN} <= Settings.model_fields.keys()
    assert warnings(environment) == []
    placeholders = {name for name, value in values.items() if value.startswith("<")} - OWN
    assert placeholders <= {line.partition(":")[0] for line in faults(environment)}
    assert not any("set it, or disable" in line for line in faults(environment))

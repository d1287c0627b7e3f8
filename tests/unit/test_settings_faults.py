"""Faults of settings, all in one list and without secrets, and misspelled settings."""

from pathlib import Path

import pytest

import gateway.config
from gateway.settings_faults import faults, warnings
from gateway.settings_table import effective_settings

COMPLETE = {
    "NEON_DATABASE_URL": "postgresql://app:hunter2@db.example.com/bags",
    "NEO4J_URI": "neo4j+s://graph.example.com",
    "NEO4J_PASSWORD": "hunter2",
    "REDIS_URL": "rediss://:hunter2@cache.example.com:6380/0",
    "JWT_SECRET": "j" * 32,
    "SECRET_KEY": "s" * 32,
    "PUBLIC_URL": "https://baggage.example.com",
    "EXTERNAL_SERVICES": '{"worldtracer": {"enabled": false}, "twilio": {"enabled": false}, '
    '"sendgrid": {"enabled": false}}',
}
CASES: list[tuple[dict[str, str], str]] = [
    ({"NEON_DATABASE_URL": ""}, "NEON_DATABASE_URL: set it"),
    ({"NEON_DATABASE_URL": "mysql://app:hunter2@db/bags"}, "NEON_DATABASE_URL: must begin with postgresql://"),
    ({"NEON_DATABASE_URL": "postgresql://app:hun/ter2@db/bags"}, "NEON_DATABASE_URL: must be scheme://"),
    ({"NEON_DATABASE_URL": "postgresql://app@db/bags?sslmode=prefer"}, "NEON_DATABASE_URL: sslmode"),
    (
        {"NEON_DATABASE_URL": "postgresql://a@db/bags?sslrootcert=/none"},
        "NEON_DATABASE_URL: sslrootcert cannot be read",
    ),
    ({"NEO4J_URI": "", "NEO4J_URL": "bolt://x"}, "NEO4J_URI: set it (NEO4J_URL is set, which is not a setting)"),
    ({"NEO4J_URI": "https://graph.example.com"}, "NEO4J_URI: must begin with bolt://"),
    ({"REDIS_URL": "rediss://:hunter2@cache:port"}, "REDIS_URL: must be scheme://"),
    ({"JWT_SECRET": "hunter2"}, "JWT_SECRET: must have at least 32 characters"),
    ({"JWT_SECRET": "s" * 32}, "SECRET_KEY: must differ from JWT_SECRET"),
    ({"SECRET_KEY": "<your_secret_key_of_at_least_32_characters>"}, "SECRET_KEY: holds the placeholder of an example"),
    ({"PUBLIC_URL": ""}, "PUBLIC_URL: must be the address that passengers and providers reach"),
    ({"PUBLIC_URL": "ftp://baggage"}, "PUBLIC_URL: must match ^https?://"),
    ({"PORT": "http"}, "PORT: must be a whole number"),
    ({"PORT": "70000"}, "PORT: must be at most 65535"),
    ({"REQUEST_SECONDS": "0"}, "REQUEST_SECONDS: must be greater than 0"),
    ({"WORKERS": "0"}, "WORKERS: must be at least 1"),
    ({"OTEL_TRACES_SAMPLER_ARG": "all"}, "OTEL_TRACES_SAMPLER_ARG: must be a number"),
    ({"SMS_PART_PRICE": "cheap"}, "SMS_PART_PRICE: must be a number"),
    ({"GRAPHIQL": "maybe"}, "GRAPHIQL: must be true or false"),
    ({"BRAND": "C"}, "BRAND: must have at least 2 characters"),
    ({"BRAND": "C" * 21}, "BRAND: must have at most 20 characters"),
    ({"ENVIRONMENT": "staging"}, "ENVIRONMENT: must be 'production' or 'demo'"),
    ({"EXTERNAL_SERVICES": "{twilio"}, "EXTERNAL_SERVICES: must be JSON"),
    ({"EXTERNAL_SERVICES": '{"twillio": {}}'}, "EXTERNAL_SERVICES.twillio: is not known; did you mean twilio?"),
    (
        {"EXTERNAL_SERVICES": '{"twilio": {"mok": true}}'},
        "EXTERNAL_SERVICES.twilio.mok: is not known; did you mean mock?",
    ),
    ({"EXTERNAL_SERVICES": ""}, "WORLDTRACER_API_KEY: set it, or disable worldtracer in EXTERNAL_SERVICES"),
    ({"EXTERNAL_SERVICES": ""}, "SENDGRID_FROM_EMAIL: set it, or disable sendgrid in EXTERNAL_SERVICES"),
    ({"KAFKA_TOPIC": "bags"}, "KAFKA_BOOTSTRAP_SERVERS: set it"),
    ({"KAFKA_TOPIC": "bags", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_PASSWORD: set it"),
    ({"ENV_FILE": "/none/.env"}, "ENV_FILE: /none/.env cannot be read: No such file or directory"),
]


def test_complete_settings_have_no_fault() -> None:
    assert faults(COMPLETE) == []
    assert warnings({**COMPLETE, "PATH": "/bin", "HOSTNAME": "gateway-1", "HOME": "/", "LANG": "C"}) == []


@pytest.mark.parametrize(("changed", "expected"), CASES, ids=lambda value: str(value)[:50])
def test_each_fault_is_named_without_a_secret(changed: dict[str, str], expected: str) -> None:
    found = faults({**COMPLETE, **changed})
    assert any(line.startswith(expected) for line in found), found
    assert not any("hunter2" in line for line in found)


def test_faults_stand_in_one_list() -> None:
    changed = {key: value for case, _ in CASES[:1] + CASES[11:14] for key, value in case.items()}
    found = faults({**COMPLETE, **changed})
    assert [line.partition(":")[0] for line in found] == ["NEON_DATABASE_URL", "PORT", "PUBLIC_URL"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("NEO4J_URL", "NEO4J_URI"),
        ("NEO4J_USERNAME", "NEO4J_USER"),
        ("DATABASE_URL", "NEON_DATABASE_URL"),
        ("JWT_SECRET_", "JWT_SECRET"),
        ("TWILIO_TOKEN", "TWILIO_AUTH_TOKEN"),
        ("SENDGRID_KEY", "SENDGRID_API_KEY"),
        ("LOGLEVEL", "LOG_LEVEL"),
        ("neo4j_uri", "NEO4J_URI"),
    ],
)
def test_a_variable_that_looks_like_a_setting_is_named(name: str, meant: str) -> None:
    assert warnings({**COMPLETE, name: "x"}) == [f"{name} is not a setting; did you mean {meant}?"]


def test_a_key_of_a_file_that_is_no_setting_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "config"
    (folder / "environments").mkdir(parents=True)
    (folder / "production.yaml").write_text("prot: 8000\n")
    monkeypatch.setattr(gateway.config, "CONFIG", folder)
    assert faults(COMPLETE) == ["config/production.yaml: prot is not a setting; did you mean port?"]

    (folder / "production.yaml").write_text("port: [\n")
    assert faults(COMPLETE)[0].startswith("a file of config is not valid YAML: ")
    (folder / "production.yaml").write_text("- port\n")
    assert faults(COMPLETE) == ["config/production.yaml: must be settings, one a line, such as port: 8000"]


def test_effective_settings_have_their_source_and_hide_secrets(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("WORKERS=4\nNEO4J_PASSWORD=hunter2\n")
    environment = {**COMPLETE, "ENV_FILE": str(file), "NEO4J_PASSWORD": "", "ENVIRONMENT": "demo", "PORT": "x"}
    environment["WORLDTRACER_ENDPOINT"] = "https://user:hunter2@wt.example.com/api"
    found = {one.name: (one.source, one.value) for one in effective_settings(environment)}
    assert found["WORKERS"] == (str(file), "4")
    assert found["PORT"] == ("environment", "x")
    assert found["NEO4J_PASSWORD"] == (str(file), "(hidden)")
    assert found["HOST"] == ("config/environments/demo.yaml", "127.0.0.1")
    assert found["BODY_BYTES"] == ("config/production.yaml", "1048576")
    assert found["BRAND"] == ("default", "Copa")
    assert found["WORLDTRACER_ENDPOINT"] == ("environment", "https://(hidden)@wt.example.com/api")
    assert "hunter2" not in repr(found)

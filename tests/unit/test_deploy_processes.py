"""What a deployment runs on this machine, by which digest it knows it, and what it hides in messages."""

from pathlib import Path

import pytest

from gateway.config import Settings
from gateway.deploy.environment import without_secrets
from gateway.deploy.processes import fingerprint, local_url, programs, running
from tests.unit.test_settings_faults import COMPLETE


def settings(**changed: str) -> Settings:
    """Complete settings with changes."""
    return Settings.read({**COMPLETE, **changed})


def test_kafka_is_consumed_where_a_topic_is_named(tmp_path: Path) -> None:
    assert [one.name for one in programs(settings(), {}, tmp_path)] == ["gateway", "projector", "dispatcher"]
    names = [one.name for one in programs(settings(KAFKA_TOPIC="bags"), {}, tmp_path)]
    assert names == ["gateway", "projector", "dispatcher", "consumer"]


@pytest.mark.parametrize("changed", [{"BRAND": "Copa Airlines"}, {"NEO4J_PASSWORD": "another"}, {"WORKERS": "2"}])
def test_a_changed_setting_changes_the_digest(changed: dict[str, str]) -> None:
    assert fingerprint(settings()) == fingerprint(settings())
    assert fingerprint(settings(**changed)) != fingerprint(settings())


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:8000"), ("::", "http://[::1]:8000"), ("10.0.0.7", "http://10.0.0.7:8000")],
)
def test_the_gateway_is_reached_at_its_own_address(host: str, url: str) -> None:
    assert local_url(settings(HOST=host)) == url


def test_the_state_of_a_killed_process_counts_for_nothing(tmp_path: Path) -> None:
    assert running(tmp_path / "none") is None
    (tmp_path / "state.json").write_text('{"pid": 1}')
    assert running(tmp_path) is None


@pytest.mark.parametrize(
    "line", ["password pa:ss is wrong", "password pa%3Ass is wrong", "cannot reach redis://:pa%3Ass@cache:6379/0"]
)
def test_messages_of_drivers_hide_secrets(line: str) -> None:
    found = without_secrets(["redis://:pa%3Ass@cache:6379/0"], line)
    assert "ss" not in found.replace("password", "")
    assert "(hidden)" in found

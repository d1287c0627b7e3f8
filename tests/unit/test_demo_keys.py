from pathlib import Path

import pytest

from gateway.demo import keys


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(keys, "FOLDER", tmp_path / "demo")
    for name in keys.NAMES:
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "demo"


def test_secrets_are_generated_once_and_only_the_owner_reads_them(folder: Path) -> None:
    first = keys.demo_secrets()
    assert set(first) == set(keys.NAMES)
    assert min(map(len, first.values())) >= 32
    assert keys.demo_secrets() == first
    assert (folder / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_secret_of_the_environment_takes_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keys.demo_secrets()
    monkeypatch.setenv("JWT_SECRET", "x" * 32)
    assert keys.demo_secrets() == {**kept, "JWT_SECRET": "x" * 32}

"""The file of variables that ``ENV_FILE`` names."""

from pathlib import Path

import pytest

from gateway.config import Settings, SettingsError
from gateway.env_file import with_env_file
from gateway.errors import CommandError


def environment(folder: Path, text: str, **variables: str) -> dict[str, str]:
    """An environment that names a file with a text."""
    file = folder / ".env"
    file.write_text(text)
    return {"ENV_FILE": str(file), **variables}


def test_variables_of_the_environment_take_precedence_unless_they_are_empty(tmp_path: Path) -> None:
    text = "# comment\n\nexport HOST=10.0.0.1\nPORT='9000' # ours\nBRAND=\"Copa $HOME\"\nDESIGNATOR=\n"
    found = with_env_file(environment(tmp_path, text, PORT="8000", BRAND=""))
    assert {name: found.get(name) for name in ("HOST", "PORT", "BRAND", "DESIGNATOR")} == {
        "HOST": "10.0.0.1",
        "PORT": "8000",
        "BRAND": "Copa $HOME",
        "DESIGNATOR": None,
    }


@pytest.mark.parametrize("line", ["NEO4J_PASSWORD", "NEO4J_PASSWORD: hunter2", "'hunter2", 'NEO4J_PASSWORD="hunter2'])
def test_a_wrong_line_is_named_by_its_number_and_not_quoted(tmp_path: Path, line: str) -> None:
    with pytest.raises(CommandError, match=r"\.env: line 2: must be NAME=value") as error:
        with_env_file(environment(tmp_path, f"HOST=a\n{line}\n"))
    assert "hunter2" not in str(error.value)


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ENV_FILE: .*/none cannot be read: No such file or directory"):
        Settings.read({"ENV_FILE": str(tmp_path / "none")})
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(CommandError, match="cannot be read: it is not UTF-8"):
        with_env_file({"ENV_FILE": str(tmp_path / "binary")})

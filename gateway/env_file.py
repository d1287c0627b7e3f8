"""File of variables that ``ENV_FILE`` names, such as ``.env``; the environment takes precedence over it."""

from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import parse_stream

from gateway.errors import CommandError

VARIABLE = "ENV_FILE"


def with_env_file(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment with the variables of the file that it names. A variable that is not empty stays.

    Raises:
        CommandError: the file cannot be read, or a line of it is not ``NAME=value``.
    """
    return {**read_env_file(environment), **{name: value for name, value in environment.items() if value}}


def read_env_file(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables of the file that ``ENV_FILE`` names; none where it names no file.

    Values may stand in quotes, and ``$`` has no meaning in them.

    Raises:
        CommandError: the file cannot be read, or a line of it is not ``NAME=value``.
    """
    path = environment.get(VARIABLE)
    if not path:
        return {}
    try:
        with Path(path).open(encoding="utf-8") as file:
            lines = list(parse_stream(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise CommandError(f"{VARIABLE}: {path} cannot be read: {reason}.") from None
    # The number alone: the line may hold a secret.
    wrong = [str(line.original.line) for line in lines if line.error or (line.key and line.value is None)]
    if wrong:
        raise CommandError(f"{path}: line {', '.join(wrong)}: must be NAME=value, or a comment that begins with #.")
    return {line.key: line.value for line in lines if line.key and line.value}

"""Faults of settings, all in one list, and settings that are misspelled. No message holds a value of a secret."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

from gateway.config import (
    Layer,
    Settings,
    SettingsError,
    external_services_of,
    hint,
    layers,
    missing_of_kafka,
    missing_of_partners,
)
from gateway.env_file import read_env_file
from gateway.errors import CommandError

# Share of equal letters from which a variable, which may belong to any program, is taken for a misspelled setting:
# NEO4J_URL has 0.89 of NEO4J_URI, TWILIO_TOKEN 0.83 of TWILIO_AUTH_TOKEN; HOSTNAME, usual in containers, 0.67 of HOST.
SIMILARITY = 0.8
LOOPBACK = ("http://127.0.0.1", "http://localhost", "http://[::1]")


def faults(environment: Mapping[str, str]) -> list[str]:
    """Returns a line for each fault: of files and values, of what partners and Kafka require, of production's rules."""
    try:
        sources = layers(environment)
    except SettingsError as error:
        return list(error.lines)
    except CommandError as error:
        return [str(error)]
    values = {name: value for layer in reversed(sources) for name, value in layer.values.items()}
    return [
        *_with_hints(_invalid(environment), unknown_variables(environment)),
        *unknown_keys(sources),
        *_missing(values),
        *(_production(values) if values.get("environment", "production") == "production" else ()),
    ]


def warnings(environment: Mapping[str, str]) -> list[str]:
    """Returns a line for each variable that looks like a setting. They may belong to another program.

    Raises:
        CommandError: a file cannot be read.
    """
    similar = unknown_variables(environment)
    return [f"{name} is not a setting; did you mean {setting}?" for name, setting in similar.items()]


def unknown_keys(sources: Sequence[Layer]) -> list[str]:
    """Returns a line for each key of a file of ``config`` that is no setting."""
    return [
        f"{layer.source}: {name} is not a setting{hint(str(name), Settings.model_fields)}"
        for layer in sources
        for name in layer.values
        if name not in Settings.model_fields
    ]


def unknown_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns variables that are no settings and look like one, each with that setting.

    Raises:
        CommandError: the file that ``ENV_FILE`` names cannot be read.
    """
    known = [name.upper() for name in Settings.model_fields]
    found = {}
    for name in {**read_env_file(environment), **environment}:
        if name not in known and (close := get_close_matches(name.upper(), known, 1, SIMILARITY)):
            found[name] = close[0]
    return found


def _invalid(environment: Mapping[str, str]) -> Sequence[str]:
    try:
        Settings.read(environment)
    except SettingsError as error:
        return error.lines
    return ()


def _with_hints(lines: Sequence[str], similar: Mapping[str, str]) -> Iterator[str]:
    """Adds to each missing setting the variable that is probably meant for it."""
    meant = {setting: name for name, setting in similar.items()}
    for line in lines:
        setting = line.removesuffix(": set it")
        yield f"{line} ({meant[setting]} is set, which is not a setting)" if setting in meant else line


def _missing(values: Mapping[str, Any]) -> list[str]:
    """Returns what enabled partners, and Kafka where a setting names it, require."""
    present = {name for name, value in values.items() if value is not None}
    lines = []
    with suppress(ValueError):  # which _invalid reports
        lines += missing_of_partners(external_services_of(values.get("external_services", {})), present)
    if {"kafka_bootstrap_servers", "kafka_topic"} & present:
        lines += missing_of_kafka(str(values.get("kafka_security_protocol", "PLAINTEXT")), present)
    return lines


def _production(values: Mapping[str, Any]) -> Iterator[str]:
    """Yields what is allowed elsewhere and wrong in production."""
    for name, value in values.items():
        text = str(value)
        if text.startswith("<") and text.endswith(">"):
            yield f"{name.upper()}: holds the placeholder of an example: set it"
    if values.get("jwt_secret") and values.get("jwt_secret") == values.get("secret_key"):
        yield "SECRET_KEY: must differ from JWT_SECRET"
    if str(values.get("public_url", LOOPBACK[0])).startswith(LOOPBACK):
        yield "PUBLIC_URL: must be the address that passengers and providers reach, not an address of this machine"

"""Effective settings, each with its source, for people; secrets are hidden."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

import orjson
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from gateway.config import Layer, Settings, layers

HIDDEN = "(hidden)"
CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


class EffectiveSetting(NamedTuple):
    """One setting as it applies: its name as a variable, where its value comes from, and the value or ``HIDDEN``."""

    name: str
    source: str
    value: str


def effective_settings(environment: Mapping[str, str]) -> list[EffectiveSetting]:
    """Returns all settings in the order of the documentation, also where they are invalid or missing.

    Raises:
        CommandError: a file cannot be read.
    """
    sources = layers(environment)
    return [_effective(name, field, sources) for name, field in Settings.model_fields.items()]


def as_table(settings: Sequence[EffectiveSetting]) -> list[str]:
    """Returns a line for each setting, in columns."""
    widths = [max(len(setting[column]) for setting in settings) for column in (0, 1)]
    return [f"{one.name:{widths[0]}}  {one.source:{widths[1]}}  {one.value}".rstrip() for one in settings]


def _effective(name: str, field: FieldInfo, sources: Sequence[Layer]) -> EffectiveSetting:
    layer = next((layer for layer in sources if layer.values.get(name) is not None), None)
    if layer is not None:
        return EffectiveSetting(name.upper(), layer.source, _shown(layer.values[name], secret=is_secret(field)))
    if field.is_required():
        return EffectiveSetting(name.upper(), "missing", "")
    return EffectiveSetting(name.upper(), "default", _shown(field.default, secret=False))


def is_secret(field: FieldInfo) -> bool:
    """Returns whether the value of a setting is secret."""
    return SecretStr in (field.annotation, *get_args(field.annotation))


def _shown(value: Any, *, secret: bool) -> str:
    if secret:
        return HIDDEN
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, BaseModel):
        value = value.model_dump()
    text = orjson.dumps(value).decode() if isinstance(value, dict) else str(value)
    return CREDENTIALS.sub(f"{HIDDEN}@", text)

"""Fields that every log line of a request, or of a worker's task, carries: ids and names, no personal data."""

from collections.abc import Mapping
from contextvars import ContextVar, Token

_FIELDS: ContextVar[dict[str, object] | None] = ContextVar("log_fields", default=None)


class log_fields:  # noqa: N801 # reads as a function: with log_fields(request=...)
    """Context manager: lines that are logged in its block, or in a task started in it, carry these fields.

    They also carry those of the block around it. Fields that ``add_log_fields`` adds end with the block.

    It is a class because every request opens one.
    """

    __slots__ = ("_fields", "_token")

    def __init__(self, **fields: object) -> None:
        self._fields = fields

    def __enter__(self) -> None:
        outer = _FIELDS.get()
        fields = {**outer, **self._fields} if outer else self._fields
        self._token: Token[dict[str, object] | None] = _FIELDS.set(fields)

    def __exit__(self, *_: object) -> None:
        _FIELDS.reset(self._token)


def add_log_fields(**fields: object) -> None:
    """Adds fields to those of the open block; does nothing outside of one."""
    known = _FIELDS.get()
    if known is not None:
        known.update(fields)


def current_log_fields() -> Mapping[str, object]:
    """The fields of the open block; empty outside of one."""
    return _FIELDS.get() or {}

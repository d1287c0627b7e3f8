"""Stages of one run: as the execution plan with the calls of each stage to stores, and as spans of a trace."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from time import monotonic
from typing import Any

from opentelemetry.trace import SpanKind

from integrations.timings import observe_calls
from integrations.tracing import Attributes, child_span

MAX_STAGES = 1_000


class TracedField:
    """One field at one response path, resolved for all its parents; times are seconds of the monotonic clock."""

    def __init__(self, path: tuple[str, ...], field: str, kind: str, parents: int) -> None:
        self._path = path
        self._field = field
        self._kind = kind
        self._parents = parents
        self._values = self._nulls = self._errors = self._rows = 0
        self.calls: list[tuple[str, str, float]] = []
        self._begun = self._answered = self._completed = monotonic()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Context in which calls to stores belong to this stage."""
        with observe_calls(lambda store, name, seconds, _failed: self.calls.append((store, name, seconds))):
            yield

    def resolved(self, values: Sequence[Any]) -> None:
        """Counts the values, and the items of values that are lists."""
        self._answered = monotonic()
        self._values = len(values)
        self._nulls = sum(value is None for value in values)
        self._errors = sum(isinstance(value, Exception) for value in values)
        self._rows = sum(len(value) if type(value) is list else value is not None for value in values) - self._errors

    def completed(self) -> None:
        """Records the end of completion."""
        self._completed = monotonic()

    def as_dict(self, origin: float) -> dict[str, Any]:
        """The stage in ``extensions.plan``; times in milliseconds since ``origin``."""
        return {
            "path": list(self._path),
            "field": self._field,
            "kind": self._kind,
            "parents": self._parents,
            "rows": self._rows,
            "nulls": self._nulls,
            "errors": self._errors,
            "startMs": _milliseconds(self._begun - origin),
            "answeredMs": _milliseconds(self._answered - self._begun),
            "completedMs": _milliseconds(self._completed - self._begun),
            "calls": [{"store": store, "name": name, "ms": _milliseconds(spent)} for store, name, spent in self.calls],
        }


class Trace:
    """Tracer of one run."""

    def __init__(self) -> None:
        self._origin = monotonic()
        self._stages: list[TracedField] = []
        self._left_out = 0

    def start_field(self, path: tuple[str, ...], field: str, kind: str, parents: int) -> TracedField:
        """Starts a stage; only the first ``MAX_STAGES`` are in the trace."""
        stage = TracedField(path, field, kind, parents)
        if len(self._stages) < MAX_STAGES:
            self._stages.append(stage)
        else:
            self._left_out += 1
        return stage

    def as_dict(self) -> dict[str, Any]:
        """The value of ``extensions.plan``."""
        stores: dict[str, dict[str, Any]] = {}
        for stage in self._stages:
            for store, _, seconds in stage.calls:
                sums = stores.setdefault(store, {"calls": 0, "ms": 0.0})
                sums["calls"] += 1
                sums["ms"] = round(sums["ms"] + seconds * 1000, 3)
        return {
            "totalMs": _milliseconds(monotonic() - self._origin),
            "stages": [stage.as_dict(self._origin) for stage in self._stages],
            "stagesLeftOut": self._left_out,
            "stores": stores,
        }


class StageSpan:
    """A stage as a span of a distributed trace, open while its values are awaited."""

    __slots__ = ("_field", "_parents", "_path")

    def __init__(self, path: tuple[str, ...], field: str, parents: int) -> None:
        self._path = path
        self._field = field
        self._parents = parents

    def waiting(self) -> AbstractContextManager[object]:
        """Context of the span; calls to stores inside are below it."""
        attributes: Attributes = {"graphql.field.path": ".".join(self._path), "parents": self._parents}
        return child_span(self._field, SpanKind.INTERNAL, attributes)

    def resolved(self, values: Sequence[Any]) -> None:
        """The span has ended."""

    def completed(self) -> None:
        """The span has ended."""


class StageSpans:
    """Tracer of one run as spans of a distributed trace; stages that wait for nothing have none."""

    def start_field(self, path: tuple[str, ...], field: str, _kind: str, parents: int) -> StageSpan:
        """Starts a stage."""
        return StageSpan(path, field, parents)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)

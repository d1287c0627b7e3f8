"""Figures of ``python -m benchmarks`` as text and as JSON, all with their units."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from benchmarks.health import HealthFigures
from benchmarks.load import percentile
from benchmarks.measurement import Measurement

LIBRARIES = ("strawberry-graphql", "graphql-core", "asyncpg", "neo4j", "redis", "uvicorn", "uvloop", "orjson")
SHARES = {"p50 ms": 0.5, "p95 ms": 0.95, "p99 ms": 0.99, "max ms": 1.0}

# Goals of p95 in ms: of the required loads by operation, and of every health call.
GOALS = {"journey": 100.0, "flight": 500.0}
HEALTH_GOAL = 100.0


def machine() -> dict[str, Any]:
    """The machine, its load before, and versions."""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores used": len(os.sched_getaffinity(0)),
        "load average before": os.getloadavg()[0],
        "Python": platform.python_version(),
        **{library: version(library) for library in LIBRARIES},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


@dataclass(slots=True)
class Report:
    """All figures; a part that was not measured is empty.

    Args:
        machine: machine and versions.
        bags: number of bags.
        workers: serving processes of the gateway.
        statements: names of the statements that each operation sends to the stores.
        closed: each operation as fast as responses arrive.
        growth: one list with more and more bags; keys are their numbers.
        carried: the required loads.
        megabytes: resident memory of each process tree after the loads.
        health: health responses under several conditions.
    """

    machine: Mapping[str, Any]
    bags: int
    workers: int
    statements: Mapping[str, Sequence[str]]
    closed: Sequence[Measurement] = ()
    growth: Sequence[Measurement] = ()
    carried: Sequence[Measurement] = ()
    megabytes: Mapping[str, float] = field(default_factory=dict)
    health: Sequence[HealthFigures] = ()

    @property
    def missed_goals(self) -> list[str]:
        """Missed goals, a sentence each."""
        return missed_goals([*self.closed, *self.growth, *self.carried], self.health)

    def text(self) -> str:
        """Text for the console."""
        paragraphs = [
            ", ".join(f"{name} {value}" for name, value in self.machine.items())
            + f"; {self.bags} bags, {self.workers} serving processes",
            table(
                ["one operation", "statements", ""],
                [[name, str(len(sent)), " ".join(sent)] for name, sent in self.statements.items()],
            ),
            "resident MB: " + ", ".join(f"{name} {size:.0f}" for name, size in self.megabytes.items()),
            closed_table(self.closed) if self.closed else "",
            growth_table(self.growth) if self.growth else "",
            open_table(self.carried) if self.carried else "",
            health_table(self.health) if self.health else "",
            "\n".join(self.missed_goals) or "Every goal of what was measured is met.",
        ]
        return "\n\n".join(filter(None, paragraphs))

    def json(self) -> bytes:
        """Figures as JSON."""
        content = {
            "machine": self.machine,
            "bags": self.bags,
            "workers": self.workers,
            "statements": self.statements,
            "resident_mb": self.megabytes,
            "closed": [figures_of(one) for one in self.closed],
            "growth": [figures_of(one) for one in self.growth],
            "open": [figures_of(one) for one in self.carried],
            "health": self.health,
            "missed": self.missed_goals,
        }
        return orjson.dumps(content, option=orjson.OPT_INDENT_2)


def closed_table(measurements: Sequence[Measurement]) -> str:
    """Table of closed loops; CPU is user and system time of a process tree in milliseconds for each response."""
    rows = []
    for one in measurements:
        cpu = _cpu_per_response(one)
        used = (cpu[one.server], cpu["database"], cpu["graph"], cpu["client"])
        rows.append(
            [
                *(one.operation, one.server, one.load),
                f"{_rate(one):.1f}",
                *(f"{one.outcome.milliseconds(share):.1f}" for share in SHARES.values()),
                *(f"{milliseconds:.2f}" for milliseconds in used),
                f"{one.megabytes:.0f}",
                str(len(one.outcome.failures)),
            ]
        )
    cpu_names = ("CPU ms", "PostgreSQL", "Neo4j", "client")
    return table(["operation", "server", "load", "1/s", *SHARES, *cpu_names, "MB", "failed"], rows)


def growth_table(measurements: Sequence[Measurement]) -> str:
    """Table of one list with more and more bags: CPU in all and for each bag, beside that in the longest list."""
    cpu = {int(one.key): _cpu_per_response(one) for one in measurements}
    both = {size: (used["gateway"] + used["database"]) / size for size, used in cpu.items()}
    least = both[max(both)]
    rows = [
        [
            str(size),
            f"{used['gateway']:.2f}",
            f"{used['database']:.2f}",
            f"{both[size] * 1000:.1f}",
            f"{both[size] / least:.2f}",
        ]
        for size, used in cpu.items()
    ]
    return table(["bags a page", "CPU ms", "PostgreSQL", "us a bag", "ratio to the longest"], rows)


def open_table(measurements: Sequence[Measurement]) -> str:
    """Table of open loops, with the cores that each process tree kept busy."""
    rows = []
    for one in measurements:
        busy = [one.cpu[name] / one.outcome.seconds for name in ("gateway", "database", "graph", "client")]
        rows.append(
            [
                *(one.operation, one.load),
                str(one.outcome.completed),
                *(f"{one.outcome.milliseconds(share):.1f}" for share in SHARES.values()),
                f"< {GOALS[one.key]:.0f}",
                str(one.outcome.late),
                f"{percentile(one.outcome.lateness, 0.99) * 1000:.1f}",
                *(f"{cores:.2f}" for cores in busy),
                str(len(one.outcome.failures)),
            ]
        )
    names = (
        "completed",
        *SHARES,
        "p95 goal",
        "late",
        "p99 late ms",
        "gateway",
        "PostgreSQL",
        "Neo4j",
        "client",
        "failed",
    )
    return table(["operation", "load", *names], rows)


def health_table(figures: Sequence[HealthFigures]) -> str:
    """Table of health: p95 in milliseconds and the HTTP statuses, a line for each condition."""
    paths = list(dict.fromkeys(one.path for one in figures))
    lines: dict[str, dict[str, HealthFigures]] = {}
    for one in figures:
        lines.setdefault(one.condition, {})[one.path] = one
    rows = [
        [condition, *(f"{line[path].p95:.1f} {'/'.join(map(str, line[path].statuses))}" for path in paths)]
        for condition, line in lines.items()
    ]
    return table(["p95 ms, status", *paths], rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns under their names; words to the left, figures to the right."""
    columns = list(zip(header, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    figures = [all(cell[:1].isdigit() or cell in ("", "nan") for cell in column[1:]) for column in columns]
    lines = [
        "  ".join(
            cell.rjust(width) if figure else cell.ljust(width)
            for cell, width, figure in zip(row, widths, figures, strict=True)
        )
        for row in (header, *rows)
    ]
    return "\n".join(line.rstrip() for line in lines)


def missed_goals(measurements: Sequence[Measurement], health: Sequence[HealthFigures]) -> list[str]:
    """Missed goals, a sentence each."""
    slow = [
        f"{one.operation} at {one.load}: p95 {one.outcome.milliseconds(0.95):.0f} ms, not under {GOALS[one.key]:.0f} ms"
        for one in measurements
        if one.outcome.lateness and not one.outcome.milliseconds(0.95) < GOALS[one.key]
    ]
    failed = [
        f"{one.operation} at {one.load}: {len(one.outcome.failures)} failures, the first {one.outcome.failures[0]}"
        for one in measurements
        if one.outcome.failures
    ]
    slow_health = [
        f"{one.path}, {one.condition}: p95 {one.p95:.0f} ms, not under {HEALTH_GOAL:.0f} ms"
        for one in health
        if not one.p95 < HEALTH_GOAL
    ]
    return [*slow, *failed, *slow_health]


def figures_of(one: Measurement) -> dict[str, Any]:
    """Figures of a load, by names with the unit."""
    outcome = one.outcome
    figures: dict[str, Any] = {
        "operation": one.operation,
        "server": one.server,
        "load": one.load,
        "responses": len(outcome.latencies),
        "failures": len(outcome.failures),
        "seconds": outcome.seconds,
        "responses_per_second": _rate(one),
        **{name.replace(" ", "_"): outcome.milliseconds(share) for name, share in SHARES.items()},
        "resident_mb": one.megabytes,
    }
    if outcome.lateness:
        figures["sent_late"] = outcome.late
        figures["lateness_p99_ms"] = percentile(outcome.lateness, 0.99) * 1000
        figures["cores_busy"] = {name: seconds / outcome.seconds for name, seconds in one.cpu.items()}
    else:
        figures["cpu_ms_per_response"] = _cpu_per_response(one)
    return figures


def _rate(one: Measurement) -> float:
    return len(one.outcome.latencies) / one.outcome.seconds


def _cpu_per_response(one: Measurement) -> dict[str, float]:
    return {name: seconds * 1000 / max(one.outcome.completed, 1) for name, seconds in one.cpu.items()}

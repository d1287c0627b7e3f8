"""Figures as a person reads them and as a program does; every one with its unit."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from benchmarks.drills import HealthFigures
from benchmarks.load import percentile
from benchmarks.measuring import Measured

LIBRARIES = ("strawberry-graphql", "graphql-core", "asyncpg", "neo4j", "redis", "uvicorn", "uvloop", "orjson")
SHARES = {"p50 ms": 0.5, "p95 ms": 0.95, "p99 ms": 0.99, "max ms": 1.0}

# p95 in ms of the loads to be carried, by operation, and of every health call.
GOALS = {"journey": 100.0, "flight": 500.0}
HEALTH_GOAL = 100.0


def machine() -> dict[str, Any]:
    """What is measured on, and how busy it was before."""
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
    """Everything that was measured; what was not asked for is empty.

    Args:
        machine: what it was measured on.
        bags: how many there are.
        workers: serving processes of the gateway.
        statements: the names of those that each operation sends to the stores.
        closed: each operation as fast as answers come.
        growth: one list with more and more bags; keys are their numbers.
        carried: the loads to be carried.
        megabytes: resident memory of each process tree after the loads.
        health: its answers under several circumstances.
    """

    machine: Mapping[str, Any]
    bags: int
    workers: int
    statements: Mapping[str, Sequence[str]]
    closed: Sequence[Measured] = ()
    growth: Sequence[Measured] = ()
    carried: Sequence[Measured] = ()
    megabytes: Mapping[str, float] = field(default_factory=dict)
    health: Sequence[HealthFigures] = ()

    @property
    def missed(self) -> list[str]:
        """What is not as it should be, a sentence each."""
        return missed([*self.closed, *self.growth, *self.carried], self.health)

    def text(self) -> str:
        """For the console."""
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
            "\n".join(self.missed) or "Every goal of what was measured is met.",
        ]
        return "\n\n".join(filter(None, paragraphs))

    def json(self) -> bytes:
        """For programs."""
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
            "missed": self.missed,
        }
        return orjson.dumps(content, option=orjson.OPT_INDENT_2)


def closed_table(measured: Sequence[Measured]) -> str:
    """Closed loops; CPU is user and system time of a process tree in milliseconds for each answer."""
    rows = []
    for one in measured:
        cpu = _cpu_per_answer(one)
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


def growth_table(measured: Sequence[Measured]) -> str:
    """One list with more and more bags: CPU in all and for each bag, beside what a bag of the longest list costs."""
    cpu = {int(one.key): _cpu_per_answer(one) for one in measured}
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


def open_table(measured: Sequence[Measured]) -> str:
    """Open loops; the cores that each process tree kept busy."""
    rows = []
    for one in measured:
        busy = [one.cpu[name] / one.outcome.seconds for name in ("gateway", "database", "graph", "client")]
        rows.append(
            [
                *(one.operation, one.load),
                str(one.outcome.asked),
                *(f"{one.outcome.milliseconds(share):.1f}" for share in SHARES.values()),
                f"< {GOALS[one.key]:.0f}",
                str(one.outcome.late),
                f"{percentile(one.outcome.lateness, 0.99) * 1000:.1f}",
                *(f"{cores:.2f}" for cores in busy),
                str(len(one.outcome.failures)),
            ]
        )
    names = ("asked", *SHARES, "p95 goal", "late", "p99 late ms", "gateway", "PostgreSQL", "Neo4j", "client", "failed")
    return table(["operation", "load", *names], rows)


def health_table(figures: Sequence[HealthFigures]) -> str:
    """p95 in milliseconds and the HTTP statuses that came, a line for each circumstances."""
    paths = list(dict.fromkeys(one.path for one in figures))
    lines: dict[str, dict[str, HealthFigures]] = {}
    for one in figures:
        lines.setdefault(one.circumstances, {})[one.path] = one
    rows = [
        [circumstances, *(f"{line[path].p95:.1f} {'/'.join(map(str, line[path].statuses))}" for path in paths)]
        for circumstances, line in lines.items()
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


def missed(measured: Sequence[Measured], health: Sequence[HealthFigures]) -> list[str]:
    """What is not as it should be, a sentence each."""
    slow = [
        f"{one.operation} at {one.load}: p95 {one.outcome.milliseconds(0.95):.0f} ms, not under {GOALS[one.key]:.0f} ms"
        for one in measured
        if one.outcome.lateness and not one.outcome.milliseconds(0.95) < GOALS[one.key]
    ]
    failed = [
        f"{one.operation} at {one.load}: {len(one.outcome.failures)} failures, the first {one.outcome.failures[0]}"
        for one in measured
        if one.outcome.failures
    ]
    unwell = [
        f"{one.path}, {one.circumstances}: p95 {one.p95:.0f} ms, not under {HEALTH_GOAL:.0f} ms"
        for one in health
        if not one.p95 < HEALTH_GOAL
    ]
    return [*slow, *failed, *unwell]


def figures_of(one: Measured) -> dict[str, Any]:
    """A load by names that carry the unit."""
    outcome = one.outcome
    figures: dict[str, Any] = {
        "operation": one.operation,
        "server": one.server,
        "load": one.load,
        "answers": len(outcome.latencies),
        "failures": len(outcome.failures),
        "seconds": outcome.seconds,
        "answers_per_second": _rate(one),
        **{name.replace(" ", "_"): outcome.milliseconds(share) for name, share in SHARES.items()},
        "resident_mb": one.megabytes,
    }
    if outcome.lateness:
        figures["sent_late"] = outcome.late
        figures["lateness_p99_ms"] = percentile(outcome.lateness, 0.99) * 1000
        figures["cores_busy"] = {name: seconds / outcome.seconds for name, seconds in one.cpu.items()}
    else:
        figures["cpu_ms_per_answer"] = _cpu_per_answer(one)
    return figures


def _rate(one: Measured) -> float:
    return len(one.outcome.latencies) / one.outcome.seconds


def _cpu_per_answer(one: Measured) -> dict[str, float]:
    return {name: seconds * 1000 / max(one.outcome.asked, 1) for name, seconds in one.cpu.items()}

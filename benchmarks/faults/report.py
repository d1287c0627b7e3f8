"""The matrix's results as a table and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.faults.matrix import RowResult
from benchmarks.report import table

HEADER = (
    *("fails", "how", "requests", "writes", "wrong", "lost", "doubled", "longest s", "ingest s", "recovery s"),
    *("unknown emails", "errors"),
)


def text(results: Sequence[RowResult]) -> str:
    """Table, and a line for everything that is not as it must be."""
    lines = [table(HEADER, [_cells(one) for one in results])]
    lines += [f"{one.row.name}: {fault}" for one in results for fault in one.faults()[:10]]
    return "\n".join(lines)


def as_json(one: RowResult) -> dict[str, Any]:
    """Figures of a row as a JSON object."""
    return {**asdict(one), "faults": one.faults()}


def _cells(one: RowResult) -> list[str]:
    if one.skipped:
        return [one.row.subject, one.row.fault, *([""] * (len(HEADER) - 3)), f"not run: {one.skipped}"]
    load, written = one.load, one.written
    waits = max((seconds for kind, seconds in load.longest.items() if kind != "ingest"), default=0.0)
    return [
        *(one.row.subject, one.row.fault, str(load.requests), str(load.writes)),
        *(str(len(found)) for found in (load.wrong, written.lost, written.doubled)),
        *(f"{waits:.1f}", f"{load.longest.get('ingest', 0.0):.1f}"),
        "never" if one.recovered is None else f"{one.recovered:.1f}",
        str(written.unknown),
        ", ".join(_errors(load.errors)),
    ]


def _errors(errors: Mapping[str, int]) -> Iterator[str]:
    return (f"{code} {number}" for code, number in sorted(errors.items()))

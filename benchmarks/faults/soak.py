"""A long load at 70 % of the peak with a fault a minute: is anything lost, and do memory and descriptors stay flat?"""

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from time import monotonic
from typing import Any

from benchmarks.client import Client
from benchmarks.faults.actions import fault_of
from benchmarks.faults.installation import FaultInstallation
from benchmarks.faults.ledger import last_effect
from benchmarks.faults.load import CLIENT_SECONDS, FaultLoad
from benchmarks.faults.matrix import (
    MATRIX,
    NETWORK_FAULTS,
    PARTNERS,
    SERVICES,
    STORES,
    LoadFigures,
    Row,
    WriteFigures,
)
from benchmarks.faults.rows import PATIENCE_SECONDS, recoveries, running, settled, until_well
from benchmarks.load import closed_loop
from benchmarks.partner_installation import DISPATCHERS
from benchmarks.processes import Meter
from benchmarks.report import table
from integrations.progress import Progress

SHARE_OF_PEAK = 0.7
PEAK_CALLERS = 16
PEAK_SECONDS = 10.0
FAULT_SECONDS = 10.0
MINUTE = 60.0
# Before the first figures: caches fill, and each process opens its connections.
WARM_UP_SECONDS = 60.0
# Growth that counts as flat: of memory as a share and in MB, and of descriptors.
FLAT_SHARE, FLAT_MEGABYTES, FLAT_DESCRIPTORS = 1.15, 15.0, 20
SHOWN_SAMPLES = 6
PROCESSES = ("gateway", "projector", *DISPATCHERS)


@dataclass(slots=True)
class SoakResult:
    """What happened in a soak.

    Args:
        peak: queries a second of a closed loop.
        rate: queries a second that were sent.
        faults: the faults in order.
        megabytes: resident memory of each process once a minute, in MB.
        descriptors: open descriptors of each process once a minute, without the load's own connections, which are as
            many as requests waited at the same time.
        recovered: seconds from the end of the last fault to full service; None if that did not happen.
    """

    peak: float
    rate: float
    load: LoadFigures
    faults: list[str] = field(default_factory=list)
    megabytes: list[Mapping[str, float]] = field(default_factory=list)
    descriptors: list[Mapping[str, int]] = field(default_factory=list)
    written: WriteFigures = field(default_factory=WriteFigures)
    recovered: float | None = None

    def wrong(self) -> list[str]:
        """Returns what is not as it must be, a sentence each."""
        return [
            *self.load.faults(),
            *self.written.faults(),
            *(["no recovery"] if self.recovered is None else []),
            *growth(self.megabytes, self.descriptors),
        ]

    def text(self) -> str:
        """Figures for the console."""
        waits = ", ".join(f"{kind} {seconds:.1f} s" for kind, seconds in self.load.longest.items())
        errors = ", ".join(f"{code} {number}" for code, number in sorted(self.load.errors.items()))
        figures = {
            "peak, sent": f"{self.peak:.0f}/s, {self.rate:.0f}/s",
            "requests, acknowledged writes": f"{self.load.requests:,}, {self.load.writes:,}",
            "faults": str(len(self.faults)),
            "wrong responses": str(len(self.load.wrong)),
            "writes lost, doubled": f"{len(self.written.lost)}, {len(self.written.doubled)}",
            "emails with unknown outcome": str(self.written.unknown),
            "longest waits": waits,
            "errors": errors or "none",
            "recovery after the last fault": "never" if self.recovered is None else f"{self.recovered:.1f} s",
        }
        lines = [f"{name:32}{value}" for name, value in figures.items()]
        return "\n".join([*lines, "", self._resources(), *self.wrong()[:20]])

    def _resources(self) -> str:
        """Table of a few of the samples: the first, the last, and some between them."""
        last = len(self.megabytes) - 1
        shown = sorted({last * place // SHOWN_SAMPLES for place in range(SHOWN_SAMPLES + 1)})
        header = ["process", *(f"MB, {minute} min" for minute in shown), "descriptors", "at last"]
        rows = [
            [
                name,
                *(f"{self.megabytes[minute][name]:.0f}" for minute in shown),
                *(str(self.descriptors[place][name]) for place in (0, -1)),
            ]
            for name in self.megabytes[0]
        ]
        return table(header, rows)

    def json(self) -> dict[str, Any]:
        """Figures as a JSON object."""
        return {**asdict(self), "wrong": self.wrong()}


def growth(megabytes: Sequence[Mapping[str, float]], descriptors: Sequence[Mapping[str, int]]) -> Iterator[str]:
    """Yields a sentence for each process of the product that grew from the first sample to the last."""
    for name in PROCESSES:
        first, last = megabytes[0][name], megabytes[-1][name]
        if last > max(first * FLAT_SHARE, first + FLAT_MEGABYTES):
            yield f"memory of {name} grew from {first:.0f} to {last:.0f} MB"
        opened, left = descriptors[0][name], descriptors[-1][name]
        if left > opened + FLAT_DESCRIPTORS:
            yield f"descriptors of {name} grew from {opened} to {left}"


def soak_rows(rng: random.Random) -> Iterator[Row]:
    """Yields faults without end, in random order, each once before any comes twice."""
    rows = [row for row in MATRIX if row.fault in NETWORK_FAULTS and row.subject in (*STORES, *PARTNERS)]
    while True:
        yield from rng.sample(rows, len(rows))


async def soak(installation: FaultInstallation, minutes: float, seed: int, progress: Progress) -> SoakResult:
    """Loads the product for so long, with a fault a minute.

    Args:
        seed: seed of the order of the faults.
    """
    await until_well(installation, list(SERVICES.values()), PATIENCE_SECONDS * 2)
    first_effect = await last_effect(installation.product)
    async with Client(installation.port, CLIENT_SECONDS) as client:
        measured = await closed_loop(client, [read.request for read in installation.reads], PEAK_CALLERS, PEAK_SECONDS)
        peak = len(measured.latencies) / measured.seconds
        load = FaultLoad(client, installation.token, installation.reads, installation.bags, installation.tags)
        result = SoakResult(peak, peak * SHARE_OF_PEAK, load.figures)
        progress(f"peak {peak:.0f}/s; {result.rate:.0f}/s for {minutes:g} minutes, with a fault a minute")
        rows = list(islice(soak_rows(random.Random(seed)), max(round(minutes), 1)))
        async with running(load, result.rate):
            await asyncio.sleep(WARM_UP_SECONDS)
            await _faults(installation, rows, client, result, progress)
            result.recovered = (await recoveries(installation, rows[-1:]))[rows[-1]]
        result.written = await settled(installation, load, first_effect)
    return result


async def _faults(
    installation: FaultInstallation, rows: Sequence[Row], client: Client, result: SoakResult, progress: Progress
) -> None:
    """Runs a fault a minute, with a sample of memory and descriptors before the first and after each minute."""
    stores = {subject.value: store for subject, store in installation.stores.items()}
    meter = Meter({**installation.product.programs, **stores})

    def sample() -> None:
        result.megabytes.append(meter.megabytes())
        descriptors = meter.descriptors()
        result.descriptors.append({**descriptors, "gateway": descriptors["gateway"] - client.connections})

    sample()
    for row in rows:
        next_at = monotonic() + MINUTE
        result.faults.append(row.name)
        async with fault_of(installation, row):
            await asyncio.sleep(FAULT_SECONDS)
        await asyncio.sleep(max(next_at - monotonic(), 0.0))
        sample()
        progress(f"{row.name}; {result.load.requests} requests, {len(result.load.wrong)} wrong")

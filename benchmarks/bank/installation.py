"""Installation of the bank: a fresh installation with its flights, whose bags come from the texts."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.bank.compare import BagComparison, GatewayClient, client_of
from benchmarks.bank.records import write_flights
from benchmarks.bank.recount import ExpectedBag, recounted
from benchmarks.bank.schedule import Day
from benchmarks.bank.sending import DayText
from benchmarks.bank.writing import Bank
from benchmarks.client import HOST
from benchmarks.command_line import ended
from benchmarks.installation import AIRLINE_ID, SIGN_IN, BenchmarkInstallation, installation, lock_folder
from gateway.config import Settings
from gateway.http.jwt import issue_token
from gateway.lifespan import open_stores
from integrations.embedded.process import StartError
from integrations.errors import OutsideError
from integrations.progress import Progress
from integrations.stores.postgres.manager import PostgresManager
from resolvers import health
from resolvers.actor import Role

FOLDER = Path(__file__).parents[2] / ".demo" / "bank"
PROGRAMS = ("gateway", "projector")
# Age of the days in days, so that nothing in them lies in the future.
DAYS_AGO = 7
QUIET_SECONDS = 900.0
CHECK_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class BankInstallation:
    """Installation of one run.

    Args:
        processes: running processes and their addresses.
        records: connections of the harness to PostgreSQL.
        token: token of a service that may send messages.
        texts: the days, in order.
    """

    processes: BenchmarkInstallation
    records: PostgresManager
    token: str
    texts: Sequence[DayText]

    @property
    def port(self) -> int:
        """Port of the gateway."""
        return self.processes.ports["gateway"]

    async def until_caught_up(self) -> float:
        """Waits until the graph has caught up; returns the seconds it took.

        Raises:
            TimeoutError: it does not catch up in time.
        """
        started_at = monotonic()
        async with asyncio.timeout(QUIET_SECONDS):
            while await self._is_pending():  # noqa: ASYNC110 # a table has no event
                await asyncio.sleep(0.25)
        return monotonic() - started_at

    async def _is_pending(self) -> bool:
        try:
            return (await health.lag(self.records)).messages > 0
        except OutsideError:
            return True

    async def compare(self) -> BagComparison:
        """Compares all bags of the texts with the gateway."""
        expected = await asyncio.to_thread(expected_bags, [text.file for text in self.texts])
        async with client_of(f"http://{HOST}:{self.port}", self.agent_token()) as client:
            return await GatewayClient(client).compare(expected)

    def agent_token(self) -> str:
        """Token of an agent, who may read names."""
        return issue_token(self.processes.environment["JWT_SECRET"], Role.AGENT, AIRLINE_ID, SIGN_IN)

    async def graph_agrees(self) -> bool:
        """Whether ``python -m gateway graph check`` finds no difference."""
        command = (sys.executable, "-m", "gateway", "graph", "check")
        check = await asyncio.create_subprocess_exec(*command, env=dict(self.processes.environment))
        return await ended(check, CHECK_SECONDS) == 0


def expected_bags(files: Sequence[Path]) -> list[ExpectedBag]:
    """Expected bags of several days. No tag belongs to two."""
    return [bag for file in files for bag in recounted(file).bags()]


@asynccontextmanager
async def bank_installation(
    name: str, days: int, bags: int, seed: int, workers: int, progress: Progress
) -> AsyncIterator[BankInstallation]:
    """Writes the texts, and starts an installation without bags. Stops it at the end in every case.

    Args:
        name: name of the folder. The installation that an earlier run left there is deleted.
        days: number of days.
        bags: number of bags of each day.
        seed: seed of the random numbers.
        workers: serving processes of the gateway.
        progress: receives one line of text for each step.

    Raises:
        StartError: the installation cannot start; one sentence.
    """
    folder = FOLDER / name
    lock = lock_folder(folder)
    if lock is None:
        raise StartError(f"Another run uses {folder}: wait for it or stop it.")
    with lock:
        shutil.rmtree(folder / "installation", ignore_errors=True)
        async with (
            installation(folder / "installation", 0, workers, progress, PROGRAMS) as installed,
            bank_installation_on(installed, folder, days, bags, seed, progress) as started,
        ):
            yield started


@asynccontextmanager
async def bank_installation_on(
    installed: BenchmarkInstallation, folder: Path, days: int, bags: int, seed: int, progress: Progress
) -> AsyncIterator[BankInstallation]:
    """Writes the texts, and the flights into an installation without bags; arguments as for `bank_installation`."""
    first = datetime.now(UTC).date() - timedelta(days=DAYS_AGO + days)
    texts, days_written = [], []
    for number in range(days):
        date_of_day = first + timedelta(days=number)
        text, day = await asyncio.to_thread(_write, folder, date_of_day, seed, bags)
        texts.append(text)
        days_written.append(day)
        progress(f"{date_of_day}: {text.events:,} events in {text.messages:,} messages written")
    settings = Settings.read(installed.environment)
    token = issue_token(installed.environment["JWT_SECRET"], Role.SERVICE, AIRLINE_ID, SIGN_IN)
    async with open_stores(settings) as stores:
        await write_flights(stores.postgres, AIRLINE_ID, days_written)
        started = BankInstallation(installed, stores.postgres, token, texts)
        await started.until_caught_up()
        yield started


def _write(folder: Path, day: date, seed: int, bags: int) -> tuple[DayText, Day]:
    bank = Bank(day, seed, bags)
    file = folder / f"{day}.txt"
    bank.write(file)
    return DayText.of(file), bank.day


def figures_text(figures: Mapping[str, Any]) -> str:
    """Figures for the console, a line each."""
    width = max(map(len, figures))
    return "\n".join(f"{name:{width}}  {value}" for name, value in figures.items())

"""An installation of a bank's own, from nothing: its flights are there, and its bags are still to come."""

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

from benchmarks.bank.compare import Comparison, Gateway, client_of
from benchmarks.bank.records import write_flights
from benchmarks.bank.recount import ExpectedBag, recounted
from benchmarks.bank.schedule import Day
from benchmarks.bank.sending import Text
from benchmarks.bank.writing import Bank
from benchmarks.client import HOST
from benchmarks.console import ended
from benchmarks.installation import AIRLINE_ID, SIGN_IN, Installation, Say, installation, own
from gateway.config import Settings
from gateway.http.jwt import issue_token
from gateway.lifespan import open_stores
from integrations.embedded.process import StartError
from integrations.errors import OutsideError
from integrations.stores.postgres.manager import PostgresManager
from resolvers import health
from resolvers.actor import Role

FOLDER = Path(__file__).parents[2] / ".demo" / "bank"
PROGRAMS = ("gateway", "projector")
# Days that are told lie this far back, so that nothing in them is still to come.
DAYS_AGO = 7
QUIET_SECONDS = 900.0
CHECK_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Bed:
    """What a run works on.

    Args:
        records: the harness's own connections to PostgreSQL.
        token: of a service that may send messages.
        texts: the days, in their order.
    """

    installed: Installation
    records: PostgresManager
    token: str
    texts: Sequence[Text]

    @property
    def port(self) -> int:
        """The gateway's."""
        return self.installed.ports["gateway"]

    async def until_told(self) -> float:
        """Seconds until the graph has learnt all.

        Raises:
            TimeoutError: it does not.
        """
        began = monotonic()
        async with asyncio.timeout(QUIET_SECONDS):
            while await self._waits():  # noqa: ASYNC110 # tables tell nobody
                await asyncio.sleep(0.25)
        return monotonic() - began

    async def _waits(self) -> bool:
        try:
            return (await health.lag(self.records)).notices > 0
        except OutsideError:
            return True

    async def compare(self) -> Comparison:
        """All bags of the texts with what the gateway answers."""
        token = issue_token(self.installed.environment["JWT_SECRET"], Role.ANALYST, AIRLINE_ID, SIGN_IN)
        answers = await asyncio.to_thread(answers_of, [text.file for text in self.texts])
        async with client_of(f"http://{HOST}:{self.port}", token) as client:
            return await Gateway(client).compare(answers)

    async def graph_agrees(self) -> bool:
        """What ``python -m gateway graph check`` says."""
        command = (sys.executable, "-m", "gateway", "graph", "check")
        check = await asyncio.create_subprocess_exec(*command, env=dict(self.installed.environment))
        return await ended(check, CHECK_SECONDS) == 0


def answers_of(files: Sequence[Path]) -> list[ExpectedBag]:
    """The recounts of several days; no tag is of two."""
    return [answer for file in files for answer in recounted(file).answers()]


@asynccontextmanager
async def bed(name: str, days: int, bags: int, seed: int, workers: int, say: Say) -> AsyncIterator[Bed]:
    """Writes the texts, and brings up an installation without bags; stops it at the end whatever happens.

    Args:
        name: of the folder: the installation that an earlier run left there is deleted.
        days: how many are told.
        bags: of each day.
        workers: serving processes of the gateway.

    Raises:
        StartError: one sentence that says why it cannot.
    """
    folder = FOLDER / name
    lock = own(folder)
    if lock is None:
        raise StartError(f"Another run uses {folder}: wait for it or stop it.")
    with lock:
        shutil.rmtree(folder / "installation", ignore_errors=True)
        async with (
            installation(folder / "installation", 0, workers, say, PROGRAMS) as installed,
            bed_over(installed, folder, days, bags, seed, say) as ready,
        ):
            yield ready


@asynccontextmanager
async def bed_over(
    installed: Installation, folder: Path, days: int, bags: int, seed: int, say: Say
) -> AsyncIterator[Bed]:
    """Writes the texts into the folder, and the flights into an installation without bags; see `bed`."""
    first = datetime.now(UTC).date() - timedelta(days=DAYS_AGO + days)
    texts, written = [], []
    for day in (first + timedelta(days=place) for place in range(days)):
        text, told = await asyncio.to_thread(_write, folder, day, seed, bags)
        texts.append(text)
        written.append(told)
        say(f"{day}: {text.events:,} events in {text.messages:,} messages are written")
    settings = Settings.read(installed.environment)
    token = issue_token(installed.environment["JWT_SECRET"], Role.SERVICE, AIRLINE_ID, SIGN_IN)
    async with open_stores(settings) as stores:
        await write_flights(stores.postgres, AIRLINE_ID, written)
        ready = Bed(installed, stores.postgres, token, texts)
        await ready.until_told()
        yield ready


def _write(folder: Path, day: date, seed: int, bags: int) -> tuple[Text, Day]:
    bank = Bank(day, seed, bags)
    file = folder / f"{day}.txt"
    bank.write(file)
    return Text.of(file), bank.day


def rows_of(figures: Mapping[str, Any]) -> str:
    """For the console: a line each."""
    width = max(map(len, figures))
    return "\n".join(f"{name:{width}}  {value}" for name, value in figures.items())

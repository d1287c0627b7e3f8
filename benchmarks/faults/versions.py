"""Two versions of the product on one database: an update that starts the new processes before it stops the old ones."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.balancer import LoadBalancer
from benchmarks.faults.installation import FaultInstallation, fault_installation
from benchmarks.faults.matrix import Row, RowResult
from benchmarks.faults.rows import run_group
from benchmarks.installation import PROJECT, SERVE, initialise, program
from benchmarks.partner_installation import DISPATCH, DISPATCHERS
from gateway.supervisor import Program
from integrations.embedded.process import StartError
from integrations.embedded.server import free_port
from integrations.progress import Progress

CHECKOUT = Path(__file__).parents[2]
MIGRATIONS = "migrations/versioned"
# Variables by which the old processes find their own code.
OTHER_TREE = ("PYTHONPATH", "PYTHONSAFEPATH")


async def before_newest_migration() -> str:
    """Returns the revision before the newest migration came.

    Raises:
        StartError: the history is not there.
    """
    newest = sorted(await asyncio.to_thread(lambda: [file.name for file in (CHECKOUT / MIGRATIONS).glob("*.sql")]))[-1]
    added = await _git("log", "--diff-filter=A", "--format=%H", "--", f"{MIGRATIONS}/{newest}")
    return f"{added.split()[0]}~1"


async def checked_out(revision: str, folder: Path) -> Path:
    """Writes the files of a revision to a folder, in place of what is there.

    Raises:
        StartError: there is no such revision.
    """
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    await asyncio.to_thread(folder.mkdir, parents=True)
    archive = folder.with_suffix(".tar")
    await _git("archive", "--output", str(archive), revision)
    await asyncio.to_thread(shutil.unpack_archive, archive, folder, "tar", filter="data")
    return folder


async def _git(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *("git", "-C", str(CHECKOUT), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    if process.returncode:
        raise StartError(f"git {arguments[0]} failed: {errors.decode().strip()}")
    return output.decode()


async def run_versions(row: Row, folder: Path, bags: int, revision: str | None, progress: Progress) -> RowResult:
    """Updates a running installation under load, on stores of its own.

    Args:
        revision: the old version; None for that before the newest migration.
    """
    revision = revision or await before_newest_migration()
    progress(f"{row.name}: {revision} and this checkout")
    tree = await checked_out(revision, folder / "old")
    old = dict(zip(OTHER_TREE, (str(tree), "1"), strict=True))
    new_port = free_port()
    async with AsyncExitStack() as stack:
        installation = await stack.enter_async_context(fault_installation(folder, bags, None, progress, **old))
        balancer = await stack.enter_async_context(LoadBalancer([installation.port, new_port]).running())
        new = new_programs(installation, new_port)
        for one in new:
            stack.push_async_callback(one.stop)

        def update(_installation: FaultInstallation, _row: Row) -> AbstractAsyncContextManager[None]:
            return updated(installation, new, balancer, new_port)

        return (await run_group(replace(installation, port=balancer.port), [row], update))[0]


def new_programs(installation: FaultInstallation, port: int) -> list[Program]:
    """Programs of this checkout, on the stores of an installation of another one."""
    environment = _new_environment(installation)
    return [
        program("new-gateway", SERVE, installation.folder, {**environment, "PORT": str(port)}, port),
        program("new-projector", PROJECT, installation.folder, environment, None),
        *(program(f"new-{name}", DISPATCH, installation.folder, environment, None) for name in DISPATCHERS),
    ]


@asynccontextmanager
async def updated(
    installation: FaultInstallation, new: Sequence[Program], balancer: LoadBalancer, port: int
) -> AsyncIterator[None]:
    """Migrates, and runs the new processes beside the old ones, which are stopped at the end."""
    await initialise(_new_environment(installation))
    for one in new:
        await one.start(lambda _: None)
    await balancer.until(port, ready=True)
    yield
    programs = installation.product.programs
    await asyncio.gather(*(programs[name].stop() for name in ("gateway", "projector", *DISPATCHERS)))


def _new_environment(installation: FaultInstallation) -> dict[str, str]:
    return {name: value for name, value in installation.product.keys.items() if name not in OTHER_TREE}

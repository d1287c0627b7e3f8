"""Metrics of all serving processes of one pod, in one scrape.

Serving processes share a port, so a scrape reaches any of them. Each offers its metrics on a Unix socket in a folder of
the pod, and the one that is scraped asks the others. A process that has ended takes its series with it, as a pod does.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

# Names the folder to the serving processes that one command starts.
VARIABLE = "GATEWAY_PROCESSES_FOLDER"
READ_SECONDS = 1.0
MAX_BYTES = 16_000_000


@asynccontextmanager
async def offered(folder: Path | None, metrics: Callable[[], bytes]) -> AsyncIterator[None]:
    """Offers the metrics of this process to its siblings for the duration of the block.

    Args:
        folder: of the pod's sockets; None for a process without siblings.
    """
    if folder is None:
        yield
        return

    async def respond(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError):
            writer.write(metrics())
            async with asyncio.timeout(READ_SECONDS):
                await writer.drain()
        writer.close()

    path = _socket(folder)
    server = await asyncio.start_unix_server(respond, path)
    try:
        yield
    finally:
        server.close()
        _remove(path)


async def of_siblings(folder: Path | None) -> tuple[list[str], int]:
    """Returns the metrics of the other processes, and the number of those that did not respond."""
    if folder is None:
        return [], 0
    texts = await asyncio.gather(*map(_read, _others(folder)))
    return [text for text in texts if text], texts.count(None)


def merged(texts: Iterable[str]) -> str:
    """Returns the families of several texts of ``generate_latest``, each family once with the samples of all.

    The texts are not parsed: the parser of the client library takes 11 us a line, and a process has 2,000 lines.
    """
    families: dict[str, list[str]] = {}
    for text in texts:
        for family in f"\n{text}".split("\n# HELP ")[1:]:
            help_line, type_line, samples = f"{family}\n".split("\n", 2)
            families.setdefault(f"# HELP {help_line}\n{type_line}\n", []).append(samples.rstrip("\n"))
    return "".join(f"{header}{_lines(samples)}" for header, samples in families.items())


def _lines(samples: Iterable[str]) -> str:
    return "".join(f"{lines}\n" for lines in samples if lines)


def _socket(folder: Path) -> Path:
    return folder / f"{os.getpid()}.sock"


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _others(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.sock")) if path != _socket(folder)]


async def _read(path: Path) -> str | None:
    """Returns what a process offers; None if it does not respond, empty if it has ended."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                return (await _whole(reader)).decode()
            finally:
                writer.close()
    except (ConnectionRefusedError, FileNotFoundError):
        return ""
    except (OSError, TimeoutError, ValueError):
        return None


async def _whole(reader: asyncio.StreamReader) -> bytes:
    parts = bytearray()
    while part := await reader.read(65_536):
        parts += part
        if len(parts) > MAX_BYTES:
            raise ValueError("the metrics are too long")
    return bytes(parts)

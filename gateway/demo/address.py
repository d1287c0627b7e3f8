"""Address of the running demo, which the commands beside it find by themselves."""

import json
import socket
from collections.abc import Mapping
from pathlib import Path

from gateway.demo.keys import ADDRESSES, FOLDER, demo_secrets
from gateway.errors import CommandError

DEFAULT_PORT = 8000
# An environment that names one of these is that of an installation of its own.
STORES = ("NEON_DATABASE_URL", "NEO4J_URI", "REDIS_URL")
CONNECT_SECONDS = 1.0


def demo_port(environment: Mapping[str, str], folder: Path = FOLDER) -> int:
    """Returns the port of the gateway: ``PORT``, otherwise that of the running demo, otherwise 8000."""
    if environment.get("PORT"):
        return int(environment["PORT"])
    try:
        return int(_published(folder)["PORT"])
    except (ValueError, KeyError):  # no demo is running, or one of an earlier version
        return DEFAULT_PORT


def demo_environment(environment: Mapping[str, str], folder: Path = FOLDER) -> dict[str, str] | None:
    """Returns the environment of a command that opens the running demo's stores; None where it names its own.

    Raises:
        CommandError: the environment names no store, and no demo runs.
    """
    if any(map(environment.get, STORES)) or environment.get("ENVIRONMENT", "demo") != "demo":
        return None
    addresses = _published(folder)
    if not addresses:
        raise CommandError(
            f"The environment names no stores ({', '.join(STORES)}), and no demo of this checkout is running: set "
            "them (docs/CONFIGURATION.md), or start the demo."
        )
    return {**environment, **demo_secrets(), **addresses, "ENVIRONMENT": "demo"}


def _published(folder: Path) -> dict[str, str]:
    """The addresses of the running demo; empty if none is running, or its file cannot be read."""
    try:
        addresses = json.loads((folder / ADDRESSES).read_text())
    except (OSError, ValueError):
        return {}
    return addresses if isinstance(addresses, dict) else {}


def responds(port: int) -> bool:
    """Returns whether anything listens on a port of this machine."""
    try:
        with socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS):
            return True
    except OSError:
        return False

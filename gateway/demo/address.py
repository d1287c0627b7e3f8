"""Address of the running demo, which the commands beside it find by themselves."""

import json
import socket
from collections.abc import Mapping
from pathlib import Path

from gateway.demo.keys import ADDRESSES, FOLDER

DEFAULT_PORT = 8000
CONNECT_SECONDS = 1.0


def demo_port(environment: Mapping[str, str], folder: Path = FOLDER) -> int:
    """Returns the port of the gateway: ``PORT``, otherwise that of the running demo, otherwise 8000."""
    if environment.get("PORT"):
        return int(environment["PORT"])
    try:
        return int(json.loads((folder / ADDRESSES).read_text())["PORT"])
    except (OSError, ValueError, KeyError, TypeError):  # no demo is running, or one of an earlier version
        return DEFAULT_PORT


def responds(port: int) -> bool:
    """Returns whether anything listens on a port of this machine."""
    try:
        with socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS):
            return True
    except OSError:
        return False

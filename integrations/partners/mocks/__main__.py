"""Command ``python -m integrations.partners.mocks worldtracer --port 8101``: one mock as a process of its own."""

import argparse
import asyncio
import importlib
import signal
import sys
from pathlib import Path
from typing import Any

from integrations.partners.mocks.server import serving

# Each is a module with `create_app(*, key, callback, latency, journal) -> Starlette`.
NAMES = ("worldtracer", "twilio", "sendgrid")


async def run(name: str, port: int, **options: Any) -> None:
    """Serves a mock until SIGTERM or SIGINT. The options are those of the mock's ``create_app``."""
    app = importlib.import_module(f"integrations.partners.mocks.{name}").create_app(**options)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(app, port) as url:
        sys.stdout.write(f"mock of {name} at {url}\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> None:
    """Parses the command line and runs the mock."""
    parser = argparse.ArgumentParser(
        prog="python -m integrations.partners.mocks", description="Serve the mock of one partner on a loopback port."
    )
    parser.add_argument("name", choices=NAMES, help="partner")
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free one (default)")
    parser.add_argument("--key", help="the only key (or user:password) to accept; by default every one is accepted")
    parser.add_argument("--callback", help="loopback address of callbacks, for a partner that sends any")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every response")
    parser.add_argument("--journal", type=Path, help="file in which files and messages survive a restart")
    asyncio.run(run(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()

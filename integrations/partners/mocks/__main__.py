"""``python -m integrations.partners.mocks worldtracer --port 8101``: one mock as a process of its own."""

import argparse
import asyncio
import importlib
import signal
import sys
from pathlib import Path
from typing import Any

from integrations.partners.mocks.server import serving

# Each is a module here with `create_app(*, key, callback, latency) -> Starlette`; WorldTracer's takes a journal, too.
NAMES = ("worldtracer", "twilio", "sendgrid")


async def run(name: str, port: int, **options: Any) -> None:
    """Serves until SIGTERM or SIGINT; the options are those of the mock's ``create_app``."""
    app = importlib.import_module(f"integrations.partners.mocks.{name}").create_app(**options)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(app, port) as url:
        sys.stdout.write(f"Mock of {name} at {url}\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m integrations.partners.mocks", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--key", help="the only key (or user:password) that is accepted; without it every one is")
    parser.add_argument("--callback", help="where events are reported to, for a partner that reports any")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that every answer takes")
    parser.add_argument("--journal", type=Path, help="where WorldTracer's files outlive a restart")
    given = vars(parser.parse_args())
    if given["journal"] is None:
        del given["journal"]
    asyncio.run(run(**given))


if __name__ == "__main__":
    main()

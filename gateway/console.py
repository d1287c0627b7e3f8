"""Progress lines on standard output."""

import contextlib
import time
from collections.abc import Callable, Mapping


def console(environment: Mapping[str, str]) -> Callable[[str], None]:
    """Returns a function that prints a line behind the seconds since now.

    Args:
        environment: where ``SETUP_BEGAN`` is set, seconds count from that timestamp: the set-up script's start.
    """
    began = float(environment.get("SETUP_BEGAN") or time.time())

    def say(text: str) -> None:
        with contextlib.suppress(OSError):  # a closed console must not keep a command from stopping what it started
            print(f"{time.time() - began:7.1f} s  {text}", flush=True)

    return say

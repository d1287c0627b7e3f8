"""Hosts of a store's URL, which may name several."""

from urllib.parse import urlsplit


def hosts_of(url: str) -> list[tuple[str, int | None]]:
    """Returns host and port of each server that a URL such as ``redis://:password@one:6379,two:6379/0`` names.

    Raises:
        ValueError: a port is no number to 65535. The message holds no part of the URL.
    """
    netloc = urlsplit(url).netloc.rpartition("@")[2]
    try:
        parts = [urlsplit(f"//{host}") for host in netloc.split(",")]
        return [(part.hostname or "", part.port) for part in parts]
    except ValueError:
        raise ValueError("each host may have a port, a number to 65535") from None

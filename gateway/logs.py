"""Logging: lines on standard error."""

import logging
import sys
from typing import Any

from integrations.tracebacks import without_texts

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def configure_logging(level: str) -> None:
    """Logs to standard error, from ``level`` up; to be called once, at the start of a process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(FORMAT))
    logging.basicConfig(level=level, handlers=[handler])
    # FORMAT names neither thread, process nor source line; looking them up is a third of the cost of a line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # the switch that the documentation of Python names
    # The driver reports a dead server at every attempt; the store's manager logs it once.
    logging.getLogger("neo4j").setLevel(logging.ERROR)
    # gateway.http.websocket logs the end of each connection, without the client's address.
    logging.getLogger("uvicorn.error").addFilter(lambda record: not _is_of_a_websocket(record))
    # Their lines show URLs, with the numbers of passengers, and at DEBUG headers and keys.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # At DEBUG it shows the frames of WebSockets: tokens, and what operations return.
    logging.getLogger("uvicorn").setLevel(max(logging.INFO, logging.getLogger().level))
    # Its reports on the consumer group repeat what the consumer logs.
    logging.getLogger("aiokafka").setLevel(logging.WARNING)


class _Formatter(logging.Formatter):
    """Shows tracebacks without the texts of errors, which may quote what a passenger or a message said."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 # logging's name
        """Returns the traceback of an error."""
        return without_texts(ei[1])


def _is_of_a_websocket(record: logging.LogRecord) -> bool:
    text = str(record.msg)
    return record.levelno == logging.INFO and ("WebSocket" in text or text in ("connection open", "connection closed"))

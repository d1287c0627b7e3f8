"""Logging: lines on standard error, as text or as JSON."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.http.middleware import LINE_FIELDS, access
from integrations.log_fields import current_log_fields
from integrations.tracebacks import without_texts
from integrations.tracing import trace_id

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Formatter(logging.Formatter):
    """Shows tracebacks without the texts of errors, which may quote what a passenger or a message said."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 # logging's name
        """Returns the traceback of an error."""
        return without_texts(ei[1])


class JsonFormatter(_Formatter):
    """Formats a record as one JSON object: time, level, logger, message, and the fields of its request or task.

    A line of the access log has its values as fields as well, and an error its traceback as ``error``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line."""
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "trace": trace_id(),
            **current_log_fields(),
        }
        if record.name == access.name and isinstance(record.args, tuple):
            fields.update(zip(LINE_FIELDS, record.args, strict=False))
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        present = {name: value for name, value in fields.items() if value is not None}
        return orjson.dumps(present, default=str).decode()


def configure_logging(level: str, form: str = "text") -> None:
    """Logs to standard error, from ``level`` up; to be called once, at the start of a process.

    Args:
        form: ``text`` or ``json``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else _Formatter(FORMAT))
    logging.basicConfig(handlers=[handler], level=level)
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


def _is_of_a_websocket(record: logging.LogRecord) -> bool:
    text = str(record.msg)
    return record.levelno == logging.INFO and ("WebSocket" in text or text in ("connection open", "connection closed"))

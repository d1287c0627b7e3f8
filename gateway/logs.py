"""The log: lines on standard error, made cheaply, since every request writes one."""

import logging
import sys
from time import localtime, strftime

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Lines(logging.Formatter):
    """Writes a second's date and time once for all its lines."""

    def __init__(self) -> None:
        super().__init__(FORMAT)
        self._second = -1
        self._text = ""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and where there is a failure the lines of its traceback."""
        if record.exc_info or record.stack_info:
            return super().format(record)
        return f"{self.formatTime(record)} {record.levelname} {record.name}: {record.getMessage()}"

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - the library's
        second = int(record.created)
        if second != self._second:
            self._second, self._text = second, strftime("%Y-%m-%d %H:%M:%S", localtime(second))
        return f"{self._text},{int(record.msecs):03d}"


def _is_of_a_socket(record: logging.LogRecord) -> bool:
    text = str(record.msg)
    return record.levelno == logging.INFO and ("WebSocket" in text or text in ("connection open", "connection closed"))


def write_logs(level: str) -> None:
    """Log to standard error, from ``level`` up; for a process that logs nothing yet."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    logging.basicConfig(level=level, handlers=[handler])
    # The lines name neither; finding them out takes a fifth of making a line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # The driver reports a dead server at every attempt; the stores' own lines say it once.
    logging.getLogger("neo4j").setLevel(logging.ERROR)
    # A WebSocket's end has a line of our own, without the client's address.
    logging.getLogger("uvicorn.error").addFilter(lambda record: not _is_of_a_socket(record))
    # Its news of a group, step by step, stand in our own lines.
    logging.getLogger("aiokafka").setLevel(logging.WARNING)

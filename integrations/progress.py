"""Progress of long runs."""

from collections.abc import Callable
from time import monotonic

# Receives one line about the progress of a run.
Progress = Callable[[str], None]


class ProgressTimer:
    """Decides when a run reports its progress, and at what rate it advances.

    Args:
        seconds: shortest time between two reports.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began = self._reported = monotonic()

    def is_due(self) -> bool:
        """Whether the time for a report has come; starts the time to the next one."""
        now = monotonic()
        due = now - self._reported >= self._seconds
        if due:
            self._reported = now
        return due

    def rate(self, done: int) -> float:
        """Returns items per second since the run began."""
        return done / max(monotonic() - self._began, 0.001)

"""Interfaces that a request uses and a process provides."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Protocol

from integrations.records.changes import ChangeEvent, ChangeFilter, LogPosition
from integrations.records.health import Health


class ChangeSource(Protocol):
    """Change events of an airline, from the change log."""

    def subscribe(
        self, airline_id: int, wanted: ChangeFilter, after: tuple[LogPosition, datetime] | None
    ) -> AsyncGenerator[ChangeEvent, None]:
        """Change events for one subscriber, without end.

        Args:
            wanted: which changes.
            after: the position that the subscriber has reached, and its timestamp; None for changes from now on.

        Raises:
            CursorExpired: the log no longer holds the changes after that position.
            Unavailable: PostgreSQL cannot be reached.
        """


class HealthSource(Protocol):
    """Changes of service health."""

    def changes(self) -> AsyncGenerator[Health, None]:
        """The current health, then one value for each change of a service's status, without end."""


class LiveUpdates(Protocol):
    """What subscriptions of one process read from."""

    @property
    def hub(self) -> ChangeSource:
        """Change events."""

    @property
    def health(self) -> HealthSource:
        """Service health."""

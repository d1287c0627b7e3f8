"""Rules by which evidence decides whether a store is healthy, degraded or unhealthy. Pure: no clock, no I/O.

A store that responds late is degraded, however late, as long as anything responds. It is unhealthy where connections
to it fail, where several probes in a row had no response and no call completed in between, or where it says itself that
it cannot serve.
"""

from dataclasses import dataclass, replace

from integrations.records.health import HealthStatus

# Probes in a row that could not connect, and probes in a row with no response or no connection. A call that completes
# in between starts the count again.
FAILED_PROBES = 2
SILENT_PROBES = 3
# Probes in a row after which a store counts as slow, and as prompt again.
SLOW_PROBES = 2
PROMPT_PROBES = 2


@dataclass(frozen=True, slots=True)
class StoreCondition:
    """Condition of a store by the evidence so far.

    Args:
        status: unhealthy rejects calls; degraded lets them pass.
        reason: why the store is unhealthy; None if it is not.
        failed: probes in a row that could not connect.
        silent: probes in a row without response.
        slow: probes in a row with a late response.
        prompt: probes in a row with a response in time.
        latency: seconds that the last response to a probe took.
    """

    status: HealthStatus = HealthStatus.UNHEALTHY
    reason: str | None = "not connected"
    failed: int = 0
    silent: int = 0
    slow: int = 0
    prompt: int = 0
    latency: float = 0.0

    @property
    def is_up(self) -> bool:
        """Whether calls pass."""
        return self.status is not HealthStatus.UNHEALTHY

    @property
    def is_settled(self) -> bool:
        """Whether nothing suggests another probe soon."""
        return self.status is HealthStatus.HEALTHY and not (self.failed or self.silent or self.slow)

    def responded(self, seconds: float, *, late: bool) -> "StoreCondition":
        """Return the condition after a response to a probe.

        Args:
            seconds: from sending the probe to the response.
            late: whether a healthy store takes less time.
        """
        slow = min(self.slow + 1, SLOW_PROBES) if late else 0
        prompt = 0 if late else min(self.prompt + 1, PROMPT_PROBES)
        return StoreCondition(self._status(slow, prompt), None, slow=slow, prompt=prompt, latency=seconds)

    def call_completed(self) -> "StoreCondition":
        """Return the condition after a call completed: the store is up, and a probe without response was only late."""
        if not self.is_up:
            return self
        late = self.failed or self.silent
        slow = min(self.slow + 1, SLOW_PROBES) if late else self.slow
        prompt = 0 if late else self.prompt
        return replace(self, status=self._status(slow, prompt), failed=0, silent=0, slow=slow, prompt=prompt)

    def not_connected(self, reason: str) -> "StoreCondition":
        """Return the condition after a probe that could not connect, or whose connection broke."""
        return self._without_response(reason, self.failed + 1, self.silent)

    def no_response(self, reason: str) -> "StoreCondition":
        """Return the condition after a probe without a response in time."""
        return self._without_response(reason, self.failed, self.silent + 1)

    def unusable(self, reason: str) -> "StoreCondition":
        """Return the condition after the store itself said that it cannot serve."""
        return StoreCondition(HealthStatus.UNHEALTHY, reason, latency=self.latency)

    def _without_response(self, reason: str, failed: int, silent: int) -> "StoreCondition":
        if not self.is_up or failed >= FAILED_PROBES or failed + silent >= SILENT_PROBES:
            return self.unusable(reason)
        return replace(self, failed=failed, silent=silent, prompt=0)

    def _status(self, slow: int, prompt: int) -> HealthStatus:
        stays = self.status is HealthStatus.DEGRADED and prompt < PROMPT_PROBES
        return HealthStatus.DEGRADED if stays or slow >= SLOW_PROBES else HealthStatus.HEALTHY

"""Partner links: a partner as a dispatcher uses it, with port, breaker, fallback, price and rate limit."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from integrations.partners.breaker import Breaker
from integrations.partners.ports import MailSender, PartnerPort, SmsSender, WorldTracer
from integrations.records.effects import Service
from integrations.records.health import BreakerState
from resolvers.rules.contact_hours import ContactRules

PortT = TypeVar("PortT", bound=PartnerPort)


@dataclass(frozen=True, slots=True)
class PartnerLink(Generic[PortT]):
    """A link to one partner.

    Args:
        port: the partner, or its mock if so configured.
        fallback: a mock to use while the partner is unavailable; None to let effects wait.
        enabled: whether effects are sent at all.
        price_micros: price of one unit (part of an SMS, email or call), in millionths of a US dollar.
        max_per_minute: maximum number of messages in 60 seconds; None for no limit.
    """

    service: Service
    port: PortT
    fallback: PortT | None
    breaker: Breaker
    enabled: bool = True
    price_micros: int = 0
    max_per_minute: int | None = None

    def partner(self) -> PortT:
        """The port to use now: the fallback, if there is one, while the breaker is open; else the partner's."""
        return self.fallback if self.fallback is not None and self.breaker_retry_after() > 0 else self.port

    @contextmanager
    def guarded(self, port: PortT) -> Iterator[None]:
        """Context of one call to ``port``; calls to the partner pass its breaker.

        Raises:
            Unavailable: the breaker is open; has the time until the next attempt.
        """
        if port is self.fallback:
            yield
        else:
            with self.breaker.attempt():
                yield

    def retry_after(self) -> float:
        """Seconds until a call may be made; 0 if partner or fallback may be called now."""
        return 0.0 if self.fallback is not None else self.breaker_retry_after()

    def breaker_retry_after(self) -> float:
        """Seconds until the partner may be called; 0 if it may be called now."""
        return self.breaker.snapshot().retry_after_seconds or 0.0

    def capacity(self, most: int) -> int:
        """Maximum number of concurrent calls: one while the breaker is not closed, else ``most``."""
        whole = self.fallback is not None or self.breaker.snapshot().state is BreakerState.CLOSED
        return most if whole else 1


@dataclass(frozen=True, slots=True)
class PartnerLinks:
    """The links to all partners.

    Args:
        rules: contact rules for SMS to passengers.
    """

    worldtracer: PartnerLink[WorldTracer]
    sms: PartnerLink[SmsSender]
    email: PartnerLink[MailSender]
    rules: ContactRules

    @property
    def by_service(
        self,
    ) -> Mapping[Service, PartnerLink[WorldTracer] | PartnerLink[SmsSender] | PartnerLink[MailSender]]:
        """The links by service."""
        return {Service.WORLDTRACER: self.worldtracer, Service.SMS: self.sms, Service.EMAIL: self.email}

"""Lines: a partner as a dispatcher uses it: whom to ask, with which breaker, at what price and pace."""

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
    """One partner.

    Args:
        port: whom to ask first: the partner, or a stand-in where the configuration says so.
        fallback: a stand-in that is asked while the partner is away; None where effects wait for it.
        enabled: whether anything is sent at all.
        price_micros: of one unit (a part of a message, an email, a call), in millionths of a US dollar.
        a_minute: the most messages that may be sent in 60 seconds; None for no limit.
    """

    service: Service
    port: PortT
    fallback: PortT | None
    breaker: Breaker
    enabled: bool = True
    price_micros: int = 0
    a_minute: int | None = None

    def partner(self) -> PortT:
        """Whom to ask now: the stand-in only while the partner is not to be asked."""
        return self.fallback if self.fallback is not None and self.breaker_retry_after() > 0 else self.port

    @contextmanager
    def guarded(self, port: PortT) -> Iterator[None]:
        """Around one call to ``port``: the partner's calls pass its breaker.

        Raises:
            Unavailable: the breaker is open; carries when to ask again.
        """
        if port is self.fallback:
            yield
        else:
            with self.breaker.attempt():
                yield

    def retry_after(self) -> float:
        """Seconds for which there is nobody to ask; 0 where somebody may be asked now."""
        return 0.0 if self.fallback is not None else self.breaker_retry_after()

    def breaker_retry_after(self) -> float:
        """Seconds for which the partner is not to be asked; 0 where it may be asked now."""
        return self.breaker.snapshot().retry_after_seconds or 0.0

    def capacity(self, most: int) -> int:
        """How many calls may be under way at a time: one while it is not known whether the partner is back."""
        whole = self.fallback is not None or self.breaker.snapshot().state is BreakerState.CLOSED
        return most if whole else 1


@dataclass(frozen=True, slots=True)
class PartnerLinks:
    """All partners.

    Args:
        rules: when and how often a passenger may be sent a short message.
    """

    worldtracer: PartnerLink[WorldTracer]
    sms: PartnerLink[SmsSender]
    email: PartnerLink[MailSender]
    rules: ContactRules

    @property
    def by_service(
        self,
    ) -> Mapping[Service, PartnerLink[WorldTracer] | PartnerLink[SmsSender] | PartnerLink[MailSender]]:
        """The links by what they do."""
        return {Service.WORLDTRACER: self.worldtracer, Service.SMS: self.sms, Service.EMAIL: self.email}

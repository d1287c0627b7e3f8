"""What we want of partners, in our words; an adapter knows the vendor.

All calls raise ``Unavailable`` (not done, or safe to repeat), ``Refused`` (no, and a repeat says no again) or, those
that must not happen twice, ``Unsettled``: it was sent and its answer never came. Then the matching look-up tells what
became of it. ``mock`` says that a stand-in is spoken to.

Refused
├── FileClosed        WorldTracer: a closed file is never changed or reopened, only recreated
├── UnknownFile       WorldTracer: no file of that reference, or it was purged
└── MessageRefused    SMS, email: carries why
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from integrations.errors import Refused
from integrations.records.deliveries import Attachment, DeliveryRefusal, DeliveryStatus, SendResult, SentMessage
from integrations.records.tracing import (
    BagDescription,
    BaggageData,
    FileType,
    FileUpdates,
    Forwarding,
    PassengerData,
    SearchCriteria,
    TracedFile,
    TracingMatch,
    TracingResult,
    TracingStatus,
)


class FileClosed(Refused):
    """The file is closed."""


class UnknownFile(Refused):
    """There is no such file."""


class MessageRefused(Refused):
    """The provider does not take this message.

    Args:
        refusal: why, in our words.
    """

    def __init__(self, store: str, reason: str, refusal: DeliveryRefusal) -> None:
        super().__init__(store, reason)
        self.refusal = refusal


class Pinged(Protocol):
    """A partner that can be asked for a sign of life."""

    @property
    def mock(self) -> bool:
        """Whether a stand-in is spoken to."""
        ...

    async def ping(self) -> None:
        """Returns if the partner answers and knows our credentials; raises what any call raises."""
        ...

    async def close_connections(self) -> None:
        """Lets go of the connections; no call may follow."""
        ...


class WorldTracer(Pinged, Protocol):
    """The tracing service. A file is known by its type and its reference, ``PTYCM12345``."""

    async def create_pir(
        self, baggage_data: BaggageData, passenger_data: PassengerData, *, our_key: str
    ) -> TracingResult:
        """Makes a file and returns its reference. Not idempotent: search by ``our_key`` before a repeat."""
        ...

    async def update_pir(
        self, pir_number: str, updates: FileUpdates, *, file_type: FileType = FileType.DELAYED
    ) -> TracingResult:
        """Changes what a file says; may be repeated."""
        ...

    async def search_bags(self, criteria: SearchCriteria) -> list[TracedFile]:
        """The files that meet all criteria, the newest first, at most 50."""
        ...

    async def match_found_bags(self, bag_description: BagDescription) -> list[TracingMatch]:
        """The open files that may be about a found bag, the best first, at most 50."""
        ...

    async def get_pir_status(self, pir_number: str, *, file_type: FileType = FileType.DELAYED) -> TracingStatus:
        """How a file stands."""
        ...

    async def suspend(self, pir_number: str, bags: Sequence[int]) -> TracingResult:
        """Stops looking for these bags of a delayed file, numbered from 1; may be repeated."""
        ...

    async def reinstate(self, pir_number: str, bags: Sequence[int]) -> TracingResult:
        """Looks for these bags again; may be repeated."""
        ...

    async def forward(
        self, pir_number: str, forwarding: Forwarding, *, our_key: str, file_type: FileType = FileType.DELAYED
    ) -> TracingResult:
        """Makes a forward file that quotes this one and returns its reference; an on-hand file is closed by it.

        Not idempotent: search by ``our_key`` before a repeat.
        """
        ...

    async def close(
        self,
        pir_number: str,
        reason_for_loss: int | None,
        fault_station: str | None,
        *,
        remarks: str = "",
        file_type: FileType = FileType.DELAYED,
    ) -> TracingResult:
        """Closes a file. Where ``incomplete`` it stays open: reason for loss and fault station are mandatory.

        Not idempotent: a second close is refused; ``get_pir_status`` tells whether the first one was done.
        """
        ...


class SmsSender(Pinged, Protocol):
    """Text messages. Numbers are in E.164."""

    async def send_sms(self, to: str, message: str, *, our_key: str) -> SendResult:
        """Sends one message. Not idempotent: ``sent_since`` settles an unknown outcome.

        Raises:
            MessageRefused: the provider says no, and why.
        """
        ...

    async def send_bulk_sms(self, recipients: Sequence[str], message: str) -> list[SendResult]:
        """Sends the same message to several, one after the other; stops at the first error, which it raises."""
        ...

    async def check_delivery_status(self, message_sid: str) -> DeliveryStatus:
        """How far a message is."""
        ...

    async def sent_since(self, to: str, since: datetime) -> list[SentMessage]:
        """The messages to that number since then, the newest first."""
        ...


class MailSender(Pinged, Protocol):
    """Email."""

    async def send_email(
        self,
        to: str,
        subject: str,
        html_content: str,
        attachments: Sequence[Attachment] = (),
        *,
        text_content: str,
        our_key: str,
    ) -> SendResult:
        """Sends one email. Not idempotent: the provider's event that carries ``our_key`` settles an unknown outcome.

        Raises:
            MessageRefused: the provider says no, and why.
        """
        ...

    async def send_template_email(
        self, to: str, template_id: str, data: Mapping[str, Any], *, our_key: str
    ) -> SendResult:
        """Sends one email whose words are kept by the provider; otherwise as ``send_email``."""
        ...

    async def check_delivery_status(self, message_id: str) -> DeliveryStatus:
        """How far an email is."""
        ...

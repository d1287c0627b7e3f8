"""Ports of the partners: their interfaces in the product's terms. An adapter implements a port for one vendor.

Every call raises ``Unavailable`` (it was not done, or may be repeated) or ``Refused`` (rejected, and a repeat is
rejected too). A call that must not be repeated may also raise ``Unsettled``: it was sent and no response came. The
matching look-up then finds the outcome. ``mock`` says that the adapter calls a mock.

Refused
├── FileClosed        WorldTracer: a closed file is never changed or reopened, only recreated
├── UnknownFile       WorldTracer: no file of that reference, or it was purged
└── MessageRefused    SMS, email: carries the reason
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
    """No such file."""


class MessageRefused(Refused):
    """The provider rejects this message.

    Args:
        store: name of the partner.
        reason: text for the log.
        refusal: reason in the product's terms.
    """

    def __init__(self, store: str, reason: str, refusal: DeliveryRefusal) -> None:
        super().__init__(store, reason)
        self.refusal = refusal


class PartnerPort(Protocol):
    """A partner that can be pinged and closed."""

    @property
    def mock(self) -> bool:
        """Whether the adapter calls a mock."""
        ...

    async def ping(self) -> None:
        """Returns if the partner responds and accepts our credentials; otherwise raises what any call raises."""
        ...

    async def close_connections(self) -> None:
        """Closes the connections. No call may follow."""
        ...


class WorldTracer(PartnerPort, Protocol):
    """The tracing service. A file is identified by its type and its reference, ``PTYCM12345``."""

    async def create_pir(
        self, baggage_data: BaggageData, passenger_data: PassengerData, *, our_key: str
    ) -> TracingResult:
        """Creates a file and returns its reference. Not idempotent: search by ``our_key`` before a repeat."""
        ...

    async def update_pir(
        self, pir_number: str, updates: FileUpdates, *, file_type: FileType = FileType.DELAYED
    ) -> TracingResult:
        """Changes the elements of a file. May be repeated."""
        ...

    async def search_bags(self, criteria: SearchCriteria) -> list[TracedFile]:
        """Files that match all criteria, the newest first, at most 50."""
        ...

    async def match_found_bags(self, bag_description: BagDescription) -> list[TracingMatch]:
        """Open files that may be about a found bag, the best match first, at most 50."""
        ...

    async def get_pir_status(self, pir_number: str, *, file_type: FileType = FileType.DELAYED) -> TracingStatus:
        """Status of a file."""
        ...

    async def suspend(self, pir_number: str, bags: Sequence[int]) -> TracingResult:
        """Suspends tracing of these bags of a delayed file, numbered from 1. May be repeated."""
        ...

    async def reinstate(self, pir_number: str, bags: Sequence[int]) -> TracingResult:
        """Resumes tracing of these bags. May be repeated."""
        ...

    async def forward(
        self, pir_number: str, forwarding: Forwarding, *, our_key: str, file_type: FileType = FileType.DELAYED
    ) -> TracingResult:
        """Creates a forward file that quotes this one, and returns its reference. Closes a quoted on-hand file.

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
        """Closes a file. If the result is ``incomplete``, the file stays open.

        Reason for loss and fault station are mandatory.

        Not idempotent: a second close is rejected. ``get_pir_status`` shows whether the first one was done.
        """
        ...


class SmsSender(PartnerPort, Protocol):
    """SMS. Numbers are in E.164."""

    async def send_sms(self, to: str, message: str, *, our_key: str) -> SendResult:
        """Sends one message. Not idempotent: ``sent_since`` settles an unknown outcome.

        Raises:
            MessageRefused: the provider rejects the message; carries the reason.
        """
        ...

    async def send_bulk_sms(self, recipients: Sequence[str], message: str) -> list[SendResult]:
        """Sends the same message to several recipients in order. Stops at the first error and raises it."""
        ...

    async def check_delivery_status(self, message_sid: str) -> DeliveryStatus:
        """Delivery status of a message."""
        ...

    async def sent_since(self, to: str, since: datetime) -> list[SentMessage]:
        """Messages to that number since then, the newest first."""
        ...


class MailSender(PartnerPort, Protocol):
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
        """Sends one email. Not idempotent: the provider's event with ``our_key`` settles an unknown outcome.

        Raises:
            MessageRefused: the provider rejects the message; carries the reason.
        """
        ...

    async def send_template_email(
        self, to: str, template_id: str, data: Mapping[str, Any], *, our_key: str
    ) -> SendResult:
        """Sends one email from a template that the provider keeps; otherwise like ``send_email``."""
        ...

    async def check_delivery_status(self, message_id: str) -> DeliveryStatus:
        """Delivery status of an email."""
        ...

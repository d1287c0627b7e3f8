"""Channels: how an effect of each service is made ready, sent, and found out about where nobody saw how it ended."""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic

from integrations.partners.ports import FileClosed, MailSender, SmsSender, WorldTracer
from integrations.records.attempts import Send
from integrations.records.codes import E_164
from integrations.records.deliveries import SendResult
from integrations.records.effects import Effect, EffectReason, Service, TracingCall, Trigger
from integrations.records.pirs import PirBag
from integrations.records.tracing import SearchCriteria, TracingResult
from integrations.stores.postgres import effects
from integrations.stores.postgres.manager import Reader
from resolvers.notifications import case_file, render
from resolvers.notifications.case_file import CaseFile
from resolvers.notifications.partner_links import PartnerLink, PortT
from resolvers.rules.contact_hours import ContactRules, day_began, next_allowed

# A passenger is told without a file reference rather than later than this.
REFERENCE_PATIENCE = timedelta(minutes=2)
REFERENCE_PAUSE = timedelta(seconds=2)

# A provider's clock may be so far from ours.
CLOCKS_DIFFER = timedelta(minutes=1)

# Each makes a file: done twice, there are two. What else WorldTracer is asked for may be asked again.
MADE_ONCE = frozenset({TracingCall.CREATE.value, TracingCall.FORWARD.value})

ADDRESS = re.compile(r"[^@\s\x00-\x1f<>(),;:\"\\\[\]]{1,64}@[A-Za-z0-9.-]{1,253}\.[A-Za-z]{2,63}")


@dataclass(frozen=True, slots=True)
class Sent:
    """What a partner took.

    Args:
        provider_id: its own name for it, such as a message's number or a file's reference.
        units: what it is charged by.
        mock: a stand-in took it; one that says so itself is believed.
        incomplete: it was taken, and what was asked for is not done: elements are missing.
    """

    provider_id: str
    mock: bool
    units: int = 1
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class Ready(Generic[PortT]):
    """May be sent now: ``send`` makes the call.

    Args:
        recipient: whom it goes to, or the file that it is about.
        fingerprint: of the words, by which they are known again.
    """

    recipient: str
    send: Callable[[PortT], Awaitable[Sent]]
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not before then."""

    until: datetime
    reason: EffectReason


@dataclass(frozen=True, slots=True)
class Drop:
    """Not at all; ``failed`` where an agent should look at it."""

    reason: EffectReason
    failed: bool = False


class Channel(ABC, Generic[PortT]):
    """How effects of one service are sent.

    Args:
        link: the partner.
    """

    # Whether ``find`` tells in the end that a send did not arrive.
    can_find = True

    def __init__(self, link: PartnerLink[PortT]) -> None:
        self.link = link

    @abstractmethod
    async def ready(
        self, records: Reader, effect: Effect, dossier: CaseFile, now: datetime
    ) -> Ready[PortT] | Wait | Drop:
        """What is to be done with an effect now."""

    def patience(self, effect: Effect) -> timedelta:
        """For how long after its beginning a call may still turn out to have been done."""
        return timedelta(seconds=60)

    @abstractmethod
    async def find(self, port: PortT, effect: Effect, dossier: CaseFile, last: Send) -> Sent | None:
        """What became of a send whose end nobody saw; None where the partner knows nothing of it so far."""


class TracingChannel(Channel[WorldTracer]):
    """Calls to WorldTracer: those of one file in their order, each about the file as it stands now."""

    async def ready(
        self,
        records: Reader,
        effect: Effect,
        dossier: CaseFile,
        now: datetime,
    ) -> Ready[WorldTracer] | Wait | Drop:
        """Everything but the creation of a file needs the file's reference."""
        reference = dossier.pir.reference
        if effect.action == TracingCall.CREATE:
            return Ready("", lambda port: self._create(port, effect, dossier))
        if reference is None:
            return Drop(EffectReason.REFERENCE_AWAITED, failed=True)
        return Ready(reference, lambda port: self._call(port, effect, dossier, reference))

    def patience(self, effect: Effect) -> timedelta:
        """What may be repeated is repeated at once."""
        return timedelta(seconds=60) if effect.action in MADE_ONCE else timedelta(0)

    async def find(self, port: WorldTracer, effect: Effect, dossier: CaseFile, last: Send) -> Sent | None:
        """Files are found by our key."""
        if effect.action not in MADE_ONCE:
            return None
        files = await port.search_bags(SearchCriteria(our_key=effect.our_key))
        return next((Sent(file.reference, file.mock) for file in files if file.our_key == effect.our_key), None)

    async def _create(self, port: WorldTracer, effect: Effect, dossier: CaseFile) -> Sent:
        return _done(
            await port.create_pir(
                case_file.baggage_data(dossier), case_file.passenger_data(dossier), our_key=effect.our_key
            )
        )

    async def _call(self, port: WorldTracer, effect: Effect, dossier: CaseFile, reference: str) -> Sent:
        bags = dossier.chosen(effect.detail.get("bags"))
        seqs = [bag.seq for bag in bags]
        match TracingCall(effect.action):
            case TracingCall.SUSPEND:
                return _done(await port.suspend(reference, seqs))
            case TracingCall.REINSTATE:
                return _done(await port.reinstate(reference, seqs))
            case TracingCall.FORWARD:
                return _done(await self._forward(port, effect, dossier, reference, bags[0]))
            case TracingCall.CLOSE:
                return await self._close(port, dossier, reference)
            case _:
                return _done(
                    await port.update_pir(reference, case_file.file_updates(dossier), file_type=dossier.file_type)
                )

    async def _close(self, port: WorldTracer, dossier: CaseFile, reference: str) -> Sent:
        reason = dossier.pir.reason_for_loss
        try:
            return _done(
                await port.close(
                    reference,
                    int(reason) if reason else None,
                    dossier.pir.fault_station,
                    file_type=dossier.file_type,
                )
            )
        except FileClosed:
            # By an earlier try whose answer was lost, or by WorldTracer itself: what was asked for is so.
            return Sent(reference, port.mock)

    async def _forward(
        self, port: WorldTracer, effect: Effect, dossier: CaseFile, reference: str, bag: PirBag
    ) -> TracingResult:
        return await port.forward(
            reference, case_file.forwarding(dossier, bag), our_key=effect.our_key, file_type=dossier.file_type
        )


def _done(result: TracingResult) -> Sent:
    return Sent(result.reference, result.mock, incomplete=result.incomplete)


class SmsChannel(Channel[SmsSender]):
    """Short messages: by day, not too many, and not to those who do not want them.

    Args:
        rules: when and how often.
    """

    def __init__(self, link: PartnerLink[SmsSender], rules: ContactRules) -> None:
        super().__init__(link)
        self._rules = rules

    async def ready(
        self, records: Reader, effect: Effect, dossier: CaseFile, now: datetime
    ) -> Ready[SmsSender] | Wait | Drop:
        """The words are made from the file as it stands now."""
        number = dossier.phone
        if (obstacle := await _obstacle(records, effect, number, E_164)) is not None:
            return obstacle
        assert number is not None
        sent = await effects.count_sent_to(
            records, effect.airline_id, Service.SMS, number, day_began(now, dossier.zone)
        )
        trigger = Trigger(effect.action)
        free = next_allowed(trigger, effect.created_at, now, dossier.zone, sent, self._rules)
        if free.reason is not None:
            return Wait(free.at, free.reason)
        if (wait := _reference_wait(effect, dossier, now)) is not None:
            return wait
        told = case_file.milestone(dossier, effect.detail.get("bags"))
        text = render.render_sms(trigger, dossier.language, told).text
        return Ready(number, lambda port: self._send(port, number, text, effect), _fingerprint(text))

    async def find(self, port: SmsSender, effect: Effect, dossier: CaseFile, last: Send) -> Sent | None:
        """By recipient, time and words: the provider knows no key of ours."""
        messages = await port.sent_since(last.recipient, last.started_at - CLOCKS_DIFFER)
        return next(
            (
                Sent(one.provider_id, one.mock, one.units)
                for one in messages
                if _fingerprint(one.text) == last.fingerprint
            ),
            None,
        )

    async def _send(self, port: SmsSender, number: str, text: str, effect: Effect) -> Sent:
        return _taken(await port.send_sms(number, text, our_key=effect.our_key))


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class MailChannel(Channel[MailSender]):
    """Emails. What became of one without an answer, only the provider's signed events tell."""

    can_find = False

    def patience(self, effect: Effect) -> timedelta:
        """For how long an event is waited for."""
        return timedelta(minutes=15)

    async def ready(
        self, records: Reader, effect: Effect, dossier: CaseFile, now: datetime
    ) -> Ready[MailSender] | Wait | Drop:
        """The words are made from the file as it stands now."""
        address = dossier.email
        if (obstacle := await _obstacle(records, effect, address, ADDRESS)) is not None:
            return obstacle
        assert address is not None
        if (wait := _reference_wait(effect, dossier, now)) is not None:
            return wait
        told = case_file.milestone(dossier, effect.detail.get("bags"))
        mail = render.render_email(Trigger(effect.action), dossier.language, told)

        async def send(port: MailSender) -> Sent:
            return _taken(
                await port.send_email(address, mail.subject, mail.html, text_content=mail.text, our_key=effect.our_key)
            )

        return Ready(address, send)

    async def find(self, port: MailSender, effect: Effect, dossier: CaseFile, last: Send) -> Sent | None:
        """An event that carries our key moves the effect when it comes; there is nobody to ask."""
        return None


def _taken(result: SendResult) -> Sent:
    return Sent(result.provider_id, result.mock, result.units)


async def _obstacle(records: Reader, effect: Effect, contact: str | None, form: re.Pattern[str]) -> Drop | None:
    """Why the passenger cannot be told in this way at all."""
    if not contact:
        return Drop(EffectReason.NO_CONTACT)
    if not form.fullmatch(contact):
        return Drop(EffectReason.INVALID_CONTACT, failed=True)
    if await effects.is_opted_out(records, effect.airline_id, Service(effect.service), contact):
        return Drop(EffectReason.OPTED_OUT)
    return None


def _reference_wait(effect: Effect, dossier: CaseFile, now: datetime) -> Wait | None:
    """A reference that is about to come is waited for a little."""
    awaited = dossier.pir.reference is None and now < effect.created_at + REFERENCE_PATIENCE
    return Wait(now + REFERENCE_PAUSE, EffectReason.REFERENCE_AWAITED) if awaited else None

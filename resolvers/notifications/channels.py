"""Channels: how an effect of each service is prepared, sent, and looked up when its outcome is unknown."""

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

# After this time a message goes without the reference of the PIR.
MAX_REFERENCE_WAIT = timedelta(minutes=2)
REFERENCE_PAUSE = timedelta(seconds=2)

# A provider's clock may differ from ours by this much.
CLOCK_TOLERANCE = timedelta(minutes=1)

# These calls create a file at WorldTracer, and a repeated call would create another one. Other calls may be repeated.
NOT_REPEATABLE = frozenset({TracingCall.CREATE.value, TracingCall.FORWARD.value})

ADDRESS = re.compile(r"[^@\s\x00-\x1f<>(),;:\"\\\[\]]{1,64}@[A-Za-z0-9.-]{1,253}\.[A-Za-z]{2,63}")


@dataclass(frozen=True, slots=True)
class Sent:
    """What a partner accepted.

    Args:
        provider_id: the partner's identifier, such as the id of a message or the reference of a file.
        mock: whether a mock accepted it; a mock that says so itself counts as one.
        units: number of charged units.
        incomplete: whether the partner accepted the call without doing what was requested, since elements are missing.
    """

    provider_id: str
    mock: bool
    units: int = 1
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class Ready(Generic[PortT]):
    """An effect that may be sent now.

    Args:
        recipient: recipient of the message, or reference of the file that the call concerns.
        send: makes the call; takes the key of the attempt, which a message carries.
        fingerprint: digest of the text, by which a look-up recognises it.
    """

    recipient: str
    send: Callable[[PortT, str], Awaitable[Sent]]
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """An effect that must wait until a time (UTC)."""

    until: datetime
    reason: EffectReason


@dataclass(frozen=True, slots=True)
class Drop:
    """An effect that is not sent.

    Args:
        failed: whether an agent should look at it.
    """

    reason: EffectReason
    failed: bool = False


class Channel(ABC, Generic[PortT]):
    """Preparation, call and look-up of the effects of one service.

    Args:
        link: the link to the partner.
    """

    # Whether ``find`` finally proves that a call did not arrive.
    can_find = True

    def __init__(self, link: PartnerLink[PortT]) -> None:
        self.link = link

    @abstractmethod
    async def prepare(
        self, records: Reader, effect: Effect, case: CaseFile, now: datetime
    ) -> Ready[PortT] | Wait | Drop:
        """Decides whether an effect is sent now, waits, or is dropped."""

    def settle_timeout(self, effect: Effect) -> timedelta:
        """How long after its start a call of unknown outcome may still turn out to have been accepted."""
        return timedelta(seconds=60)

    @abstractmethod
    async def find(self, port: PortT, effect: Effect, case: CaseFile, last: Send) -> Sent | None:
        """Looks up a call of unknown outcome; returns None while the partner does not know it.

        Args:
            last: the attempt.
        """


class TracingChannel(Channel[WorldTracer]):
    """Calls to WorldTracer: those of one PIR in their order, each with the current content of the PIR."""

    async def prepare(
        self,
        records: Reader,
        effect: Effect,
        case: CaseFile,
        now: datetime,
    ) -> Ready[WorldTracer] | Wait | Drop:
        """Every call except the creation of a file needs the reference of the file."""
        reference = case.pir.reference
        if effect.action == TracingCall.CREATE:
            return Ready("", lambda port, _: self._create(port, effect, case))
        if reference is None:
            return Drop(EffectReason.REFERENCE_AWAITED, failed=True)
        return Ready(reference, lambda port, _: self._call(port, effect, case, reference))

    def settle_timeout(self, effect: Effect) -> timedelta:
        """Zero for calls that may be repeated."""
        return timedelta(seconds=60) if effect.action in NOT_REPEATABLE else timedelta(0)

    async def find(self, port: WorldTracer, effect: Effect, case: CaseFile, last: Send) -> Sent | None:
        """Looks up a file by our key."""
        if effect.action not in NOT_REPEATABLE:
            return None
        files = await port.search_bags(SearchCriteria(our_key=effect.our_key))
        return next((Sent(file.reference, file.mock) for file in files if file.our_key == effect.our_key), None)

    async def _create(self, port: WorldTracer, effect: Effect, case: CaseFile) -> Sent:
        return _sent_to_worldtracer(
            await port.create_pir(case_file.baggage_data(case), case_file.passenger_data(case), our_key=effect.our_key)
        )

    async def _call(self, port: WorldTracer, effect: Effect, case: CaseFile, reference: str) -> Sent:
        bags = case.chosen(effect.detail.get("bags"))
        seqs = [bag.seq for bag in bags]
        match TracingCall(effect.action):
            case TracingCall.SUSPEND:
                return _sent_to_worldtracer(await port.suspend(reference, seqs))
            case TracingCall.REINSTATE:
                return _sent_to_worldtracer(await port.reinstate(reference, seqs))
            case TracingCall.FORWARD:
                return _sent_to_worldtracer(await self._forward(port, effect, case, reference, bags[0]))
            case TracingCall.CLOSE:
                return await self._close(port, case, reference)
            case _:
                return _sent_to_worldtracer(
                    await port.update_pir(reference, case_file.file_updates(case), file_type=case.file_type)
                )

    async def _close(self, port: WorldTracer, case: CaseFile, reference: str) -> Sent:
        reason = case.pir.reason_for_loss
        try:
            return _sent_to_worldtracer(
                await port.close(
                    reference,
                    int(reason) if reason else None,
                    case.pir.fault_station,
                    file_type=case.file_type,
                )
            )
        except FileClosed:
            # Closed by an earlier attempt whose response was lost, or by WorldTracer itself.
            return Sent(reference, port.mock)

    async def _forward(
        self, port: WorldTracer, effect: Effect, case: CaseFile, reference: str, bag: PirBag
    ) -> TracingResult:
        return await port.forward(
            reference, case_file.forwarding(case, bag), our_key=effect.our_key, file_type=case.file_type
        )


def _sent_to_worldtracer(result: TracingResult) -> Sent:
    return Sent(result.reference, result.mock, incomplete=result.incomplete)


class SmsChannel(Channel[SmsSender]):
    """SMS to passengers, within the contact rules and not to passengers who opted out.

    Args:
        rules: contact rules of the tenant.
    """

    def __init__(self, link: PartnerLink[SmsSender], rules: ContactRules) -> None:
        super().__init__(link)
        self._rules = rules

    async def prepare(
        self, records: Reader, effect: Effect, case: CaseFile, now: datetime
    ) -> Ready[SmsSender] | Wait | Drop:
        """Renders the text from the current content of the PIR."""
        number = case.phone
        if (obstacle := await _obstacle(records, effect, number, E_164)) is not None:
            return obstacle
        assert number is not None
        sent = await effects.count_sent_to(records, effect.airline_id, Service.SMS, number, day_began(now, case.zone))
        trigger = Trigger(effect.action)
        allowed = next_allowed(trigger, effect.created_at, now, case.zone, sent, self._rules)
        if allowed.reason is not None:
            return Wait(allowed.at, allowed.reason)
        if (wait := _reference_wait(effect, case, now)) is not None:
            return wait
        milestone = case_file.milestone(case, effect.detail.get("bags"))
        text = render.render_sms(trigger, case.language, milestone).text
        return Ready(number, lambda port, key: self._send(port, number, text, key), _fingerprint(text))

    async def find(self, port: SmsSender, effect: Effect, case: CaseFile, last: Send) -> Sent | None:
        """Looks up a message by recipient, time and text, since the provider stores no key of ours."""
        messages = await port.sent_since(last.recipient, last.started_at - CLOCK_TOLERANCE)
        return next(
            (
                Sent(one.provider_id, one.mock, one.units)
                for one in messages
                if _fingerprint(one.text) == last.fingerprint
            ),
            None,
        )

    async def _send(self, port: SmsSender, number: str, text: str, key: str) -> Sent:
        return _sent_message(await port.send_sms(number, text, our_key=key))


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class MailChannel(Channel[MailSender]):
    """Emails to passengers. Only the provider's signed events settle an email of unknown outcome."""

    can_find = False

    def settle_timeout(self, effect: Effect) -> timedelta:
        """How long to wait for an event of the provider."""
        return timedelta(minutes=15)

    async def prepare(
        self, records: Reader, effect: Effect, case: CaseFile, now: datetime
    ) -> Ready[MailSender] | Wait | Drop:
        """Renders the email from the current content of the PIR."""
        address = case.email
        if (obstacle := await _obstacle(records, effect, address, ADDRESS)) is not None:
            return obstacle
        assert address is not None
        if (wait := _reference_wait(effect, case, now)) is not None:
            return wait
        milestone = case_file.milestone(case, effect.detail.get("bags"))
        mail = render.render_email(Trigger(effect.action), case.language, milestone)

        async def send(port: MailSender, key: str) -> Sent:
            return _sent_message(
                await port.send_email(address, mail.subject, mail.html, text_content=mail.text, our_key=key)
            )

        return Ready(address, send)

    async def find(self, port: MailSender, effect: Effect, case: CaseFile, last: Send) -> Sent | None:
        """Returns None, since the provider has no look-up; an event with our key settles the effect."""
        return None


def _sent_message(result: SendResult) -> Sent:
    return Sent(result.provider_id, result.mock, result.units)


async def _obstacle(records: Reader, effect: Effect, contact: str | None, form: re.Pattern[str]) -> Drop | None:
    """Why the passenger cannot be reached by this contact; None if there is no obstacle."""
    if not contact:
        return Drop(EffectReason.NO_CONTACT)
    if not form.fullmatch(contact):
        return Drop(EffectReason.INVALID_CONTACT, failed=True)
    if await effects.is_opted_out(records, effect.airline_id, Service(effect.service), contact):
        return Drop(EffectReason.OPTED_OUT)
    return None


def _reference_wait(effect: Effect, case: CaseFile, now: datetime) -> Wait | None:
    """A short wait for the reference of the PIR, while it may still be assigned."""
    awaited = case.pir.reference is None and now < effect.created_at + MAX_REFERENCE_WAIT
    return Wait(now + REFERENCE_PAUSE, EffectReason.REFERENCE_AWAITED) if awaited else None

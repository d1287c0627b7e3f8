"""The dispatcher: sends what is to leave the product, once, and finds out what became of what nobody saw the end of.

A send is written down before the call. Whatever happens after that, its effect is being sent until a worker knows how
it ended: by the answer, by what the partner knows of it, or by an agent's decision.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Generic

from integrations.deadline import deadline
from integrations.errors import OutsideError, Unavailable, Unsettled
from integrations.partners.ports import MessageRefused
from integrations.records.attempts import Send, SendOutcome
from integrations.records.deliveries import DeliveryRefusal
from integrations.records.effects import (
    Effect,
    EffectReason,
    EffectState,
    PartnerCondition,
    Service,
    TracingCall,
)
from integrations.stores.availability import backoff
from integrations.stores.postgres import effects, pirs
from integrations.stores.postgres.manager import PostgresManager, Session
from resolvers.installation import Installation
from resolvers.notifications import case_file
from resolvers.notifications.case_file import CaseFile
from resolvers.notifications.channels import Channel, Drop, MailChannel, Ready, Sent, SmsChannel, TracingChannel, Wait
from resolvers.notifications.partner_links import PartnerLinks, PortT
from resolvers.publish import ChangeSet, publish
from resolvers.workers.lanes import LaneWorker

logger = logging.getLogger(__name__)

AT_ONCE = 8
# A call ends within the first; a worker begins none unless its lanes are its own for the second; and what another
# worker left in mid-call is touched only when that call has ended for certain.
CALL_SECONDS = 18.0
MARGIN_SECONDS = 20.0
LEASE_SECONDS = 30.0
ENDED_AFTER = timedelta(seconds=25)

# Between two looks for what became of a send.
LOOK_AGAIN = timedelta(seconds=5)
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
# What could not be sent for so long is no news any more: an agent decides.
GIVE_UP_AFTER = timedelta(hours=72)
RATE_WINDOW = timedelta(seconds=60)
OUR_FAULT_PAUSE = timedelta(minutes=1)

CHECK_SECONDS = 10.0
PING_SECONDS = 3.0
FORGET_AFTER = timedelta(minutes=10)

REASONS = {
    DeliveryRefusal.INVALID_RECIPIENT: EffectReason.INVALID_CONTACT,
    DeliveryRefusal.OPTED_OUT: EffectReason.OPTED_OUT,
    DeliveryRefusal.OTHER: EffectReason.REFUSED,
}


@dataclass(frozen=True, slots=True)
class _End:
    """How a call ended: the send's outcome, and what its effect becomes."""

    outcome: SendOutcome
    state: EffectState
    reason: EffectReason | None = None
    due_at: datetime | None = None
    sent: Sent | None = None


class Dispatcher(LaneWorker, Generic[PortT]):
    """One worker of one partner's lanes.

    Args:
        installation: whose effects it sends.
        owner: a name no other worker has.
        now: the clock; gives an aware datetime in UTC.
    """

    def __init__(
        self,
        postgres: PostgresManager,
        installation: Installation,
        channel: Channel[PortT],
        owner: str,
        now: Callable[[], datetime],
    ) -> None:
        self.service = channel.link.service
        super().__init__(postgres, self.service.consumer, owner, LEASE_SECONDS)
        self.channel = channel
        self.link = channel.link
        self.installation = installation
        self.airline_id = installation.airline_id
        self.now = now
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._rests_until = float("-inf")

    @property
    def under_way(self) -> list[asyncio.Task[None]]:
        """What it is at, one task a file."""
        return list(self._under_way.values())

    async def run(self) -> None:
        """Works until cancelled, and tells how the partner is; calls under way may end first."""
        watching = asyncio.create_task(self._watch())
        try:
            await super().run()
        finally:
            watching.cancel()
            await asyncio.wait([watching, *self.under_way], timeout=CALL_SECONDS)

    async def process_batch(self) -> int:
        """Begins what is due, as far as there is capacity; answers how much that was."""
        if self.link.retry_after() > 0 or monotonic() < self._rests_until:
            return 0
        capacity = self.link.capacity(AT_ONCE) - len(self._under_way)
        if capacity <= 0:
            return 0
        due = await effects.due(
            self.postgres,
            self.airline_id,
            self.service,
            self.owner,
            MARGIN_SECONDS,
            list(self._under_way),
            self.now(),
            capacity,
        )
        for effect in due:
            task = asyncio.create_task(self._handle(effect))
            self._under_way[effect.pir_id] = task
            task.add_done_callback(partial(self._ended, effect.pir_id))
        return len(due)

    def _ended(self, pir_id: int, _task: asyncio.Task[None]) -> None:
        del self._under_way[pir_id]
        self.wake(self.consumer)

    async def _handle(self, effect: Effect) -> None:
        try:
            dossier = await case_file.load(self.postgres, self.installation, effect.pir_id)
            assert dossier is not None, "an effect belongs to a file"
            if effect.state == EffectState.PENDING:
                await self._try(effect, dossier)
            else:
                await self._settle(effect, dossier)
        except OutsideError as error:
            logger.warning("%s: effect %d stays as it is: %s", self.consumer, effect.id, error)
            self._pause_for(backoff(1))
        except Exception:
            logger.exception("%s: effect %d", self.consumer, effect.id)
            with suppress(OutsideError):
                async with self.postgres.transaction() as records:
                    pause = self.now() + OUR_FAULT_PAUSE
                    if await self._update_state(records, effect, EffectState(effect.state), None, due_at=pause):
                        await self._publish(records, effect)

    async def _try(self, effect: Effect, dossier: CaseFile) -> None:
        """Whether it may go and that it goes is one transaction, so that whoever counts sends counts this one."""
        port = self.link.partner()
        async with self.postgres.transaction() as records:
            ready = await self._ready(records, effect, dossier)
            send_id = await self._begin(records, effect, ready, mock=port.mock) if ready is not None else None
        if ready is not None and send_id is not None:
            await self._send(effect, ready, send_id, port)

    async def _ready(self, records: Session, effect: Effect, dossier: CaseFile) -> Ready[PortT] | None:
        """How to send it; None where it has to wait or is dropped, which is written down."""
        now = self.now()
        ready = (
            await self.channel.ready(records, effect, dossier, now)
            if self.link.enabled
            else Drop(EffectReason.SERVICE_DISABLED)
        )
        match ready:
            case Ready():
                return ready
            case Wait(until, reason):
                changed = await self._update_state(records, effect, EffectState.PENDING, reason, due_at=until)
            case Drop(reason, failed):
                state = EffectState.FAILED if failed else EffectState.SUPPRESSED
                changed = await self._update_state(records, effect, state, reason, settled_at=now)
        if changed:
            await self._publish(records, effect)
        return None

    async def _begin(self, records: Session, effect: Effect, ready: Ready[PortT], *, mock: bool) -> int | None:
        """Writes the send down; None where it may not be made now."""
        now = self.now()
        if self.link.a_minute is not None:
            last = await effects.last_sends(
                records, self.airline_id, self.service, now - RATE_WINDOW, self.link.a_minute
            )
            if len(last) >= self.link.a_minute:
                self._pause_for((last[-1] + RATE_WINDOW - now).total_seconds())
                return None
        if not await effects.mark_sending(records, self.airline_id, effect.id, now + ENDED_AFTER):
            return None
        await self._publish(records, effect)
        return await effects.insert_send(
            records, self.airline_id, effect.id, ready.recipient, ready.fingerprint, now, mock=mock
        )

    async def _send(self, effect: Effect, ready: Ready[PortT], send_id: int, port: PortT) -> None:
        try:
            with deadline(CALL_SECONDS), self.link.guarded(port):
                sent = await ready.send(port)
        except OutsideError as error:
            end = self._failure(effect, error)
        else:
            end = _success(sent)
        await self._finish(effect, send_id, end, mock=port.mock)

    def _failure(self, effect: Effect, error: OutsideError) -> _End:
        """What becomes of an effect whose call failed."""
        now = self.now()
        match error:
            case MessageRefused(refusal=DeliveryRefusal.OPTED_OUT):
                return _End(SendOutcome.REFUSED, EffectState.SUPPRESSED, EffectReason.OPTED_OUT)
            case MessageRefused():
                return _End(SendOutcome.REFUSED, EffectState.FAILED, REASONS[error.refusal])
            case Unsettled():
                unknown = EffectReason.OUTCOME_UNKNOWN
                return _End(SendOutcome.UNSETTLED, EffectState.UNSETTLED, unknown, now + LOOK_AGAIN)
            case Unavailable() if now < effect.created_at + GIVE_UP_AFTER:
                wait = max(backoff(effect.tries, FIRST_PAUSE, LONGEST_PAUSE), error.retry_after_seconds)
                again = now + timedelta(seconds=wait)
                return _End(SendOutcome.UNREACHED, EffectState.PENDING, EffectReason.PARTNER_AWAY, again)
            case Unavailable():
                return _End(SendOutcome.UNREACHED, EffectState.FAILED, EffectReason.TRIES_EXHAUSTED)
            case _:
                logger.warning("%s: effect %d was refused: %s", self.consumer, effect.id, error)
                return _End(SendOutcome.REFUSED, EffectState.FAILED, EffectReason.REFUSED)

    async def _settle(self, effect: Effect, dossier: CaseFile) -> None:
        """Finds out what became of a send, and lets it be repeated only where the partner knows nothing of it."""
        last = (await effects.sends(self.postgres, self.airline_id, [effect.id]))[-1]
        again = self.now() + LOOK_AGAIN
        try:
            found = await self._find(effect, dossier, last)
        except OutsideError as error:
            logger.warning("%s: what became of effect %d is not known: %s", self.consumer, effect.id, error)
            async with self.postgres.transaction() as records:
                unknown = EffectReason.OUTCOME_UNKNOWN
                if await self._update_state(records, effect, EffectState.UNSETTLED, unknown, due_at=again):
                    await self._publish(records, effect)
            return
        if found is not None:
            await self._finish(effect, last.id, _success(found), mock=last.mock)
        elif self.now() < last.started_at + self.channel.patience(effect):
            async with self.postgres.transaction() as records:
                unknown = EffectReason.OUTCOME_UNKNOWN
                changed = await self._update_state(records, effect, EffectState.UNSETTLED, unknown, due_at=again)
                # A report may have come while the effect was still being sent.
                reported = await effects.apply_reports(records, self.airline_id, self.service, effect.id, None)
                if changed or reported:
                    await self._publish(records, effect)
        elif self.channel.can_find:
            end = _End(SendOutcome.UNREACHED, EffectState.PENDING, due_at=self.now())
            await self._finish(effect, last.id, end, mock=last.mock)
        else:
            end = _End(SendOutcome.UNSETTLED, EffectState.FAILED, EffectReason.OUTCOME_UNKNOWN)
            await self._finish(effect, last.id, end, mock=last.mock)

    async def _find(self, effect: Effect, dossier: CaseFile, last: Send) -> Sent | None:
        fallback = self.link.fallback
        port = fallback if last.mock and fallback is not None else self.link.port
        with deadline(CALL_SECONDS), self.link.guarded(port):
            return await self.channel.find(port, effect, dossier, last)

    async def _finish(self, effect: Effect, send_id: int, end: _End, *, mock: bool) -> None:
        """Writes down how a call ended, and what follows from it: one transaction."""
        now = self.now()
        settled = None if end.state in (EffectState.PENDING, EffectState.UNSETTLED) else now
        sent = end.sent
        async with self.postgres.transaction() as records:
            await effects.end_send(
                records,
                self.airline_id,
                send_id,
                now,
                end.outcome,
                provider_id=sent.provider_id if sent else None,
                units=sent.units if sent else 0,
                mock=sent.mock if sent else mock,
                cost_micros=sent.units * self.link.price_micros if sent else 0,
            )
            await effects.update_state(
                records,
                self.airline_id,
                effect.id,
                end.state,
                end.reason,
                due_at=end.due_at,
                settled_at=settled,
                provider_id=sent.provider_id if sent else None,
                mock=sent.mock if sent else mock,
            )
            if sent is not None:
                await self._follow(records, effect, sent, now)
                await self._mind_budget(records, sent, now)
            await self._publish(records, effect)

    async def _follow(self, records: Session, effect: Effect, sent: Sent, now: datetime) -> None:
        if self.service is not Service.WORLDTRACER:
            # The provider's reports may have come before its answer.
            await effects.apply_reports(records, self.airline_id, self.service, effect.id, sent.provider_id)
        elif effect.action == TracingCall.CREATE:
            await pirs.assign_reference(records, self.airline_id, effect.pir_id, sent.provider_id, now)

    async def _mind_budget(self, records: Session, sent: Sent, now: datetime) -> None:
        """Says so in the log once a day: when a send makes the day's cost exceed the budget."""
        budget = self.installation.daily_budget
        cost = sent.units * self.link.price_micros
        if budget is None or cost == 0:
            return
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        spent = await effects.cost_since(records, self.airline_id, today)
        if spent > budget * 1_000_000 >= spent - cost:
            logger.warning("partners cost more than the daily budget of %s US dollars: see apiCosts", budget)

    async def _update_state(
        self,
        records: Session,
        effect: Effect,
        state: EffectState,
        reason: EffectReason | None,
        *,
        due_at: datetime | None = None,
        settled_at: datetime | None = None,
    ) -> bool:
        """Sets the state of an effect while no call is under way. Returns whether its state or reason changed."""
        updated = await effects.update_state(
            records, self.airline_id, effect.id, state, reason, due_at=due_at, settled_at=settled_at
        )
        return updated and (state, reason) != (effect.state, effect.reason)

    async def _publish(self, records: Session, effect: Effect) -> None:
        await publish(records, self.airline_id, ChangeSet(pirs=[effect.pir_id]))

    def _pause_for(self, seconds: float) -> None:
        self._rests_until = max(self._rests_until, monotonic() + seconds)

    async def _watch(self) -> None:
        """Tells at intervals how the partner is; its sign of life is the breaker's probe as well."""
        while True:
            with suppress(OutsideError):
                await self._tell()
            await asyncio.sleep(CHECK_SECONDS)

    async def _tell(self) -> None:
        began = monotonic()
        healthy = False
        if self.link.enabled:
            with suppress(OutsideError), deadline(PING_SECONDS), self.link.breaker.attempt():
                await self.link.port.ping()
                healthy = True
        condition = PartnerCondition(
            service=self.service,
            breaker=self.link.breaker.snapshot().state,
            enabled=self.link.enabled,
            mock=self.link.partner().mock,
            healthy=healthy,
            latency_ms=(monotonic() - began) * 1000,
        )
        now = self.now()
        await effects.write_status(self.postgres, self.airline_id, self.owner, condition, now)
        await effects.delete_statuses(self.postgres, self.airline_id, now - FORGET_AFTER)


def _success(sent: Sent) -> _End:
    if sent.incomplete:
        return _End(SendOutcome.ACCEPTED, EffectState.FAILED, EffectReason.INCOMPLETE, sent=sent)
    return _End(SendOutcome.ACCEPTED, EffectState.ACCEPTED, sent=sent)


def dispatchers(
    postgres: PostgresManager, installation: Installation, links: PartnerLinks, owner: str, now: Callable[[], datetime]
) -> list[LaneWorker]:
    """One dispatcher for each partner."""
    return [
        Dispatcher(postgres, installation, TracingChannel(links.worldtracer), owner, now),
        Dispatcher(postgres, installation, SmsChannel(links.sms, links.rules), owner, now),
        Dispatcher(postgres, installation, MailChannel(links.email), owner, now),
    ]

"""Dispatcher: sends effects to partners, each once, and looks up the outcome of calls that returned none.

An attempt is stored before its call. The effect then stays SENDING until its outcome is known: from the response of the
call, from a look-up at the partner, or from an agent's decision (``docs/DELIVERY.md#effects``).
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Generic

from opentelemetry.trace import Tracer

from integrations.deadline import deadline
from integrations.errors import OutsideError, Unavailable, Unsettled
from integrations.log_fields import log_fields
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
from integrations.repeats import repeated_after_migration
from integrations.stores.availability import backoff
from integrations.stores.postgres import effects, outbox, pirs
from integrations.stores.postgres.clock import Clock, DatabaseClock
from integrations.stores.postgres.manager import PostgresManager, Session
from integrations.tracebacks import place_of
from integrations.tracing import Attributes, continued_span
from resolvers.installation import Installation
from resolvers.notifications import case_file
from resolvers.notifications.case_file import CaseFile
from resolvers.notifications.channels import Channel, Drop, MailChannel, Ready, Sent, SmsChannel, TracingChannel, Wait
from resolvers.notifications.partner_links import PartnerLinks, PortT
from resolvers.publish import ChangeSet, publish
from resolvers.workers.lanes import LaneWorker

logger = logging.getLogger(__name__)

MAX_CONCURRENT_CALLS = 8
# A call ends within CALL_SECONDS after its effect was selected, however long the attempt takes to be stored. An effect
# is selected only if its lane is leased for MARGIN_SECONDS more. The outcome of a call is looked up only ENDED_AFTER
# after its start by the database's clock, when the call has certainly ended.
CALL_SECONDS = 18.0
MARGIN_SECONDS = 20.0
LEASE_SECONDS = 30.0
ENDED_AFTER = timedelta(seconds=25)

# Time between two look-ups of an unknown outcome.
SETTLE_INTERVAL = timedelta(seconds=5)
FIRST_PAUSE, MAX_PAUSE = 1.0, 300.0
# An effect that could not be sent for this long is outdated; an agent decides about it.
GIVE_UP_AFTER = timedelta(hours=72)
# A step of the database's clock that is more than a correction. Until calls that were under way have ended, and their
# partners know of them, no outcome is judged by the time since their start.
CLOCK_STEP = timedelta(seconds=5)
AFTER_STEP = timedelta(seconds=60)
RATE_WINDOW = timedelta(seconds=60)
INTERNAL_ERROR_PAUSE = timedelta(minutes=1)

CHECK_SECONDS = 10.0
PING_SECONDS = 3.0
STATUS_KEPT_FOR = timedelta(minutes=10)

REASON_OF_REFUSAL = {
    DeliveryRefusal.INVALID_RECIPIENT: EffectReason.INVALID_CONTACT,
    DeliveryRefusal.OPTED_OUT: EffectReason.OPTED_OUT,
    DeliveryRefusal.OTHER: EffectReason.REFUSED,
}


@dataclass(frozen=True, slots=True)
class _CallResult:
    """The result of a call.

    Args:
        outcome: of the attempt.
        state: of the effect, with its reason.
        due_at: when the effect is due again, UTC; None if it is settled.
        sent: what the partner accepted; None if it accepted nothing.
    """

    outcome: SendOutcome
    state: EffectState
    reason: EffectReason | None = None
    due_at: datetime | None = None
    sent: Sent | None = None


class Dispatcher(LaneWorker, Generic[PortT]):
    """A worker of the lanes of one partner.

    Args:
        installation: the airline whose effects are sent.
        channel: prepares, sends and looks up the effects of the partner.
        owner: unique name of the worker, stored with each lease.
        now: the database's clock.
        tracer: continues the traces of the requests that asked for the effects; None where tracing is off.
    """

    def __init__(
        self,
        postgres: PostgresManager,
        installation: Installation,
        channel: Channel[PortT],
        owner: str,
        now: Clock,
        tracer: Tracer | None = None,
    ) -> None:
        self.service = channel.link.service
        queue = self.service.queue(installation.airline_id)
        super().__init__(postgres, self.service.consumer, owner, LEASE_SECONDS, queue, tracer)
        self.channel = channel
        self.link = channel.link
        self.installation = installation
        self.airline_id = installation.airline_id
        self.now = now
        self._in_progress: dict[int, asyncio.Task[None]] = {}
        self._paused_until = float("-inf")
        self._has_lanes = False
        self._clock_has_stepped = False

    @property
    def in_progress(self) -> list[asyncio.Task[None]]:
        """The tasks of effects in progress, one for each PIR."""
        return list(self._in_progress.values())

    async def run(self) -> None:
        """Sends effects and reports the partner's condition until cancelled; calls in progress may end first."""
        monitoring = asyncio.create_task(self._monitor())
        try:
            await super().run()
        finally:
            monitoring.cancel()
            await asyncio.wait([monitoring, *self.in_progress], timeout=CALL_SECONDS)

    async def renew_leases(self) -> None:
        """Renews the leases and sets the clock, whose steps are followed; creates the airline's lanes at first."""
        if not self._has_lanes:
            await outbox.create_lanes(self.postgres, self.queue)
            self._has_lanes = True
        step = await self.now.synchronise(self.postgres)
        if abs(step) > CLOCK_STEP:
            logger.warning("%s: the database's clock has stepped by %.0f s", self.consumer, step.total_seconds())
            self._pause_for(AFTER_STEP.total_seconds())
            self._clock_has_stepped = True
        if self._clock_has_stepped:
            now = self.now()
            await effects.catch_up_with_clock(self.postgres, self.airline_id, self.service, now, now + AFTER_STEP)
            self._clock_has_stepped = False
        await super().renew_leases()

    async def process_batch(self) -> int:
        """Starts the effects that are due, within the partner's capacity; returns their number."""
        if self.link.retry_after() > 0 or monotonic() < self._paused_until:
            return 0
        capacity = self.link.capacity(MAX_CONCURRENT_CALLS) - len(self._in_progress)
        if capacity <= 0:
            return 0
        selected_at = monotonic()
        due = await effects.due(
            self.postgres,
            self.airline_id,
            self.service,
            self.owner,
            MARGIN_SECONDS,
            list(self._in_progress),
            self.now(),
            capacity,
        )
        for effect in due:
            task = asyncio.create_task(self._handle(effect, selected_at))
            self._in_progress[effect.pir_id] = task
            task.add_done_callback(partial(self._ended, effect.pir_id))
        return len(due)

    def _ended(self, pir_id: int, _task: asyncio.Task[None]) -> None:
        del self._in_progress[pir_id]
        self.wake(self.consumer)

    async def _handle(self, effect: Effect, selected_at: float) -> None:
        """Attempts an effect, or settles it.

        Args:
            selected_at: monotonic time before the effect was selected, from which the deadline of the call counts.
        """
        try:
            with (
                log_fields(tenant=effect.airline_id, operation=f"dispatch {effect.action}", effect=effect.id),
                continued_span(self.tracer, f"dispatch {effect.action}", [effect.traceparent], _attributes(effect)),
            ):
                case = await case_file.load(self.postgres, self.installation, effect.pir_id)
                assert case is not None, "an effect belongs to a PIR"
                if effect.state == EffectState.PENDING:
                    await self._attempt(effect, case, selected_at)
                else:
                    await self._settle(effect, case, selected_at)
        except OutsideError as error:
            logger.warning("%s: effect %d is unchanged: %s", self.consumer, effect.id, error)
            self._pause_for(backoff(1))
        except Exception as error:  # noqa: BLE001 # an effect that fails must not end the dispatcher
            logger.error("%s: effect %d failed: %s", self.consumer, effect.id, place_of(error))
            with suppress(OutsideError):
                async with self.postgres.transaction() as records:
                    pause = self.now() + INTERNAL_ERROR_PAUSE
                    state = await effects.postpone(records, self.airline_id, effect.id, pause)
                    if state not in (None, effect.state):
                        await self._publish(records, effect)

    async def _attempt(self, effect: Effect, case: CaseFile, selected_at: float) -> None:
        """Makes one attempt. It is checked and stored in one transaction, so that limits count it exactly."""
        port = self.link.partner()
        with deadline(_seconds_left(selected_at)):
            async with self.postgres.transaction() as records:
                ready = await self._prepare(records, effect, case)
                send_id = await self._begin(records, effect, ready, mock=port.mock) if ready is not None else None
            if ready is None or send_id is None:
                return
            result = await self._send(effect, ready, port, effect.key_of_attempt(send_id))
        await self._record(effect, send_id, result, tries=effect.tries + 1, mock=port.mock)

    async def _prepare(self, records: Session, effect: Effect, case: CaseFile) -> Ready[PortT] | None:
        """The prepared call; None if the effect has to wait or is dropped, which is stored."""
        now = self.now()
        prepared = (
            await self.channel.prepare(records, effect, case, now)
            if self.link.enabled
            else Drop(EffectReason.SERVICE_DISABLED)
        )
        match prepared:
            case Ready():
                return prepared
            case Wait(until, reason):
                changed = await self._update_state(records, effect, EffectState.PENDING, reason, due_at=until)
            case Drop(reason, failed):
                state = EffectState.FAILED if failed else EffectState.SUPPRESSED
                changed = await self._update_state(records, effect, state, reason, settled_at=now)
        if changed:
            await self._publish(records, effect)
        return None

    async def _begin(self, records: Session, effect: Effect, ready: Ready[PortT], *, mock: bool) -> int | None:
        """Stores the attempt and returns its id; None if it may not be made now."""
        now = self.now()
        if self.link.max_per_minute is not None:
            last = await effects.last_sends(
                records, self.airline_id, self.service, now - RATE_WINDOW, self.link.max_per_minute
            )
            if len(last) >= self.link.max_per_minute:
                self._pause_for((last[-1] + RATE_WINDOW - now).total_seconds())
                return None
        if not await effects.mark_sending(records, self.airline_id, effect.id, now + ENDED_AFTER):
            return None
        await self._publish(records, effect)
        return await effects.insert_send(
            records, self.airline_id, effect.id, ready.recipient, ready.fingerprint, now, mock=mock
        )

    async def _send(self, effect: Effect, ready: Ready[PortT], port: PortT, key: str) -> _CallResult:
        try:
            with self.link.guarded(port):
                return _success(await ready.send(port, key))
        except OutsideError as error:
            return self._failure(effect, error)

    def _failure(self, effect: Effect, error: OutsideError) -> _CallResult:
        """The result of a call that raised an error."""
        now = self.now()
        match error:
            case MessageRefused(refusal=DeliveryRefusal.OPTED_OUT):
                return _CallResult(SendOutcome.REFUSED, EffectState.SUPPRESSED, EffectReason.OPTED_OUT)
            case MessageRefused():
                return _CallResult(SendOutcome.REFUSED, EffectState.FAILED, REASON_OF_REFUSAL[error.refusal])
            case Unsettled():
                unknown = EffectReason.OUTCOME_UNKNOWN
                return _CallResult(SendOutcome.UNSETTLED, EffectState.UNSETTLED, unknown, now + SETTLE_INTERVAL)
            case Unavailable() if now < effect.created_at + GIVE_UP_AFTER:
                wait = max(backoff(effect.tries, FIRST_PAUSE, MAX_PAUSE), error.retry_after_seconds)
                again = now + timedelta(seconds=wait)
                return _CallResult(SendOutcome.UNREACHED, EffectState.PENDING, EffectReason.PARTNER_AWAY, again)
            case Unavailable():
                return _CallResult(SendOutcome.UNREACHED, EffectState.FAILED, EffectReason.TRIES_EXHAUSTED)
            case _:
                logger.warning("%s: effect %d was rejected: %s", self.consumer, effect.id, error)
                return _CallResult(SendOutcome.REFUSED, EffectState.FAILED, EffectReason.REFUSED)

    async def _settle(self, effect: Effect, case: CaseFile, selected_at: float) -> None:
        """Looks up an unknown outcome; repeats the call only if the partner does not know it."""
        last = (await effects.sends(self.postgres, self.airline_id, [effect.id]))[-1]
        again = self.now() + SETTLE_INTERVAL
        try:
            with deadline(_seconds_left(selected_at)):
                found = await self._find(effect, case, last)
        except OutsideError as error:
            logger.warning("%s: the outcome of effect %d is unknown: %s", self.consumer, effect.id, error)
            async with self.postgres.transaction() as records:
                unknown = EffectReason.OUTCOME_UNKNOWN
                if await self._update_state(records, effect, EffectState.UNSETTLED, unknown, due_at=again):
                    await self._publish(records, effect)
            return
        if found is not None:
            await self._record(effect, last.id, _success(found), tries=effect.tries, mock=last.mock)
        elif self.now() < last.started_at + self.channel.settle_timeout(effect):
            async with self.postgres.transaction() as records:
                unknown = EffectReason.OUTCOME_UNKNOWN
                changed = await self._update_state(records, effect, EffectState.UNSETTLED, unknown, due_at=again)
                # A delivery report may have come while the effect was still being sent.
                reported = await effects.apply_reports(records, self.airline_id, self.service, effect.id, None)
                if changed or reported:
                    await self._publish(records, effect)
        elif self.channel.can_find:
            result = _CallResult(SendOutcome.UNREACHED, EffectState.PENDING, due_at=self.now())
            await self._record(effect, last.id, result, tries=effect.tries, mock=last.mock)
        else:
            result = _CallResult(SendOutcome.UNSETTLED, EffectState.FAILED, EffectReason.OUTCOME_UNKNOWN)
            await self._record(effect, last.id, result, tries=effect.tries, mock=last.mock)

    async def _find(self, effect: Effect, case: CaseFile, last: Send) -> Sent | None:
        if not self.channel.can_find:
            return None  # no call is made, so the breaker learns nothing
        fallback = self.link.fallback
        port = fallback if last.mock and fallback is not None else self.link.port
        with self.link.guarded(port):
            return await self.channel.find(port, effect, case, last)

    @repeated_after_migration
    async def _record(self, effect: Effect, send_id: int, result: _CallResult, *, tries: int, mock: bool) -> None:
        """Stores the result of a call and applies its consequences, in one transaction.

        Args:
            tries: number of attempts up to this call; the state of a later attempt stays as it is.
        """
        now = self.now()
        settled = None if result.state in (EffectState.PENDING, EffectState.UNSETTLED) else now
        sent = result.sent
        async with self.postgres.transaction() as records:
            await effects.end_send(
                records,
                self.airline_id,
                send_id,
                now,
                result.outcome,
                provider_id=sent.provider_id if sent else None,
                units=sent.units if sent else 0,
                mock=sent.mock if sent else mock,
                cost_micros=sent.units * self.link.price_micros if sent else 0,
            )
            await effects.update_state(
                records,
                self.airline_id,
                effect.id,
                result.state,
                result.reason,
                due_at=result.due_at,
                settled_at=settled,
                provider_id=sent.provider_id if sent else None,
                mock=sent.mock if sent else mock,
                tries=tries,
            )
            if sent is not None:
                await self._apply_acceptance(records, effect, sent, now)
                await self._check_budget(records, sent, now)
            await self._publish(records, effect)

    async def _apply_acceptance(self, records: Session, effect: Effect, sent: Sent, now: datetime) -> None:
        if self.service is not Service.WORLDTRACER:
            # Delivery reports may have come before the response of the call.
            await effects.apply_reports(records, self.airline_id, self.service, effect.id, sent.provider_id)
        elif effect.action == TracingCall.CREATE:
            await pirs.assign_reference(records, self.airline_id, effect.pir_id, sent.provider_id, now)

    async def _check_budget(self, records: Session, sent: Sent, now: datetime) -> None:
        """Logs a warning once a day, when an attempt makes the day's cost exceed the budget."""
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
        """Sets the state of an effect without a call in progress; returns whether state or reason changed."""
        updated = await effects.update_state(
            records,
            self.airline_id,
            effect.id,
            state,
            reason,
            due_at=due_at,
            settled_at=settled_at,
            tries=effect.tries,
        )
        return updated and (state, reason) != (effect.state, effect.reason)

    async def _publish(self, records: Session, effect: Effect) -> None:
        await publish(records, self.airline_id, ChangeSet(pirs=[effect.pir_id]))

    def _pause_for(self, seconds: float) -> None:
        self._paused_until = max(self._paused_until, monotonic() + seconds)

    async def _monitor(self) -> None:
        """Stores the partner's condition at intervals; its ping also serves as the breaker's probe."""
        while True:
            with suppress(OutsideError):
                await self._write_condition()
            await asyncio.sleep(CHECK_SECONDS)

    async def _write_condition(self) -> None:
        started_at = monotonic()
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
            latency_ms=(monotonic() - started_at) * 1000,
        )
        now = self.now()
        await effects.write_status(self.postgres, self.airline_id, self.owner, condition, now)
        await effects.delete_statuses(self.postgres, self.airline_id, now - STATUS_KEPT_FOR)


def _attributes(effect: Effect) -> Attributes:
    return {"service": effect.service, "effect": effect.id, "tries": effect.tries, "tenant": effect.airline_id}


def _success(sent: Sent) -> _CallResult:
    if sent.incomplete:
        return _CallResult(SendOutcome.ACCEPTED, EffectState.FAILED, EffectReason.INCOMPLETE, sent=sent)
    return _CallResult(SendOutcome.ACCEPTED, EffectState.ACCEPTED, sent=sent)


def _seconds_left(selected_at: float) -> float:
    """Seconds until a call must have ended whose effect was selected at a monotonic time."""
    return selected_at + CALL_SECONDS - monotonic()


def dispatchers(
    postgres: PostgresManager, installation: Installation, links: PartnerLinks, owner: str, tracer: Tracer | None
) -> list[LaneWorker]:
    """One dispatcher for each partner, by the database's clock, whose steps each has to notice."""
    return [
        Dispatcher(postgres, installation, TracingChannel(links.worldtracer), owner, DatabaseClock(), tracer),
        Dispatcher(postgres, installation, SmsChannel(links.sms, links.rules), owner, DatabaseClock(), tracer),
        Dispatcher(postgres, installation, MailChannel(links.email), owner, DatabaseClock(), tracer),
    ]

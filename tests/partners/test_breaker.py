"""The breaker against a model of its rule: three failures in a row, a minute, one probe."""

import asyncio
from contextlib import AbstractContextManager

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from integrations.errors import DeadlineExceeded, Refused, Unavailable, Unsettled
from integrations.partners.breaker import FAILURES, OPEN_SECONDS, Breaker
from integrations.records.health import BreakerState

FAILED = [Unavailable("twilio", "away"), Unsettled("twilio", "no response")]
RESPONDED = [None, Refused("twilio", "no")]
OURS = [asyncio.CancelledError(), DeadlineExceeded("twilio", "late"), KeyError("our own")]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def end(call: AbstractContextManager[None], error: BaseException | None) -> None:
    assert not call.__exit__(type(error) if error else None, error, None), "an error was swallowed"


class BreakerMachine(RuleBasedStateMachine):
    """Overlapping calls that end in every way, and the passing of time."""

    calls: Bundle[tuple[int, AbstractContextManager[None]]] = Bundle("calls")

    @initialize()
    def start(self) -> None:
        self.clock = Clock()
        self.breaker = Breaker("twilio", clock=self.clock)
        self.started = 0
        self.in_a_row = 0
        self.opened_at: float | None = None
        self.probe: int | None = None
        self.current: set[int] = set()  # calls that began since it last opened or closed

    @property
    def cooling(self) -> bool:
        return self.opened_at is not None and self.clock.now < self.opened_at + OPEN_SECONDS

    @rule(target=calls)
    def begin(self):
        call = self.breaker.attempt()
        if self.cooling or self.probe is not None:
            with pytest.raises(Unavailable) as refused:
                call.__enter__()
            assert refused.value.retry_after_seconds > 0
            return multiple()
        call.__enter__()
        self.started += 1
        self.current.add(self.started)
        if self.opened_at is not None:
            self.probe = self.started
        return self.started, call

    @rule(call=consumes(calls), error=st.sampled_from(FAILED))
    def fails(self, call: tuple[int, AbstractContextManager[None]], error: Exception) -> None:
        end(call[1], error)
        if call[0] in self.current:
            self.in_a_row += 1
            if self.probe == call[0] or self.in_a_row >= FAILURES:
                self.opened_at, self.probe, self.current = self.clock.now, None, set()

    @rule(call=consumes(calls), error=st.sampled_from(RESPONDED))
    def responds(self, call: tuple[int, AbstractContextManager[None]], error: Exception | None) -> None:
        end(call[1], error)
        if call[0] in self.current:
            self.in_a_row = 0
            if self.probe == call[0]:
                self.opened_at, self.probe, self.current = None, None, set()

    @rule(call=consumes(calls), error=st.sampled_from(OURS))
    def ends_on_our_side(self, call: tuple[int, AbstractContextManager[None]], error: BaseException) -> None:
        end(call[1], error)
        if self.probe == call[0]:
            self.probe = None

    @rule(seconds=st.sampled_from([0.5, 30.0, OPEN_SECONDS]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def reports_its_state(self) -> None:
        found = self.breaker.snapshot()
        if self.opened_at is None:
            assert (found.state, found.retry_after_seconds) == (BreakerState.CLOSED, None)
            assert found.failures == self.in_a_row < FAILURES
        elif self.cooling:
            assert found.state is BreakerState.OPEN
            assert found.retry_after_seconds == self.opened_at + OPEN_SECONDS - self.clock.now
        else:
            assert found.state is BreakerState.HALF_OPEN
            assert (found.retry_after_seconds is None) == (self.probe is None)


TestBreaker = BreakerMachine.TestCase
TestBreaker.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)


def test_three_failures_open_it_for_a_minute_and_one_probe_closes_it() -> None:
    clock = Clock()
    breaker = Breaker("worldtracer", clock=clock)
    for _ in range(3):
        with pytest.raises(Unsettled), breaker.attempt():
            raise Unsettled("worldtracer", "no response")

    with pytest.raises(Unavailable) as refused, breaker.attempt():
        pytest.fail("called while open")
    assert refused.value.retry_after_seconds == 60
    assert refused.value.store == "worldtracer"

    clock.now += 60
    with breaker.attempt():
        assert breaker.snapshot().state is BreakerState.HALF_OPEN
        with pytest.raises(Unavailable), breaker.attempt():
            pytest.fail("a second probe")
    assert breaker.snapshot().state is BreakerState.CLOSED
    with breaker.attempt(), breaker.attempt():
        pass

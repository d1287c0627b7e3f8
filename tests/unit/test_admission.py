"""Limits of concurrent operations: of the process, of one caller, of classes, and shares of airlines."""

from collections.abc import Hashable
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.admission import Gate, RequestLimiter
from gateway.http.graphql_request import RequestError
from resolvers.actor import Actor, Role
from schema.runtime.errors import ErrorCode
from schema.runtime.operations import RequestClass

READ, WIDE, MUTATION = RequestClass.READ, RequestClass.WIDE_READ, RequestClass.MUTATION
HERE = "192.0.2.1"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def actor(number: int = 1, airline: int = 1) -> Actor:
    return Actor(f"agent-{number}", Role.AGENT, airline)


def fill(limiter: RequestLimiter, stack: ExitStack, kind: RequestClass, airline: int = 1) -> int:
    """Starts operations of ever new callers until one is rejected; returns their number."""
    before = limiter.running

    def start_all() -> None:
        for number in range(1_000):
            stack.enter_context(limiter.place(actor(number, airline), HERE, kind))

    with pytest.raises(RequestError) as caught:
        start_all()
    error = caught.value
    assert (error.status, error.code) == (503, ErrorCode.OVERLOADED)
    assert error.headers["Retry-After"] == "1"
    assert error.extensions == {"retryAfterSeconds": 1}
    return limiter.running - before


def test_wide_reads_leave_places_to_short_ones_and_reads_to_mutations() -> None:
    limiter = RequestLimiter(process=80, of_caller=48)
    with ExitStack() as stack:
        assert fill(limiter, stack, WIDE) == 10
        assert fill(limiter, stack, READ) == 50
        assert fill(limiter, stack, MUTATION) == 20
        assert limiter.running == 80
        with pytest.raises(RequestError):
            limiter.begin_body()
    assert limiter.running == 0
    limiter.begin_body()
    assert dict(limiter.admitted) == {WIDE: 10, READ: 50, MUTATION: 20}
    assert dict(limiter.rejected) == {ErrorCode.OVERLOADED: 4}


@pytest.mark.parametrize("one", [actor(), Actor.anonymous()])
def test_one_caller_has_a_limit_of_its_own(one: Actor) -> None:
    limiter = RequestLimiter(process=80, of_caller=3)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(limiter.place(one, HERE, READ))
        with pytest.raises(RequestError) as caught:
            limiter.place(one, HERE, MUTATION)
        assert (caught.value.status, caught.value.code) == (429, ErrorCode.TOO_MANY_REQUESTS)
        assert caught.value.headers["Retry-After"] == "1"
        stack.enter_context(limiter.place(actor(2), HERE, READ))
        stack.enter_context(limiter.place(Actor.anonymous(), "192.0.2.2", READ))
    with limiter.place(one, HERE, READ):
        assert limiter.running == 1


def test_bodies_that_are_being_received_are_bounded() -> None:
    limiter = RequestLimiter(process=8, of_caller=8)
    for _ in range(32):
        limiter.begin_body()
    with pytest.raises(RequestError):
        limiter.begin_body()
    limiter.end_body()
    limiter.begin_body()


def test_an_airline_alone_takes_all_places_and_gives_up_half_once_another_needs_some() -> None:
    clock = Clock()
    limiter = RequestLimiter(process=80, of_caller=80, now=clock)
    with ExitStack() as stack:
        assert fill(limiter, stack, READ, airline=1) == 60
        with pytest.raises(RequestError):
            limiter.place(actor(1, airline=2), HERE, READ)
    with ExitStack() as theirs, ExitStack() as ours:
        assert fill(limiter, theirs, READ, airline=2) == 45, "the other airline waited a moment ago"
        assert fill(limiter, ours, READ, airline=1) == 15
    clock.now += 2.0
    with ExitStack() as stack:
        assert fill(limiter, stack, READ, airline=2) == 60


@given(st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.booleans()), max_size=300))
def test_a_waiting_airline_reaches_its_share_whatever_the_others_do(steps: list[tuple[int, bool]]) -> None:
    """Each step one airline asks for a place, or gives one back; a place that is given back can be taken again."""
    gate, running = Gate(12), dict.fromkeys((1, 2, 3), 0)
    for airline, asks in steps:
        if asks and gate.has_place(airline):
            gate.enter(airline)
            running[airline] += 1
        elif not asks and running[airline]:
            gate.leave(airline)
            running[airline] -= 1
        assert gate.running == sum(running.values()) <= 12
    busiest: Hashable = max(running, key=lambda one: running[one])
    for other in running:
        if other != busiest and gate.running == 12 and running[other] < 3:
            assert not gate.has_place(other)
            assert not gate.has_place(busiest)
            gate.leave(busiest)
            assert not gate.has_place(busiest), "its place goes to the airline that waits"
            assert gate.has_place(other)
            return

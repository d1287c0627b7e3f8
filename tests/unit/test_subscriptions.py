"""Limits of connections and subscriptions."""

from contextlib import ExitStack

import pytest

from gateway.http.subscriptions import ANONYMOUS_OPERATIONS, ConnectionLimiter, LimitReached
from resolvers.actor import Actor, Role

ONE, OTHER = Actor("one", Role.AGENT, 1), Actor("one", Role.AGENT, 2)
HERE, THERE = "192.0.2.1", "192.0.2.2"


def test_the_connections_of_a_process_are_limited() -> None:
    limiter = ConnectionLimiter(connections=2, of_actor=5, of_address=5)
    with ExitStack() as stack:
        stack.enter_context(limiter.connection(HERE))
        stack.enter_context(limiter.connection(THERE, ONE))
        with pytest.raises(LimitReached, match="limit of open streams"), limiter.connection(HERE, OTHER):
            pass
    with limiter.connection(HERE):
        assert limiter.connections == 1


def test_the_connections_of_an_address_without_a_token_are_limited() -> None:
    limiter = ConnectionLimiter(connections=9, of_actor=9, of_address=2)
    with ExitStack() as stack:
        seats = [stack.enter_context(limiter.connection(HERE)) for _ in range(2)]
        stack.enter_context(limiter.connection(THERE))
        with pytest.raises(LimitReached, match=r"limit of 2 .* one address"), limiter.connection(HERE):
            pass
        stack.enter_context(limiter.connection(HERE, ONE))
        seats[0].sign_in(ONE)
        stack.enter_context(limiter.connection(HERE))
        seats[1].sign_in(Actor.anonymous())
        with pytest.raises(LimitReached), limiter.connection(HERE):
            pass
    assert limiter.connections == 0
    assert not limiter.of_addresses.by_key, "an address without connections takes no memory"
    assert not limiter.of_actors.by_key


def test_connections_without_a_token_leave_room_for_actors() -> None:
    """Given as many of them as there may be, from many addresses, an actor still finds a place and can sign in."""
    limiter = ConnectionLimiter(connections=8, of_actor=9, of_address=2)
    with ExitStack() as stack:
        for address in (HERE, HERE, THERE, THERE):
            stack.enter_context(limiter.connection(address))
        with pytest.raises(LimitReached, match="present one"), limiter.connection("192.0.2.3"):
            pass
        waiting = [stack.enter_context(limiter.connection(HERE, awaits_credential=True)) for _ in range(5)]
        assert [seat.given_way.is_set() for seat in waiting] == [True] * 3 + [False] * 2, "the oldest give way"
        with pytest.raises(LimitReached, match="wait for a credential"):
            waiting[0].sign_in(ONE)
        waiting[3].sign_in(ONE)
        with pytest.raises(LimitReached):
            waiting[4].sign_in(Actor.anonymous())
        stack.enter_context(limiter.connection(HERE, ONE))
        assert limiter.connections == 7
    assert limiter.connections == 0
    assert not limiter.waiting
    assert not limiter.of_addresses.by_key
    assert not limiter.of_actors.by_key


def test_the_connections_of_an_actor_are_limited_independently_of_others() -> None:
    limiter = ConnectionLimiter(connections=9, of_actor=2, of_address=9)
    with ExitStack() as stack:
        for actor in (ONE, ONE, OTHER):
            stack.enter_context(limiter.connection(HERE)).sign_in(actor)
        with limiter.connection(HERE) as seat, pytest.raises(LimitReached, match=r"limit of 2 .* one actor"):
            seat.sign_in(ONE)
    assert not limiter.of_actors.by_key
    assert not limiter.of_addresses.by_key


def test_the_operations_of_an_actor_are_limited_over_all_its_connections() -> None:
    limiter = ConnectionLimiter(connections=9, of_actor=2, of_address=9)
    with ExitStack() as stack:
        first, second, others = (stack.enter_context(limiter.connection(HERE, actor)) for actor in (ONE, ONE, OTHER))
        for seat in (first, second, others):
            stack.enter_context(seat.operation())
        with pytest.raises(LimitReached, match="limit of 2 subscriptions"), first.operation():
            pass
    assert not limiter.operations.by_key, "an actor without subscriptions takes no memory"


def test_operations_without_a_token_are_limited_by_address() -> None:
    limiter = ConnectionLimiter(connections=9, of_actor=100, of_address=9)
    with ExitStack() as stack:
        here, again, there = (stack.enter_context(limiter.connection(one)) for one in (HERE, HERE, THERE))
        for _ in range(ANONYMOUS_OPERATIONS):
            stack.enter_context(here.operation())
        with pytest.raises(LimitReached, match="subscriptions"), again.operation():
            pass
        stack.enter_context(there.operation())
    assert not limiter.anonymous_operations.by_key

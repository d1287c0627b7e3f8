"""How many streams there may be."""

from contextlib import ExitStack

import pytest

from gateway.http.subscriptions import ConnectionLimiter, LimitReached
from resolvers.actor import Actor, Role

ONE, OTHER = Actor("one", Role.AGENT, 1), Actor("one", Role.AGENT, 2)


def test_a_process_has_so_many_connections() -> None:
    seats = ConnectionLimiter(connections=2, subscriptions=1)
    with ExitStack() as stack:
        stack.enter_context(seats.connection())
        stack.enter_context(seats.connection())
        with pytest.raises(LimitReached, match="as many streams"), seats.connection():
            pass
    with seats.connection():
        assert seats.open == 1


def test_an_actor_has_so_many_subscriptions_whatever_others_have() -> None:
    seats = ConnectionLimiter(connections=1, subscriptions=2)
    with ExitStack() as stack:
        for actor in (ONE, ONE, OTHER):
            stack.enter_context(seats.subscription(actor))
        with pytest.raises(LimitReached, match="You have 2 subscriptions"), seats.subscription(ONE):
            pass
    with seats.subscription(ONE):
        pass
    assert not seats.taken, "nobody is remembered who has none"

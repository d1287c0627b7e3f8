"""Limits of connections and subscriptions."""

from contextlib import ExitStack

import pytest

from gateway.http.subscriptions import ConnectionLimiter, LimitReached
from resolvers.actor import Actor, Role

ONE, OTHER = Actor("one", Role.AGENT, 1), Actor("one", Role.AGENT, 2)


def test_the_connections_of_a_process_are_limited() -> None:
    limiter = ConnectionLimiter(connections=2, subscriptions=1)
    with ExitStack() as stack:
        stack.enter_context(limiter.connection())
        stack.enter_context(limiter.connection())
        with pytest.raises(LimitReached, match="limit of open streams"), limiter.connection():
            pass
    with limiter.connection():
        assert limiter.connections == 1


def test_the_subscriptions_of_an_actor_are_limited_independently_of_others() -> None:
    limiter = ConnectionLimiter(connections=1, subscriptions=2)
    with ExitStack() as stack:
        for actor in (ONE, ONE, OTHER):
            stack.enter_context(limiter.subscription(actor))
        with pytest.raises(LimitReached, match="limit of 2 subscriptions"), limiter.subscription(ONE):
            pass
    with limiter.subscription(ONE):
        pass
    assert not limiter.subscriptions, "an actor without subscriptions takes no memory"

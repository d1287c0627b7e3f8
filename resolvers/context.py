"""Context of a request: actor, clock, stores and installation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from resolvers.actor import Actor
from resolvers.errors import Unauthenticated
from resolvers.installation import Installation, Stores
from resolvers.ports import LiveUpdates


@dataclass(slots=True)
class Context:
    """The context of one request.

    Args:
        actor: the person or program that makes the request.
        request_id: correlates the response, the log and a masked error.
        now: the clock; returns an aware datetime in UTC.
        stores: the open stores.
        installation: the airline of the installation.
        signing_key: signs cursors and links, which clients send back.
        loaders: the batches of this request. Set by the GraphQL layer.
        tracer: traces the execution of the request; None if it is not traced. Set by the GraphQL layer.
        live: source of live updates; None without subscriptions.
        resume: cursor from which an interrupted stream resumes, as its transport gives it; None for a new stream.
    """

    actor: Actor
    request_id: str
    now: Callable[[], datetime]
    stores: Stores
    installation: Installation
    signing_key: bytes = field(repr=False)
    loaders: Any = field(default=None, repr=False)
    tracer: Any = field(default=None, repr=False)
    live: LiveUpdates | None = field(default=None, repr=False)
    resume: str | None = None

    @property
    def airline_id(self) -> int:
        """The tenant that every statement is limited to.

        Raises:
            Unauthenticated: the request has no credential.
        """
        if self.actor.airline_id is None:
            raise Unauthenticated
        return self.actor.airline_id

"""What one request may touch."""

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
    """One request: who asks, under which id, at what time, over which stores.

    Args:
        actor: who asks.
        request_id: ties the answer, the log and a masked error together.
        now: the clock; gives an aware datetime in UTC.
        stores: the open stores.
        installation: whose it is.
        signing_key: signs what leaves the process and comes back: cursors and links.
        loaders: the batches of this request; the GraphQL layer's own.
        tracer: traces the execution of the request; None if it is not traced. Set by the GraphQL layer.
        live: where changes are watched; None where nothing is.
        resume: the cursor from which a stream goes on that was cut, as its transport tells.
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
            Unauthenticated: nobody is signed in.
        """
        if self.actor.airline_id is None:
            raise Unauthenticated
        return self.actor.airline_id

"""What one request may touch."""

from collections.abc import Callable, Iterator, KeysView, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from integrations.records.effects import Service
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres.events import Partitions
from integrations.stores.postgres.manager import PostgresManager
from integrations.stores.postgres.reference import Reference
from integrations.stores.redis.manager import RedisManager
from resolvers.actor import Actor
from resolvers.errors import Unauthenticated

if TYPE_CHECKING:
    from resolvers.live.hub import Live

# Names of an answer's entries in order, each with the attribute that answers it.
Layout = tuple[tuple[str, str], ...]


class Selection(Protocol):
    """The fields that are asked of the values of a field, each with what is asked of its own."""

    @property
    def arguments(self) -> Mapping[str, Any] | None:
        """Of the field; None where they depend on the request or differ from place to place."""

    @property
    def layout(self) -> Layout | None:
        """Of each object, where lists of JSON text do for the field's values; else None."""

    def __contains__(self, name: object) -> bool: ...

    def __iter__(self) -> Iterator[str]: ...

    def get(self, name: str, /) -> "Selected":
        """What is asked of a field's values; None as well for one that is not asked for."""

    def keys(self) -> KeysView[str]:
        """The fields' names."""


# None where nobody can say.
Selected = Selection | None


class Written(list[str]):
    """Lists that are written already, as JSON, one for each parent."""

    written = True


@dataclass(frozen=True, slots=True)
class Stores:
    """The open stores of the process, and what it keeps of them: reference data, and which partitions are there."""

    postgres: PostgresManager
    neo4j: Neo4jManager
    redis: RedisManager
    reference: Reference = field(default_factory=Reference)
    partitions: Partitions = field(default_factory=Partitions)


@dataclass(frozen=True, slots=True)
class Installation:
    """Whose installation it is, and what passengers and partners know the airline by.

    Args:
        airline_id: the tenant that partners and health belong to.
        brand: in messages: ``Copa``.
        designator: of its files: ``CM``.
        tracking_url: the page of a file is this, a slash and its reference.
        partners: those that are switched on.
        daily_budget: US dollars a day for all partners; None for no alert.
    """

    airline_id: int
    brand: str
    designator: str
    tracking_url: str
    partners: frozenset[Service] = frozenset()
    daily_budget: Decimal | None = None


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
        watch: is told how the request is executed, if somebody asked; likewise.
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
    watch: Any = field(default=None, repr=False)
    live: "Live | None" = field(default=None, repr=False)
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

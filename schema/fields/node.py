"""Objects with a global id.

A type names its records and the function that loads them by key::

    @strawberry.type(description="A checked bag.")
    class Bag(Node, record=records.Bag, load=bags.by_keys): ...

A global id is ``Type:key`` in base64url without padding: opaque to callers, readable in a log. Keys are whole numbers
unless ``key_type=str`` says otherwise.
"""

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import strawberry
from graphql import GraphQLObjectType, GraphQLSchema

from resolvers.context import Context
from resolvers.errors import BadInput
from schema.execution import by_class, parent_resolver
from schema.runtime.permissions import DEFINITION

MAX_NODES = 200
LARGEST_KEY = 2**63 - 1
WHOLE_NUMBER = re.compile(r"[1-9][0-9]{0,18}")
TEXT_KEY = re.compile(r"[\x21-\x7e]{1,64}")
GLOBAL_ID = re.compile(r"[A-Za-z0-9_-]{2,200}")

LoadFunction = Callable[[Context, Sequence[Any]], Awaitable[Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class NodeSource:
    """Source of the objects of a type.

    Args:
        record: class or classes of its records.
        load: takes all keys at once; returns a record or None for each, in order.
        key: attribute of a record that identifies it within its type.
        key_type: ``int`` for a whole number up to 2^63-1, ``str`` for up to 64 visible ASCII characters.
    """

    record: type | tuple[type, ...]
    load: LoadFunction
    key: str
    key_type: type[int] | type[str]

    def parse(self, text: str) -> int | str:
        """Parses the key of a global id.

        Raises:
            ValueError: the text is not a key of this type.
        """
        if self.key_type is str:
            if TEXT_KEY.fullmatch(text):
                return text
        elif WHOLE_NUMBER.fullmatch(text) and int(text) <= LARGEST_KEY:
            return int(text)
        raise ValueError(text)


@strawberry.interface(description="An object with a global id, by which it can be fetched again.")
class Node:
    """A type whose objects have a global id; subclasses name their records and how to load them."""

    node_source: ClassVar[NodeSource]
    is_type_of: ClassVar[Callable[[Any, Any], bool]]

    id: strawberry.ID = strawberry.field(
        description="Global id of the object: opaque, stable and unique among all types."
    )

    def __init_subclass__(
        cls,
        *,
        record: type | tuple[type, ...],
        load: LoadFunction,
        key: str = "id",
        key_type: type[int] | type[str] = int,
    ) -> None:
        super().__init_subclass__()
        cls.node_source = NodeSource(record, load, key, key_type)
        cls.is_type_of = staticmethod(by_class(lambda source, _info: isinstance(source, record)))

    @classmethod
    def key_of(cls, global_id: str, field: str = "id") -> Any:
        """The key of a global id of this type, for an argument or input field.

        Raises:
            BadInput: the id is malformed or belongs to another type.
        """
        wanted = cls.__strawberry_definition__.name  # type: ignore[attr-defined] # set by strawberry.type
        name, key = split(global_id, field)
        if name != wanted:
            raise BadInput(field, f"{field} must be the id of a {wanted}, not of a {name}")
        return _parse(cls.node_source, key, field)


class NodeRegistry:
    """The node types of one built schema."""

    def __init__(self, sources: Mapping[str, NodeSource]) -> None:
        self._sources = sources

    @classmethod
    def install(cls, schema: GraphQLSchema) -> Self:
        """Collects the node types of a schema and sets the resolvers of their ``id`` fields."""
        sources = {}
        for name, graphql_type in schema.type_map.items():
            definition = graphql_type.extensions.get(DEFINITION)
            if not isinstance(graphql_type, GraphQLObjectType) or definition is None:
                continue
            if issubclass(definition.origin, Node):
                sources[name] = definition.origin.node_source
                graphql_type.fields["id"].resolve = _id_resolver(name, sources[name].key)
        return cls(sources)

    async def fetch(self, context: Context, global_ids: Sequence[str], field: str = "ids") -> list[Any]:
        """The object of each id, in order; None for an unknown id, an exception if the type cannot be loaded.

        Raises:
            BadInput: an id is malformed, or there are more than ``MAX_NODES``.
        """
        if len(global_ids) > MAX_NODES:
            raise BadInput(field, f"{field} must have at most {MAX_NODES} items, not {len(global_ids)}")
        wanted = [self._locate(global_id, field) for global_id in global_ids]
        keys: dict[str, dict[Any, None]] = {}
        for name, key in wanted:
            keys.setdefault(name, {})[key] = None
        loads = (self._load(context, name, list(some)) for name, some in keys.items())
        found = dict(zip(keys, await asyncio.gather(*loads), strict=True))
        return [found[name][key] for name, key in wanted]

    def _locate(self, global_id: str, field: str) -> tuple[str, Any]:
        name, key = split(global_id, field)
        if name not in self._sources:
            raise _malformed(field)
        return name, _parse(self._sources[name], key, field)

    async def _load(self, context: Context, name: str, keys: list[Any]) -> dict[Any, Any]:
        try:
            return dict(zip(keys, await self._sources[name].load(context, keys), strict=True))
        except Exception as error:  # noqa: BLE001 # the objects of other types are still returned
            return dict.fromkeys(keys, error)


def node_registry(info: strawberry.Info[Context, None]) -> NodeRegistry:
    """The node types of the schema that an operation runs on."""
    schema: Any = info.schema
    registry: NodeRegistry = schema.nodes
    return registry


def join(name: str, key: object) -> str:
    """The global id of an object."""
    return base64.urlsafe_b64encode(f"{name}:{key}".encode()).rstrip(b"=").decode()


def split(global_id: str, field: str) -> tuple[str, str]:
    """Splits a global id into type name and key.

    Args:
        field: the argument that holds the id.

    Raises:
        BadInput: the text is not a global id.
    """
    if not GLOBAL_ID.fullmatch(global_id):
        raise _malformed(field)
    try:
        name, _, key = base64.urlsafe_b64decode(global_id + "=" * (-len(global_id) % 4)).decode().partition(":")
    except ValueError:
        raise _malformed(field) from None
    # Unused bits at the end would give one object several ids.
    if join(name, key) != global_id:
        raise _malformed(field)
    return name, key


def _parse(source: NodeSource, key: str, field: str) -> int | str:
    try:
        return source.parse(key)
    except ValueError:
        raise _malformed(field) from None


def _malformed(field: str) -> BadInput:
    return BadInput(field, f"{field} must be a global id of this service")


def _id_resolver(name: str, key: str) -> Callable[[Any, Any], str]:
    return parent_resolver(lambda source: join(name, getattr(source, key)))

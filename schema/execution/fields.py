"""Field declarations that the executor resolves for all parents at once, or without calling a resolver.

The same declarations work under graphql-core's own executor, which resolves one parent at a time: there a
``BatchField`` is resolved through the request's ``Loaders``.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Self

from strawberry.types.field import StrawberryField

from resolvers.selection import JsonTexts

BatchFunction = Callable[..., Awaitable[Sequence[Any]]]
Rule = Callable[[Any], None]
Read = Callable[[Any], Any]
Reader = Callable[[Any], Read | None]
Prefetch = Callable[..., Sequence[Any] | None]

# Parameters of batch functions that are not arguments of the field.
SELECTED = "selected"
LAYOUT = "layout"


class BatchError(Exception):
    """A batch was cancelled, or its function returned a wrong number of results."""


class BatchField(StrawberryField):
    """A field with a function that resolves it for all parents.

    Attributes:
        function: takes the context, the parents and the field's arguments as keywords; returns a value, None or an
            exception for each parent, in order. It must not change its parents.
        rule: takes the context and raises if the caller may not read the field; None if every caller may.
        max_parents: maximum number of parents in one call of the function; more are passed in consecutive calls.
        takes_selected: whether the function has a parameter ``selected`` for the selection of the field's values, so
            that it fetches no more than that.
        takes_layout: whether the function has a parameter ``layout``. It receives a layout where the values are lists
            of objects of which only attributes are selected, and the serializer accepts JSON text. Then the function
            may return ``JsonTexts``: for each parent the text of a list. The text must equal what the scalars would
            serialize to. Otherwise ``layout`` is None.
        prefetched: takes the parents and the field's arguments as keywords; returns what the function would return if
            all parents already hold the values, else None. It neither waits nor has side effects. None if parents
            never hold them.
    """

    function: BatchFunction
    rule: Rule | None
    max_parents: int
    takes_selected: bool
    takes_layout: bool
    prefetched: Prefetch | None

    def __copy__(self) -> Self:
        copied = super().__copy__()
        copied.function, copied.rule, copied.max_parents = self.function, self.rule, self.max_parents
        copied.takes_selected, copied.takes_layout = self.takes_selected, self.takes_layout
        copied.prefetched = self.prefetched
        return copied

    @property
    def is_basic_field(self) -> bool:
        """Always False: the value is not an attribute of the parent."""
        return False

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Awaitable[Any]:  # noqa: ARG002
        """Resolve the field for one parent, batched with the other parents of the same event loop iteration."""
        result: Awaitable[Any] = info.context.loaders.load(self, info.context, source, kwargs)
        return result

    def resolve_prefetched(
        self, context: Any, parents: Sequence[Any], arguments: Mapping[str, Any]
    ) -> Sequence[Any] | None:
        """Values that all parents already hold; None if they have to be fetched.

        Raises:
            Exception: raised by ``rule`` or ``prefetched``; it applies to every parent.
        """
        assert self.prefetched is not None
        if self.rule is not None:
            self.rule(context)
        return self.prefetched(parents, **arguments)

    async def resolve_batch(self, context: Any, parents: Sequence[Any], arguments: Mapping[str, Any]) -> Sequence[Any]:
        """Resolve the field for all parents.

        Returns:
            a value, None or an exception for each parent, in order.

        Raises:
            Exception: raised by ``rule`` or the function; it applies to every parent.
            BatchError: the function returned a wrong number of results.
        """
        if self.rule is not None:
            self.rule(context)
        if len(parents) <= self.max_parents:
            return await self._call(context, parents, arguments)
        starts = range(0, len(parents), self.max_parents)
        chunks = [await self._call(context, parents[at : at + self.max_parents], arguments) for at in starts]
        results = chain.from_iterable(chunks)
        return JsonTexts(results) if all(isinstance(chunk, JsonTexts) for chunk in chunks) else list(results)

    async def _call(self, context: Any, parents: Sequence[Any], arguments: Mapping[str, Any]) -> Sequence[Any]:
        results = await self.function(context, parents, **arguments)
        if len(results) != len(parents):
            raise BatchError(f"{self.python_name}: {len(results)} results for {len(parents)} parents")
        return results


class ReadField(StrawberryField):
    """A field that is read from its parent in a way that may depend on the caller.

    Attributes:
        reader: takes the context, once a request; returns a function of the parent, or None if this caller reads the
            attribute of the field's own name. The function neither waits nor has side effects.
    """

    reader: Reader

    def __copy__(self) -> Self:
        copied = super().__copy__()
        copied.reader = self.reader
        return copied

    @property
    def is_basic_field(self) -> bool:
        """Always False: not every caller reads the attribute itself."""
        return False

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Any:  # noqa: ARG002
        """Read the value from one parent."""
        read = self.reader(info.context)
        return getattr(source, self.python_name) if read is None else read(source)


def by_class(is_type_of: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Declare that an ``is_type_of`` depends only on the value's class; then it is called once for each class."""
    is_type_of.by_class = True  # type: ignore[attr-defined] # read by the completer
    return is_type_of


def with_rule(resolve: Callable[..., Any], rule: Rule) -> Callable[..., Any]:
    """A resolver that checks a rule first, for schemas that wrap resolvers themselves.

    Args:
        resolve: the resolver.
        rule: takes the context and raises if the caller may not read the field.
    """

    def resolve_if_allowed(parent: Any, info: Any, /, **arguments: Any) -> Any:
        rule(info.context)
        return resolve(parent, info, **arguments)

    resolve_if_allowed.rule = rule  # type: ignore[attr-defined] # read by the field plan
    resolve_if_allowed.wrapped = resolve  # type: ignore[attr-defined] # likewise
    return resolve_if_allowed


def parent_resolver(read: Read) -> Callable[[Any, Any], Any]:
    """A resolver that reads its field from the parent, for schemas that set resolvers themselves.

    Args:
        read: takes the parent; neither waits nor has side effects.
    """

    def resolve(parent: Any, _info: Any) -> Any:
        return read(parent)

    resolve.read = read  # type: ignore[attr-defined] # read by the field plan
    return resolve

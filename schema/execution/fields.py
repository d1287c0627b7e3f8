"""Declarations of fields that the executor answers for all parents at once, or without calling a resolver at all.

Under graphql-core's own executor the same declarations work too, one parent at a time: a ``BatchField`` through the
request's ``Loaders``.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Self

from strawberry.types.field import StrawberryField

from resolvers.selection import Written

BatchFunction = Callable[..., Awaitable[Sequence[Any]]]
Rule = Callable[[Any], None]
Read = Callable[[Any], Any]
Reader = Callable[[Any], Read | None]
Prefetch = Callable[..., Sequence[Any] | None]
WRITTEN = "written"
SELECTED = "selected"


class BatchError(Exception):
    """A batch was cut off or answered for another number of parents than it was given."""


class BatchField(StrawberryField):
    """A field together with the function that answers it for all parents.

    Attributes:
        function: takes the context, the parents and the field's arguments as keywords; gives a value, None or an
            exception for each parent, in order. It must not change its parents.
        rule: takes the context and raises if this caller may not ask; None if everybody may who has the parents.
        max_parents: the most parents that one call of the function gets; more are passed in turn.
        takes_selected: whether the function has a parameter ``selected`` for the fields that its values are asked
            for, so that it need not fetch more.
        takes_written: whether the function has a parameter ``written``: where its values are lists of objects of which
            nothing but attributes is asked, and the answer's writer takes finished text, it gets their layout, and may
            return ``Written``: for each parent the text of a list, as JSON. The text must read exactly as the scalars would have been written.
        prefetched: takes the parents and the field's arguments as keywords; returns what the function would return
            where all parents already hold it, else None. It does not wait and has no effects. None where parents
            never hold it.
    """

    function: BatchFunction
    rule: Rule | None
    max_parents: int
    takes_selected: bool
    takes_written: bool
    prefetched: Prefetch | None

    def __copy__(self) -> Self:
        copied = super().__copy__()
        copied.function, copied.rule, copied.max_parents = self.function, self.rule, self.max_parents
        copied.takes_selected, copied.takes_written = self.takes_selected, self.takes_written
        copied.prefetched = self.prefetched
        return copied

    @property
    def is_basic_field(self) -> bool:
        """Whether an attribute of the parent is the answer: never."""
        return False

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Awaitable[Any]:  # noqa: ARG002
        """Answer for one parent, together with the others that are asked for in the same moment."""
        answer: Awaitable[Any] = info.context.loaders.load(self, info.context, source, kwargs)
        return answer

    def ready(self, context: Any, parents: Sequence[Any], arguments: Mapping[str, Any]) -> Sequence[Any] | None:
        """What the parents have brought along, for all of them; None if it has to be asked for.

        Raises:
            Exception: what ``rule`` or ``prefetched`` raised; it counts for every parent.
        """
        assert self.prefetched is not None
        if self.rule is not None:
            self.rule(context)
        return self.prefetched(parents, **arguments)

    async def answers(self, context: Any, parents: Sequence[Any], arguments: Mapping[str, Any]) -> Sequence[Any]:
        """Answer for all parents: a value, None or an exception for each, in order.

        Raises:
            Exception: what ``rule`` or the function raised; it counts for every parent.
            BatchError: the function answered for another number of parents.
        """
        if self.rule is not None:
            self.rule(context)
        if len(parents) <= self.max_parents:
            return await self._part(context, parents, arguments)
        starts = range(0, len(parents), self.max_parents)
        parts = [await self._part(context, parents[at : at + self.max_parents], arguments) for at in starts]
        together = chain.from_iterable(parts)
        return Written(together) if all(is_written(part) for part in parts) else list(together)

    async def _part(self, context: Any, parents: Sequence[Any], arguments: Mapping[str, Any]) -> Sequence[Any]:
        answers = await self.function(context, parents, **arguments)
        if len(answers) != len(parents):
            raise BatchError(f"{self.python_name}: {len(answers)} answers for {len(parents)} parents")
        return answers


def is_written(answers: Sequence[Any]) -> bool:
    """Whether a function has answered text instead of values."""
    return isinstance(answers, Written)


class ReadField(StrawberryField):
    """A field that is read off its parent, in a way that may depend on the caller.

    Attributes:
        reader: takes the context, once a request; gives a function of the parent, or None where this caller reads the
            attribute of the field's own name as it is. The function has no effects and does not wait.
    """

    reader: Reader

    def __copy__(self) -> Self:
        copied = super().__copy__()
        copied.reader = self.reader
        return copied

    @property
    def is_basic_field(self) -> bool:
        """Whether an attribute of the parent is the answer: not for every caller."""
        return False

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Any:  # noqa: ARG002
        """Read it off one parent."""
        read = self.reader(info.context)
        return getattr(source, self.python_name) if read is None else read(source)


def by_class(is_type_of: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Declare that an ``is_type_of`` looks at the value's class alone: one value of each class is then enough."""
    is_type_of.by_class = True  # type: ignore[attr-defined] # how it is declared
    return is_type_of


def ruled(resolve: Callable[..., Any], rule: Rule) -> Callable[..., Any]:
    """A resolver before which a rule is asked, for schemas that put rules around resolvers by themselves.

    Args:
        resolve: the resolver.
        rule: takes the context and raises if this caller may not ask.
    """

    def resolve_if_allowed(parent: Any, info: Any, /, **arguments: Any) -> Any:
        rule(info.context)
        return resolve(parent, info, **arguments)

    resolve_if_allowed.rule = rule  # type: ignore[attr-defined] # how the plan knows it
    resolve_if_allowed.ruled = resolve  # type: ignore[attr-defined] # likewise
    return resolve_if_allowed


def off_parent(read: Read) -> Callable[[Any, Any], Any]:
    """A resolver that reads its field off the parent, for schemas that set resolvers by themselves.

    Args:
        read: takes the parent; has no effects and does not wait.
    """

    def resolve(parent: Any, _info: Any) -> Any:
        return read(parent)

    resolve.of_parent = read  # type: ignore[attr-defined] # how the plan knows it
    return resolve

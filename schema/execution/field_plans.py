"""Where the raw values of a field come from: off the parents, from one call for all of them, or one call for each."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from graphql import (
    ArgumentNode,
    FieldNode,
    GraphQLField,
    GraphQLInputType,
    GraphQLObjectType,
    VariableNode,
    Visitor,
    get_named_type,
    get_nullable_type,
    is_scalar_type,
    visit,
)
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.values import get_argument_values
from strawberry.relay.types import GlobalID
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import StrawberryArgument, convert_arguments
from strawberry.types.base import StrawberryMaybe, StrawberryOptional
from strawberry.types.field import StrawberryField

from resolvers.selection import Layout, Selected, Selection
from schema.execution.completion import Leaf, ListOf, ObjectOf, Shape
from schema.execution.fields import (
    SELECTED,
    WRITTEN,
    BatchField,
    Reader,
    ReadField,
    Rule,
)
from schema.execution.info import ResolveInfo
from schema.execution.instrumentation import FieldMetrics, Stage
from schema.execution.response_path import ResponsePosition, Where, nowhere

if TYPE_CHECKING:
    from schema.execution.run import Run

CONSTANT = (str, int, float, bool, type(None), Enum)
NO_ARGUMENTS: Mapping[str, Any] = {}
NOT_WATCHED = nullcontext()


@dataclass(slots=True)
class Ask:
    """A field that is asked of all parents at one place.

    Args:
        run: the request's.
        parents: at least one.
        place: the field's places, by the parent's index.
        twins: the plans that share the values, the asked one among them.
        stage: for whoever watches.
        written: set where the values are finished text.
        awaited: set where the values that were awaitable have been awaited: what came of it is not awaited again.
    """

    run: "Run"
    parents: Sequence[Any]
    place: Where
    twins: Sequence["FieldPlan"]
    stage: Stage | None
    awaited: bool = False
    written: bool = False

    def waiting(self) -> AbstractContextManager[object]:
        """To be entered while the values are waited for."""
        return NOT_WATCHED if self.stage is None else self.stage.waiting()


class FieldPlan(ABC):
    """A field of a selection.

    Attributes:
        kind: how its values are come by.

    Args:
        key: its response name.
        order: its place in the selection.
        parent_type: the type that it is a field of.
        definition: the schema's.
        details: the field as the document asks for it, as graphql-core collected it.
        shape: of its type.
        figures: the sums of the schema's field.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        key: str,
        order: int,
        parent_type: GraphQLObjectType,
        definition: GraphQLField,
        details: FieldDetailsList,
        shape: Shape,
        figures: FieldMetrics,
    ) -> None:
        self.key = key
        self.order = order
        self.parent_type = parent_type
        self.definition = definition
        self.details = details
        self.shape = shape
        self.figures = figures
        self.nodes = [detail.node for detail in details]
        self.name = self.nodes[0].name.value
        self._constants: Mapping[str, Any] | None = None
        self._variables = _variables(definition, self.nodes[0])
        self._others: Mapping[str, Any] | None = None
        self._selected: tuple[Selected] | None = None
        variable = [argument for argument in self.nodes[0].arguments or () if _holds_variable(argument)]
        self._holds_variable = bool(variable)
        self._holds_more = len(variable) > len(self._variables)

    def place(self, where: Where) -> Where:
        """The field's places, from its parents'."""
        order, key, nullable, type_name = self.order, self.key, self.shape.nullable, self.parent_type.name
        return lambda index: ResponsePosition(where(index), order, key, nullable, type_name)

    @abstractmethod
    async def values(self, ask: Ask) -> Sequence[Any]:
        """A value, None, an exception or an awaitable for each parent.

        Raises:
            Exception: it counts for every parent.
        """

    def prefetched(self, run: "Run", parents: Sequence[Any]) -> Sequence[Any] | None:  # noqa: ARG002 # of those that have any
        """The values, if all parents have brought them along; may be asked for again.

        Raises:
            Exception: it counts for every parent.
        """
        return None

    def selected(self, run: "Run") -> Selected:
        """The names of the fields that are asked of the values; None where that depends on the values."""
        if self._selected is None:
            self._selected = (self._select(run),)
        return self._selected[0]

    def _select(self, run: "Run") -> Selected:
        return run.plan.selected(run, get_named_type(self.definition.type), self.details)

    def arguments(self, run: "Run") -> Mapping[str, Any]:
        """The coerced arguments; those that no variable and no mutable value is part of are coerced once.

        Variables have been coerced: one that is a whole argument and has a value other than null is that argument's.

        Raises:
            GraphQLError: a value does not do.
        """
        if self._constants is not None:
            return self._constants
        node = self.nodes[0]
        if not self.definition.args and not node.arguments:
            self._constants = NO_ARGUMENTS
            return NO_ARGUMENTS
        executor = run.executor
        coerced = executor.variable_values.coerced
        if self._others is not None:
            given = {name: coerced.get(variable) for name, variable in self._variables.items()}
            if None not in given.values():
                return {**self._others, **given}
        arguments = get_argument_values(
            self.definition, node, executor.variable_values, None, executor.hide_suggestions
        )
        others = {name: value for name, value in arguments.items() if name not in self._variables}
        if all(isinstance(value, CONSTANT) for value in others.values()):
            if not self._holds_variable:
                self._constants = arguments
            elif not self._holds_more:
                self._others = others
        return arguments


class ReadPlan(FieldPlan):
    """A field that is read off its parent: its leaves never cost a call of a resolver."""

    kind = "attribute"

    def __init__(
        self, *args: Any, attribute: str, get: Callable[[Any, str], Any] = getattr, reader: Reader | None
    ) -> None:
        super().__init__(*args)
        self.attribute = attribute
        self.get = get
        self.reader = reader

    async def values(self, ask: Ask) -> Sequence[Any]:
        """What each parent holds."""
        return self.prefetched(ask.run, ask.parents)

    def prefetched(self, run: "Run", parents: Sequence[Any]) -> Sequence[Any]:
        """What each parent holds."""
        read = self.reader and self.reader(run.context)
        if read is None:
            get, attribute = self.get, self.attribute
            return [_attempted(get, parent, attribute) for parent in parents]
        return [_attempted(read, parent) for parent in parents]


class BatchPlan(FieldPlan):
    """A field that is answered by one call for all parents."""

    kind = "batch"

    def __init__(self, *args: Any, declared: BatchField, converter: GraphQLCoreConverter) -> None:
        super().__init__(*args)
        self.declared = declared
        self._conversion = Conversion(self.definition, declared, converter)
        self._converted: Mapping[str, Any] | None = None
        self._layout: tuple[Layout | None] | None = None

    async def values(self, ask: Ask) -> Sequence[Any]:
        """What the field's function answers."""
        run = ask.run
        ready = self.prefetched(run, ask.parents)
        if ready is not None:
            return self._answered(ready, ask)
        arguments = self._arguments(run, ask.place)
        if self.declared.takes_selected:
            arguments = {**arguments, SELECTED: union(twin.selected(run) for twin in ask.twins)}
        if run.fragment is not None and self.declared.takes_written and len(ask.twins) == 1:
            arguments = {**arguments, WRITTEN: self._layout_of(run)}
        await run.strands.before_waiting()
        with ask.waiting():
            answers = await self.declared.answers(run.context, ask.parents, arguments)
        return self._answered(answers, ask)

    def prefetched(self, run: "Run", parents: Sequence[Any]) -> Sequence[Any] | None:
        """What the parents have brought along."""
        if self.declared.prefetched is None:
            return None
        return self.declared.ready(run.context, parents, self._arguments(run, nowhere))

    def _answered(self, answers: Sequence[Any], ask: Ask) -> Sequence[Any]:
        written = ask.run.written(answers)
        ask.written = written is not None
        return answers if written is None else written

    def _select(self, run: "Run") -> Selected:
        selected = super()._select(run)
        if selected is None:
            return None
        arguments = None
        if not self._holds_variable:
            with suppress(Exception):  # it is raised again when the field is asked
                arguments = self._arguments(run, nowhere)
        layout = self._layout_of(run) if run.fragment is not None and self.declared.takes_written else None
        return Selection(selected, arguments, layout)

    def _layout_of(self, run: "Run") -> Layout | None:
        """How the objects of a list are laid out of which nothing but attributes is asked; None for any other."""
        if self._layout is None:
            self._layout = (_layout(self.shape, run, self.details),)
        return self._layout[0]

    def _arguments(self, run: "Run", place: Where) -> Mapping[str, Any]:
        if self._converted is not None:
            return self._converted
        given = self.arguments(run)
        if not given:
            return given
        arguments = self._conversion.converted(given, ResolveInfo(run.shared_info(self), place, 0))
        if given is self._constants and all(isinstance(value, CONSTANT) for value in arguments.values()):
            self._converted = arguments
        return arguments


class Conversion:
    """From arguments as graphql-core coerces them to those that Strawberry calls functions with.

    Args:
        definition: the schema's field.
        declared: Strawberry's.
        converter: of the Strawberry schema.
    """

    def __init__(self, definition: GraphQLField, declared: StrawberryField, converter: GraphQLCoreConverter) -> None:
        self._declared = declared
        self._converter = converter
        name_of = converter.config.name_converter.from_argument
        named = [(name_of(argument), argument) for argument in declared.arguments]
        types = {name: argument.type for name, argument in definition.args.items()}
        as_they_are = all(name in types and _is_scalar(types[name], argument) for name, argument in named)
        self._names = [(name, argument.python_name) for name, argument in named] if as_they_are else None

    def converted(self, given: Mapping[str, Any], info: ResolveInfo) -> dict[str, Any]:
        """The arguments of a call; ``info`` is the call's, for input types that want it."""
        if self._names is not None:
            return {python_name: given[name] for name, python_name in self._names if name in given}
        return convert_arguments(
            dict(given),
            self._declared.arguments,
            scalar_registry=self._converter.scalar_registry,
            config=self._converter.config,
            info=self.info(info),
        )

    def info(self, info: ResolveInfo) -> Any:
        """Strawberry's info of a call."""
        made: Any = self._converter.config.info_class
        return made(_raw_info=info, _field=self._declared)


class ResolvedPlan(FieldPlan):
    """A field whose resolver is called for each parent, as graphql-core would."""

    kind = "resolver"

    async def values(self, ask: Ask) -> Sequence[Any]:
        """What each call gives."""
        run, parents, place = ask.run, ask.parents, ask.place
        call = self.call(run)
        shared = run.shared_info(self)
        arguments = self.arguments(run)
        # A resolver may change what it is given: values that can be changed are no two calls' own.
        own = not all(isinstance(value, CONSTANT) for value in arguments.values())
        values: list[Any] = []
        for index, parent in enumerate(parents):
            if own and index:
                arguments = self.arguments(run)
            try:
                values.append(call(parent, ResolveInfo(shared, place, index), **arguments))
            except Exception as error:  # noqa: BLE001 # a field error
                values.append(error)
        if self.shape.is_plain(values):
            return values
        ask.awaited = True
        return await run.awaited(values, ask)

    def call(self, run: "Run") -> Callable[..., Any]:
        """What is called with a parent, its info and the arguments.

        Raises:
            Exception: it counts for every parent.
        """
        return self.definition.resolve or run.executor.field_resolver


class CalledPlan(ResolvedPlan):
    """A field whose function is called as Strawberry would, without what it does around it for others.

    Its rule, if one was put before it, is asked once for all parents.
    """

    def __init__(
        self, *args: Any, declared: StrawberryField, converter: GraphQLCoreConverter, rule: Rule | None
    ) -> None:
        super().__init__(*args)
        function = declared.base_resolver
        assert function is not None
        self._function = function
        self._takes_self = function.self_parameter is not None
        self._info_name = function.info_parameter.name if function.info_parameter else None
        self._parent_names = [one.name for one in (function.parent_parameter, function.root_parameter) if one]
        self._rule = rule
        self._conversion = Conversion(self.definition, declared, converter)

    def call(self, run: "Run") -> Callable[..., Any]:
        """Strawberry's function, once the rule lets the caller pass."""
        if self._rule is not None:
            self._rule(run.context)
        return self._called

    def _called(self, parent: Any, info: ResolveInfo, /, **given: Any) -> Any:
        arguments = self._conversion.converted(given, info)
        for name in self._parent_names:
            arguments[name] = parent
        if self._info_name is not None:
            arguments[self._info_name] = self._conversion.info(info)
        return self._function(parent, **arguments) if self._takes_self else self._function(**arguments)


def _layout(shape: Shape, run: "Run", details: FieldDetailsList) -> Layout | None:
    if not isinstance(shape, ListOf) or not isinstance(shape.inner, ObjectOf) or shape.inner.nullable:
        return None
    object_type = shape.inner.object_type
    if object_type.is_type_of is not None:
        return None
    entries = run.plan.selection(run.executor, object_type, details).entries
    layout = []
    for key, field in entries:
        if not isinstance(field, ReadPlan) or field.reader is not None or not isinstance(field.shape, Leaf):
            return None
        layout.append((key, field.attribute))
    return tuple(layout)


def union(parts: Iterable[Selected]) -> Selected:
    """What is selected by any of them."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    whole = Selection({})
    for part in parts:
        if part is None:
            return None
        for name, inner in part.items():
            whole[name] = union((whole[name], inner)) if name in whole else inner
    return whole


def _is_scalar(graphql_type: GraphQLInputType, argument: StrawberryArgument) -> bool:
    """Whether an argument's values are what they were coerced to: neither lists, enums, input objects nor wrapped."""
    declared = argument.type
    if type(declared) is StrawberryOptional:
        declared = declared.of_type
    return (
        is_scalar_type(get_nullable_type(graphql_type))
        and declared is not GlobalID
        and not isinstance(declared, StrawberryMaybe)
    )


def _attempted(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 # a field error
        return error


class _VariableFinder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def enter_variable(self, *_: Any) -> None:
        self.found = True


def _holds_variable(node: ArgumentNode) -> bool:
    finder = _VariableFinder()
    visit(node, finder)
    return finder.found


def _variables(definition: GraphQLField, node: FieldNode) -> Mapping[str, str]:
    """The names of variables that are whole arguments, by the arguments' names in Python."""
    return {
        definition.args[argument.name.value].out_name or argument.name.value: argument.value.name.value
        for argument in node.arguments or ()
        if isinstance(argument.value, VariableNode)
    }


def plan_field(
    key: str,
    order: int,
    parent_type: GraphQLObjectType,
    definition: GraphQLField,
    details: FieldDetailsList,
    shape: Shape,
    figures: FieldMetrics,
    converter: GraphQLCoreConverter | None,
) -> FieldPlan:
    """The quickest way to a field's values that is sure to give what its resolver would.

    Args:
        converter: of the Strawberry schema; None for a schema that is not Strawberry's.
    """
    common = (key, order, parent_type, definition, details, shape, figures)
    of_parent = getattr(definition.resolve, "of_parent", None)
    if of_parent is not None:
        return ReadPlan(*common, attribute="", reader=lambda _context: of_parent)
    declared = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(declared, StrawberryField) or declared.extensions:
        return ResolvedPlan(*common)
    rule, resolve = getattr(definition.resolve, "rule", None), definition.resolve
    if rule is not None:
        resolve = getattr(resolve, "ruled", None)
    # What Strawberry made of the declaration is replaced only where nothing else was put around it.
    is_default = getattr(resolve, "_is_default", None)
    plain = type(declared).get_result is StrawberryField.get_result
    if is_default is None or converter is None or converter.exception_handlers:
        return ResolvedPlan(*common)
    if declared.base_resolver is not None and plain:
        return CalledPlan(*common, declared=declared, converter=converter, rule=rule)
    if not is_default or rule is not None:
        return ResolvedPlan(*common)
    if isinstance(declared, BatchField):
        return BatchPlan(*common, declared=declared, converter=converter)
    if isinstance(declared, ReadField):
        return ReadPlan(*common, attribute=declared.python_name, reader=declared.reader)
    if declared.is_basic_field and plain:
        return ReadPlan(*common, attribute=declared.python_name, get=declared.default_resolver, reader=None)
    return ResolvedPlan(*common)

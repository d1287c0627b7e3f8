"""How the raw values of a field are resolved: read from the parents, by one call for all, or by one call for each."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from graphql import GraphQLField, GraphQLObjectType, get_named_type
from graphql.execution.collect_fields import FieldDetailsList
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from resolvers.selection import Layout, Selected, Selection
from schema.execution.arguments import ArgumentConverter, FieldArguments, are_immutable
from schema.execution.completion import Completer, LeafCompleter, ListCompleter, ObjectCompleter
from schema.execution.coroutines import close_coroutines
from schema.execution.fields import LAYOUT, SELECTED, BatchField, Reader, ReadField, Rule
from schema.execution.info import ResolveInfo
from schema.execution.instrumentation import FieldMetrics, FieldSpan, waiting
from schema.execution.interfaces import OperationRun
from schema.execution.response_path import Positions, ResponsePosition, root_position


@dataclass(slots=True)
class FieldCall:
    """The call of a field for all parents at one position of the document.

    Args:
        run: the request's.
        parents: at least one.
        positions: of the field, by the parent's index.
        aliases: the plans of fields that share the values, the called one among them.
        span: traces the call; None if the run is not traced.
        awaited: set if awaitable values have been awaited; their results are not awaited again.
        is_json: set if the values are JSON fragments, which are not completed.
    """

    run: OperationRun
    parents: Sequence[Any]
    positions: Positions
    aliases: Sequence["FieldPlan"]
    span: FieldSpan | None
    awaited: bool = False
    is_json: bool = False


class FieldPlan(ABC):
    """A field of a selection.

    Attributes:
        kind: how its values are resolved.

    Args:
        key: its response name.
        order: its index in the selection.
        parent_type: the type that it belongs to.
        definition: the schema's.
        details: the field in the document, as graphql-core collected it.
        completer: of its type.
        metrics: of the schema's field.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        key: str,
        order: int,
        parent_type: GraphQLObjectType,
        definition: GraphQLField,
        details: FieldDetailsList,
        completer: Completer,
        metrics: FieldMetrics,
    ) -> None:
        self.key = key
        self.order = order
        self.parent_type = parent_type
        self.definition = definition
        self.details = details
        self.completer = completer
        self.metrics = metrics
        self.nodes = [detail.node for detail in details]
        self.name = self.nodes[0].name.value
        self.arguments = FieldArguments(definition, self.nodes[0])
        self._selected: tuple[Selected] | None = None

    def positions(self, parents: Positions) -> Positions:
        """The field's positions, from its parents'."""
        order, key, nullable, type_name = self.order, self.key, self.completer.nullable, self.parent_type.name
        return lambda index: ResponsePosition(parents(index), order, key, nullable, type_name)

    @abstractmethod
    async def resolve(self, call: FieldCall) -> Sequence[Any]:
        """Resolve a value, None, an exception or an awaitable for each parent.

        Raises:
            Exception: it applies to every parent.
        """

    def prefetched(self, run: OperationRun, parents: Sequence[Any]) -> Sequence[Any] | None:  # noqa: ARG002 # overridden
        """The values if all parents already hold them; may be called again for the same parents.

        Raises:
            Exception: it applies to every parent.
        """
        return None

    def selected(self, run: OperationRun) -> Selected:
        """The selection of the field's values; None where it depends on their runtime type."""
        if self._selected is None:
            self._selected = (self._select(run),)
        return self._selected[0]

    def _select(self, run: OperationRun) -> Selected:
        return run.plan.selected(run, get_named_type(self.definition.type), self.details)


class ReadPlan(FieldPlan):
    """A field that is read from its parent; a leaf among them never costs a call of a resolver."""

    kind = "attribute"

    def __init__(
        self, *args: Any, attribute: str, get: Callable[[Any, str], Any] = getattr, reader: Reader | None
    ) -> None:
        super().__init__(*args)
        self.attribute = attribute
        self.get = get
        self.reader = reader

    async def resolve(self, call: FieldCall) -> Sequence[Any]:
        """Read each parent's value."""
        return self.prefetched(call.run, call.parents)

    def prefetched(self, run: OperationRun, parents: Sequence[Any]) -> Sequence[Any]:
        """Each parent's value."""
        read = self.reader and self.reader(run.context)
        if read is None:
            get, attribute = self.get, self.attribute
            return [_result_or_exception(get, parent, attribute) for parent in parents]
        return [_result_or_exception(read, parent) for parent in parents]


class BatchPlan(FieldPlan):
    """A field that one call resolves for all parents."""

    kind = "batch"

    def __init__(self, *args: Any, declared: BatchField, converter: GraphQLCoreConverter) -> None:
        super().__init__(*args)
        self.declared = declared
        self._converter = ArgumentConverter(self.definition, declared, converter)
        self._constants: Mapping[str, Any] | None = None
        self._layout: tuple[Layout | None] | None = None

    async def resolve(self, call: FieldCall) -> Sequence[Any]:
        """Call the field's function."""
        run = call.run
        prefetched = self.prefetched(run, call.parents)
        if prefetched is not None:
            return self._json_or_values(prefetched, call)
        arguments = self._arguments(run, call.positions)
        if self.declared.takes_selected:
            arguments = {**arguments, SELECTED: merge_selections(alias.selected(run) for alias in call.aliases)}
        if run.json_fragment is not None and self.declared.takes_layout and len(call.aliases) == 1:
            arguments = {**arguments, LAYOUT: self._layout_of(run)}
        await run.coroutines.before_waiting()
        with waiting(call.span):
            values = await self.declared.resolve_batch(run.context, call.parents, arguments)
        return self._json_or_values(values, call)

    def prefetched(self, run: OperationRun, parents: Sequence[Any]) -> Sequence[Any] | None:
        """The values that the parents already hold."""
        if self.declared.prefetched is None:
            return None
        return self.declared.resolve_prefetched(run.context, parents, self._arguments(run, root_position))

    def _json_or_values(self, values: Sequence[Any], call: FieldCall) -> Sequence[Any]:
        fragments = call.run.json_fragments(values)
        call.is_json = fragments is not None
        return values if fragments is None else fragments

    def _select(self, run: OperationRun) -> Selected:
        selected = super()._select(run)
        if selected is None:
            return None
        arguments = None
        if not self.arguments.has_variables:
            with suppress(Exception):  # raised again when the field is resolved
                arguments = self._arguments(run, root_position)
        layout = self._layout_of(run) if run.json_fragment is not None and self.declared.takes_layout else None
        return Selection(selected, arguments, layout)

    def _layout_of(self, run: OperationRun) -> Layout | None:
        """The layout of a list's objects of which only attributes are selected; None for every other selection."""
        if self._layout is None:
            self._layout = (_layout(self.completer, run, self.details),)
        return self._layout[0]

    def _arguments(self, run: OperationRun, positions: Positions) -> Mapping[str, Any]:
        if self._constants is not None:
            return self._constants
        coerced = self.arguments.coerced(run.executor)
        if not coerced:
            return coerced
        arguments = self._converter.convert(coerced, ResolveInfo(run.shared_info(self), positions, 0))
        if coerced is self.arguments.constants and are_immutable(arguments):
            self._constants = arguments
        return arguments


class ResolverPlan(FieldPlan):
    """A field whose resolver is called for each parent, as graphql-core does."""

    kind = "resolver"

    async def resolve(self, call: FieldCall) -> Sequence[Any]:
        """Call the resolver with each parent and await the results."""
        run, positions = call.run, call.positions
        resolve = self.resolver(run)
        shared = run.shared_info(self)
        arguments = self.arguments.coerced(run.executor)
        # A resolver may change its arguments: each call gets mutable values of its own.
        is_shared = are_immutable(arguments)
        values: list[Any] = []
        for index, parent in enumerate(call.parents):
            try:
                if index and not is_shared:
                    arguments = self.arguments.coerced(run.executor)
                values.append(resolve(parent, ResolveInfo(shared, positions, index), **arguments))
            except Exception as error:  # noqa: BLE001 # a field error
                values.append(error)
            except BaseException:
                close_coroutines(values)
                raise
        if self.completer.is_plain(values):
            return values
        call.awaited = True
        return await run.resolve_awaitables(values, call.span)

    def resolver(self, run: OperationRun) -> Callable[..., Any]:
        """The function to call with a parent, its info and the arguments.

        Raises:
            Exception: it applies to every parent.
        """
        return self.definition.resolve or run.executor.field_resolver


class FunctionPlan(ResolverPlan):
    """A field whose function is called directly, without the wrappers that Strawberry puts around every resolver.

    Its rule, if the schema added one, is checked once for all parents.
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
        self._converter = ArgumentConverter(self.definition, declared, converter)

    def resolver(self, run: OperationRun) -> Callable[..., Any]:
        """Strawberry's function, after the rule has been checked."""
        if self._rule is not None:
            self._rule(run.context)
        return self._call

    def _call(self, parent: Any, info: ResolveInfo, /, **coerced: Any) -> Any:
        arguments = self._converter.convert(coerced, info)
        for name in self._parent_names:
            arguments[name] = parent
        if self._info_name is not None:
            arguments[self._info_name] = self._converter.info(info)
        return self._function(parent, **arguments) if self._takes_self else self._function(**arguments)


def _layout(completer: Completer, run: OperationRun, details: FieldDetailsList) -> Layout | None:
    if not isinstance(completer, ListCompleter) or not isinstance(completer.item, ObjectCompleter):
        return None
    object_type = completer.item.object_type
    if completer.item.nullable or object_type.is_type_of is not None:
        return None
    layout = []
    for key, field in run.plan.selection(run.executor, object_type, details).entries:
        if (
            not isinstance(field, ReadPlan)
            or field.reader is not None
            or not isinstance(field.completer, LeafCompleter)
        ):
            return None
        layout.append((key, field.attribute))
    return tuple(layout)


def merge_selections(parts: Iterable[Selected]) -> Selected:
    """The union of selections; None if one of them is."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    merged = Selection({})
    for part in parts:
        if part is None:
            return None
        for name, inner in part.items():
            merged[name] = merge_selections((merged[name], inner)) if name in merged else inner
    return merged


def _result_or_exception(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 # a field error
        return error


def plan_field(
    key: str,
    order: int,
    parent_type: GraphQLObjectType,
    definition: GraphQLField,
    details: FieldDetailsList,
    completer: Completer,
    metrics: FieldMetrics,
    converter: GraphQLCoreConverter | None,
) -> FieldPlan:
    """The fastest plan that is certain to resolve what the field's resolver would.

    Args:
        converter: of the Strawberry schema; None for a schema that is not Strawberry's.
    """
    common = (key, order, parent_type, definition, details, completer, metrics)
    read = getattr(definition.resolve, "read", None)
    if read is not None:
        return ReadPlan(*common, attribute="", reader=lambda _context: read)
    declared = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(declared, StrawberryField) or declared.extensions:
        return ResolverPlan(*common)
    rule, resolve = getattr(definition.resolve, "rule", None), definition.resolve
    if rule is not None:
        resolve = getattr(resolve, "wrapped", None)
    # Strawberry's own resolver is replaced only if nothing else was wrapped around it.
    is_default = getattr(resolve, "_is_default", None)
    plain = type(declared).get_result is StrawberryField.get_result
    if is_default is None or converter is None or converter.exception_handlers:
        return ResolverPlan(*common)
    if declared.base_resolver is not None and plain:
        return FunctionPlan(*common, declared=declared, converter=converter, rule=rule)
    if not is_default or rule is not None:
        return ResolverPlan(*common)
    if isinstance(declared, BatchField):
        return BatchPlan(*common, declared=declared, converter=converter)
    if isinstance(declared, ReadField):
        return ReadPlan(*common, attribute=declared.python_name, reader=declared.reader)
    if declared.is_basic_field and plain:
        return ReadPlan(*common, attribute=declared.python_name, get=declared.default_resolver, reader=None)
    return ResolverPlan(*common)

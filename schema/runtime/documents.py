"""Documents that were parsed, measured and validated before, by their text.

Clients send few documents many times; one takes milliseconds to prepare and microseconds to find. What validation or
the limits refused is kept too, with its errors; what is no GraphQL at all is not, since finding that out is cheap.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse, specified_rules, validate
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
from strawberry.types.execution import ParseOptions

from schema.runtime.cost import CostMeter
from schema.runtime.errors import ErrorCode
from schema.runtime.limits import Limits, check_extent
from schema.runtime.operations import Operation, operations_of

RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
MAX_ERRORS = 10
# Measured on graphql-core 3.3: 410 to 430 bytes a token with nodes and locations; 2.5 kB for the smallest document.
BYTES_PER_TOKEN = 430
BYTES_PER_DOCUMENT = 2_500


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document and all that is known about it before it runs.

    Args:
        document: parsed.
        operations: of the document, in order.
        errors: why none of them is to be run.
        size: estimated bytes.
    """

    document: DocumentNode
    operations: tuple[Operation, ...]
    errors: tuple[GraphQLError, ...]
    size: int

    def operation(self, name: str | None) -> Operation:
        """The operation with a name; the first one if none is given.

        Raises:
            CannotGetOperationTypeError: there is no such operation.
        """
        for operation in self.operations:
            if name is None or operation.name == name:
                return operation
        raise CannotGetOperationTypeError(name)

    def refusals(self, operation: Operation, name: str | None, variables: Mapping[str, Any]) -> list[GraphQLError]:
        """Why a request is not answered: what is wrong with the document, with the choice, or with its cost.

        Args:
            operation: the one that is found for ``name``.
            name: as the request gives it.
            variables: likewise.
        """
        if self.errors:
            return list(self.errors)
        try:
            if name is None and len(self.operations) > 1:
                # Strawberry would take the first; nobody should have to guess.
                message = "Name the operation to run: the document has several."
                code = ErrorCode.OPERATION_RESOLUTION_FAILED
                raise GraphQLError(message, self.operations[1].node, extensions={"code": code})
            operation.check_cost(variables)
        except GraphQLError as error:
            return [error]
        return []


class DocumentCache:
    """Prepared documents of one schema; the least recently used go first.

    Args:
        schema: that the documents are for.
        limits: that they are held to.
        entries: the most documents kept.
        size: the most bytes kept, by estimate.
    """

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, entries: int = 1_000, size: int = 64_000_000) -> None:
        self.limits = limits
        self.meter = CostMeter(schema, limits)
        self.hits = 0
        self.misses = 0
        self.size = 0
        self._schema = schema
        self._entries = entries
        self._max_size = size
        self._prepared: OrderedDict[str, Prepared] = OrderedDict()

    def __len__(self) -> int:
        return len(self._prepared)

    def find(self, text: str) -> Prepared | None:
        """The prepared document of a text, if it is kept."""
        prepared = self._prepared.get(text)
        if prepared is None:
            self.misses += 1
        else:
            self.hits += 1
            self._prepared.move_to_end(text)
        return prepared

    def of(self, text: str) -> Prepared:
        """The prepared document of a text, from the cache or made now.

        Raises:
            GraphQLError: it is no GraphQL, or longer than the limits allow.
        """
        prepared = self.find(text)
        if prepared is None:
            options: Any = self.limits.parse_options
            prepared = self.prepare(text, parse(text, **options))
        return prepared

    def prepare(self, text: str, document: DocumentNode) -> Prepared:
        """Measure and validate a parsed document, and keep what comes out."""
        operations, errors = self._check(document)
        for refusal in errors:
            # A traceback would keep the frames of the validation as long as the document.
            refusal.__traceback__ = refusal.__context__ = None
        size = len(text) + document.token_count * BYTES_PER_TOKEN + BYTES_PER_DOCUMENT
        prepared = self._prepared[text] = Prepared(document, operations, errors, size)
        self.size += size
        while len(self._prepared) > self._entries or self.size > self._max_size:
            _, oldest = self._prepared.popitem(last=False)
            self.size -= oldest.size
        return prepared

    def _check(self, document: DocumentNode) -> tuple[tuple[Operation, ...], tuple[GraphQLError, ...]]:
        try:
            check_extent(document, self.limits)
            measure = self.meter.measure(document)
        except GraphQLError as error:
            errors = [error]
        else:
            errors = validate(self._schema, document, RULES, max_errors=MAX_ERRORS)
            if not errors:
                return operations_of(document, self.meter, measure), ()
        for refusal in errors:
            refusal.extensions = {"code": ErrorCode.GRAPHQL_VALIDATION_FAILED, **(refusal.extensions or {})}
        return operations_of(document, self.meter, None), tuple(errors)


class CachedDocuments(SchemaExtension):
    """Takes documents from the cache, and holds each request to the cost it may have with its variables."""

    def __init__(self, cache: DocumentCache) -> None:
        self._cache = cache
        self._prepared: Prepared | None = None

    def on_parse(self) -> Iterator[None]:
        """Find the document; one that is not there is parsed within the limits."""
        execution = self.execution_context
        self._prepared = self._cache.find(execution.query or "")
        if self._prepared is not None:
            execution.graphql_document = self._prepared.document
        else:
            execution.parse_options = ParseOptions(**self._cache.limits.parse_options)  # type: ignore[typeddict-item] # passed on to graphql-core, which knows more of them
        yield

    def on_validate(self) -> Iterator[None]:
        """Find the document's errors or have it validated; then check what this request costs."""
        execution = self.execution_context
        document = execution.graphql_document
        assert document is not None
        prepared = self._prepared or self._cache.prepare(execution.query or "", document)
        execution.validation_rules = ()
        name = execution._provided_operation_name
        errors = prepared.refusals(prepared.operation(name), name, execution.variables or {})
        execution.pre_execution_errors = errors or None
        yield

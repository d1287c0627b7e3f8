"""Cache of documents by their text: parsed, measured and validated.

Clients send few documents many times. A document takes milliseconds to prepare and microseconds to find. Documents
that validation or the limits reject are kept with their errors; a text that cannot be parsed is not, since parsing is
cheap.
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
from schema.runtime.operations import Operation, RequestClass, operations_of
from schema.runtime.signatures import signature_of

RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
MAX_ERRORS = 10
# Measured on graphql-core 3.3: 410 to 430 bytes a token with nodes and locations; 2.5 kB for the smallest document.
BYTES_PER_TOKEN = 430
BYTES_PER_DOCUMENT = 2_500


@dataclass(frozen=True, slots=True)
class PreparedDocument:
    """A document with its operations.

    Args:
        document: the parsed document.
        operations: its operations, in order.
        errors: errors that prevent all operations.
        size: estimated bytes.
    """

    document: DocumentNode
    operations: tuple[Operation, ...]
    errors: tuple[GraphQLError, ...]
    size: int

    def operation(self, name: str | None) -> Operation:
        """The operation of a name; the first one for None.

        Raises:
            CannotGetOperationTypeError: the document has no operation of this name.
        """
        for operation in self.operations:
            if name is None or operation.name == name:
                return operation
        raise CannotGetOperationTypeError(name)

    def errors_of(self, operation: Operation, name: str | None, variables: Mapping[str, Any]) -> list[GraphQLError]:
        """The errors that prevent a request: of the document, of the operation's name, or of the cost.

        Args:
            operation: the operation found for ``name``.
            name: as in the request.
            variables: as in the request.
        """
        if self.errors:
            return list(self.errors)
        try:
            if name is None and len(self.operations) > 1:
                # Strawberry would run the first one silently.
                message = "operationName must be given for a document with several operations"
                code = ErrorCode.OPERATION_RESOLUTION_FAILED
                raise GraphQLError(message, self.operations[1].node, extensions={"code": code})
            operation.check_cost(variables)
        except GraphQLError as error:
            return [error]
        return []


class DocumentCache:
    """Prepared documents of one schema; discards the least recently used.

    Args:
        schema: the schema of the documents.
        limits: limits of one document.
        entries: maximum number of documents.
        size: maximum estimated bytes.
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
        self._prepared: OrderedDict[str, PreparedDocument] = OrderedDict()

    def __len__(self) -> int:
        return len(self._prepared)

    def find(self, text: str) -> PreparedDocument | None:
        """The cached document of a text; None if it is not cached."""
        prepared = self._prepared.get(text)
        if prepared is None:
            self.misses += 1
        else:
            self.hits += 1
            self._prepared.move_to_end(text)
        return prepared

    def signature(self, text: str, name: str | None) -> tuple[str, str] | None:
        """The name of the operation and the signature of a cached document.

        Args:
            name: as in the request; None for the document's only operation.

        Returns:
            An empty name for an operation without one; None for a document that is invalid, or no longer cached.
        """
        prepared = self._prepared.get(text)
        if prepared is None or prepared.errors:
            return None
        try:
            return prepared.operation(name).name or "", signature_of(prepared.document)
        except CannotGetOperationTypeError:
            return None

    def request_class(self, text: str, name: str | None, variables: Mapping[str, Any]) -> RequestClass:
        """The class of a request, without preparing its document: one that is not cached is judged by its beginning."""
        prepared = self._prepared.get(text)
        for operation in prepared.operations if prepared else ():
            if name is None or operation.name == name:
                return operation.request_class(variables)
        return RequestClass.MUTATION if text.lstrip().startswith("mutation") else RequestClass.READ

    def of(self, text: str) -> PreparedDocument:
        """The document of a text, from the cache or prepared now.

        Raises:
            GraphQLError: the text cannot be parsed, or is longer than the limits allow.
        """
        prepared = self.find(text)
        if prepared is None:
            options: Any = self.limits.parse_options
            prepared = self.prepare(text, parse(text, **options))
        return prepared

    def prepare(self, text: str, document: DocumentNode) -> PreparedDocument:
        """Measures and validates a parsed document, and caches the result."""
        operations, errors = self._check(document)
        for error in errors:
            # A traceback would keep the frames of the validation alive with the document.
            error.__traceback__ = error.__context__ = None
        size = len(text) + document.token_count * BYTES_PER_TOKEN + BYTES_PER_DOCUMENT
        prepared = self._prepared[text] = PreparedDocument(document, operations, errors, size)
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
        for invalid in errors:
            invalid.extensions = {"code": ErrorCode.GRAPHQL_VALIDATION_FAILED, **(invalid.extensions or {})}
        return operations_of(document, self.meter, None), tuple(errors)


class CachedDocuments(SchemaExtension):
    """Strawberry extension that takes documents from the cache and checks the cost of each request."""

    def __init__(self, cache: DocumentCache) -> None:
        self._cache = cache
        self._prepared: PreparedDocument | None = None

    def on_parse(self) -> Iterator[None]:
        """Finds the document in the cache; else lets Strawberry parse it within the limits."""
        execution = self.execution_context
        self._prepared = self._cache.find(execution.query or "")
        if self._prepared is not None:
            execution.graphql_document = self._prepared.document
        else:
            execution.parse_options = ParseOptions(**self._cache.limits.parse_options)  # type: ignore[typeddict-item] # passed on to graphql-core, which knows more of them
        yield

    def on_validate(self) -> Iterator[None]:
        """Finds the errors of the document, or validates it; then checks the cost of the request."""
        execution = self.execution_context
        document = execution.graphql_document
        assert document is not None
        prepared = self._prepared or self._cache.prepare(execution.query or "", document)
        execution.validation_rules = ()
        name = execution._provided_operation_name
        errors = prepared.errors_of(prepared.operation(name), name, execution.variables or {})
        execution.pre_execution_errors = errors or None
        yield

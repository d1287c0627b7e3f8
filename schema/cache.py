"""Documents that were parsed, measured and validated before, by their text.

Clients send few documents many times; one takes milliseconds to prepare and microseconds to find. What validation or
the limits refused is kept too, with its errors; what is no GraphQL at all is not, since finding that out is cheap.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, specified_rules, validate
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
from strawberry.types.execution import ParseOptions

from schema.cost import CostMeter, Measure
from schema.errors import ErrorCode
from schema.limits import Limits, check_extent

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
        measure: what it may cost; None where it is not to be run.
        errors: why it is not to be run.
        size: estimated bytes.
    """

    document: DocumentNode
    measure: Measure | None
    errors: tuple[GraphQLError, ...]
    size: int


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

    def prepare(self, text: str, document: DocumentNode) -> Prepared:
        """Measure and validate a parsed document, and keep what comes out."""
        measure, errors = self._check(document)
        for refusal in errors:
            # A traceback would keep the frames of the validation as long as the document.
            refusal.__traceback__ = refusal.__context__ = None
        size = len(text) + document.token_count * BYTES_PER_TOKEN + BYTES_PER_DOCUMENT
        prepared = self._prepared[text] = Prepared(document, measure, errors, size)
        self.size += size
        while len(self._prepared) > self._entries or self.size > self._max_size:
            _, oldest = self._prepared.popitem(last=False)
            self.size -= oldest.size
        return prepared

    def _check(self, document: DocumentNode) -> tuple[Measure | None, tuple[GraphQLError, ...]]:
        try:
            check_extent(document, self.limits)
            measure = self.meter.measure(document)
        except GraphQLError as error:
            errors = [error]
        else:
            errors = validate(self._schema, document, RULES, max_errors=MAX_ERRORS)
            if not errors:
                return measure, ()
        for refusal in errors:
            refusal.extensions = {"code": ErrorCode.GRAPHQL_VALIDATION_FAILED, **(refusal.extensions or {})}
        return None, tuple(errors)


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
        errors = list(prepared.errors)
        if prepared.measure is not None:
            try:
                _check_choice(document, execution._provided_operation_name)
                self._cache.meter.check(prepared.measure, execution.operation_name, execution.variables)
            except GraphQLError as error:
                errors.append(error)
        execution.pre_execution_errors = errors or None
        yield


def _check_choice(document: DocumentNode, name: str | None) -> None:
    """Refuse to guess which of several operations is meant: Strawberry would take the first.

    Raises:
        GraphQLError: there are several, and the request names none.
    """
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name is None and len(operations) > 1:
        message = "Name the operation to run: the document has several."
        raise GraphQLError(message, operations[1], extensions={"code": ErrorCode.OPERATION_RESOLUTION_FAILED})

"""Limits of one document, checked before validation and execution.

Each fragment is counted once and multiplied, never unfolded, so that a fragment bomb is cheap to reject. A document
that passes is small enough for ``schema.runtime.cost`` to unfold.
"""

from dataclasses import dataclass
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    Node,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
)

from schema.runtime.errors import ErrorCode

INTROSPECTION = ("__schema", "__type")
MAX_NESTING = 100
MAX_NUMBER_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one document; each is a maximum, except ``page`` and ``list``.

    Args:
        characters: characters of the text.
        tokens: names, punctuators and values. A token takes about 4 us to parse and 430 bytes of memory.
        depth: levels of fields.
        fields: selected fields, with every fragment unfolded wherever it is spread.
        aliases: fields with an alias.
        root_fields: root fields of one operation.
        merges: pairs of selected fields that share a response name in one object; comparing them is the most
            expensive part of validation.
        cost: objects that the response may hold, as far as the lengths of lists are known beforehand.
        page: length of a page without an argument.
        largest_page: length of a page; a field rejects a larger argument.
        list: assumed length of a list that has no pages.
    """

    characters: int = 32_768
    tokens: int = 3_000
    depth: int = 15
    fields: int = 1_000
    aliases: int = 100
    root_fields: int = 20
    merges: int = 2_000
    cost: int = 15_000
    page: int = 25
    largest_page: int = 1_000
    list: int = 10

    @property
    def parse_options(self) -> dict[str, int]:
        """The limits that the parser checks; it also limits the nesting of values and selections to 200."""
        return {
            "max_source_length": self.characters,
            "max_lexical_tokens": self.tokens,
            "max_comments": self.tokens,
        }


class LimitExceeded(GraphQLError):
    """A document exceeds a limit."""

    def __init__(self, message: str, node: Node | None = None) -> None:
        super().__init__(message, node, extensions={"code": ErrorCode.LIMIT_EXCEEDED})


class Extent(NamedTuple):
    """Size of a selection: fields with fragments unfolded, levels of fields, levels of selections and fragments."""

    fields: int = 0
    depth: int = 0
    nesting: int = 0


def check_extent(document: DocumentNode, limits: Limits) -> None:
    """Counts the fields, levels and aliases of a document, and checks its literals.

    Raises:
        LimitExceeded: the first limit that is exceeded.
        GraphQLError: a fragment spreads itself, or a text holds U+0000, which no store accepts.
    """
    _ExtentCounter(document, limits).check()


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """The document's fragments by name."""
    return {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}


class _ExtentCounter:
    def __init__(self, document: DocumentNode, limits: Limits) -> None:
        self._document = document
        self._limits = limits
        self._fragments = fragments_of(document)
        self._counted: dict[str, Extent] = {}
        self._open: set[str] = set()
        self._aliases = 0

    def check(self) -> None:
        for definition in self._document.definitions:
            if isinstance(definition, FragmentDefinitionNode):
                self._fragment(definition, 0)
            elif isinstance(definition, OperationDefinitionNode):
                self._operation(definition)

    def _operation(self, operation: OperationDefinitionNode) -> None:
        for variable in operation.variable_definitions or ():
            if variable.default_value:
                _check_value(variable.default_value)
        depth = self._selection(operation.selection_set, 0).depth
        if depth > self._limits.depth:
            raise LimitExceeded(f"Fields may be nested at most {self._limits.depth} deep, not {depth}", operation)

    def _selection(self, selection_set: SelectionSetNode, level: int) -> Extent:
        # Checked on the way down because counting recurses, and on the way up because a counted fragment does not.
        if level > MAX_NESTING:
            raise LimitExceeded(f"Selections may be nested at most {MAX_NESTING} deep", selection_set)
        parts = [self._part(node, level + 1) for node in selection_set.selections]
        fields = sum(part.fields for part in parts)
        depth = max((part.depth for part in parts), default=0)
        nesting = 1 + max((part.nesting for part in parts), default=0)
        if nesting > MAX_NESTING:
            raise LimitExceeded(f"Selections may be nested at most {MAX_NESTING} deep", selection_set)
        if fields > self._limits.fields:
            raise LimitExceeded(f"A document may select at most {self._limits.fields} fields", selection_set)
        return Extent(fields, depth, nesting)

    def _part(self, node: SelectionNode, level: int) -> Extent:
        if isinstance(node, FragmentSpreadNode):
            fragment = self._fragments.get(node.name.value)
            return self._fragment(fragment, level) if fragment else Extent()
        if isinstance(node, InlineFragmentNode):
            return self._selection(node.selection_set, level)
        assert isinstance(node, FieldNode)
        return self._field(node, level)

    def _field(self, node: FieldNode, level: int) -> Extent:
        if node.alias:
            self._aliases += 1
            if self._aliases > self._limits.aliases:
                raise LimitExceeded(f"A document may have at most {self._limits.aliases} aliases", node)
        for argument in node.arguments or ():
            _check_value(argument.value)
        below = self._selection(node.selection_set, level) if node.selection_set else Extent()
        # Introspection nests deeper than the product's objects and has a limit of its own.
        depth = 0 if node.name.value in INTROSPECTION else below.depth + 1
        return Extent(below.fields + 1, depth, below.nesting)

    def _fragment(self, fragment: FragmentDefinitionNode, level: int) -> Extent:
        name = fragment.name.value
        if name in self._open:
            raise GraphQLError(f"Cannot spread fragment '{name}' within itself.", fragment)
        if name not in self._counted:
            self._open.add(name)
            self._counted[name] = self._selection(fragment.selection_set, level)
            self._open.remove(name)
        return self._counted[name]


def _check_value(value: ValueNode) -> None:
    """Rejects literals that pass validation but that a store or Python's number parser cannot handle."""
    values: list[ValueNode] = [value]
    while values:
        node = values.pop()
        if isinstance(node, ListValueNode):
            values.extend(node.values)
        elif isinstance(node, ObjectValueNode):
            values.extend(part.value for part in node.fields)
        elif isinstance(node, (IntValueNode, FloatValueNode)) and len(node.value) > MAX_NUMBER_LENGTH:
            raise LimitExceeded(f"A number may have at most {MAX_NUMBER_LENGTH} characters", node)
        elif isinstance(node, StringValueNode) and "\0" in node.value:
            raise GraphQLError(
                "A text must not hold the character U+0000", node, extensions={"code": ErrorCode.BAD_USER_INPUT}
            )

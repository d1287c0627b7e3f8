"""How much one document may ask for, decided before anything runs and before GraphQL validates it.

Counting takes each fragment once, so that a bomb of fragments is only multiplied and never unfolded. What passes is
small enough for ``schema.runtime.cost`` to unfold.
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
MAX_NUMBER = 40


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may hold.

    Args:
        characters: of its text.
        tokens: names, punctuators and values; one takes about 4 us to parse and 430 bytes to keep.
        depth: levels of fields.
        fields: selected fields, with every fragment unfolded wherever it is spread.
        aliases: fields with a name given by the caller.
        root_fields: fields of one operation at the top.
        merges: pairs of selected fields that share a response name in one object; comparing them is the most
            expensive part of validation.
        cost: objects that the answer may hold, as far as lengths of lists can be told beforehand.
        page: the length of a page where the caller names none.
        largest_page: no page is longer, whatever the caller names: a larger number is refused by its field.
        list: the length assumed for a list without a page.
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
        """What the parser checks by itself; how deep values and selections nest, it bounds at 200."""
        return {
            "max_source_length": self.characters,
            "max_lexical_tokens": self.tokens,
            "max_comments": self.tokens,
        }


class LimitExceeded(GraphQLError):
    """A document asks for more than one request may."""

    def __init__(self, message: str, node: Node | None = None) -> None:
        super().__init__(message, node, extensions={"code": ErrorCode.LIMIT_EXCEEDED})


class Extent(NamedTuple):
    """A selection's size: fields with fragments unfolded, levels of fields, levels of selections and fragments."""

    fields: int = 0
    depth: int = 0
    nesting: int = 0


def check_extent(document: DocumentNode, limits: Limits) -> None:
    """Count a document's fields, levels and aliases, and look at its literals.

    Raises:
        LimitExceeded: the first limit that is exceeded.
        GraphQLError: a fragment spreads itself, or a text holds U+0000, which no store takes.
    """
    _Count(document, limits).check()


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """The document's fragments by name."""
    return {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}


class _Count:
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
            raise LimitExceeded(f"Fields are nested {depth} deep; {self._limits.depth} are allowed.", operation)

    def _selection(self, selection_set: SelectionSetNode, level: int) -> Extent:
        # Checked on the way down, since counting recurses, and on the way up, since a counted fragment does not.
        if level > MAX_NESTING:
            raise LimitExceeded(f"Selections are nested more than {MAX_NESTING} deep.", selection_set)
        parts = [self._part(node, level + 1) for node in selection_set.selections]
        fields = sum(part.fields for part in parts)
        depth = max((part.depth for part in parts), default=0)
        nesting = 1 + max((part.nesting for part in parts), default=0)
        if nesting > MAX_NESTING:
            raise LimitExceeded(f"Selections are nested more than {MAX_NESTING} deep.", selection_set)
        if fields > self._limits.fields:
            raise LimitExceeded(f"More than {self._limits.fields} fields are selected.", selection_set)
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
                raise LimitExceeded(f"More than {self._limits.aliases} aliases are used.", node)
        for argument in node.arguments or ():
            _check_value(argument.value)
        below = self._selection(node.selection_set, level) if node.selection_set else Extent()
        # A schema's parts nest deeper than the product's objects and have a bound of their own.
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
    """Refuse a literal that would pass validation and then trouble a store or Python's number parser."""
    values: list[ValueNode] = [value]
    while values:
        node = values.pop()
        if isinstance(node, ListValueNode):
            values.extend(node.values)
        elif isinstance(node, ObjectValueNode):
            values.extend(part.value for part in node.fields)
        elif isinstance(node, (IntValueNode, FloatValueNode)) and len(node.value) > MAX_NUMBER:
            raise LimitExceeded(f"A number has at most {MAX_NUMBER} characters.", node)
        elif isinstance(node, StringValueNode) and "\0" in node.value:
            raise GraphQLError(
                "Text must not hold the character U+0000.", node, extensions={"code": ErrorCode.BAD_USER_INPUT}
            )

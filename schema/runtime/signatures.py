"""Signatures of documents: what a document selects, without what differs from request to request.

A signature holds no values, aliases and comments, so that it holds no personal data, and documents that differ only in
those share it.
"""

from typing import Any

from graphql import (
    ArgumentNode,
    BooleanValueNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FloatValueNode,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    ObjectFieldNode,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    print_ast,
    strip_ignored_characters,
    visit,
)


def signature_of(document: DocumentNode) -> str:
    """Returns the signature of a document, which is a document itself."""
    return strip_ignored_characters(print_ast(visit(document, _WithoutValues())))


def selected_fields(schema: GraphQLSchema, document: DocumentNode) -> frozenset[str]:
    """Returns the fields, arguments and enum values that a document names, for removing them knowingly.

    Returns:
        ``Type.field`` for a field, also of an input object, ``Type.field(argument:)`` for an argument, and
        ``Enum.VALUE``. What variables hold is not known.
    """
    info = TypeInfo(schema)
    names = _Names(info)
    visit(document, TypeInfoVisitor(info, names))
    return frozenset(names.found)


class _WithoutValues(Visitor):
    """Removes aliases, and replaces each value by an empty one of its kind."""

    def leave_field(self, node: FieldNode, *_: Any) -> FieldNode:
        return FieldNode(
            alias=None,
            name=node.name,
            arguments=node.arguments,
            directives=node.directives,
            selection_set=node.selection_set,
        )

    def leave_string_value(self, _node: StringValueNode, *_: Any) -> StringValueNode:
        return StringValueNode(value="", block=False)

    def leave_int_value(self, _node: IntValueNode, *_: Any) -> IntValueNode:
        return IntValueNode(value="0")

    def leave_float_value(self, _node: FloatValueNode, *_: Any) -> FloatValueNode:
        return FloatValueNode(value="0.0")

    def leave_boolean_value(self, _node: BooleanValueNode, *_: Any) -> BooleanValueNode:
        return BooleanValueNode(value=False)

    def leave_list_value(self, node: ListValueNode, *_: Any) -> ListValueNode:
        return ListValueNode(values=node.values[:1])


class _Names(Visitor):
    """Collects what ``selected_fields`` returns."""

    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._info = info
        self._field = ""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        if parent := self._info.get_parent_type():
            self._field = f"{parent.name}.{node.name.value}"
            self.found.add(self._field)

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        if self._info.get_directive() is None:
            self.found.add(f"{self._field}({node.name.value}:)")

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> None:
        if input_type := self._info.get_parent_input_type():
            self.found.add(f"{get_named_type(input_type)}.{node.name.value}")

    def enter_enum_value(self, node: EnumValueNode, *_: Any) -> None:
        if input_type := self._info.get_input_type():
            self.found.add(f"{get_named_type(input_type)}.{node.value}")

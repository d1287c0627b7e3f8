"""Generates operations that are valid for a schema, with variables that are mostly valid.

Documents are valid by construction: throughout a document, a response key stands for one field with one set of
arguments and one type, so that fields under one key can be merged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    Undefined,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_required_argument,
    is_required_input_field,
)
from graphql.type import SchemaMetaFieldDef, TypeMetaFieldDef, introspection_types

Keep = Callable[[GraphQLField], bool]

WORDS = ("x", "", "späte", "two words", "12")
LITERALS: dict[str, Sequence[str]] = {
    "Int": ("0", "1", "-3", "2147483647"),
    "Float": ("0", "1.5", "-2e3", "7"),
    "String": ('"x"', '""', '"ä \\u00e9"', '"""block\n  text"""'),
    "Boolean": ("true", "false"),
    "ID": ('"x"', "5"),
    "Even": ("0", "2", "-4"),
}
VALUES: dict[str, Sequence[Any]] = {
    "Int": (0, 1, -3, 2147483647, 4.0),
    "Float": (0, 1.5, -2e3),
    "String": WORDS,
    "Boolean": (True, False),
    "ID": ("x", 5),
    "Even": (0, 2, -4),
}
WRONG: Sequence[Any] = (None, 3, 2**31, "RED", "wrong", 1.5, True, [], {}, [None], {"least": None})


@dataclass(frozen=True, slots=True)
class Written:
    """A generated operation."""

    text: str
    variables: dict[str, Any]
    name: str | None


@dataclass
class Variable:
    """A variable of the generated operation."""

    name: str
    declared: str
    values: dict[str, Any] = field(default_factory=dict)


class Writer:
    """Generates one operation.

    Args:
        schema: the schema.
        chance: source of randomness.
        keep: returns whether a field may be selected.
        size: maximum number of fields; exceeded where a selection would be empty.
    """

    def __init__(self, schema: GraphQLSchema, chance: Random, keep: Keep, size: int) -> None:
        self._schema = schema
        self._chance = chance
        self._keep = keep
        self._left = size
        self._fragments: dict[str, tuple[Any, str]] = {}
        self._variables: dict[str, list[Variable]] = {}
        self._keys: dict[str, tuple[str, ...]] = {"__typename": ("__typename", "", "String!")}
        self._asked: dict[str, list[str]] = {}

    def operation(self) -> Written:
        """The operation with its fragments and variables."""
        kinds = [("query", self._schema.query_type)] * 8
        kinds += [("mutation", self._schema.mutation_type)] * 2
        kinds += [("subscription", self._schema.subscription_type)]
        kind, root = self._chance.choice(kinds)
        assert root is not None
        if kind == "subscription":
            name, definition = next(iter(root.fields.items()))
            selection = f"{{ {self._field(name, definition, 4, conditional=False)} }}"
        else:
            selection = self._selection(root, 5)
        declared = [one for variables in self._variables.values() for one in variables]
        listed = f"({', '.join(f'${one.name}: {one.declared}' for one in declared)})" if declared else ""
        texts = [f"{kind} Asked{listed} {selection}"]
        texts += [f"fragment {name} on {on} {body}" for name, (on, body) in self._fragments.items()]
        several = self._happens(5)
        if several:
            texts.append("query Other { __typename }")
        variables = {name: value for one in declared for name, value in one.values.items()}
        return Written("\n".join(texts), variables, "Asked" if several else None)

    def _happens(self, percent: int) -> bool:
        return self._chance.randrange(100) < percent

    def _selection(self, parent: Any, depth: int) -> str:
        pieces = [self._piece(parent, depth) for _ in range(self._chance.choice((1, 2, 2, 3, 4, 5)))]
        return f"{{ {' '.join(pieces)} }}"

    def _piece(self, parent: Any, depth: int) -> str:
        roll = self._chance.randrange(100)
        if depth > 0 and roll < 14:
            return self._inline_fragment(parent, depth)
        if depth > 0 and roll < 26:
            return self._spread(parent, depth)
        fields = self._fields(parent, depth)
        if roll < 30 or not fields:
            return f"{self._key(('__typename', '', 'String!'))}__typename{self._condition()}"
        # A field selected twice, with different selections that are merged.
        again = [name for name in self._asked.get(str(parent), ()) if name in fields]
        name = self._chance.choice(again) if again and self._happens(25) else self._chance.choice(list(fields))
        self._asked.setdefault(str(parent), []).append(name)
        return self._field(name, fields[name], depth)

    def _fields(self, parent: Any, depth: int) -> dict[str, GraphQLField]:
        fields = {name: one for name, one in getattr(parent, "fields", {}).items() if self._keep(one)}
        if parent is self._schema.query_type and self._happens(4):
            fields = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}
        if depth <= 0 or self._left <= 0:
            fields = {name: one for name, one in fields.items() if not is_composite_type(get_named_type(one.type))}
        return fields

    def _field(self, name: str, definition: GraphQLField, depth: int, *, conditional: bool = True) -> str:
        self._left -= 1
        arguments = self._arguments(definition.args)
        identity = (name, arguments, str(definition.type))
        asked = f"{self._key(identity)}{name}{arguments}{self._condition() if conditional else ''}"
        returned: Any = get_named_type(definition.type)
        if not is_composite_type(returned):
            return asked
        # Lists of introspection are long.
        return f"{asked} {self._selection(returned, min(depth - 1, 2 if returned.name in introspection_types else 9))}"

    def _key(self, identity: tuple[str, ...]) -> str:
        """``alias: `` or empty text, so that the response key stands for this field only."""
        name = identity[0]
        # Some keys equal the name of another field or a name of Python.
        keys = [name, name, name, self._chance.choice(("id", "name", "rank", "items", "None", "v", "self", "r"))]
        keys = [key for key in keys if self._keys.get(key, identity) == identity]
        key = self._chance.choice(keys) if keys else f"k{len(self._keys)}"
        self._keys[key] = identity
        return "" if key == name else f"{key}: "

    def _condition(self) -> str:
        if not self._happens(10):
            return ""
        value = self._value(GraphQLNonNull(GraphQLBoolean), 50)
        return f" @{self._chance.choice(('skip', 'include'))}(if: {value})"

    def _inline_fragment(self, parent: Any, depth: int) -> str:
        condition = self._condition()
        if self._happens(20):
            return f"...{condition} {self._selection(parent, depth - 1)}"
        on = self._chance.choice(self._overlapping(parent))
        return f"... on {on}{condition} {self._selection(on, depth - 1)}"

    def _spread(self, parent: Any, depth: int) -> str:
        overlapping = self._overlapping(parent)
        known = [name for name, (on, _) in self._fragments.items() if on in overlapping]
        if known and self._happens(60):
            return f"...{self._chance.choice(known)}{self._condition()}"
        on = self._chance.choice(overlapping)
        body = self._selection(on, depth - 1)
        name = f"F{len(self._fragments)}"
        self._fragments[name] = on, body
        return f"...{name}{self._condition()}"

    def _overlapping(self, parent: Any) -> list[Any]:
        """Possible type conditions of a fragment."""
        own = self._possible(parent)
        found = [
            one
            for one in self._schema.type_map.values()
            if is_composite_type(one) and one.name not in introspection_types and own & self._possible(one)
        ]
        # The type itself is always a valid type condition.
        return [*found, parent]

    def _possible(self, composite: Any) -> set[str]:
        if is_abstract_type(composite):
            return {one.name for one in self._schema.get_possible_types(composite)}
        return {composite.name}

    def _arguments(self, arguments: dict[str, GraphQLArgument]) -> str:
        given = [
            f"{name}: {self._value(one.type, 30, one.default_value is not Undefined)}"
            for name, one in arguments.items()
            if is_required_argument(one) or self._happens(40)
        ]
        return f"({', '.join(given)})" if given else ""

    def _value(self, of: GraphQLInputType, variables: int, has_default: bool = False, depth: int = 2) -> str:
        """A literal or a variable; ``variables`` is the percentage of the latter."""
        if self._happens(variables):
            return f"${self._variable(of, has_default)}"
        return self._literal(of, variables, depth)

    def _literal(self, of: Any, variables: int, depth: int) -> str:
        if isinstance(of, GraphQLNonNull):
            of = of.of_type
        elif self._happens(10):
            return "null"
        if isinstance(of, GraphQLList):
            if self._happens(15) and not isinstance(of.of_type, GraphQLList):
                return self._literal(GraphQLNonNull(_bare(of.of_type)), 0, depth)
            items = [self._value(of.of_type, variables // 2, depth=depth) for _ in range(self._chance.randrange(3))]
            return f"[{', '.join(items)}]"
        if isinstance(of, GraphQLInputObjectType):
            parts = [
                f"{name}: {self._value(one.type, variables // 2, one.default_value is not Undefined, depth - 1)}"
                for name, one in of.fields.items()
                if is_required_input_field(one) or (depth > 0 and self._happens(40))
            ]
            return f"{{{', '.join(parts)}}}"
        literals: Sequence[str] = list(of.values) if isinstance(of, GraphQLEnumType) else LITERALS[of.name]
        return self._chance.choice(literals)

    def _variable(self, of: Any, has_default: bool) -> str:
        """Name of a variable that is allowed where the type is expected."""
        place = f"{of}{'=' if has_default else ''}"
        known = self._variables.setdefault(place, [])
        if known and self._happens(50):
            return self._chance.choice(known).name
        made = Variable(f"v{sum(map(len, self._variables.values()))}", str(of))
        known.append(made)
        bare = of.of_type if isinstance(of, GraphQLNonNull) else of
        default = ""
        if self._happens(30):
            default = f" = {self._literal(GraphQLNonNull(bare), 0, 1)}"
        if isinstance(of, GraphQLNonNull) and ((default and self._happens(50)) or (has_default and self._happens(40))):
            made.declared = str(bare)
        elif self._happens(15):
            made.declared = f"{bare}!"
        required = made.declared.endswith("!") and not default
        made.declared += default
        if required or self._happens(75):
            made.values[made.name] = self._given(of, bare)
        return made.name

    def _given(self, of: Any, bare: Any) -> Any:
        roll = self._chance.randrange(100)
        if roll < 2:
            return self._chance.choice(WRONG)
        # An explicit null in place of a default: the field or the request fails.
        if roll < 4 or (roll < 12 and bare is of):
            return None
        return self._plain(bare, 2)

    def _plain(self, of: Any, depth: int) -> Any:
        if isinstance(of, GraphQLNonNull):
            of = of.of_type
        elif depth < 2 and self._happens(10):
            return None
        if isinstance(of, GraphQLList):
            return [self._plain(of.of_type, depth - 1) for _ in range(self._chance.randrange(3))]
        if isinstance(of, GraphQLInputObjectType):
            return {
                name: self._plain(one.type, depth - 1)
                for name, one in of.fields.items()
                if is_required_input_field(one) or (depth > 0 and self._happens(40))
            }
        if isinstance(of, GraphQLEnumType):
            return self._chance.choice(list(of.values))
        return self._chance.choice(VALUES[of.name])


def _bare(of: Any) -> Any:
    return of.of_type if isinstance(of, GraphQLNonNull) else of

"""Signatures of documents, and the names in them."""

import pytest
from graphql import GraphQLSchema, parse, validate

from schema.build import build_schema
from schema.runtime.signatures import selected_fields, signature_of

DOCUMENT = """
# González travels with this bag.
query Bag($tag: String!) {
  maria: bag(by: {tag: "0230456782"}) { id kept: passenger @include(if: true) { surname } ...Scans }
  bags(first: 20) { nodes { id } }
  pirs(statuses: [OPEN, CLOSED]) { nodes { id } }
  search(text: $tag) { readAs }
}
fragment Scans on Bag { scans(last: 3) { kind } }
"""
SIGNATURE = (
    'query Bag($tag:String!){bag(by:{tag:""}){id passenger@include(if:false){surname}...Scans}'
    "bags(first:0){nodes{id}}pirs(statuses:[OPEN]){nodes{id}}search(text:$tag){readAs}}"
    "fragment Scans on Bag{scans(last:0){kind}}"
)


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema()._schema


def test_a_signature_holds_no_values_aliases_and_comments() -> None:
    assert signature_of(parse(DOCUMENT)) == SIGNATURE
    assert signature_of(parse(SIGNATURE)) == SIGNATURE


@pytest.mark.parametrize(
    ("document", "signature"),
    [
        (
            '{ a(b: """long\ntext""", c: -1.5e3, d: null, e: {f: [["x"], ["y"]]}) }',
            '{a(b:"" c:0.0 d:null e:{f:[[""]]})}',
        ),
        ('query($v: [String!] = ["secret"]) { a(v: $v) }', 'query($v:[String!]=[""]){a(v:$v)}'),
        ("{ a(list: []) }", "{a(list:[])}"),
    ],
)
def test_values_of_every_kind_are_replaced(document: str, signature: str) -> None:
    assert signature_of(parse(document)) == signature


def test_fields_arguments_input_fields_and_enum_values_are_named(schema: GraphQLSchema) -> None:
    names = selected_fields(schema, parse(DOCUMENT))
    assert {
        "Query.bag",
        "Query.bag(by:)",
        "BagBy.tag",
        "Bag.passenger",
        "Passenger.surname",
        "Bag.scans",
        "Bag.scans(last:)",
        "Query.search(text:)",
        "PirStatus.OPEN",
        "PirStatus.CLOSED",
    } <= names
    assert not {name for name in names if "if:" in name}, "a directive's argument"


def test_the_names_of_a_document_are_those_of_its_signature(schema: GraphQLSchema) -> None:
    document = parse('{ bags(first: 2, airport: "PTY") { nodes { state weightKg } } }')
    assert not validate(schema, document)
    assert selected_fields(schema, parse(signature_of(document))) == selected_fields(schema, document)

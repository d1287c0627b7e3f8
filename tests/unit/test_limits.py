from time import perf_counter
from typing import Any

import pytest
from graphql import get_introspection_query, parse

from schema.gateway_schema import GatewaySchema
from schema.runtime.cost import CostMeter
from schema.runtime.limits import Limits, check_extent
from tests.toy import Library, ask, codes_of, context_of, toy_schema

# Parsing the largest document takes about 15 ms and validating it 150; a slow machine gets ten times that.
QUICK_SECONDS = 2.0


@pytest.fixture(scope="module")
def schema() -> GatewaySchema:
    return toy_schema()


def bomb_of_fragments(levels: int) -> str:
    parts = [f"fragment f{n} on Query {{...f{n + 1} ...f{n + 1}}}" for n in range(levels)]
    return f"{{...f0}} {' '.join(parts)} fragment f{levels} on Query {{health}}"


def fragments_in_a_row(*numbers: int) -> str:
    # In falling order each is counted before the one that spreads it; in rising order counting goes all the way down.
    parts = [f"fragment f{n} on Query {{...f{n + 1}}}" for n in numbers]
    return f"fragment f{max(numbers) + 1} on Query {{health}} {' '.join(parts)} {{...f0}}"


def unused_fragment() -> str:
    return f"{{health}} fragment unused on Query {{{'books{title} ' * 300}}}"


def whole_schema(times: int) -> str:
    text = get_introspection_query()
    question, fragments = text[text.index("__schema") : text.index("fragment")], text[text.index("fragment") :]
    questions = " ".join(f"a{n}: {question.rstrip()[:-1]}" for n in range(times))
    return f"{{{questions}}} {fragments}"


HOSTILE = {
    "a cycle of lists": ("{authors{nodes" + "{friends" * 12 + "{name}" + "}" * 12 + "}}", "at most 15 deep|objects"),
    "a deeper cycle of lists": ("{authors{nodes" + "{friends" * 90 + "{name}" + "}" * 90 + "}}", "deep"),
    "levels of nothing but inline fragments": ("{" + "...{" * 150 + "health" + "}" * 150 + "}", "at most 100 deep"),
    "a bomb of fragments": (bomb_of_fragments(60), "at most 1000 fields"),
    "a row of fragments": (fragments_in_a_row(*range(350)), "at most 100 deep"),
    "a row of fragments, the last first": (fragments_in_a_row(*reversed(range(350))), "at most 100 deep"),
    "a fragment that spreads itself": ("{...f} fragment f on Query {health ...f}", "within itself"),
    "fragments that spread each other": (
        "{...f0}" + "".join(f"fragment f{n} on Query {{{' '.join(f'...f{m}' for m in range(20))}}}" for n in range(20)),
        "within itself",
    ),
    "10,000 aliases": ("{" + " ".join(f"a{n}:health" for n in range(10_000)) + "}", "code points"),
    "2,000 aliases": ("{" + " ".join(f"a{n}:health" for n in range(2_000)) + "}", "tokens"),
    "101 aliases": ("{books{" + " ".join(f"a{n}:title" for n in range(101)) + "}}", "aliases"),
    "21 root fields": ("{" + " ".join(f"a{n}:health" for n in range(21)) + "}", "at most 20 root fields"),
    "a field many times": ("{" + "books{title} " * 300 + "}", "share a response name"),
    "a field many times, unused": (unused_fragment(), "share a response name"),
    "a field many times below many times": ("{" + "books{" * 2 + "title " * 400 + "}" * 2 + "}", "share a response"),
    "a long text": ('{echo(text:"' + "x" * 40_000 + '")}', "code points"),
    "many comments": ("{health}" + "#\n" * 10_000, "comments"),
    "a long number": ("{echo(number:" + "9" * 5_000 + ")}", "at most 40 characters"),
    "a long number as a default": ("query($n:Int=" + "9" * 5_000 + "){echo(number:$n)}", "at most 40 characters"),
    "lists in lists": ("{echo(texts:" + "[" * 10_000 + "]" * 10_000 + ")}", "deep"),
    "objects in objects": ("{echo(texts:" + "{a:" * 1_000 + "1" + "}" * 1_000 + ")}", "deep"),
    "the whole schema three times": (whole_schema(3), "too many introspection fields"),
    "types of types": (
        "{__schema{types" + "{fields{type" * 6 + "{name}" + "}}" * 6 + "}}",
        "introspection depth|too many introspection fields",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_document_is_rejected_quickly(schema: GatewaySchema, name: str) -> None:
    text, reason = HOSTILE[name]
    library = Library.of(authors=200)
    started = perf_counter()
    result = await ask(schema, text, context_of(library))
    assert perf_counter() - started < QUICK_SECONDS
    assert result.data is None
    message = (result.errors or [])[0].message
    assert codes_of(result)[0] in ("LIMIT_EXCEEDED", "GRAPHQL_VALIDATION_FAILED")
    assert any(part in message for part in reason.split("|")), message
    assert library.calls == []


LARGE = {
    "fields that merge": "{books{" + "title " * 60 + "}}",
    "aliases": "{books{" + " ".join(f"a{n}:title" for n in range(100)) + " title" * 60 + "}}",
    "operations": "".join(f"query q{n}{{books{{title author{{name}}}}}}" for n in range(250)),
    "variables": "query(" + " ".join(f"$v{n}:Int=1" for n in range(400)) + "){health}",
    "unknown fields": "{books{" + "".join(f"titel{n} " for n in range(900)) + "}}",
    "literals": "{nodes(ids:[" + '"a" ' * 2_900 + "]){id}}",
}


@pytest.mark.parametrize("name", LARGE)
async def test_the_largest_documents_within_the_limits_are_validated_quickly(schema: GatewaySchema, name: str) -> None:
    started = perf_counter()
    prepared = schema.documents.prepare(LARGE[name], parse(LARGE[name]))
    assert perf_counter() - started < QUICK_SECONDS
    assert not any((error.extensions or {})["code"] == "LIMIT_EXCEEDED" for error in prepared.errors)


@pytest.mark.parametrize(
    "text",
    [
        get_introspection_query(),
        get_introspection_query(specified_by_url=True, directive_is_repeatable=True, input_value_deprecation=True),
        "{authors(first:200){edges{cursor node{id name books(first:20){nodes{title}}}} pageInfo{endCursor}}}",
        '{nodes(ids:["QXV0aG9yOjE"]){... on Author{name} ... on Book{title}}}',
    ],
)
async def test_a_reasonable_document_is_executed(schema: GatewaySchema, text: str) -> None:
    result = await schema.execute(text, context_value=context_of(Library.of(authors=2)), operation_name=None)
    assert result.errors is None


def cost(schema: GatewaySchema, text: str, variables: dict[str, Any] | None = None) -> int:
    document = parse(text)
    limits = Limits()
    check_extent(document, limits)
    (operation,) = CostMeter(schema._schema, limits).measure(document).costs.values()
    return operation.total(limits, variables or {})


@pytest.mark.parametrize(
    ("text", "variables", "objects"),
    [
        ("{health}", {}, 0),
        ('{author(id:"x"){name}}', {}, 1),
        ("{books{title}}", {}, 10),
        ("{authors{nodes{name}}}", {}, 25),
        ("{authors(first:3){nodes{name}}}", {}, 3),
        ("{authors(first:3){pageInfo{endCursor} edges{cursor node{name}}}}", {}, 9),
        ("{authors(first:3){nodes{books(last:5){nodes{title}}}}}", {}, 3 + 15),
        ("{authors(first:3){nodes{friends{name}}}}", {}, 3 + 30),
        ("query($n:Int){authors(first:$n){nodes{name}}}", {"n": 7}, 7),
        ("query($n:Int=4){authors(first:$n){nodes{name}}}", {}, 25),
        ("query($n:Int=40){authors(first:$n){nodes{name}}}", {}, 40),
        ("query($n:Int){authors(first:$n){nodes{name}}}", {"n": 10**9}, 1_000),
        ("query($n:Int){authors(first:$n){nodes{name}}}", {"n": -5}, 0),
        ("query($n:Int){authors(first:$n){nodes{name}}}", {"n": "many"}, 25),
        ("query($i:[ID!]!){nodes(ids:$i){id}}", {"i": ["x"] * 30}, 30),
        ('{nodes(ids:["a","b","c","d","e","f","g","h","i","j","k","l"]){id}}', {}, 12),
        ("{books{title} books{author{name}}}", {}, 20),
        ("{...a ...a} fragment a on Query {books{title}}", {}, 10),
        ("{books{title} __schema{types{name}} nowhere{at{all}}}", {}, 10),
    ],
)
def test_the_cost_is_the_number_of_objects(
    schema: GatewaySchema, text: str, variables: dict[str, Any], objects: int
) -> None:
    assert cost(schema, text, variables) == objects


async def test_the_cost_is_checked_with_the_variables_of_each_request(schema: GatewaySchema) -> None:
    text = "query($n:Int,$m:Int){authors(first:$n){nodes{books(first:$m){nodes{author{name}}}}}}"
    context = context_of(Library.of(authors=1))
    assert (await ask(schema, text, context, n=20, m=100)).errors is None
    refused = await ask(schema, text, context_of(Library.of(authors=1)), n=200, m=200)
    assert codes_of(refused) == ["LIMIT_EXCEEDED"]
    assert (await ask(schema, text, context_of(Library.of(authors=1)), n=20, m=100)).errors is None


async def test_text_with_u0000_in_the_document_is_rejected(schema: GatewaySchema) -> None:
    for text in ('{echo(text:"a\\u0000")}', '{echo(texts:[["\\u{0}"]])}', 'query($t:String="\\u0000"){echo(text:$t)}'):
        assert codes_of(await ask(schema, text, context_of(Library.of(authors=1)))) == ["BAD_USER_INPUT"]

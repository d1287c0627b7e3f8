"""No response returns more than 200 characters of what was sent, other than names that GraphQL returns as keys."""

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from gateway.http import ingest
from resolvers.actor import Role
from schema.runtime.errors import shortened
from tests.gateway import Api, credential

MOST = 200
FORM = "application/x-www-form-urlencoded"
LONG = "Q" * 300_000
# A document may have 32,768 characters.
NAME = "Q" * 30_000
SPACED = "Q " * 100_000
BAG = "query($by: BagBy!) { bag(by: $by) { id } }"
LIST = "query($n: Int) { bags(first: $n) { nodes { id } } }"


def longest_echo(response: httpx.Response) -> int:
    """Length of the longest run of the marker in the body and the headers, blanks left out."""
    texts = [response.text, *response.headers.values()]
    return max((len(run) for text in texts for run in re.findall("Q+", text.replace(" ", ""))), default=0)


BODIES: dict[str, Mapping[str, Any]] = {
    "operation name": {"query": "{ health { status } }", "operationName": LONG},
    "field": {"query": f"{{ {NAME} }}"},
    "argument": {"query": f"{{ bags({NAME}: 1) {{ nodes {{ id }} }} }}"},
    "variable": {"query": f"query(${NAME}: Int!) {{ bags(first: ${NAME}) {{ nodes {{ id }} }} }}"},
    "unknown variable": {"query": f"{{ bags(first: ${NAME}) {{ nodes {{ id }} }} }}"},
    "type": {"query": f"query($n: {NAME}) {{ bags(first: $n) {{ nodes {{ id }} }} }}"},
    "directive": {"query": f"{{ health @{NAME} {{ status }} }}"},
    "fragment": {"query": f"{{ health {{ ...{NAME} }} }}"},
    "enum value": {"query": f"{{ pirs(statuses: [{NAME}]) {{ nodes {{ id }} }} }}"},
    "token": {"query": f"{{ health {{ status }} }} {NAME}"},
    "string for a number": {"query": LIST, "variables": {"n": LONG}},
    "spaced string for a number": {"query": LIST, "variables": {"n": SPACED}},
    "list for a number": {"query": LIST, "variables": {"n": [LONG] * 3}},
    "object for a number": {"query": LIST, "variables": {"n": {LONG: LONG}}},
    "input field": {"query": BAG, "variables": {"by": {LONG: 1}}},
    "id": {"query": BAG, "variables": {"by": {"id": LONG}}},
    "tag": {"query": BAG, "variables": {"by": {"tag": LONG}}},
    "spaced tag": {"query": BAG, "variables": {"by": {"tag": SPACED}}},
    "cursor": {"query": f'{{ bags(after: "{NAME}") {{ nodes {{ id }} }} }}'},
    "airport": {"query": f'{{ bags(airport: "{NAME}") {{ nodes {{ id }} }} }}'},
    "search": {"query": "query($t: String!) { search(text: $t) { readAs } }", "variables": {"t": LONG}},
    "timestamp": {
        "query": 'query($at: DateTime!) { bag(by: {tagAt: {tag: "0230456782", at: $at}}) { id } }',
        "variables": {"at": LONG},
    },
    "node": {"query": "query($id: ID!) { node(id: $id) { id } }", "variables": {"id": LONG}},
    "message": {
        "query": "mutation($i: IngestMessagesInput!) { ingestMessages(input: $i) { events userErrors { message } } }",
        "variables": {"i": {"text": LONG[:200_000]}},
    },
    "document id": {"documentId": LONG},
    "hash": {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": LONG}}},
    "extension": {"query": "{ health { status } }", "extensions": LONG},
    "unknown member": {LONG: LONG},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_a_request_is_not_echoed(api: Api, body: Mapping[str, Any]) -> None:
    for accept in ("application/graphql-response+json", "text/event-stream"):
        headers = {"Accept": accept, **credential(Role.SUPERVISOR)}
        response = await api.client.post("/graphql", json=body, headers=headers)
        assert longest_echo(response) <= MOST


@pytest.mark.parametrize(
    ("method", "path", "headers", "content"),
    [
        ("GET", f"/{LONG[:60_000]}", {}, ""),
        ("GET", f"/health/{LONG[:60_000]}", {}, ""),
        ("GET", f"/pirs/{LONG[:60_000]}", {}, ""),
        ("GET", f"/graphql?query={LONG[:60_000]}", {}, ""),
        ("GET", f"/graphql?query={{health{{status}}}}&variables={LONG[:60_000]}", {}, ""),
        ("GET", f"/graphql?query={{health{{status}}}}&operationName={LONG[:60_000]}", {}, ""),
        ("POST", "/graphql", {"Accept": LONG[:60_000]}, "{}"),
        ("POST", "/graphql", {"Content-Type": LONG[:60_000]}, "{}"),
        ("POST", "/graphql", {"Authorization": f"Bearer {LONG[:60_000]}"}, "{}"),
        ("POST", "/graphql", {"X-Request-ID": LONG[:60_000]}, "{}"),
        ("POST", "/graphql", {"traceparent": LONG[:60_000]}, "{}"),
        ("POST", "/graphql", {"Content-Type": "application/json"}, LONG),
        (LONG[:60_000], "/graphql", {}, ""),
        ("POST", ingest.PATH, {"X-Received-At": LONG[:60_000]}, "BSM"),
        ("POST", ingest.PATH, {"Content-Encoding": LONG[:60_000]}, "BSM"),
        ("POST", ingest.PATH, {}, LONG),
        ("POST", ingest.PATH, {}, json.dumps([{LONG: LONG}])),
        ("POST", ingest.PATH, {}, f"<{LONG}/>"),
        (
            "POST",
            "/callbacks/twilio/status",
            {"Content-Type": "application/x-www-form-urlencoded"},
            f"MessageSid={LONG}",
        ),
        ("POST", "/callbacks/sendgrid/events", {"Content-Type": "application/json"}, json.dumps([LONG])),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_no_route_echoes(api: Api, method: str, path: str, headers: Mapping[str, str], content: str) -> None:
    sent = credential(Role.SERVICE) | dict(headers)
    response = await api.client.request(method, path, headers=sent, content=content)
    assert longest_echo(response) <= MOST


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Cannot query field 'bags' on type 'Query'.", "Cannot query field 'bags' on type 'Query'."),
        (f'Unknown operation named "{LONG}".', f'Unknown operation named "{"Q" * 60}…".'),
        (f"Expected {LONG}, found {SPACED}", f"Expected {'Q' * 60}… found {SPACED}"[:500]),
        (f"Variable '$n' got '{SPACED}' and '{LONG}'", f"Variable '$n' got '{'Q ' * 30}…' and '{'Q' * 60}…'"),
        (
            "The airline's network and the agents' stations, which a message of ours may name at length, aren't cut.",
            "The airline's network and the agents' stations, which a message of ours may name at length, aren't cut.",
        ),
    ],
    ids=range(5),
)
def test_a_message_quotes_little(message: str, shown: str) -> None:
    assert shortened(message) == shown

"""No personal data in logs, spans and metrics: marked data go through every query and mutation, and on to partners."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
import pytest
from asgi_lifespan import LifespanManager
from graphql import GraphQLObjectType

from gateway.app import create_app
from gateway.config import Settings
from gateway.logs import JsonFormatter
from gateway.workers import workers
from resolvers.actor import Role
from schema.build import build_schema
from schema.fields.node import join
from tests.api.test_access import questions
from tests.api.test_irregularities import WINDOW, by_id
from tests.executor import product_schema
from tests.faults.processes import eventually
from tests.gateway import Api, credential
from tests.spans import Recorder
from tests.world import DELIVERED, World, open_stores

TAG, RUSH = "0230777123", "2230777124"
SURNAME, GIVEN, LOCATOR = "Quillmark", "Zebediah", "QX7ZMK"
PHONE, MAIL, STREET = "+12025550193", "zebediah.quillmark@example.com", "Marbleway 77"
CONTENTS, REMARK, COMMENT = "violetumbrella", "remarkfalcon", "commentheron"
# Each is written in no other form anywhere; digits without the plus sign or the issuer's code would count as well.
MARKS = [
    *("quillmark", "zebediah", "qx7zmk", "2025550193", "marbleway", "violetumbrella", "remarkfalcon", "commentheron"),
    *("0230777123", "2230777124", "230777123"),
]
BSM = (
    "BSM\n.V/1LPTY\n.F/CM758/01JUL/GRU/Y\n.I/CM335/01JUL/MIA/Y\n"
    f".N/{TAG}001\n.P/{SURNAME.upper()}/{GIVEN.upper()}\n.L/{LOCATOR}\nENDBSM\n"
)
UNREADABLE = f"BSM\n.V/1LPTY\n.P/{SURNAME.upper()}\n.N/{TAG}\nENDBSM\n"
INVALID = [
    f'{{ bag(by: {{tag: "{SURNAME}"}}) {{ id }} }}',
    f'{{ search(text: "{SURNAME} {PHONE}"',
    f'{{ node(id: "{SURNAME}") {{ id }} }}',
    f"{{ {SURNAME} }}",
    f'{{ passenger(id: "{MAIL}") {{ surname }} }}',
]


class Clerk:
    """Runs operations with marked data on an application whose workers call the partners' mocks."""

    def __init__(self, api: Api, world: World) -> None:
        self.api = api
        self.world = world
        self.called: set[str] = set()

    async def do(self, name: str, **given: Any) -> Any:
        """Runs a mutation, whatever its outcome."""
        self.called.add(name)
        field = MUTATIONS.fields[name]
        payload = "userErrors { code message }"
        if name in ("createPir", "recreatePir"):
            payload += " pir { id }"
        document = f"mutation($input: {field.args['input'].type}) {{ {name}(input: $input) {{ {payload} }} }}"
        answer = (await self.api.send(document, Role.ADMIN, input=given)).json()
        return (answer.get("data") or {}).get(name)


def mutations() -> GraphQLObjectType:
    """The root type of mutations."""
    found = build_schema()._schema.mutation_type
    assert isinstance(found, GraphQLObjectType)
    return found


MUTATIONS = mutations()


@asynccontextmanager
async def clerk_of(settings: Settings, recorder: Recorder) -> AsyncIterator[Clerk]:
    """A clerk of an application over a world with a marked passenger."""
    async with open_stores(settings) as stores:
        world = await World.make(stores)
        await world.ours.passenger("mark", LOCATOR, SURNAME, GIVEN, None, None, None, "ES", PHONE, MAIL)
        await world.ours.bag("mark", TAG, "mark", ["CM335", "CM758"])
        app = create_app(
            settings, background=partial(workers, settings), build_schema=product_schema, open_tracer=recorder.open
        )
        async with (
            LifespanManager(app) as manager,
            httpx.AsyncClient(transport=httpx.ASGITransport(manager.app), base_url="http://gateway") as client,
        ):
            yield Clerk(Api(client), world)


async def ask_everything(clerk: Clerk) -> None:
    """Runs each query, about the marked passenger where it can, and queries that are invalid."""
    for field, question in questions(clerk.world.ours).items():
        about_mark = question.replace("GONZALEZ", SURNAME.upper()).replace(DELIVERED, TAG)
        await clerk.api.send(f"{{{field}{about_mark}}}", Role.ADMIN)
    for query in INVALID:
        await clerk.api.send(query, Role.ADMIN)
    await clerk.api.send("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", Role.ADMIN, ids={"id": SURNAME})


async def file_and_follow(clerk: Clerk) -> None:
    """Takes a PIR of the marked passenger through its life, up to a second one that replaces it."""
    bag = by_id(clerk.world.ours.id("Bag", "mark"))
    described = {"description": "BK22RHW", "contents": CONTENTS, "nameOnBag": SURNAME}
    contact = {"phone": PHONE, "email": MAIL, "deliveryAddress": STREET, "remarks": REMARK}
    opened = await clerk.do("createPir", kind="DELAYED", station="GRU", bags=[{**bag, **described}], **contact)
    pir = opened["pir"]["id"]
    await clerk.do("createPir", kind="DELAYED", station="GRU", bags=[bag], **{**contact, "phone": f"{PHONE}x"})
    await clerk.do("updatePir", pirId=pir, **contact)
    await clerk.do("assignPir", pirId=pir, assignee="agent.7")
    await clerk.do("commentPir", pirId=pir, comment=f"{COMMENT} {PHONE}")
    await clerk.do("suspendTracing", pirId=pir)
    await clerk.do("reinstateTracing", pirId=pir)
    await clerk.do("locateBags", pirId=pir, airport="PTY")
    await clerk.do("forwardBags", pirId=pir, flightId=clerk.world.ours.id("Flight", "CM758"), rushTag=RUSH)
    await clerk.do("receiveBags", pirId=pir)
    await clerk.do("arrangeDelivery", pirId=pir, courier=STREET, **WINDOW)
    await clerk.do("confirmDelivery", pirId=pir)
    await clerk.do("closePir", pirId=pir, reasonForLoss="55", faultStation="PTY", comment=COMMENT)
    await clerk.do("recreatePir", pirId=pir)


async def effects_are_accepted(clerk: Clerk) -> bool:
    """Whether the partners have taken every effect of both PIRs; fails if one has ended otherwise."""
    found = await clerk.api.ask("{ effects(first: 50) { nodes { service action state reason } } }", Role.ADMIN)
    effects = found["effects"]["nodes"]
    assert [one for one in effects if one["state"] in ("FAILED", "SUPPRESSED", "CANCELLED")] == []
    return all(one["state"] == "ACCEPTED" for one in effects)


async def run_the_others(clerk: Clerk) -> None:
    """Runs every mutation that ``file_and_follow`` does not."""
    others: dict[str, dict[str, Any]] = {
        "confirmMatch": {"matchId": join("Match", 1)},
        "rejectMatch": {"matchId": SURNAME},
        "resendEffect": {"effectId": join("Effect", 1)},
        "cancelEffect": {"effectId": join("Effect", 1)},
        "acknowledgeIncident": {"incidentId": join("Incident", 1), "comment": COMMENT},
        "closeIncident": {"incidentId": join("Incident", 1), "comment": COMMENT},
        "ingestMessages": {"text": BSM + UNREADABLE, "receivedAt": "2025-07-01T10:00:00Z"},
        "replayDeadLetter": {"deadLetterId": join("DeadLetter", 1)},
        "discardDeadLetter": {"deadLetterId": join("DeadLetter", 1)},
        "recordScans": {
            "scans": [
                {"tag": tag, "kind": "SORTED", "at": "2025-07-01T12:00:00Z", "airport": "PTY"} for tag in (TAG, SURNAME)
            ]
        },
        "updateFlight": {"flightId": clerk.world.ours.id("Flight", "CM411"), "gate": "A7"},
    }
    for name, given in others.items():
        await clerk.do(name, **given)
    headers = {**credential(Role.SERVICE), "content-type": "text/plain"}
    await clerk.api.client.post("/ingest/typeb", content=BSM + UNREADABLE, headers=headers)


def marked(text: str) -> list[str]:
    """The marks in a text."""
    return [mark for mark in MARKS if mark in text.lower()]


async def test_logs_spans_and_metrics_hold_no_personal_data(mocked: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """Given marked data in every operation, with errors and partners' calls, then no mark is in any of the three."""
    recorder = Recorder()
    # A threshold of nothing, so that each operation is logged as slow.
    observed = mocked.model_copy(update={"slow_operation_ms": 1e-6, "log_format": "json"})
    with caplog.at_level(logging.INFO):
        async with clerk_of(observed, recorder) as clerk:
            await ask_everything(clerk)
            await file_and_follow(clerk)
            # A cancelled or delayed creation of a file would make messages wait for its reference.
            await eventually(partial(effects_are_accepted, clerk), 40)
            await run_the_others(clerk)
            metrics = (await clerk.api.client.get("/metrics", headers=credential(Role.MONITOR))).text
    assert clerk.called == set(MUTATIONS.fields), "every mutation was called"

    formatter = JsonFormatter()
    # configure_logging silences the client of the tests and of the partners; see tests/unit/test_logs.py.
    records = [record for record in caplog.records if record.name not in ("httpx", "httpcore")]
    lines = [form for record in records for form in (formatter.format(record), record.getMessage())]
    spans = [span.to_json() for span in recorder.spans]
    assert len(lines) > 60
    assert any("slow graphql" in line for line in lines)
    assert {"twilio POST", "sendgrid POST", "worldtracer POST", "INSERT_EFFECT", "NEWEST_BAGS"} <= {
        span.name for span in recorder.spans
    }
    assert "gateway_statement_calls_total" in metrics
    found = {text[:300]: marks for text in (*lines, *spans, *metrics.splitlines()) if (marks := marked(text))}
    assert found == {}


def test_a_mark_is_found_in_any_case_and_form() -> None:
    assert marked(f"to {PHONE[1:]}") == ["2025550193"]
    assert marked(f"{SURNAME.upper()}/{GIVEN}") == ["quillmark", "zebediah"]

"""Messages over GraphQL, HTTP and files: acceptance, rejection, correction and idempotency."""

import asyncio
import gzip
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.cli import main
from gateway.http import ingest as ingestion
from gateway.http.ingest import ingest_file
from integrations.messages import encodings
from integrations.stores.postgres.manager import PostgresManager, count_statements
from resolvers.actor import Role
from tests.gateway import Api, credential
from tests.stores.test_pipeline import LOCAL, RUSH_LOADED, SAMPLES, TRANSFER
from tests.type_b_messages import LOADED_BPM
from tests.world import Builder, context_of, project_changes

RECEIVED = "2025-11-23T23:00:00+00:00"
INGEST = """
    mutation($i: IngestMessagesInput!) { ingestMessages(input: $i) {
      messages duplicates deadLetters others events bags unknownAirports
      userErrors { code field message } clientMutationId
    } }
"""
REPLAY = """
    mutation($i: ReplayDeadLetterInput!) { replayDeadLetter(input: $i) {
      deadLetter { id settledAt settledBy } userErrors { code field message }
    } }
"""
DISCARD = """
    mutation($i: DiscardDeadLetterInput!) { discardDeadLetter(input: $i) {
      deadLetter { id settledAt } userErrors { code }
    } }
"""
LETTERS = """
    query($settled: Boolean!) { deadLetters(settled: $settled) { nodes { id body line position reason settledAt } } }
"""
BAG = """{ bag(by: {tagAt: {tag: "0230456781", at: "2025-11-23T20:00:00Z"}}) {
    state authorised weightKg priority passenger { surname locator }
    itinerary { flight { designator status } } messages { kind sentAt source body } scans { kind }
} }"""
EVENTS = """{ bags { nodes {
    scans { ...Read } journey { source scans { ...Read } }
} } } fragment Read on BagEvent { kind method message { kind body } }"""
RECORD = "mutation($i:RecordScansInput!){recordScans(input:$i){results{outcome}}}"
SCAN = {"tag": "0230456781", "kind": "SCREENED", "at": "2025-11-23T16:00:00Z", "airport": "PTY"}


class Sender:
    """A system of one airline, as a sender of messages."""

    def __init__(self, api: Api, airline: Builder) -> None:
        self.api = api
        self.airline_id = airline.airline_id

    async def post(self, body: Any, role: Role | None = Role.SERVICE, **headers: str) -> httpx.Response:
        headers = {"content-type": "text/plain", "x-received-at": RECEIVED} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return await self.api.client.post(
            ingestion.PATH, content=body, headers=headers | credential(role, self.airline_id)
        )

    async def ask(self, query: str, role: Role = Role.SUPERVISOR, **variables: Any) -> Any:
        data = await self.api.ask(query, role, self.airline_id, **variables)
        return next(iter(data.values()))

    async def ingest(self, text: str) -> dict[str, Any]:
        answer: dict[str, Any] = await self.ask(INGEST, i={"text": text, "receivedAt": RECEIVED})
        return answer


@pytest.fixture
def sender(api: Api, airline: Builder) -> Sender:
    return Sender(api, airline)


async def in_chunks(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def counts(**some: int) -> dict[str, int]:
    names = ("messages", "duplicates", "deadLetters", "others", "events", "bags", "unknownAirports")
    return dict.fromkeys(names, 0) | some


async def test_a_bag_shows_what_messages_said_of_it(sender: Sender) -> None:
    stored = await sender.ingest("".join(SAMPLES))
    bag = await sender.ask(BAG)

    assert stored == counts(messages=10, events=10, bags=2) | {"userErrors": [], "clientMutationId": None}
    assert (bag["state"], bag["authorised"], bag["priority"]) == ("LOADED", False, True)
    assert bag["passenger"] == {"surname": "GONZALEZ", "locator": "F7K2QX"}
    assert bag["itinerary"] == [
        {"flight": {"designator": "CM335", "status": "UNSCHEDULED"}},
        {"flight": {"designator": "CM758", "status": "UNSCHEDULED"}},
    ]
    assert [message["kind"] for message in bag["messages"]].count("BSM") == 2
    assert bag["messages"][0]["source"] == "GRAPHQL"
    assert LOCAL.strip() in {message["body"] for message in bag["messages"]}
    assert [scan["kind"] for scan in bag["scans"]] == ["ACCEPTED", "EXPECTED", "TRANSFER_IN", "SORTED", "LOADED"]


@pytest.mark.parametrize("source", ["RECORDS", "GRAPH"])
async def test_events_show_the_message_that_they_were_read_from(sender: Sender, airline: Builder, source: str) -> None:
    """Given events from messages and an agent's scan, in both stores, one statement fetches all messages of a list."""
    await sender.ingest("".join(SAMPLES))
    await sender.ask(RECORD, i={"scans": [SCAN]})
    if source == "GRAPH":
        await project_changes(airline.stores)
    with count_statements() as counted:
        bags = (await sender.ask(EVENTS))["nodes"]
    masked = (await sender.ask(EVENTS, Role.ANALYST))["nodes"]

    assert {bag["journey"]["source"] for bag in bags} == {source}
    for bag in bags:
        assert bag["scans"] == bag["journey"]["scans"]
    read_from = {event["kind"]: event["message"] for bag in bags for event in bag["scans"]}
    assert read_from.pop("SCREENED") is None, "an agent's scan"
    assert {message["kind"] for message in read_from.values()} == {"BSM", "BPM"}
    assert read_from["LOADED"]["body"] == RUSH_LOADED.strip()
    assert counted.names.count("MESSAGES_OF_EVENTS") == 2, "one for each of the two lists"
    shown = [event["message"] for bag in masked for event in bag["scans"] if event["message"]]
    assert {message["body"] for message in shown} == {None}


async def test_those_who_do_not_meet_passengers_see_no_message(sender: Sender) -> None:
    await sender.ingest(LOCAL + LOCAL.replace("ENDBSM", "ENDBPM"))
    bag = await sender.ask(BAG, Role.ANALYST)
    letters = await sender.ask(LETTERS, Role.ANALYST, settled=False)
    assert {message["body"] for message in bag["messages"]} == {None}
    assert [letter["body"] for letter in letters["nodes"]] == [None]


@pytest.mark.parametrize("size", [7, 1_000, 100_000])
async def test_a_stream_is_stored_however_it_is_cut(sender: Sender, size: int) -> None:
    text = "".join(SAMPLES).replace("\n", "\r\n").encode()
    first = await sender.post(in_chunks(text, size))
    again = await sender.post(text)
    assert (first.status_code, first.json()) == (200, counts(messages=10, events=10, bags=2))
    assert again.json() == counts(duplicates=10)


async def test_a_bag_counts_once_in_a_slow_stream(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingestion, "FLUSH_SECONDS", 0.0)
    answer = await sender.post(in_chunks("".join(SAMPLES).encode(), 40))
    assert answer.json() == counts(messages=10, events=10, bags=2)


async def test_more_than_a_batch_goes_in_several(sender: Sender) -> None:
    many = "".join(LOADED_BPM.replace("0230456781", f"0230{n:06d}") for n in range(1_234))
    answer = await sender.post(in_chunks(many.encode(), 4_096))
    assert answer.json() == counts(messages=1_234, events=1_234, bags=1_234)


@pytest.mark.parametrize(
    ("body", "content_type", "stored"),
    [
        (json.dumps([SCAN]), "text/plain", counts(messages=1, events=1, bags=1)),
        (json.dumps(SCAN, indent=2), "application/json", counts(messages=1, events=1, bags=1)),
        (gzip.compress(json.dumps(SCAN, indent=2).encode("utf-16"), mtime=0), "", counts(messages=1, events=1, bags=1)),
        (LOCAL.lower(), "application/json", counts(messages=1, events=2, bags=2)),
        (LOCAL.strip() + "\x1a", "text/plain", counts(messages=1, events=2, bags=2)),
        (LOCAL.replace("BSM\n", "", 1), "text/plain", counts(deadLetters=1)),
        (json.dumps(SCAN), "application/json", counts(messages=1, events=1, bags=1)),
        (f"{json.dumps(SCAN)}\n{{}}\n", "application/x-ndjson", counts(messages=1, events=1, bags=1, deadLetters=1)),
        ("<IATA_BagEventNotif/>", "application/xml; charset=utf-8", counts(deadLetters=1)),
        ("", "text/plain", counts()),
        (b"\x00\xff\xfe\n" * 999, "text/plain", counts(others=1)),
        (b"BSM\n" + b"A" * 3_000_000, "text/plain", counts(deadLetters=1)),
    ],
)
async def test_other_forms_and_junk(sender: Sender, body: Any, content_type: str, stored: dict[str, int]) -> None:
    answer = await sender.post(body, content_type=content_type)
    assert (answer.status_code, answer.json()) == (200, stored)


async def test_who_may_send(sender: Sender) -> None:
    statuses = {role: (await sender.post(LOCAL, role)).status_code for role in (*Role, None)}
    assert statuses == {
        Role.AGENT: 403,
        Role.SUPERVISOR: 200,
        Role.ANALYST: 403,
        Role.MONITOR: 403,
        Role.SERVICE: 200,
        Role.ADMIN: 200,
        None: 401,
    }
    assert (await sender.post(LOCAL, Role.SERVICE, authorization="Bearer nonsense")).status_code in (200, 401)
    assert (await sender.api.client.get(ingestion.PATH)).status_code == 405


@pytest.mark.parametrize(
    "received_at", ["yesterday", "", "2025-11-30", "2025-11-30T10:00:00", "20251130T100000Z", "2025-11-30T24:00:00Z"]
)
async def test_a_receipt_time_has_one_form_in_every_way_in(
    sender: Sender, received_at: str, capsys: pytest.CaptureFixture[str]
) -> None:
    posted = await sender.post(LOCAL, x_received_at=received_at)
    asked = await sender.api.codes(INGEST, Role.SERVICE, i={"text": LOCAL, "receivedAt": received_at})
    with pytest.raises(SystemExit) as ended:
        main(["ingest", "-", "--received-at", received_at])

    form = "timestamp with a zone, such as 2026-11-23T19:12:05Z"
    assert (posted.status_code, posted.json()["error"]) == (400, f"X-Received-At must be one {form}.")
    assert asked == ["BAD_USER_INPUT"]
    assert ended.value.code == 2
    assert f"argument --received-at: must be a {form}\n" in capsys.readouterr().err


async def test_two_receipt_times_are_rejected(sender: Sender) -> None:
    headers = [*credential(Role.SERVICE).items(), *[("X-Received-At", "2025-11-23T23:00:00Z")] * 2]
    response = await sender.api.client.post(ingestion.PATH, content=LOCAL, headers=headers)
    assert response.status_code == 400


async def test_a_body_may_be_gzip_and_nothing_else(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress("".join(SAMPLES).encode(), mtime=0)
    for encoding in ("gzip", "identity"):
        answer = await sender.post(in_chunks(packed, 100), content_encoding=encoding)
        assert (answer.status_code, sum(answer.json().values())) == (200, 22 if encoding == "gzip" else 10)
    other = await sender.post(packed, content_encoding="br")
    damaged = await sender.post(packed[:-20], content_encoding="gzip")
    assert (other.status_code, other.headers["accept-encoding"], damaged.status_code) == (415, "gzip", 400)
    assert damaged.json()["error"] == "The gzip data ends early."
    monkeypatch.setattr(encodings, "LARGEST_DECOMPRESSED", 100_000)
    assert (await sender.post(gzip.compress(b"A" * 200_000, mtime=0))).status_code == 413


@pytest.mark.parametrize("received_at", ["2099-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "0002-01-01T00:00:00+14:00"])
async def test_a_receipt_time_is_neither_in_the_future_nor_absurd(
    sender: Sender, airline: Builder, received_at: str
) -> None:
    posted = await sender.post(LOCAL, x_received_at=received_at)
    asked = await sender.ask(INGEST, i={"text": LOCAL, "receivedAt": received_at})
    said = list[str]()
    context = context_of(airline.stores, Role.SERVICE, airline.airline_id)
    assert await ingest_file(context, "-", datetime.fromisoformat(received_at), said.append) == 1

    limits = "must be from the year 2000 to 10 minutes after now"
    assert (posted.status_code, posted.json()["error"]) == (400, f"X-Received-At {limits}.")
    assert [(one["code"], one["field"]) for one in asked["userErrors"]] == [("BAD_USER_INPUT", "receivedAt")]
    assert said == [f"--received-at {limits}."]
    assert (await sender.post(LOCAL, x_received_at="0001-01-01T00:00:00+14:00")).status_code == 400
    assert (await sender.ask(LETTERS, settled=True))["nodes"] == []


async def test_a_document_that_stalls_is_let_go(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stalling(pause: float) -> AsyncIterator[bytes]:
        yield b'{"tag":'
        for _ in range(100):
            await asyncio.sleep(pause)
            yield b" "

    async def silent() -> AsyncIterator[bytes]:
        await asyncio.sleep(5.0)
        yield LOCAL.encode()

    monkeypatch.setattr(ingestion, "BEGIN_SECONDS", 0.2)
    assert (await sender.post(silent())).status_code == 408
    monkeypatch.setattr(ingestion, "BEGIN_SECONDS", 5.0)
    monkeypatch.setattr(ingestion, "IDLE_SECONDS", 0.2)
    assert (await sender.post(stalling(5.0))).status_code == 408
    monkeypatch.setattr(ingestion, "DOCUMENT_SECONDS", 0.3)
    assert (await sender.post(stalling(0.05))).status_code == 408


async def test_a_slow_sender_does_not_hold_a_place_for_ever(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a sender that is never silent, it must bring enough; one that does may take longer."""

    async def dripping(size: int) -> AsyncIterator[bytes]:
        yield LOCAL.encode()
        for _ in range(20):
            await asyncio.sleep(0.05)
            yield b"\n" * size

    monkeypatch.setattr(ingestion, "SLOW_SECONDS", 0.3)
    slow = await sender.post(dripping(1))
    monkeypatch.setattr(ingestion, "MIN_BYTES_PER_SECOND", 100)
    enough = await sender.post(dripping(100))
    assert (slow.status_code, slow.json()["messages"]) == (408, 1), "what it brought is stored"
    assert (enough.status_code, enough.json()["duplicates"]) == (200, 1)


async def test_one_actor_leaves_room_for_others(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingestion, "MAX_STREAMS_OF_ACTOR", 1)
    opened, proceed = asyncio.Event(), asyncio.Event()

    async def waiting() -> AsyncIterator[bytes]:
        yield b"\n"
        opened.set()
        await proceed.wait()

    first = asyncio.create_task(sender.post(waiting()))
    await opened.wait()
    second, other = await sender.post(LOCAL), await sender.post(LOCAL, Role.ADMIN)
    proceed.set()
    assert (second.status_code, other.status_code, (await first).status_code) == (503, 200, 200)
    assert (await sender.post(LOCAL)).status_code == 200


async def test_a_settled_dead_letter_is_refused_before_anything_is_stored(sender: Sender) -> None:
    await sender.ingest("BSM\nnonsense\n")
    [letter] = (await sender.ask(LETTERS, settled=False))["nodes"]
    await sender.ask(DISCARD, i={"deadLetterId": letter["id"]})
    refused = await sender.ask(REPLAY, i={"deadLetterId": letter["id"], "text": LOCAL})
    assert [error["code"] for error in refused["userErrors"]] == ["INVALID_STATE"]
    assert (await sender.ask(BAG)) is None


async def test_a_document_is_bounded_and_a_sender_that_falls_silent_is_let_go(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion, "MAX_DOCUMENT", 100)
    assert (await sender.post("{" + " " * 100, content_type="application/json")).status_code == 413
    monkeypatch.setattr(ingestion, "MAX_STREAMS", 0)
    busy = await sender.post(LOCAL)
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")


async def test_a_dead_letter_is_corrected_and_replayed(sender: Sender) -> None:
    broken = LOCAL.replace(".F/CM335/23NOV", ".F/CM335/99NOV")
    stored = await sender.ingest(broken + TRANSFER)
    [letter] = (await sender.ask(LETTERS, settled=False))["nodes"]
    assert stored["deadLetters"] == stored["messages"] == 1
    assert (letter["body"], letter["line"], letter["position"]) == (broken.strip(), 4, 10)

    still = await sender.ask(REPLAY, i={"deadLetterId": letter["id"]})
    nothing = await sender.ask(REPLAY, i={"deadLetterId": letter["id"], "text": "MVT\nCM335"})
    done = await sender.ask(REPLAY, i={"deadLetterId": letter["id"], "text": LOCAL})
    again = await sender.ask(REPLAY, i={"deadLetterId": letter["id"], "text": LOCAL})
    assert [error["field"] for error in still["userErrors"] + nothing["userErrors"]] == ["text", "text"]
    assert "line 4" in still["userErrors"][0]["message"]
    assert (done["userErrors"], done["deadLetter"]["settledAt"] is not None) == ([], True)
    assert again["userErrors"][0]["code"] == "INVALID_STATE"
    assert (await sender.ask(LETTERS, settled=False))["nodes"] == []
    assert [one["id"] for one in (await sender.ask(LETTERS, settled=True))["nodes"]] == [letter["id"]]
    assert [leg["flight"]["designator"] for leg in (await sender.ask(BAG))["itinerary"]] == ["CM335", "CM758"]


async def test_a_dead_letter_is_set_aside(sender: Sender) -> None:
    await sender.ingest("BSM\nnonsense\n")
    [letter] = (await sender.ask(LETTERS, settled=False))["nodes"]
    done = await sender.ask(DISCARD, i={"deadLetterId": letter["id"]})
    again = await sender.ask(DISCARD, i={"deadLetterId": letter["id"]})
    assert done["deadLetter"]["settledAt"] is not None
    assert [error["code"] for error in again["userErrors"]] == ["INVALID_STATE"]


async def test_text_that_is_too_long_is_refused(sender: Sender) -> None:
    answer = await sender.ask(INGEST, i={"text": "A" * 262_145})
    assert [error["field"] for error in answer["userErrors"]] == ["text"]


async def test_a_file_is_taken_in_with_progress(airline: Builder, tmp_path: Path, capsys: Any) -> None:
    context, said = context_of(airline.stores, Role.SERVICE, airline.airline_id), list[str]()
    file = tmp_path / "day.txt"
    file.write_text("".join(SAMPLES))
    received = datetime(2025, 11, 23, 23, 0, tzinfo=UTC)

    assert await ingest_file(context, str(file), received, said.append) == 0
    assert "10 messages, 10 events" in said[-1]
    file.write_text(LOCAL.replace("ENDBSM", "ENDBPM"))
    assert await ingest_file(context, str(file), received, said.append) == 1
    assert "1 dead letters" in said[-2]
    assert await ingest_file(context, str(file), received, said.append) == 1, "as at the first time"
    assert "0 dead letters" in said[-2]
    assert said[-1] == "1 texts that could not be read were stored before, or come twice: none is new."
    assert await ingest_file(context, str(tmp_path / "none.txt"), received, said.append) == 1


DOCUMENT = (
    "<IATA_BagEventNotif><Bag><BagTag><BagTagID>0230774103</BagTagID></BagTag>"
    "<BagLocation><IATALocationCode>PTY</IATALocationCode></BagLocation>"
    "<BagActivity><ActivityDateTime>2025-11-23T19:00:00Z</ActivityDateTime><ProcessCode>L</ProcessCode>"
    "<SubProcessCode>Load</SubProcessCode></BagActivity></Bag></IATA_BagEventNotif>\n"
)


@pytest.mark.parametrize(
    ("content", "code", "said_last"),
    [
        (f"{json.dumps(SCAN)}\n{json.dumps(SCAN | {'tag': '0230774102'})}\n".encode(), 0, "2 messages, 2 events"),
        (DOCUMENT.encode(), 0, "1 messages, 1 events"),
        (gzip.compress(LOCAL.encode("utf-16"), mtime=0), 0, "1 messages, 2 events"),
        (f"{json.dumps(SCAN)}\nnot a scan\n".encode(), 1, "Messages that could not be parsed"),
        (b"MVT\nCM335\n" + LOCAL.encode(), 1, "Other texts are stored"),
        (gzip.compress(LOCAL.encode(), mtime=0)[:-9], 1, "The gzip data ends early."),
        (b"[" + b" " * 2_000, 1, "A document must have at most 1000 bytes."),
    ],
)
async def test_a_file_of_any_format_is_stored(
    airline: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, code: int, said_last: str
) -> None:
    monkeypatch.setattr(ingestion, "MAX_FILE_DOCUMENT", 1_000)
    context, said = context_of(airline.stores, Role.SERVICE, airline.airline_id), list[str]()
    file = tmp_path / "input"
    file.write_bytes(content)
    received = datetime(2025, 11, 23, 23, 0, tzinfo=UTC)
    assert await ingest_file(context, str(file), received, said.append) == code
    assert said_last in said[-1]


async def test_standard_input_is_a_file_too(airline: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    class Standard:
        buffer = io.BytesIO(LOCAL.encode())

    monkeypatch.setattr("sys.stdin", Standard())
    context, said = context_of(airline.stores, Role.SERVICE, airline.airline_id), list[str]()
    assert await ingest_file(context, "-", datetime(2025, 11, 23, 23, 0, tzinfo=UTC), said.append) == 0


async def test_what_is_slow_to_come_is_stored_meanwhile(sender: Sender, airline: Builder) -> None:
    """Given a sender that keeps its stream open, a pause stores the messages received so far."""
    postgres: PostgresManager = airline.stores.postgres
    seen: list[int] = []

    async def slowly() -> AsyncIterator[bytes]:
        yield LOCAL.encode()
        ends = datetime.now(UTC) + timedelta(seconds=20)
        while datetime.now(UTC) < ends and not seen:
            yield b"\n"
            sql = "SELECT count(*) FROM messages WHERE airline_id = $1"
            if count := await postgres.fetchval(sql, airline.airline_id):
                seen.append(count)
        yield TRANSFER.encode()

    assert (await sender.post(slowly())).json()["messages"] == 2
    assert seen == [1]

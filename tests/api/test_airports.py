"""Airports without reference data, and the airports of the world."""

from io import BytesIO
from typing import Any
from zoneinfo import available_timezones

import pytest
from pypdf import PdfReader

from gateway.world_airports import outdated_airports, update_airports, world_airports
from resolvers.actor import Role
from tests.api.test_ingestion import LETTERS, REPLAY, Sender
from tests.gateway import Api
from tests.world import Builder, project_changes

# Two groups, the second with a leg to EWR, which the reference data of the tests do not have.
BEYOND = """.PTYKPCM 231916
BSM
.V/1LPTY
.F/CM800/24NOV/MIA/Y
.N/0230772030001
.P/1ZETA/ZOE
.L/QB2B2B
.F/CM800/24NOV/MIA/Y
.O/UA1234/24NOV/{airport}/Y
.N/0230772031001
.P/1ETA/EMA
.L/QB3B3B
ENDBSM
"""
BAG = """query Bag($tag: String!) { bag(by: {tag: $tag}) {
  id passenger { surname }
  itinerary { flight { designator origin destination originAirport { iata } destinationAirport { iata timeZone }
                       arrivalLocal { scheduled zone } } } } }"""
TIMES = """query Times($tag: String!) { bag(by: {tag: $tag}) {
  itinerary { flight { originAirport { iata } departureLocal { scheduled } } }
  scans { airport station { iata } localTime { time } } journey { source } } }"""
CREATE = """mutation Create($i: CreatePirInput!) { createPir(input: $i) {
  pir { id destination printable(language: EN) deadlines { regime deemedLost { zone date } } }
  userErrors { code field }
} }"""
CLOSE = """mutation Close($i: ClosePirInput!) { closePir(input: $i) {
  pir { status faultStation } userErrors { code field }
} }"""
SCAN_AT_EWR = """BPM
.V/1TEWR
.J/S//S1/23NOV/{time}/SORTER/
.F/UA1234/23NOV/BOS
.N/0230772032001
ENDBPM
"""
# Each names an airport without reference data, in another place of another format.
ELSEWHERE = {
    "station": ".ZZZKPCM 231916\nBSM\n.V/1LZZZ\n.F/CM800/24NOV/MIA/Y\n.N/0230772033001\n.P/1ZETA/ZOE\nENDBSM\n",
    "inbound": ".PTYKPCM 231916\nBTM\n.V/1TPTY\n.I/UA77/23NOV/QQS/Y\n.F/CM800/24NOV/MIA/Y\n.N/0230772033001\n"
    ".P/1ZETA/ZOE\nENDBTM\n",
    "both ends": ".LONKPBA 231916\nBSM\n.V/1LLON\n.F/BA800/24NOV/NYC/Y\n.N/0230772033001\n.P/1ZETA/ZOE\nENDBSM\n",
    "scan of Type B": "BPM\n.V/1TBUE\n.J/S//S1/23NOV/141205Z/SORTER/\n.N/0230772033001\nENDBPM\n",
    "scan as JSON": '{"tag": "0230772033", "kind": "SCREENED", "at": "2025-11-23T16:00:00Z", "airport": "ZWS"}\n',
}
PROPOSE = "UPDATE pirs SET proposed_reason = '55', proposed_station = 'QQS' WHERE airline_id = $1"
REMOVE = "DELETE FROM airports WHERE iata = ANY($1::text[])"


@pytest.fixture
def sender(api: Api, airline: Builder) -> Sender:
    return Sender(api, airline)


@pytest.mark.parametrize("airport", ["EWR", "LON", "QQS", "ZZZ"])
async def test_an_unknown_airport_is_kept_as_written(sender: Sender, airport: str) -> None:
    """``docs/DOMAIN.md#rule-13``: it costs neither its group nor the others; local times and names are null."""
    stored = await sender.ingest(BEYOND.format(airport=airport))
    first = await sender.ask(BAG, tag="0230772030")
    second = await sender.ask(BAG, tag="0230772031")

    assert (stored["messages"], stored["deadLetters"], stored["bags"], stored["unknownAirports"]) == (1, 0, 2, 1)
    assert first["passenger"] == {"surname": "ZETA"}
    assert [leg["flight"]["destination"] for leg in first["itinerary"]] == ["MIA"]
    legs = [leg["flight"] for leg in second["itinerary"]]
    assert [(leg["origin"], leg["destination"]) for leg in legs] == [("PTY", "MIA"), ("MIA", airport)]
    assert (legs[0]["arrivalLocal"]["zone"], legs[1]["originAirport"]) == ("America/New_York", {"iata": "MIA"})
    assert (legs[1]["destinationAirport"], legs[1]["arrivalLocal"]) == (None, None)


@pytest.mark.parametrize("text", ELSEWHERE.values(), ids=ELSEWHERE)
async def test_an_unknown_airport_may_be_anywhere(sender: Sender, airline: Builder, text: str) -> None:
    stored = await sender.ingest(text)
    again = await sender.ingest(text)
    await project_changes(airline.stores)
    bag = await sender.ask(TIMES, tag="0230772033")

    assert (stored["messages"], stored["deadLetters"], stored["bags"], stored["unknownAirports"]) == (1, 0, 1, 1)
    assert (again["duplicates"], again["deadLetters"], again["unknownAirports"]) == (1, 0, 0)
    assert bag["journey"]["source"] == "GRAPH"
    for event in bag["scans"]:
        assert (event["localTime"] is None) == (event["station"] is None) == (event["airport"] not in {"PTY", "MIA"})
    for leg in bag["itinerary"]:
        assert (leg["flight"]["departureLocal"] is None) == (leg["flight"]["originAirport"] is None)


@pytest.mark.parametrize("airport", ["pty", "P1Y", "NEWARK", "ÑÑÑ"])
async def test_what_is_no_airport_code_costs_only_its_group(sender: Sender, airport: str) -> None:
    stored = await sender.ingest(BEYOND.format(airport=airport))
    assert (stored["messages"], stored["deadLetters"]) == ((1, 0) if airport == "pty" else (1, 1))
    assert stored["unknownAirports"] == 0


async def test_a_local_time_is_read_once_the_airport_is_known(sender: Sender, airline: Builder) -> None:
    text = SCAN_AT_EWR.format(time="141205L").replace("EWR", "BKK")  # a process remembers known airports
    await sender.ingest(text)
    [letter] = (await sender.ask(LETTERS, settled=False))["nodes"]
    early = await sender.ask(REPLAY, i={"deadLetterId": letter["id"]})
    await airline.airport("BKK", "Bangkok", "Thailand", "TH", "Asia/Bangkok")
    try:
        done = await sender.ask(REPLAY, i={"deadLetterId": letter["id"]})
        bag = await sender.ask(TIMES, tag="0230772032")
    finally:
        await airline.stores.postgres.execute(REMOVE, ["BKK"], name="REMOVE")

    assert ([error["field"] for error in early["userErrors"]], done["userErrors"]) == (["text"], [])
    assert [event["localTime"]["time"] for event in bag["scans"]] == ["2025-11-23T14:12:05+07:00"]


async def test_a_local_time_needs_the_time_zone(sender: Sender) -> None:
    local = await sender.ingest(SCAN_AT_EWR.format(time="141205L"))
    zoned = await sender.ingest(SCAN_AT_EWR.format(time="141206Z"))
    assert (local["deadLetters"], local["messages"], local["unknownAirports"]) == (1, 0, 0)
    assert (zoned["deadLetters"], zoned["events"], zoned["unknownAirports"]) == (0, 1, 1)


async def test_deadlines_at_an_unknown_airport_are_counted_in_utc(sender: Sender) -> None:
    await sender.ingest(BEYOND.format(airport="EWR"))
    known = await sender.ask(BAG, tag="0230772031")
    bag = {"by": {"id": known["id"]}, "description": "BK22HWX"}
    made = await sender.ask(CREATE, i={"kind": "DELAYED", "station": "PTY", "bags": [bag]})

    assert made["userErrors"] == []
    assert made["pir"]["destination"] == "EWR"
    assert made["pir"]["deadlines"]["regime"] == "UNKNOWN"
    assert made["pir"]["deadlines"]["deemedLost"]["zone"] == "UTC"
    printed = PdfReader(BytesIO((await sender.api.client.get(made["pir"]["printable"])).content))
    text = " ".join(" ".join(page.extract_text() for page in printed.pages).split())
    assert f"{made['pir']['deadlines']['deemedLost']['date'][:4]} UTC" in text
    assert "UTC (UTC+00:00)" in text, "the expected arrival"
    assert "America/Panama (UTC-05:00)" in text, "the time of opening, at its station"


async def test_the_station_at_fault_may_be_unknown_where_the_journey_names_it(sender: Sender, airline: Builder) -> None:
    """A station that a person enters must exist."""
    await sender.ingest(BEYOND.format(airport="EWR"))
    bag = {"by": {"id": (await sender.ask(BAG, tag="0230772031"))["id"]}, "description": "BK22HWX"}
    made = await sender.ask(CREATE, i={"kind": "DELAYED", "station": "PTY", "bags": [bag]})
    await airline.stores.postgres.execute(PROPOSE, airline.airline_id, name="PROPOSE")
    pir = {"pirId": made["pir"]["id"]}
    entered = await sender.ask(CLOSE, i={**pir, "reasonForLoss": "55", "faultStation": "QQS"})
    proposed = await sender.ask(CLOSE, i={**pir, "acceptProposal": True})

    assert entered["userErrors"] == [{"code": "NOT_FOUND", "field": "faultStation"}]
    assert proposed == {"pir": {"status": "CLOSED", "faultStation": "QQS"}, "userErrors": []}


async def test_the_airports_of_the_world_leave_the_network_alone(api: Api, sender: Sender, airline: Builder) -> None:
    postgres = airline.stores.postgres
    served = await _airports(airline, "PTY")
    known = {row["iata"] for row in await postgres.fetch("SELECT iata FROM airports", name="LOOK")}
    try:
        outdated = [await outdated_airports(postgres)]
        first, again = await update_airports(postgres), await update_airports(postgres)
        outdated.append(await outdated_airports(postgres))
        await postgres.execute("UPDATE airports SET name = 'Elsewhere' WHERE iata = 'EWR'", name="CHANGE")
        outdated.append(await outdated_airports(postgres))
        after_change = await update_airports(postgres)
        newark = await _airports(airline, "EWR")
        shown = await api.ask("{airports(first: 100) {nodes {iata}}}", Role.AGENT, airline.airline_id)

        total = len(world_airports())
        assert total > 7_000
        assert outdated[0] > 7_000
        assert outdated[1:] == [0, 1]
        assert f"{total:,} in airportsdata" in first
        assert ", 0 added, 0 updated" in again
        assert ", 0 added, 1 updated" in after_change
        assert newark == [("EWR", "Newark Liberty International Airport", "United States", "America/New_York")]
        assert await _airports(airline, "PTY") == served
        assert "EWR" not in {node["iata"] for node in shown["airports"]["nodes"]}
    finally:
        # The other tests share the reference data.
        new = {row["iata"] for row in await postgres.fetch("SELECT iata FROM airports", name="LOOK")} - known
        await postgres.execute(REMOVE, sorted(new), name="REMOVE")


def test_every_airport_of_the_world_has_a_zone_and_a_country() -> None:
    airports = world_airports()
    assert {airport.time_zone for airport in airports} <= available_timezones()
    assert {len(airport.country_code) for airport in airports} == {2}
    assert [airport.iata for airport in airports if airport.country == airport.country_code] == []
    codes = {airport.iata for airport in airports}
    assert codes >= {"PTY", "BER", "DQA", "NBJ", "NLU", "TFU"}
    assert codes.isdisjoint({"BUE", "LON", "NYC", "QPP", "QQS", "ZWS", "ZZZ"}), "cities and stations of railways"


async def _airports(airline: Builder, code: str) -> list[tuple[Any, ...]]:
    sql = "SELECT iata, name, country, time_zone FROM airports WHERE iata = $1"
    return [tuple(row) for row in await airline.stores.postgres.fetch(sql, code, name="LOOK")]

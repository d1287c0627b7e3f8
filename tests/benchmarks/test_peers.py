"""Parts of the comparison with other servers. The servers run only in ``python -m benchmarks.peers``."""

import struct
from typing import Any

import asyncpg
import pytest
import strawberry
from graphql import build_schema, parse, validate

from benchmarks import operations
from benchmarks.load import LoadOutcome
from benchmarks.peers import plain, postgraphile
from benchmarks.peers.comparison import count_objects, differences
from benchmarks.peers.contenders import GATEWAY, PLAIN, POSTGRAPHILE
from benchmarks.peers.packages import NODE_FOLDER
from benchmarks.peers.report import PeerReport
from benchmarks.peers.rounds import Load
from benchmarks.peers.statement_counter import Frontend

DOCUMENTS = {"bag": operations.ONE_BAG, "flight": operations.BAGS_OF_FLIGHT, "page": operations.PAGE_OF_BAGS}


@pytest.mark.parametrize("key", DOCUMENTS)
def test_peers_with_hand_written_schemas_understand_the_gateways_documents(key: str) -> None:
    document = parse(DOCUMENTS[key])
    schemas = [
        build_schema((NODE_FOLDER / "schema.graphql").read_text()),
        build_schema(strawberry.Schema(plain.PlainQuery).as_str()),
    ]
    assert [validate(schema, document) for schema in schemas] == [[], []]


async def test_the_peers_statements_fit_the_products_tables(migrated_url: str) -> None:
    connection = await asyncpg.connect(migrated_url)
    try:
        await connection.execute(postgraphile.COMPUTED_COLUMNS.read_text())
        prepared = [await connection.prepare(text) for text in plain.statements().values()]
        await connection.execute(postgraphile.DROP_COMPUTED_COLUMNS)
    finally:
        await connection.close()
    assert len(prepared) == 9


def message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!i", len(content) + 4) + content


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_statements_are_counted_however_the_bytes_are_cut(size: int) -> None:
    wants_encryption = message(b"", struct.pack("!i", 80_877_103))
    start = message(b"", struct.pack("!i", 196_608) + b"user\0E\0\0")
    prepared = message(b"P", b"\0SELECT Q\0") + message(b"B", b"E" * 20) + message(b"E", b"\0" * 5) + message(b"S", b"")
    sent = wants_encryption + start + message(b"p", b"Q") + prepared * 3 + message(b"Q", b"RESET ALL\0")
    frontend = Frontend()

    for begin in range(0, len(sent), size):
        frontend.feed(sent[begin : begin + size])

    assert frontend.statements == 4


def test_differences_name_their_path() -> None:
    ours = {"bag": {"tag": "0230", "at": "2026-01-01T00:00:00Z", "scans": [{"kind": "LOADED"}], "pir": None}}
    same = {"bag": {"tag": "0230", "at": "2026-01-01T00:00:00.000+00:00", "scans": [{"kind": "LOADED"}], "pir": None}}
    other = {"bag": {"tag": "0230", "at": "2026-01-01T00:00:01Z", "scans": [{"kind": "SORTED"}], "pir": {}}}

    assert list(differences(ours, same, "bag 0")) == []
    assert [line.partition(":")[0].strip() for line in differences(ours, other, "bag 0")] == [
        "bag 0.bag.at",
        "bag 0.bag.scans[0].kind",
        "bag 0.bag.pir",
    ]
    assert list(differences([1], [1, 1], "list")) == ["  list: 1 and 2 items"]
    assert count_objects(ours) == 2


def test_postgraphiles_response_is_converted_into_the_gateways_shape() -> None:
    bag = {"tag": "0230", "passenger": {"surname": "Rojas", "booking": {"locator": "ABC234"}}}
    scans, pir = [{"kind": "LOADED"}], {"reference": "PTYCM10001"}
    unknown: dict[str, Any] = {"tag": "0231", "passenger": None, "scans": {"nodes": []}, "pir": []}
    planned = [{"bag": {**bag, "scans": {"nodes": scans}, "pir": [pir]}}, {"bag": unknown}]
    ours = {"tag": "0230", "passenger": {"surname": "Rojas", "locator": "ABC234"}}

    assert postgraphile.DIALECTS["bag"].read({"found": [{"bag": bag}]}) == {"bag": ours}
    assert postgraphile.DIALECTS["flight"].read({"found": [{"designator": "CM1", "bags": planned}]}) == {
        "flight": {
            "designator": "CM1",
            "bags": {
                "nodes": [
                    {**ours, "scans": scans, "pir": pir},
                    {"tag": "0231", "passenger": None, "scans": [], "pir": None},
                ]
            },
        }
    }
    assert postgraphile.DIALECTS["flight"].variables({"designator": "CM101A", "date": "2026-01-01"}) == {
        "carrier": "CM",
        "number": 101,
        "suffix": "A",
        "date": "2026-01-01",
    }


def load(contender: str, server: float, database: float) -> Load:
    outcome = LoadOutcome(latencies=[0.001, 0.003], seconds=1.0)
    return Load(contender, "page", 1, outcome, server=server, database=database, client=0.1, megabytes=100.0)


def test_goals_are_checked_by_the_cheapest_round() -> None:
    loads = [
        *(load(GATEWAY, 1.0, 0.5), load(GATEWAY, 9.0, 0.4)),
        *(load(POSTGRAPHILE, 4.0, 0.6), load(POSTGRAPHILE, 1.9, 0.3)),
        load(PLAIN, 14.0, 0.5),
    ]
    measured_operations = {"page": operations.MeasuredOperation("page", operations.PAGE_OF_BAGS, [{}])}
    report = PeerReport({}, 1, measured_operations, {}, {}, loads)

    figures = report.figures()["page", 1, GATEWAY]
    assert (figures.server, figures.server_spread, figures.database, figures.both) == (1.0, 8.0, 0.4, 1.5)
    assert (figures.p50, figures.p99, figures.responses) == (1.0, 3.0, 4)
    reached = {(one.goal.name, one.goal.must): (round(one.times, 3), one.met) for one in report.ratios()}
    assert reached == {
        ("server CPU x PostGraphile", True): (1.9, True),
        ("server CPU x PostGraphile", False): (1.9, False),
        ("server CPU x plain Strawberry", True): (14.0, False),
        ("database CPU x PostGraphile", True): (0.75, False),
    }
    assert [one.goal.name for one in report.missed] == ["server CPU x plain Strawberry", "database CPU x PostGraphile"]

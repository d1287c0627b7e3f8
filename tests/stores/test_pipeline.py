"""Messages over the real records: stored word for word, applied once, with one result in any order."""

import asyncio
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from integrations.errors import Refused, Unavailable
from integrations.messages import typeb_reader
from integrations.messages.formats import pieces_of, pieces_of_stored
from integrations.messages.split_input import InputPiece, Splitter
from integrations.messages.typeb import parse
from integrations.stores.postgres.manager import count_statements
from resolvers import dead_letters
from resolvers.actor import Role
from resolvers.context import Context
from resolvers.ingestion import bag_tags, events, itineraries, reading
from resolvers.ingestion.events import ScanOutcome
from resolvers.ingestion.pipeline import BAGS_REMEMBERED, IngestResult, IntakeChannel, batches_of, ingest
from resolvers.workers.bag_rebuild import RebuildProgress, rebuild
from tests.type_b_messages import (
    BUM,
    CHANGED_BSM,
    DELETED_BSM,
    LOADED_BPM,
    LOCAL_BSM,
    RUSH_BSM,
    TRANSFER_BSM,
    UNSEEN_BPM,
)
from tests.world import Builder, World, context_of, pieces

# The dates of the samples in docs/DOMAIN.md#samples.
NOW = datetime(2025, 11, 23, 23, 0, tzinfo=UTC)

LOCAL = ".MIAKMCM 231205\n" + LOCAL_BSM
TRANSFER = ".PTYKMCM 231500\n" + TRANSFER_BSM
WITHDRAWN = ".PTYKMCM 231720\n" + CHANGED_BSM.replace("0230456781002", "0230456782001")
DELETED = ".MIAKMCM 231230\n" + DELETED_BSM
ORDERED_OFF = ".PTYKMCM 231905\n" + BUM
RUSH = ".PTYKMCM 232230\n" + RUSH_BSM
RUSH_LOADED = """BPM
.V/1LPTY
.J/R/AG0417/HHT112/23NOV/224500Z/STAND12/CM702
.F/CM702/24NOV/GRU
.N/2230000457001
ENDBPM
"""
SORTED_TWICE = [
    f"BPM\n.V/1TPTY\n.J/S//S1/23NOV/{clock}L/SORTER{n}/\n.F/CM758/23NOV/GRU\n.N/0230456781001\nENDBPM\n"
    for n, clock in enumerate(["120000", "121500"])
]
SAMPLES = [LOCAL, TRANSFER, WITHDRAWN, LOADED_BPM, UNSEEN_BPM, ORDERED_OFF, RUSH, RUSH_LOADED, *SORTED_TWICE]

# All values of an airline's bags, without ids, which depend on the order of arrival.
DUMP = """
SELECT bags.tag, state, state_at, bags.airport, bags.place, bags.custodian, weight_kg, priority, authorised, deleted,
       passengers.search_name, locator, flights.number AS flight,
       (SELECT json_agg(json_build_array(seq, legs.number, bag_legs.tag, bag_legs.authorised) ORDER BY seq)
        FROM bag_legs JOIN flights AS legs ON legs.id = bag_legs.flight_id WHERE bag_legs.bag_id = bags.id) AS legs,
       (SELECT json_agg(json_build_array(id, kind, at, message_id, custodian) ORDER BY at, rank, id)
        FROM events WHERE events.bag_id = bags.id) AS events,
       (SELECT json_agg(json_build_array(number, role) ORDER BY number)
        FROM bag_tags WHERE bag_tags.bag_id = bags.id) AS tags
FROM bags
LEFT JOIN passengers ON passengers.id = bags.passenger_id
LEFT JOIN bookings ON bookings.id = booking_id
LEFT JOIN flights ON flights.id = bags.flight_id
WHERE bags.airline_id = $1
ORDER BY bags.tag
"""


async def receive(airline: Builder, *texts: str, at: datetime = NOW) -> IngestResult:
    return await airline.ingest(*texts, at=at)


async def rows(airline: Builder, sql: str, *values: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in await airline.stores.postgres.fetch(sql, airline.airline_id, *values)]


async def known(airline: Builder) -> dict[str, dict[str, Any]]:
    found = {row["tag"]: row for row in await rows(airline, DUMP)}
    for row in found.values():
        for name in ("legs", "events", "tags"):
            row[name] = json.loads(row[name] or "[]") if isinstance(row[name], str) else row[name] or []
    return found


def without_ids(bags: dict[str, dict[str, Any]]) -> Any:
    """The bags without the digests of messages and events, which differ between airlines."""
    return {tag: row | {"events": [event[1:3] for event in row["events"]]} for tag, row in bags.items()}


async def test_the_samples_become_bags_with_plan_passenger_and_state(airline: Builder) -> None:
    stored = await receive(airline, *SAMPLES)
    bags = await known(airline)

    assert stored == IngestResult(messages=len(SAMPLES), events=10, bags=2)
    first, second = bags["0230456781"], bags["0230456782"]
    assert [leg[1:] for leg in first["legs"]] == [[335, "0230456781", True], [758, "0230456781", False]]
    assert (first["state"], first["place"], first["priority"], first["authorised"]) == (
        "LOADED",
        "STAND208",
        True,
        False,
    )
    assert (first["search_name"], first["locator"]) == ("GONZALEZ/MARIA", "F7K2QX")
    assert first["weight_kg"] is None  # 43 kg is the weight of two bags together
    assert [event[1] for event in first["events"]] == ["ACCEPTED", "EXPECTED", "TRANSFER_IN", "SORTED", "LOADED"]
    assert [leg[1:] for leg in second["legs"]] == [
        [335, "0230456782", True],
        [702, "2230000457", True],
    ]
    assert (second["state"], second["authorised"], second["flight"]) == ("LOADED", True, 702)
    assert second["tags"] == [["0230456782", "ORIGINAL"], ["2230000457", "RUSH"]]


async def test_any_order_and_any_batches_give_the_same_result(world: World) -> None:
    one = await world.another_airline()
    await receive(one, *SAMPLES)
    expected = without_ids(await known(one))
    chance = random.Random(5)
    for _ in range(12):
        other = await world.another_airline()
        shuffled = chance.sample(SAMPLES, len(SAMPLES))
        cuts = sorted(chance.sample(range(1, len(SAMPLES)), 3))
        for start, end in zip([0, *cuts], [*cuts, len(SAMPLES)], strict=True):
            await receive(other, *shuffled[start:end])
        assert without_ids(await known(other)) == expected


async def test_a_repeated_message_changes_nothing(airline: Builder) -> None:
    await receive(airline, *SAMPLES)
    before = await known(airline)
    relayed = [f"QU PTYKPCM\n{text}" if text.startswith(".") else text for text in SAMPLES]
    again = await receive(airline, *relayed)
    twice = await receive(airline, *SAMPLES, *SAMPLES)

    assert (again, twice) == (IngestResult(duplicates=len(SAMPLES)), IngestResult(duplicates=2 * len(SAMPLES)))
    assert await known(airline) == before


@pytest.mark.parametrize(
    ("texts", "state"),
    [
        ([LOCAL, DELETED], "DELETED"),
        ([LOCAL, DELETED, TRANSFER], "ACCEPTED"),
        ([LOCAL, DELETED, WITHDRAWN], "ACCEPTED"),
        ([LOCAL, DELETED, LOCAL.replace("231205", "231300")], "ACCEPTED"),
    ],
)
async def test_the_last_instruction_counts_in_order_of_origin_time(world: World, texts: list[str], state: str) -> None:
    """``docs/DOMAIN.md#rule-4``."""
    for order in permutations(texts):
        airline = await world.another_airline()
        for text in order:
            await receive(airline, text)
        bag = (await known(airline))["0230456782"]
        assert (bag["state"], bag["deleted"]) == (state, state == "DELETED"), order


async def test_unreadable_messages_are_kept_and_the_others_applied(airline: Builder) -> None:
    broken = [
        LOCAL.replace("ENDBSM", "ENDBPM"),
        LOCAL.replace(".N/0230456781002", ".N/02304567810"),
        LOADED_BPM.replace("23NOV/141205L", "24NOV/235900L"),
        "BXX\n.V/1LPTY\nENDBXX\n",
    ]
    stored = await receive(airline, broken[0], "MVT\nCM758/23.HP1234\n", LOCAL, *broken[1:], LOADED_BPM)
    again = await receive(airline, *broken)
    letters = await rows(
        airline, "SELECT line, position, reason, body FROM dead_letters WHERE airline_id = $1 ORDER BY id"
    )

    assert (stored.messages, stored.dead_letters, stored.others) == (2, len(broken), 1)
    assert (stored.unread, again) == (len(broken) + 1, IngestResult(unread=len(broken)))
    assert {letter["body"].strip() for letter in letters} == {text.strip() for text in broken}
    assert all(letter["line"] > 0 and letter["position"] > 0 and letter["reason"] for letter in letters)


async def test_a_flight_that_only_messages_name_has_assumed_times(airline: Builder) -> None:
    await receive(airline, LOADED_BPM.replace("CM758", "UA1033").replace("GRU", "BOG"))
    made = await rows(airline, "SELECT carrier, number, origin, destination, status, times_known FROM flights "
                               "WHERE airline_id = $1 AND carrier = 'UA'")  # fmt: skip
    assert made == [
        {
            "carrier": "UA",
            "number": 1033,
            "origin": "PTY",
            "destination": "BOG",
            "status": "UNSCHEDULED",
            "times_known": False,
        }
    ]


async def test_bags_of_one_party_have_one_passenger_in_one_booking(airline: Builder) -> None:
    other_bag = LOCAL.replace("0230456781002", "0230777777001").replace("231205", "231206")
    await asyncio.gather(receive(airline, LOCAL), receive(airline, other_bag), receive(airline, TRANSFER))
    [counts] = await rows(
        airline,
        "SELECT count(DISTINCT passenger_id) AS people, count(*) AS bags, "
        "(SELECT count(*) FROM bookings WHERE airline_id = $1) AS bookings FROM bags WHERE airline_id = $1",
    )
    assert counts == {"people": 1, "bags": 3, "bookings": 1}


async def test_batches_at_once_over_the_same_bags_in_any_order_all_succeed(airline: Builder) -> None:
    texts = [
        LOADED_BPM.replace("0230456781", f"0230{n % 20:06d}").replace("141205", f"14{n // 20:02d}05")
        for n in range(200)
    ]
    chance = random.Random(3)
    stored = await asyncio.gather(*(receive(airline, *chance.sample(texts, 120)) for _ in range(6)))
    total = sum(stored, IngestResult())
    [row] = await rows(airline, "SELECT count(*) AS events, count(DISTINCT bag_id) AS bags FROM events "
                                "WHERE airline_id = $1")  # fmt: skip
    assert (total.events, total.messages) == (row["events"], row["events"])
    assert row["bags"] == 20


async def test_a_missing_partition_of_the_event_log_is_created(airline: Builder) -> None:
    for year in (2031, 1999):
        received = datetime(year, 5, 31, 23, 0, tzinfo=UTC)
        text = LOADED_BPM.replace("23NOV", "31MAY").replace("STAND208", f"STAND{year}")
        assert (await receive(airline, text, at=received)).events == 1
    partitions = await rows(
        airline, "SELECT tableoid::regclass::text AS name FROM events WHERE airline_id = $1 ORDER BY at"
    )
    assert [row["name"] for row in partitions] == ["events_before_2025", "events_2031_05"]


@pytest.mark.parametrize("number", [3, 60])
async def test_statements_do_not_grow_with_messages(airline: Builder, number: int) -> None:
    def texts(sample: str) -> Sequence[str]:
        return [
            sample.replace("0230456781002", f"0230{n:06d}001").replace("F7K2QX", f"A{n:05d}") for n in range(number)
        ]

    await receive(airline, LOCAL)  # caches the airports
    with count_statements() as first:
        await receive(
            airline, *texts(LOCAL), *(LOADED_BPM.replace("0230456781", f"0230{n:06d}") for n in range(number))
        )
    with count_statements() as second:
        await receive(airline, *(SORTED_TWICE[0].replace("0230456781", f"0230{n:06d}") for n in range(number)))
    assert (len(first.names), len(second.names)) == (30, 15)


async def test_a_message_without_a_time_sorts_before_every_scan(airline: Builder) -> None:
    """``docs/DOMAIN.md#rule-2``."""
    untimed = LOCAL.split("\n", 1)[1]
    await receive(airline, LOADED_BPM)
    await receive(airline, untimed, at=NOW + timedelta(hours=1))
    bag = (await known(airline))["0230456781"]
    assert (bag["state"], [event[1] for event in bag["events"]]) == ("LOADED", ["ACCEPTED", "LOADED"])


def source(number: str, onward: str, status: str = "", authority: str = "Y", station: str = "1LPTY") -> str:
    """A BSM without an origin line: ``onward`` is flight, date and destination."""
    lines = ["BSM", status, f".V/{station}", f".F/{onward}/Y", f".N/{number}001", f".S/{authority}", ".P/1ALFA/ANA"]
    return "\n".join([*filter(None, lines), "ENDBSM"]) + "\n"


def transfer(number: str, clock: str, onward: str, status: str = "") -> str:
    """A BTM from MIA at PTY."""
    lines = [f".MIAKMCM 23{clock}", "BTM", status, ".V/1TPTY", ".I/CM335/23NOV/MIA/Y", f".F/{onward}/Y"]
    return "\n".join([*filter(None, lines), f".N/{number}001", ".P/1ALFA/ANAMRS", ".L/QA1B2C", "ENDBTM"]) + "\n"


NUMBERS = [f"0230771{n:03d}" for n in range(8)]  # a digest that decides would be wrong for some of them


async def receive_in(airline: Builder, order: Sequence[int], texts: Sequence[str]) -> list[IngestResult]:
    """Ingests texts that were received five minutes apart, in another order of arrival."""
    return [await receive(airline, texts[index], at=NOW + timedelta(minutes=5 * index)) for index in order]


async def states(airline: Builder) -> set[tuple[str, bool | None, tuple[int, ...]]]:
    """State, authority and planned flights of all bags of an airline."""
    bags = await known(airline)
    assert set(bags) == set(NUMBERS)
    return {(bag["state"], bag["authorised"], tuple(leg[1] for leg in bag["legs"])) for bag in bags.values()}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([("DEL", "N")], ("DELETED", False, (758,))),
        ([("DEL", "N"), ("", "Y")], ("ACCEPTED", True, (758,))),
        ([("CHG", "N"), ("CHG", "Y")], ("ACCEPTED", True, (758,))),
        ([("CHG", "Y"), ("CHG", "N")], ("ACCEPTED", False, (758,))),
        ([("CHG", "N"), ("CHG", "Y"), ("CHG", "N")], ("ACCEPTED", False, (758,))),
        ([("DEL", "N"), ("", "Y"), ("DEL", "N")], ("DELETED", False, (758,))),
    ],
)
async def test_texts_without_origin_lines_take_effect_in_order_of_receipt(
    world: World, changes: list[tuple[str, str]], expected: tuple[str, bool, tuple[int, ...]]
) -> None:
    """``docs/DOMAIN.md#rule-2`` and ``docs/DOMAIN.md#rule-3``: in any order of arrival."""
    texts = [
        "".join(source(number, "CM758/23NOV/GRU", *change) for number in NUMBERS) for change in [("", "Y"), *changes]
    ]
    for order in permutations(range(len(texts))):
        airline = await world.another_airline()
        counted = await receive_in(airline, order, texts)
        assert await states(airline) == {expected}, order
        if order == tuple(range(len(texts))):
            assert [one.messages for one in counted] == [len(NUMBERS)] * len(texts)


async def test_the_last_of_two_changes_of_flight_counts(world: World) -> None:
    onward = ["CM758/23NOV/GRU", "CM800/24NOV/MIA", "CM702/24NOV/BOG"]
    texts = [
        "".join(source(number, flight, "CHG" if index else "") for number in NUMBERS)
        for index, flight in enumerate(onward)
    ]
    for order in permutations(range(3)):
        airline = await world.another_airline()
        await receive_in(airline, order, texts)
        assert await states(airline) == {("ACCEPTED", True, (702,))}, order


async def test_texts_of_one_request_keep_their_order(world: World) -> None:
    added, deleted = source(NUMBERS[0], "CM758/23NOV/GRU"), source(NUMBERS[0], "CM758/23NOV/GRU", "DEL", "N")
    for texts, state, counted in [
        ([added, deleted, added], "ACCEPTED", 3),
        ([added, added, deleted], "DELETED", 2),
        ([added, deleted, added, deleted], "DELETED", 4),
    ]:
        airline = await world.another_airline()
        for again in (False, True):  # a log that is read again changes nothing
            stored = await receive(airline, *texts)
            assert (await known(airline))[NUMBERS[0]]["state"] == state
            if not again:
                assert (stored.messages, stored.duplicates, stored.bags) == (counted, len(texts) - counted, 1)


async def test_a_repeat_without_an_origin_line_changes_nothing(airline: Builder) -> None:
    text = source(NUMBERS[0], "CM758/23NOV/GRU")
    await receive(airline, text)
    before = await known(airline)
    again = await receive(airline, text, text, at=NOW + timedelta(minutes=1))
    late = ".PTYKMCM 232301\n" + source(NUMBERS[0], "CM702/24NOV/BOG")
    await receive(airline, late, at=NOW + timedelta(minutes=9))

    assert again == IngestResult(duplicates=2)
    assert before[NUMBERS[0]]["legs"][0][1] == 758
    assert (await known(airline))[NUMBERS[0]]["legs"][0][1] == 702


@pytest.mark.parametrize("first", ["Y", "N"])
async def test_instructions_of_one_minute_take_effect_in_order_of_first_receipt(world: World, first: str) -> None:
    """``docs/DOMAIN.md#rule-15``: in any order of arrival; and without any order ``N`` counts."""
    second = "N" if first == "Y" else "Y"
    texts = [
        "".join(f".PTYKMCM 231910\n{source(number, 'CM758/23NOV/GRU', 'CHG', one)}" for number in NUMBERS)
        for one in (first, second)
    ]
    for order in ((0, 1), (1, 0), (1, 0, 1), (0, 1, 1, 0)):
        airline = await world.another_airline()
        await receive_in(airline, order, texts)
        assert await states(airline) == {("EXPECTED", second == "Y", (758,))}, order
    together = await world.another_airline()
    for text in texts:
        for one in Splitter().feed(text.encode()):
            await receive(together, one.text + "\n")  # each is the first of a text that was received at the same time
    assert await states(together) == {("EXPECTED", False, (758,))}


@pytest.mark.parametrize("origin", [".PTYKMCM 231910\n", ""])
async def test_a_line_decides_only_within_its_text(world: World, origin: str) -> None:
    """Given requests of one receipt time, then ``N`` counts wherever it stands (``docs/DOMAIN.md#rule-15``)."""
    numbers = NUMBERS[:2]
    authorised, withheld = (
        "".join(f"{origin}{source(number, 'CM758/23NOV/GRU', 'CHG', one)}" for number in numbers) for one in "YN"
    )
    behind = "PLS ADV\n" * 9 + authorised
    for requests in ([behind, withheld], [authorised, withheld], [withheld, behind]):
        airline = await world.another_airline()
        for _ in range(2):
            for request in requests:
                await receive(airline, request)
        assert {bag["authorised"] for bag in (await known(airline)).values()} == {False}
    together = await world.another_airline()
    await receive(together, withheld, authorised)
    assert {bag["authorised"] for bag in (await known(together)).values()} == {True}


async def test_messages_of_one_telegram_have_its_time(airline: Builder) -> None:
    """Given an older telegram of two changes that comes last, then neither counts (``docs/DOMAIN.md#rule-2``)."""
    numbers = NUMBERS[:2]
    later, earlier = (
        f".PTYKMCM 2319{minute}\n" + "".join(source(number, "CM758/23NOV/GRU", "CHG", one) for number in numbers)
        for minute, one in (("20", "Y"), ("10", "N"))
    )
    stored = await receive(airline, later)
    await receive(airline, earlier, at=NOW + timedelta(hours=1))
    assert stored.messages == 2
    assert {bag["authorised"] for bag in (await known(airline)).values()} == {True}


async def test_an_origin_line_in_the_future_is_named(airline: Builder) -> None:
    """``docs/DOMAIN.md#rule-1``: also where it dates no event."""
    future = "QU PTYKPCM\n.PTYKMCM 240000\n"
    texts = [source(NUMBERS[0], "CM758/23NOV/GRU", change) for change in ("", "CHG", "DEL")]
    texts.append(CLOSED.split("\n", 1)[1])
    scan = LOADED_BPM.replace("23NOV/141205L", "23NOV/235900L")
    stored = await receive(airline, *(future + text for text in texts), future + LOADED_BPM, future + scan)
    letters = await rows(
        airline, "SELECT line, position, reason FROM dead_letters WHERE airline_id = $1 ORDER BY line DESC"
    )
    assert (stored.messages, stored.dead_letters) == (1, 5)
    assert [(letter["line"], letter["position"], letter["reason"][:27]) for letter in letters] == [
        *[(2, 1, "The time of the origin line")] * 4,
        (1, 1, "The time of a scan must be "),
    ]


async def test_bags_that_were_not_seen_are_missing_from_the_receipt_on(airline: Builder) -> None:
    """Given a BNS without a time after a sortation, then the bag is not seen."""
    missing = "BNS\n.V/1TPTY\n.F/CM758/23NOV/GRU\n.N/0230456781001\nENDBNS\n"
    await receive(airline, SORTED_TWICE[0])
    await receive(airline, missing, at=NOW + timedelta(hours=2))
    assert (await known(airline))["0230456781"]["state"] == "NOT_SEEN"


async def test_a_flight_in_two_months_needs_no_origin_line(airline: Builder) -> None:
    text = source(NUMBERS[0], "CM758/22JAN/GRU")
    stored = await receive(airline, text)
    bag = (await known(airline))[NUMBERS[0]]
    assert (stored.messages, stored.dead_letters, bag["state"]) == (1, 0, "ACCEPTED")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([("1910", "CM758/23NOV/GRU", ""), ("1920", "CM758/23NOV/GRU", "DEL")], ("DELETED", False, (335, 758))),
        ([("1910", "CM758/23NOV/GRU", ""), ("1920", "CM702/23NOV/GRU", "CHG")], ("EXPECTED", None, (335, 702))),
        ([("1910", "CM758/23NOV/GRU", ""), ("1920", "CM702/24NOV/BOG", "")], ("EXPECTED", None, (335, 702))),
    ],
)
async def test_btms_order_like_bsms(world: World, texts: list[tuple[str, str, str]], expected: Any) -> None:
    """``docs/DOMAIN.md#rule-17``."""
    for order in permutations(texts):
        airline = await world.another_airline()
        for text in order:
            await receive(airline, *(transfer(number, *text) for number in NUMBERS))
        assert await states(airline) == {expected}, order


async def test_a_btm_counts_less_than_a_bsm_of_its_station(world: World) -> None:
    """``docs/DOMAIN.md#rule-17``: its deletion does not delete, nor does its flight count."""
    number = NUMBERS[0]
    texts = [
        ".PTYKMCM 231500\n" + source(number, "CM758/23NOV/GRU", station="1TPTY"),
        transfer(number, "1910", "CM702/23NOV/GRU"),
        transfer(number, "1920", "CM702/23NOV/GRU", "DEL"),
    ]
    for order in permutations(texts):
        airline = await world.another_airline()
        for text in order:
            await receive(airline, text)
        bag = (await known(airline))[number]
        assert (bag["deleted"], bag["authorised"]) == (False, True), order
        assert [leg[1] for leg in bag["legs"]] == [758], order


CLOSED = """.PTYKMCM 231950
BCM
FCM
.V/1LPTY
.F/CM758/23NOV/GRU
ENDBCM
"""


async def test_a_close_out_puts_the_bags_of_its_flight_in_flight(world: World) -> None:
    """``docs/DOMAIN.md#rule-10``."""
    for texts in ([LOADED_BPM, CLOSED], [CLOSED, LOADED_BPM]):
        airline = await world.another_airline()
        for text in texts:
            await receive(airline, text)
        bag = (await known(airline))["0230456781"]
        assert (bag["state"], bag["state_at"]) == ("IN_FLIGHT", datetime(2025, 11, 23, 19, 50, tzinfo=UTC))


async def test_a_close_out_of_another_day_is_a_dead_letter(airline: Builder) -> None:
    stored = await receive(airline, CLOSED.replace("231950", "171950"))
    assert (stored.messages, stored.dead_letters) == (0, 1)


SCRAMBLE_BAGS = """
UPDATE bags SET state = 'LOST', place = 'NOWHERE', flight_id = NULL, priority = NOT priority, deleted = NOT deleted,
                tag = '0000000001', authorised = NULL, events_from = 'infinity'
WHERE airline_id = $1
"""

DROP_LEGS = "DELETE FROM bag_legs USING bags WHERE bags.id = bag_id AND airline_id = $1"


async def test_a_rebuild_restores_wrong_values_and_keeps_correct_ones(airline: Builder) -> None:
    await receive(airline, *SAMPLES, CLOSED)
    before = await known(airline)
    context = context_of(airline.stores, airline_id=airline.airline_id)
    untouched = [done async for done in rebuild(context)]
    for sql in (SCRAMBLE_BAGS, DROP_LEGS):
        await airline.stores.postgres.execute(sql, airline.airline_id)
    scrambled = await known(airline)
    corrected = [done async for done in rebuild(context)]

    assert untouched == [RebuildProgress(2, 0)]
    assert corrected == [RebuildProgress(2, 2)]
    assert scrambled != before
    assert await known(airline) == before
    assert [done.corrected async for done in rebuild(context)] == [0]


async def test_a_full_disk_is_no_fault_of_a_message(airline: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a full disk, when messages arrive, then none is stored; and all are when they are sent again."""
    store = itineraries.recompute_itineraries

    async def fail_on_a_full_disk(records: Any, *_: Any) -> itineraries.RecomputedBags:
        await records.execute("DO $$ BEGIN RAISE 'full' USING ERRCODE = 'disk_full'; END $$", name="FULL")
        raise AssertionError

    monkeypatch.setattr(itineraries, "recompute_itineraries", fail_on_a_full_disk)
    with pytest.raises(Unavailable, match="DiskFull"):
        await receive(airline, LOCAL, TRANSFER)
    kept = await rows(
        airline,
        "SELECT digest FROM dead_letters WHERE airline_id = $1 UNION SELECT id FROM messages WHERE airline_id = $1",
    )
    monkeypatch.setattr(itineraries, "recompute_itineraries", store)
    stored = await receive(airline, LOCAL, TRANSFER)

    assert kept == []
    assert (stored.messages, stored.dead_letters) == (2, 0)


async def test_a_message_that_the_records_reject_does_not_stop_the_others(
    airline: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = itineraries.recompute_itineraries

    async def reject_one(records: Any, *rest: Any) -> itineraries.RecomputedBags:
        if await records.fetchval("SELECT count(*) FROM bags WHERE tag = '0230888888'"):
            raise Refused("records", "it is what it is")
        return await store(records, *rest)

    monkeypatch.setattr(itineraries, "recompute_itineraries", reject_one)
    stored = await receive(airline, LOCAL, LOCAL.replace("0230456781002", "0230888888001"), TRANSFER, LOADED_BPM)
    [letter] = await rows(airline, "SELECT reason, body FROM dead_letters WHERE airline_id = $1")

    assert (stored.messages, stored.dead_letters) == (3, 1)
    assert (letter["reason"], "0230888888" in letter["body"]) == ("The database rejected the message.", True)


# Inputs of the field: each fault costs only itself (docs/DOMAIN.md#rule-13).

UNKNOWN_CLOSED = ".PTYKPCM 232200\nBCM\nFCM\n.V/1LPTY\n.F/CM999/23NOV\nENDBCM\n"
TWO_GROUPS = """.PTYKPCM 231916
BSM
.V/1LPTY
.F/CM800/24NOV/MIA/Y
.N/0230772030001
.P/1ZETA/ZOE
.L/QB2B2B
.F/CM801/24NOV/MIA/Y
.N/0230772031001
.P/1ETA/EMA
.L/QB3B3B
ENDBSM
"""


async def letters_of(airline: Builder) -> list[dict[str, Any]]:
    return await rows(airline, "SELECT reason, body FROM dead_letters WHERE airline_id = $1 ORDER BY id")


async def test_a_close_out_of_an_unknown_flight_stops_no_one(airline: Builder) -> None:
    stored = await receive(airline, UNKNOWN_CLOSED, LOCAL)
    [letter] = await letters_of(airline)
    assert (stored.messages, stored.dead_letters, "0230456781" in await known(airline)) == (1, 1, True)
    assert "does not name its destination" in letter["reason"]


async def test_a_close_out_after_the_arrival_is_kept(airline: Builder) -> None:
    """The flight has an arrival, by another source, before the time of the late close-out."""
    await receive(airline, LOADED_BPM)
    await airline.stores.postgres.execute(
        "UPDATE flights SET actual_arrival = $2 WHERE airline_id = $1 AND number = 758",
        airline.airline_id,
        datetime(2025, 11, 23, 19, 0, tzinfo=UTC),
        name="ARRIVE",
    )
    stored = await receive(airline, CLOSED, LOCAL)
    assert (stored.messages, stored.dead_letters) == (2, 0)


@pytest.mark.parametrize(
    ("module", "name"), [(reading, "parse"), (typeb_reader, "_sent_at"), (itineraries, "recompute_itineraries")]
)
async def test_any_error_of_a_message_costs_only_this_message(
    airline: Builder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, module: Any, name: str
) -> None:
    work = getattr(module, name)

    def fail_on_one(given: Any, *others: Any) -> Any:
        if "0230888888" in str(given):
            raise KeyError("SECRETO")
        return work(given, *others)

    async def fail_on_one_bag(records: Any, *others: Any) -> Any:
        if await records.fetchval("SELECT count(*) FROM bags WHERE tag = '0230888888'"):
            raise KeyError("SECRETO")
        return await work(records, *others)

    monkeypatch.setattr(module, name, fail_on_one_bag if module is itineraries else fail_on_one)
    stored = await receive(airline, LOCAL, LOCAL.replace("0230456781002", "0230888888001"), TRANSFER, LOADED_BPM)
    [letter] = await letters_of(airline)

    assert (stored.messages, stored.dead_letters) == (3, 1)
    assert "0230888888" in letter["body"]
    assert letter["reason"] == "The message could not be processed because of an internal error."
    assert "KeyError at test_pipeline.py" in caplog.text
    assert "SECRETO" not in caplog.text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (".F/CM801/24NOV", ".F/CM801/99XXX"),
        (".N/0230772031001", ".N/0230772031000"),
        (".F/CM801/24NOV/MIA", ".F/CM801/24NOV"),
    ],
)
async def test_a_fault_in_one_group_does_not_lose_the_others(airline: Builder, old: str, new: str) -> None:
    broken = TWO_GROUPS.replace(old, new)
    stored = await receive(airline, broken)
    again = await receive(airline, broken)
    [letter] = await letters_of(airline)

    assert (stored.messages, stored.dead_letters, list(await known(airline))) == (1, 1, ["0230772030"])
    assert (again.messages, again.duplicates, again.dead_letters) == (0, 1, 0)
    assert (new in letter["body"], "ZETA" in letter["body"]) == (True, False)
    corrected = await receive(airline, letter["body"].replace(new, old))
    assert (corrected.messages, corrected.bags, len(await known(airline))) == (1, 1, 2)


async def test_a_fault_in_one_bag_of_a_notification_does_not_lose_the_others(airline: Builder) -> None:
    def bag(tag: str, airport: str) -> str:
        return (
            f"<Bag><BagTag><BagTagID>{tag}</BagTagID></BagTag><BagLocation><IATALocationCode>{airport}"
            "</IATALocationCode></BagLocation><BagActivity><ActivityDateTime>2025-11-23T19:00:00Z</ActivityDateTime>"
            "<ProcessCode>L</ProcessCode><SubProcessCode>Load</SubProcessCode></BagActivity></Bag>"
        )

    def notification(*bags: str) -> list[InputPiece]:
        text = f'<n:IATA_BagEventNotif xmlns:n="urn:n">{"".join(bags)}</n:IATA_BagEventNotif>'
        return list(pieces_of(text.encode()))

    async def send(given: list[InputPiece]) -> IngestResult:
        context = context_of(airline.stores, airline_id=airline.airline_id)
        return await ingest(context, given, NOW, IntakeChannel.HTTP)

    text = notification(bag("0230774103", "PTY"), bag("0230774104", "P"), bag("0230774105", "PTY"))
    stored, again = await send(text), await send(text)
    [letter] = await letters_of(airline)
    assert (stored.messages, stored.dead_letters, again.duplicates) == (2, 1, 2)
    assert sorted(await known(airline)) == ["0230774103", "0230774105"]
    corrected = letter["body"].replace(">P<", ">PTY<")
    assert (await send(list(pieces_of_stored(corrected)))).bags == 1


async def test_batches_are_cut_by_tags_too(airline: Builder) -> None:
    """One message of 55 bytes can name 999 bags."""
    texts = [LOCAL.replace("0230456781002", f"023{n}000000999") for n in range(5)]
    sizes = [len(batch) for batch in batches_of(pieces(*texts, *[LOADED_BPM] * 600))]
    assert sizes == [2, 2, 500, 101]


async def test_a_rush_message_alone_names_the_tag_at_check_in(airline: Builder) -> None:
    await receive(airline, RUSH)
    [bag] = (await known(airline)).values()
    assert (bag["tag"], bag["tags"]) == ("0230456782", [["0230456782", "ORIGINAL"], ["2230000457", "RUSH"]])


@pytest.mark.parametrize("way", ["message", "scan"])
async def test_a_scan_is_stored_though_its_bag_is_merged_away_meanwhile(
    airline: Builder, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Given a rush message that merges a bag after its tag was read, then the scan is stored for the other bag."""
    await receive(airline, RUSH_LOADED)
    lock = bag_tags.lock_carriers

    async def lock_late(*given: Any) -> Any:
        monkeypatch.undo()
        await receive(airline, RUSH)
        return await lock(*given)

    monkeypatch.setattr(bag_tags if way == "message" else events, "lock_carriers", lock_late)
    if way == "message":
        stored = await receive(airline, RUSH_LOADED.replace("/R/", "/S/"))
        assert (stored.events, stored.dead_letters) == (1, 0)
    else:
        [one] = await airline.record(airline.scan("2230000457", "SORTED", "PTY", NOW))
        assert one.outcome == ScanOutcome.RECORDED
    [bag] = (await known(airline)).values()

    assert bag["tag"] == "0230456782"
    assert [event[1] for event in bag["events"]].count("SORTED") == 1


async def test_other_tasks_run_while_messages_are_read(airline: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given many messages in one batch, no task waits for more than a slice of them."""
    turn = 0
    read_in_turn: list[int] = []

    async def take_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    def parse_in_turn(*given: Any) -> Any:
        read_in_turn.append(turn)
        return parse(*given)

    monkeypatch.setattr(reading, "parse", parse_in_turn)
    others = asyncio.create_task(take_turns())
    await receive(airline, *(LOCAL.replace("0230456781002", f"0230{number:06d}001") for number in range(200)))
    others.cancel()

    assert len(read_in_turn) >= 200
    assert max(read_in_turn.count(one) for one in set(read_in_turn)) <= 32


async def test_a_replay_is_stored_in_batches(airline: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a correction that names thousands of tags, then each transaction stores a part of it."""
    await receive(airline, LOCAL.replace("ENDBSM", "ENDBPM"))
    [letter] = await rows(airline, "SELECT id FROM dead_letters WHERE airline_id = $1")
    ingested: list[int] = []

    async def ingest_part(context: Context, batch: Sequence[InputPiece], *rest: Any) -> IngestResult:
        ingested.append(len(batch))
        return await ingest(context, batch, *rest)

    monkeypatch.setattr(dead_letters, "ingest", ingest_part)
    context = context_of(airline.stores, Role.ADMIN, airline.airline_id)
    parts = [LOCAL.replace("0230456781002", f"023{part}000000999") for part in range(5)]
    settled = await dead_letters.replay(context, letter["id"], "".join(parts))

    assert ingested == [2, 2, 1]
    assert settled.settled_at is not None
    assert len(await known(airline)) == 5 * 999


async def test_a_bag_has_one_transfer_at_an_airport_in_any_order_of_its_messages(world: World) -> None:
    by_its_rush_tag = SORTED_TWICE[1].replace("0230456781", "2230000457").replace("121500", "110000")
    by_its_own_tag = SORTED_TWICE[0].replace("0230456781", "0230456782")
    found = []
    for order in permutations([RUSH, by_its_rush_tag, by_its_own_tag]):
        airline = await world.another_airline()
        for text in order:
            await receive(airline, text)
        [bag] = (await known(airline)).values()
        found.append([(kind, custodian) for _, kind, _, _, custodian in bag["events"]])
        context = context_of(airline.stores, airline_id=airline.airline_id)
        assert [done.corrected async for done in rebuild(context)] == [0]
    assert found == [[("TRANSFER_IN", "CM"), ("SORTED", None), ("RUSH_TAGGED", None)]] * 6


def test_a_sum_counts_a_bag_once_and_remembers_a_bounded_number() -> None:
    few = [IngestResult(bags=2, bag_ids=frozenset({n, n + 1})) for n in range(10)]
    many = frozenset(range(100, 100 + BAGS_REMEMBERED))
    total = sum(few, IngestResult())
    beyond = total + IngestResult(bags=len(many), bag_ids=many)

    assert (total.bags, total.bag_ids) == (11, frozenset(range(11)))
    assert (beyond.bags, beyond.bag_ids) == (11 + BAGS_REMEMBERED, many)

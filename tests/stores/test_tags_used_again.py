"""Tags that serve a second journey, and tags that stay with their bag (``docs/DOMAIN.md#rule-12``)."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest

from integrations.errors import Conflict
from integrations.records.instructions import Instruction, InstructionAction, MessageKind, Source
from integrations.stores.postgres.manager import count_statements
from resolvers.ingestion.bag_tags import CheckIn, begin_journeys
from resolvers.ingestion.pipeline import IngestResult
from tests.world import Builder, World

NUMBER = "0006775001"
CHECKED_IN = """\
.MIAKMDL 241000
BSM
.V/1LMIA
.F/DL901/24NOV/PTY/Y
.N/0006775001001
.S/Y
.P/1VIEJO/ANAMRS
.L/QG1G1G
ENDBSM
"""
DELIVERED = """\
BPM
.V/1XPTY
.J/H//HHT/24NOV/1900Z/CLAIM
.I/DL901/24NOV/MIA
.N/0006775001001
ENDBPM
"""
USED_AGAIN = """\
.JFKKMDL 291200
BSM
.V/1LJFK
.F/DL477/29NOV/PTY/Y
.N/0006775001001
.S/Y
.P/1NUEVO/JUANMR
.L/QG2G2G
ENDBSM
"""
# Near enough to the first journey that one text may hold both (docs/DOMAIN.md#rule-7).
USED_SOON = USED_AGAIN.replace("291200", "261200").replace("29NOV", "26NOV")
LOADED_AGAIN = """\
BPM
.V/1LJFK
.J/R/AG0417/HHT112/26NOV/150000Z/STAND12/DL477
.F/DL477/26NOV/PTY
.N/0006775001001
ENDBPM
"""
DELETED = CHECKED_IN.replace("241000", "241100").replace("BSM\n", "BSM\nDEL\n", 1)
FIRST_RECEIPT = datetime(2025, 11, 24, 20, 0, tzinfo=UTC)
SOON = datetime(2025, 11, 26, 16, 0, tzinfo=UTC)
SECOND_RECEIPT = datetime(2025, 11, 29, 12, 30, tzinfo=UTC)

BAGS = """
SELECT bags.id, bags.state, surname, locator, valid_from, valid_until,
       ARRAY(SELECT flights.number FROM bag_legs JOIN flights ON flights.id = flight_id
             WHERE bag_id = bags.id ORDER BY seq) AS flights,
       ARRAY(SELECT kind FROM events WHERE events.bag_id = bags.id ORDER BY at, rank) AS events
FROM bags
JOIN bag_tags ON bag_tags.bag_id = bags.id
LEFT JOIN passengers ON passengers.id = passenger_id
LEFT JOIN bookings ON bookings.id = booking_id
WHERE bags.airline_id = $1
ORDER BY valid_from
"""

OPEN_PIR = """
WITH pir AS (
    INSERT INTO pirs (airline_id, reference, kind, status, station, opened_at)
    SELECT $1, 'PTYDL10001', 'DELAYED', 'OPEN', 'PTY', '2025-11-24 21:00Z'
    RETURNING id
)
INSERT INTO pir_bags (pir_id, seq, bag_id, description, state, tag)
SELECT pir.id, 1, bags.id, 'BK22RHW', 'TRACING', bags.tag FROM pir, bags WHERE bags.airline_id = $1
"""
CLOSE_PIR = "UPDATE pirs SET status = 'CLOSED', closed_at = '2025-11-25 00:00Z' WHERE airline_id = $1"

OLD = ("DELIVERED", "VIEJO", [901], ["ACCEPTED", "DELIVERED"])
NEW = ("ACCEPTED", "NUEVO", [477], ["ACCEPTED"])


async def receive(airline: Builder, *texts: str, at: datetime = SOON) -> IngestResult:
    return await airline.ingest(*texts, at=at)


async def rows(airline: Builder) -> list[dict[str, Any]]:
    return [dict(row) for row in await airline.stores.postgres.fetch(BAGS, airline.airline_id)]


async def bags(airline: Builder) -> list[tuple[str, str | None, list[int], list[str]]]:
    """State, surname, flights and events of each bag, in order of its tag's window."""
    return [(row["state"], row["surname"], row["flights"], row["events"]) for row in await rows(airline)]


async def replanned(airline: Builder) -> set[int]:
    """Ids of the bags whose tags the graph reads again."""
    sql = "SELECT subject_id FROM outbox WHERE airline_id = $1 AND subject = 'BAG' AND replanned"
    return {row["subject_id"] for row in await airline.stores.postgres.fetch(sql, airline.airline_id)}


def untimed(text: str) -> str:
    return text.split("\n", 1)[1]


# A new journey


@pytest.mark.parametrize(
    "batches",
    [
        [[CHECKED_IN, DELIVERED], [USED_SOON]],
        [[CHECKED_IN], [DELIVERED], [USED_SOON]],
        [[CHECKED_IN, DELIVERED, USED_SOON]],
        [[CHECKED_IN], [DELIVERED, USED_SOON]],
        [[DELIVERED], [CHECKED_IN, USED_SOON]],
        [[DELIVERED, CHECKED_IN], [USED_SOON]],
    ],
)
async def test_a_delivered_bag_stays_its_passengers(airline: Builder, batches: Sequence[Sequence[str]]) -> None:
    """Given two journeys under one tag, in any batches, then each passenger has a bag, also when repeated."""
    for batch in batches:
        await receive(airline, *batch)
    first, second = await rows(airline)
    assert await bags(airline) == [OLD, NEW]
    assert (first["locator"], second["locator"]) == ("QG1G1G", "QG2G2G")
    assert first["valid_until"] == second["valid_from"]

    for batch in batches:
        assert (await receive(airline, *batch)).messages == 0
    assert await rows(airline) == [first, second]


async def test_a_tag_used_again_five_days_later_means_the_new_bag(airline: Builder) -> None:
    await receive(airline, CHECKED_IN, DELIVERED, at=FIRST_RECEIPT)
    await receive(airline, USED_AGAIN, at=SECOND_RECEIPT)
    assert await bags(airline) == [OLD, NEW]


async def test_scans_belong_to_the_bag_of_their_time(airline: Builder) -> None:
    late = DELIVERED.replace("/H/", "/G/").replace("1900Z", "1840Z")
    await receive(airline, CHECKED_IN, DELIVERED, USED_SOON, LOADED_AGAIN)
    await receive(airline, late)
    assert await bags(airline) == [
        ("DELIVERED", "VIEJO", [901], ["ACCEPTED", "AT_CLAIM", "DELIVERED"]),
        ("LOADED", "NUEVO", [477], ["ACCEPTED", "LOADED"]),
    ]


async def test_the_same_new_journey_in_batches_at_once_is_one_bag(airline: Builder) -> None:
    """Given a BSM and a later copy of it, both twice and at once, then the new bag begins once."""
    await receive(airline, CHECKED_IN, DELIVERED, at=FIRST_RECEIPT)
    later = USED_SOON.replace("261200", "261201")
    await asyncio.gather(*(receive(airline, text) for text in (USED_SOON, later, USED_SOON, later)))
    assert [(state, name) for state, name, _, _ in await bags(airline)] == [
        ("DELIVERED", "VIEJO"),
        ("ACCEPTED", "NUEVO"),
    ]


async def test_the_outbox_names_both_bags(airline: Builder) -> None:
    """Given a new bag under a used tag, then the graph learns the end of the old window too."""
    await receive(airline, CHECKED_IN, DELIVERED, at=FIRST_RECEIPT)
    await airline.stores.postgres.execute("DELETE FROM outbox WHERE airline_id = $1", airline.airline_id)
    await receive(airline, USED_AGAIN, at=SECOND_RECEIPT)
    assert await replanned(airline) == {row["id"] for row in await rows(airline)}


async def test_the_outbox_names_a_bag_whose_tag_stays(airline: Builder) -> None:
    start = datetime(2025, 7, 1, tzinfo=UTC)
    for days in (0, 25):
        await airline.record(airline.scan(NUMBER, "POSITION", "PTY", start + timedelta(days=days)))
    await airline.stores.postgres.execute("DELETE FROM outbox WHERE airline_id = $1", airline.airline_id)
    await airline.record(airline.scan(NUMBER, "POSITION", "PTY", start + timedelta(days=50)))
    assert await replanned(airline) == {row["id"] for row in await rows(airline)}


async def test_three_journeys_in_one_text_are_three_bags(airline: Builder) -> None:
    delivered = DELIVERED.replace("/24NOV/1900Z", "/26NOV/1300Z").replace("DL901/24NOV/MIA", "DL477/26NOV/JFK")
    third = USED_SOON.replace("261200", "261500").replace("DL477/26NOV", "DL479/27NOV").replace("NUEVO", "OTRO")
    third = third.replace("QG2G2G", "QG3G3G")
    texts = [CHECKED_IN, DELIVERED, USED_SOON, delivered, third]
    assert (await receive(airline, *texts)).messages == 5
    assert [(state, name) for state, name, _, _ in await bags(airline)] == [
        ("DELIVERED", "VIEJO"),
        ("DELIVERED", "NUEVO"),
        ("ACCEPTED", "OTRO"),
    ]


async def test_a_text_of_many_bookings_of_one_tag_is_stored_in_parts(airline: Builder) -> None:
    """Given sixty messages that alternate between bookings, then each is stored in its own transaction, once."""
    texts = [CHECKED_IN.replace("241000", f"2410{n:02d}").replace("QG1G1G", f"QG{n:02d}XX") for n in range(60)]
    with count_statements() as counted:
        stored = await receive(airline, *texts, at=FIRST_RECEIPT)
    assert (stored.messages, stored.dead_letters) == (60, 0)
    assert counted.names.count("BEGIN") == 1 + 60
    assert len(await bags(airline)) == 1


async def test_a_deleted_bag_gives_its_tag_back(airline: Builder) -> None:
    again = USED_AGAIN.replace("291200", "241200").replace("29NOV", "24NOV")
    await receive(airline, CHECKED_IN, DELETED, at=FIRST_RECEIPT)
    await receive(airline, again, at=FIRST_RECEIPT)
    assert [(state, name) for state, name, _, _ in await bags(airline)] == [("DELETED", "VIEJO"), ("ACCEPTED", "NUEVO")]


@pytest.mark.parametrize(("sent", "count"), [("261200", 1), ("291200", 2)])
async def test_a_journey_ends_72_hours_after_its_last_planned_flight(airline: Builder, sent: str, count: int) -> None:
    """Given a bag without a delivery scan, when the next journey begins, then it is new after 72 hours only."""
    await receive(airline, CHECKED_IN, at=FIRST_RECEIPT)
    await receive(airline, USED_AGAIN.replace("291200", sent), at=SECOND_RECEIPT)
    assert len(await bags(airline)) == count


async def test_names_count_where_a_locator_is_missing(world: World) -> None:
    for name, count in [("NUEVO/JUANMR", 2), ("VIEJO/ANA", 1), ("VIEJO", 1), ("VIEJO/BEA", 2)]:
        airline = await world.another_airline()
        await receive(airline, CHECKED_IN, DELIVERED)
        await receive(airline, USED_SOON.replace("NUEVO/JUANMR", name).replace(".L/QG2G2G\n", ""))
        assert len(await bags(airline)) == count, name


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("QG2G2G", "QG1G1G"),  # the same booking
        (
            ".JFKKMDL 291200\nBSM\n.V/1LJFK\n.F/DL477/29NOV",
            ".MIAKMDL 261200\nBSM\n.V/1LMIA\n.F/DL901/24NOV",
        ),
        (".V/1LJFK", ".V/1TJFK"),  # no first station
        ("BSM\n.V", "BSM\nCHG\n.V"),
        (".S/Y\n", ".S/Y\n.E/RUSH\n"),
        (".JFKKMDL 291200", ".JFKKMDL 241200"),  # sent before the delivery
    ],
)
async def test_other_messages_begin_no_new_bag(airline: Builder, old: str, new: str) -> None:
    await receive(airline, CHECKED_IN, DELIVERED, at=FIRST_RECEIPT)
    changed = USED_AGAIN.replace(old, new)
    assert changed != USED_AGAIN
    stored = await receive(airline, changed, at=SOON if "24NOV" in changed else SECOND_RECEIPT)
    assert stored.messages == 1
    assert len(await bags(airline)) == 1


async def test_texts_without_origin_lines_begin_new_bags_too(world: World) -> None:
    """Given a second flight so soon that its assumed time lies before the delivery, then likewise."""
    for day, received_at in (("29NOV", SECOND_RECEIPT), ("26NOV", FIRST_RECEIPT + timedelta(days=1))):
        airline = await world.another_airline()
        again = untimed(USED_AGAIN).replace("29NOV", day)
        await receive(airline, untimed(CHECKED_IN), DELIVERED, at=FIRST_RECEIPT)
        await receive(airline, again, at=received_at)
        assert await bags(airline) == [OLD, NEW]
        before = await rows(airline)
        await receive(airline, again, at=received_at + timedelta(hours=1))
        await receive(airline, LOADED_AGAIN.replace("26NOV", day), at=SECOND_RECEIPT + timedelta(hours=4))
        after = await rows(airline)
        assert [row["id"] for row in after] == [row["id"] for row in before]
        assert [row["state"] for row in after] == ["DELIVERED", "LOADED"]


async def test_a_late_scan_of_the_old_journey_stays_with_it(airline: Builder) -> None:
    """Given a new bag whose assumed time lies before the delivery, then its tag begins after the delivery."""
    again = untimed(USED_AGAIN).replace("29NOV", "26NOV")
    await receive(airline, CHECKED_IN, DELIVERED, at=FIRST_RECEIPT)
    await receive(airline, again, at=FIRST_RECEIPT + timedelta(days=1))
    await receive(airline, DELIVERED.replace("/H/", "/G/").replace("1900Z", "1840Z"))
    first, second = await rows(airline)
    assert (first["events"], second["events"]) == (["ACCEPTED", "AT_CLAIM", "DELIVERED"], ["ACCEPTED"])


# Which bag a message without an origin line means: the one that carries the tag at its receipt (docs/DOMAIN.md#rule-2)

WITHDRAWAL = """\
BSM
CHG
.V/1LJFK
.F/DL477/29NOV/PTY
.N/0006775001001
.S/N
ENDBSM
"""
UNLOADED = WITHDRAWAL.replace("CHG\n", "").replace(".S/N\n", "").replace("BSM", "BUM")
DELETION = WITHDRAWAL.replace("CHG", "DEL").replace(".S/N\n", "")
ONWARD = """\
BSM
.V/1TPTY
.F/DL500/29NOV/BOG/Y
.I/DL477/29NOV/JFK/Y
.N/0006775001001
.S/N
.P/1NUEVO/JUANMR
.L/QG2G2G
ENDBSM
"""
SAID = """
SELECT bags.state, bags.authorised, surname,
       ARRAY(SELECT said ->> 'change' FROM instructions WHERE bag_id = bags.id ORDER BY received_at) AS said
FROM bags
LEFT JOIN passengers ON passengers.id = passenger_id
WHERE bags.airline_id = $1
ORDER BY bags.id
"""


async def said(airline: Builder) -> list[tuple[str, bool | None, str | None, list[str]]]:
    """State, authority, surname and instructions of each bag, the first one first."""
    found = await airline.stores.postgres.fetch(SAID, airline.airline_id)
    return [(row["state"], row["authorised"], row["surname"], row["said"]) for row in found]


@pytest.mark.parametrize("new", [USED_AGAIN, untimed(USED_AGAIN)])
@pytest.mark.parametrize(
    ("text", "state", "change"),
    [
        (DELETION, "DELETED", "DEL"),
        (WITHDRAWAL, "ACCEPTED", "CHG"),
        (WITHDRAWAL.replace(".F/DL477/29NOV/PTY\n", ""), "ACCEPTED", "CHG"),
        (UNLOADED, "ACCEPTED", "NEW"),
        (ONWARD, "ACCEPTED", "NEW"),
    ],
)
async def test_an_untimed_message_means_the_bag_that_carries_the_tag(
    airline: Builder, new: str, text: str, state: str, change: str
) -> None:
    """Given a used tag, then an instruction without origin line is the new bag's, also when the log is read again."""
    log = [
        (CHECKED_IN + DELIVERED, FIRST_RECEIPT),
        (new, SECOND_RECEIPT),
        (text, SECOND_RECEIPT + timedelta(minutes=30)),
    ]
    for again in range(2):
        for part, at in log:
            stored = await receive(airline, part, at=at)
            assert (stored.messages == 0) is bool(again)
        assert await said(airline) == [
            ("DELIVERED", True, "VIEJO", ["NEW"]),
            (state, False, "NUEVO", ["NEW", change]),
        ]


async def test_what_was_said_of_the_old_bag_stays_with_it(airline: Builder) -> None:
    """Given a change of the old bag after its last scan, when the log is read again, then nothing moves."""
    change = WITHDRAWAL.replace("1LJFK", "1LMIA").replace("DL477/29NOV/PTY", "DL901/24NOV/PTY")
    for _ in range(2):
        await receive(airline, CHECKED_IN, DELIVERED, at=FIRST_RECEIPT)
        await receive(airline, change, at=FIRST_RECEIPT + timedelta(hours=1))
        await receive(airline, untimed(USED_SOON), at=SOON)
        assert await said(airline) == [
            ("DELIVERED", False, "VIEJO", ["NEW", "CHG"]),
            ("ACCEPTED", True, "NUEVO", ["NEW"]),
        ]


async def test_the_same_text_counts_again_for_the_next_bag(airline: Builder) -> None:
    """Given one text of two journeys, then it takes effect for each, and is counted each time."""
    change = WITHDRAWAL.replace(".F/DL477/29NOV/PTY\n", "").replace("1LJFK", "1LMIA")
    await receive(airline, CHECKED_IN, DELIVERED, at=FIRST_RECEIPT)
    first = await receive(airline, change, at=FIRST_RECEIPT + timedelta(minutes=1))
    await receive(airline, USED_AGAIN, at=SECOND_RECEIPT)
    second = await receive(airline, change, at=SECOND_RECEIPT + timedelta(minutes=1))
    third = await receive(airline, change, at=SECOND_RECEIPT + timedelta(minutes=1))
    assert (first.messages, second.messages, third.messages) == (1, 1, 0)
    assert await said(airline) == [
        ("DELIVERED", False, "VIEJO", ["NEW", "CHG"]),
        ("ACCEPTED", False, "NUEVO", ["NEW", "CHG"]),
    ]


async def test_scans_before_the_receipt_of_a_new_bag_are_the_new_bags(airline: Builder) -> None:
    """Given one text of two journeys without origin lines, then each bag has its scans."""
    await receive(airline, untimed(CHECKED_IN), DELIVERED, untimed(USED_SOON), LOADED_AGAIN, at=SOON)
    assert await bags(airline) == [OLD, ("LOADED", "NUEVO", [477], ["ACCEPTED", "LOADED"])]


@pytest.mark.parametrize(("text", "state"), [(DELETION, "DELETED"), (WITHDRAWAL, "ACCEPTED"), (UNLOADED, "ACCEPTED")])
async def test_a_flight_in_two_months_is_of_the_bag_that_is_known(airline: Builder, text: str, state: str) -> None:
    later = "29JAN"
    await receive(airline, USED_AGAIN.replace("29NOV", later), at=SECOND_RECEIPT)
    await receive(airline, text.replace("29NOV", later), at=SECOND_RECEIPT + timedelta(minutes=5))
    [(found, authorised, _, instructions)] = await said(airline)
    assert (found, authorised, len(instructions)) == (state, False, 2)


async def test_an_untimed_message_after_the_life_of_a_tag_begins_a_new_bag(world: World) -> None:
    """Given a tag last seen 32 days before, then a BSM of a transfer is of another bag, with an origin line or not."""
    for origin in ("", ".PTYKMDL 291200\n"):
        airline = await world.another_airline()
        old = CHECKED_IN.replace("241000", "281000").replace("24NOV", "28OCT")
        await receive(airline, old, at=FIRST_RECEIPT - timedelta(days=27))
        await receive(airline, origin + ONWARD, at=SECOND_RECEIPT)
        assert [(state, name) for state, _, name, _ in await said(airline)] == [
            ("ACCEPTED", "VIEJO"),
            ("EXPECTED", "NUEVO"),
        ]


@pytest.mark.parametrize(("days", "count"), [(27, 1), (29, 1), (31, 2)])
async def test_the_life_of_a_tag_counts_from_the_receipt_of_an_untimed_message(
    airline: Builder, days: int, count: int
) -> None:
    """Given 25 days between a first scan and the message, then the tag's window is extended from the receipt."""
    await airline.record(airline.scan(NUMBER, "POSITION", "MIA", SECOND_RECEIPT - timedelta(days=25)))
    await receive(airline, untimed(USED_AGAIN), at=SECOND_RECEIPT)
    await airline.record(airline.scan(NUMBER, "POSITION", "PTY", SECOND_RECEIPT + timedelta(days=days)))
    assert len(await bags(airline)) == count


@pytest.mark.parametrize(("days", "count"), [(-29, 1), (29, 1), (31, 2)])
async def test_the_first_untimed_message_opens_the_window_at_its_receipt(
    airline: Builder, days: int, count: int
) -> None:
    await receive(airline, untimed(USED_AGAIN), at=SECOND_RECEIPT)
    await airline.record(airline.scan(NUMBER, "POSITION", "PTY", SECOND_RECEIPT + timedelta(days=days)))
    assert len(await bags(airline)) == count


async def test_a_tag_that_another_transaction_took_is_a_conflict(airline: Builder) -> None:
    """Given a bag that lost its tag since it was found, then the batch is repeated."""
    await receive(airline, CHECKED_IN, DELIVERED, at=FIRST_RECEIPT)
    await receive(airline, USED_SOON)
    old, _ = await rows(airline)
    sent = datetime(2025, 11, 26, 13, tzinfo=UTC)
    check_in = Instruction(
        tag=NUMBER,
        kind=MessageKind.BSM,
        change=InstructionAction.NEW,
        at=sent,
        airport="MIA",
        source=Source.LOCAL,
        locator="QG3G3G",
    )
    async with airline.stores.postgres.transaction() as records:
        with pytest.raises(Conflict):
            await begin_journeys(
                records, airline.airline_id, [CheckIn(uuid4(), check_in, old["id"], None, follows=False)]
            )


async def test_before_the_delivery_is_known_the_tag_means_the_old_bag(airline: Builder) -> None:
    """A documented limit: a new journey is recognised by what is stored when its message comes in."""
    soon = USED_AGAIN.replace("291200", "251200").replace("29NOV", "25NOV")
    await receive(airline, CHECKED_IN, at=FIRST_RECEIPT)
    await receive(airline, soon)
    await receive(airline, DELIVERED)
    assert len(await bags(airline)) == 1


# Open PIRs and last sightings


async def test_a_tag_in_an_open_pir_stays_its_bags(airline: Builder) -> None:
    await receive(airline, CHECKED_IN, DELIVERED, at=FIRST_RECEIPT)
    await airline.stores.postgres.execute(OPEN_PIR, airline.airline_id)
    await receive(airline, USED_SOON)
    assert len(await bags(airline)) == 1


async def test_a_closed_pir_frees_the_tag(airline: Builder) -> None:
    await receive(airline, CHECKED_IN, DELIVERED, at=FIRST_RECEIPT)
    await airline.stores.postgres.execute(OPEN_PIR, airline.airline_id)
    await airline.stores.postgres.execute(CLOSE_PIR, airline.airline_id)
    await receive(airline, USED_AGAIN, at=SECOND_RECEIPT)
    assert await bags(airline) == [OLD, NEW]


@pytest.mark.parametrize(("is_open", "count"), [(True, 1), (False, 2)])
async def test_an_open_pir_keeps_the_tag_beyond_30_days(airline: Builder, is_open: bool, count: int) -> None:
    await receive(airline, CHECKED_IN, at=FIRST_RECEIPT)
    await airline.stores.postgres.execute(OPEN_PIR, airline.airline_id)
    if not is_open:
        await airline.stores.postgres.execute(CLOSE_PIR, airline.airline_id)
    await airline.record(airline.scan(NUMBER, "ON_HAND", "PTY", FIRST_RECEIPT + timedelta(days=60)))
    assert len(await bags(airline)) == count


@pytest.mark.parametrize(
    ("days", "count"),
    [([0, 25, 50], 1), ([0, 29, 58, 87], 1), ([0, 25, 54, 85], 2), ([0, 31], 2), ([0, 20, 51, 70], 2)],
)
async def test_a_tag_belongs_to_its_bag_within_30_days_of_its_last_sighting(
    world: World, days: Sequence[int], count: int
) -> None:
    """Scan by scan and in one batch of any order; repeated scans find the same bags."""
    start = datetime(2025, 7, 1, tzinfo=UTC)
    expected: set[frozenset[int]] | None = None
    orders = [None, *permutations(days)][:8]
    for order in orders:
        airline = await world.another_airline()
        made = {day: airline.scan(NUMBER, "POSITION", "PTY", start + timedelta(days=day)) for day in days}
        if order is None:
            for day in days:
                await airline.record(made[day])
        else:
            await airline.record(*(made[day] for day in order))
        again = {day: (await airline.record(made[day]))[0].bag_id for day in days}
        groups = {frozenset(day for day in days if again[day] == bag_id) for bag_id in set(again.values())}
        assert len(groups) == count
        expected = expected or groups
        assert groups == expected


# Statements


@pytest.mark.parametrize("number", [2, 30])
async def test_statements_do_not_grow_with_used_tags(airline: Builder, number: int) -> None:
    def texts(text: str) -> Sequence[str]:
        return [text.replace("0006775001", f"00067{n:05d}").replace("QG", f"A{n:02d}X") for n in range(number)]

    await receive(airline, *texts(CHECKED_IN), *texts(DELIVERED), at=FIRST_RECEIPT)
    with count_statements() as counted:
        await receive(airline, *texts(USED_AGAIN), at=SECOND_RECEIPT)
    again = [name for name in counted.names if name in {"TAG_CARRIERS", "END_TAGS", "INSERT_UNKNOWN_BAGS"}]
    assert again == ["TAG_CARRIERS", "END_TAGS", "INSERT_UNKNOWN_BAGS"]
    assert len(counted.names) == 35
    assert len(await bags(airline)) == 2 * number

"""Passengers of bags over the real records: one for the names that can be one person's, in any order of arrival."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from tests.world import Builder, World

NOW = datetime(2025, 11, 30, 23, 0, tzinfo=UTC)

BAGS = """
SELECT bags.tag, passenger_id, surname, given_names, title, locator, phone
FROM bags
LEFT JOIN passengers ON passengers.id = passenger_id
LEFT JOIN bookings ON bookings.id = booking_id
WHERE bags.airline_id = $1
ORDER BY bags.tag
"""


async def receive(airline: Builder, *texts: str) -> None:
    assert (await airline.ingest(*texts, at=NOW)).dead_letters == 0


async def bags(airline: Builder) -> list[dict[str, Any]]:
    return [dict(row) for row in await airline.stores.postgres.fetch(BAGS, airline.airline_id)]


async def names(airline: Builder) -> list[tuple[str, str, str | None]]:
    """Given names, title and locator of the passenger of each bag, in order of tag."""
    return [(bag["given_names"], bag["title"], bag["locator"]) for bag in await bags(airline)]


def local(tag: str, name: str, locator: str = "FX7H3K", minute: int = 0, change: str = "") -> str:
    """A message of the first station; ``tag`` with its count of three digits."""
    booked = f".L/{locator}\n" if locator else ""
    return (
        f".MIAKMCM 3014{minute:02}\nBSM\n{change}.V/1LMIA\n.F/CM335/30NOV/PTY/Y\n"
        f".N/{tag}\n.S/Y\n.P/{name}\n{booked}ENDBSM\n"
    )


def transfer(tag: str, name: str, locator: str = "FX7H3K", minute: int = 0) -> str:
    """A message of the transfer station."""
    booked = f".L/{locator}\n" if locator else ""
    return (
        f".PTYKPCM 3018{minute:02}\nBSM\n.V/1TPTY\n.I/CM335/30NOV/MIA\n.F/CM758/01DEC/GRU/Y\n"
        f".N/{tag}\n.S/Y\n.P/{name}\n{booked}ENDBSM\n"
    )


async def in_each_order(world: World, *texts: str) -> list[list[tuple[str, str, str | None]]]:
    """The passengers of the bags after each order of arrival, one message a batch and all in one batch."""
    results = []
    for order in permutations(texts):
        one_by_one, together = await world.another_airline(), await world.another_airline()
        for text in order:
            await receive(one_by_one, text)
        await receive(together, *order)
        results += [await names(one_by_one), await names(together)]
    return results


async def test_one_group_without_a_locator_is_one_passenger(airline: Builder) -> None:
    await receive(airline, local("0230773021002", "1LOMBOC/LEA", locator=""))
    first, second = await bags(airline)
    assert first["passenger_id"] == second["passenger_id"]
    assert (first["surname"], first["given_names"], first["locator"]) == ("LOMBOC", "LEA", None)


@pytest.mark.parametrize("locator", ["8KX2P", "FX7H3K", "ABCD123", "AB", "TICKET2301234567890"])
async def test_one_group_is_one_passenger_whatever_its_locator_looks_like(airline: Builder, locator: str) -> None:
    await receive(airline, local("0230773021003", "1LOMBOC/LEA", locator))
    found = await bags(airline)
    assert len({bag["passenger_id"] for bag in found}) == 1
    assert {bag["locator"] for bag in found} == {locator if 5 <= len(locator) <= 7 else None}


async def test_two_groups_without_a_locator_are_strangers(airline: Builder) -> None:
    await receive(airline, local("0230773021001", "1GARCIA/ANA", ""), local("0230773022001", "1GARCIA/ANA", "", 1))
    first, second = await bags(airline)
    assert first["passenger_id"] != second["passenger_id"]


async def test_an_initial_after_the_full_name_is_the_same_passenger(airline: Builder) -> None:
    """A passenger with contacts keeps the bag, and a further bag under the initial is theirs."""
    phone = "+12025550114"
    await airline.passenger("sofia", "FX7H3K", "Ferreira", "Sofía", None, None, None, "ES", phone, None)
    await receive(airline, local("0230778200001", "1FERREIRA/SOFIAMRS"))
    await receive(airline, transfer("0230778200001", "1FERREIRA/S"), transfer("0230778201001", "1FERREIRA/S", minute=1))
    found = await bags(airline)
    assert [(bag["given_names"], bag["title"], bag["phone"]) for bag in found] == [("Sofía", "MRS", phone)] * 2
    assert len({bag["passenger_id"] for bag in found}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ØDEGÅRD/ÅSE", "OEDEGAARD/AASE"),
        ("ODEGARD/ASE", "ØDEGÅRD/ÅSE"),
        ("MÜLLER/JÜRGEN", "MUELLER/JUERGEN"),
        ("李/明", "LI/MING"),
        ("Мусоргский/Модест", "MUSORGSKIY/MODEST"),
    ],
)
async def test_transliterations_of_one_name_are_one_passenger(airline: Builder, one: str, other: str) -> None:
    await receive(airline, local("0230778200001", f"1{one}"), transfer("0230778201001", f"1{other}"))
    found = await bags(airline)
    assert len(found) == 2
    assert len({bag["passenger_id"] for bag in found}) == 1


async def test_another_locator_moves_no_bag_away_from_contacts(airline: Builder) -> None:
    phone = "+12025550114"
    await airline.passenger("sofia", "FX7H3K", "Ferreira", "Sofía", None, None, None, "ES", phone, None)
    await receive(airline, local("0230778200001", "1FERREIRA/SOFIA"))
    await receive(airline, transfer("0230778200001", "1FERREIRA/SOFIA", "DL4K7P"))
    assert [(bag["phone"], bag["locator"]) for bag in await bags(airline)] == [(phone, "FX7H3K")]


async def test_a_corrected_name_is_another_passenger(airline: Builder) -> None:
    await receive(airline, local("0230778200001", "1FERREIRA/SOFIA"))
    await receive(airline, local("0230778200001", "1PONCE/ANA", minute=9, change="CHG\n"))
    assert [(bag["surname"], bag["given_names"]) for bag in await bags(airline)] == [("PONCE", "ANA")]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (
            [local("0230778200001", "1FERREIRA/SOFIAMRS"), transfer("0230778200001", "1FERREIRA/S")],
            [("SOFIA", "MRS", "FX7H3K")],
        ),
        (
            [local("0230778200001", "1FERREIRA/S"), transfer("0230778200001", "1FERREIRA/SOFIA MARIAMRS")],
            [("SOFIA MARIA", "MRS", "FX7H3K")],
        ),
        (
            [local("0230778200001", "1FERREIRA"), local("0230778201001", "1FERREIRA/SOFIAMS", minute=1)],
            [("SOFIA", "MS", "FX7H3K")] * 2,
        ),
        (
            [local("0230778200001", "2PAGE/LEA/BEN"), local("0230778201001", "1PAGE/BEN", minute=1)],
            [("LEA", "", "FX7H3K"), ("BEN", "", "FX7H3K")],
        ),
        (
            [local("0230778200002", "1PAGE/LEA", ""), local("0230778200001", "1PAGE/LEA", minute=9, change="CHG\n")],
            [("LEA", "", "FX7H3K")] * 2,
        ),
        (
            [local("0230778200001", "1PAGE/LEA", "QG1G1G"), transfer("0230778200001", "1PAGE/LEA", "QG2G2G")],
            [("LEA", "", "QG2G2G")],
        ),
        (
            [
                local("0230778200001", "1PAGE/L"),
                local("0230778201001", "1PAGE/LEA", minute=1),
                transfer("0230778200001", "1PAGE/LEA ANN"),
            ],
            [("LEA ANN", "", "FX7H3K")] * 2,
        ),
    ],
)
async def test_the_order_of_arrival_has_no_influence(
    world: World, texts: Sequence[str], expected: list[tuple[str, str, str | None]]
) -> None:
    results = await in_each_order(world, *texts)
    assert results == [expected] * len(results)


THE_DAY = datetime(2025, 11, 23, 23, 0, tzinfo=UTC)
WITHOUT_LOCATOR = """.PTYKPCM 231922
BSM
.V/1LPTY
.F/CM758/24NOV/GRU/Y
.N/0230773021002
.P/1LOMBOC/LEA
.N/0230773023001
.P/1LOMBOC/LEA
ENDBSM
"""
NAMED = """.{station}KMCM {at}
BSM
.V/1{source}{station}
.F/CM758/24NOV/GRU/Y
.N/0230778200001
.P/1{name}
{locator}
ENDBSM
"""


async def on_its_day(airline: Builder, *texts: str) -> None:
    assert (await airline.ingest(*texts, at=THE_DAY)).dead_letters == 0


def named(name: str, at: str = "231400", locator: str = "FX7H3K", station: str = "PTY", source: str = "L") -> str:
    text = NAMED.format(name=name, at=at, station=station, source=source, locator=f".L/{locator}" if locator else "")
    return text.replace("\n\n", "\n")


async def test_one_passenger_of_a_message_without_a_locator(airline: Builder) -> None:
    """``docs/DOMAIN.md#rule-18``: the tags of one ``.P`` have one passenger, another ``.P`` is another person."""
    await on_its_day(airline, WITHOUT_LOCATOR)
    found = await bags(airline)
    await on_its_day(airline, WITHOUT_LOCATOR.replace("231922", "231923"))
    first, second, stranger = [one["passenger_id"] for one in found]

    assert first == second != stranger
    assert {(one["surname"], one["locator"]) for one in found} == {("LOMBOC", None)}
    assert await bags(airline) == found


@pytest.mark.parametrize("locator", ["FX7H3", "FX7H3K", "FX7H3KZ"])
async def test_locators_of_5_to_7_signs_are_kept(airline: Builder, locator: str) -> None:
    await on_its_day(airline, named("FERREIRA/SOFIAMRS", locator=locator))
    [person] = await bags(airline)
    assert (person["locator"], person["given_names"], person["title"]) == (locator, "SOFIA", "MRS")


async def test_names_of_one_person_in_any_order_are_one_passenger(world: World) -> None:
    """Given a full name, an initial and a surname alone, the passenger has the full name in any order of arrival."""
    texts = [named("FERREIRA/SOFIAMRS"), named("FERREIRA/S", "231801"), named("FERREIRA", "231802", locator="")]
    for order in permutations(texts):
        airline = await world.another_airline()
        for text in order:
            await on_its_day(airline, text)
        [bag] = await bags(airline)
        assert (bag["surname"], bag["given_names"], bag["title"]) == ("FERREIRA", "SOFIA", "MRS"), order
        assert bag["locator"] == "FX7H3K", order
        sql = "SELECT count(*) FROM passengers WHERE airline_id = $1"
        assert await airline.stores.postgres.fetchval(sql, airline.airline_id) == 1, order


@pytest.mark.parametrize("name", ["FERREIRA/S", "FERREIRA", "FERREIRA/SOFMRS", "FERREIRO/SOFIAMRS", "FERREIRA/JOAOMR"])
async def test_a_bag_stays_with_the_passenger_who_can_be_reached(airline: Builder, name: str) -> None:
    await airline.passenger("one", "FX7H3K", "Ferreira", "Sofía", None, None, None, "PT", "+12025550114", None)
    await on_its_day(airline, named("FERREIRA/SOFIAMRS"))
    await on_its_day(airline, named(name, "231800", station="MIA", source="T"))
    [person] = await bags(airline)
    assert (person["passenger_id"], person["surname"]) == (airline.passengers["one"], "Ferreira")
    assert (person["given_names"], person["title"], person["phone"]) == ("Sofía", "MRS", "+12025550114")


async def test_a_message_of_another_booking_moves_the_bag(airline: Builder) -> None:
    await airline.passenger("one", "FX7H3K", "Ferreira", "Sofía", None, None, None, "PT", "+12025550114", None)
    await on_its_day(airline, named("FERREIRA/SOFIAMRS"))
    await on_its_day(airline, named("ROJAS/EVA", "231800", locator="QB2B2B"))
    [person] = await bags(airline)
    assert (person["surname"], person["locator"], person["phone"]) == ("ROJAS", "QB2B2B", None)

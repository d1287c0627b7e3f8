"""Itinerary of a bag, merged from its messages: order, chains, flights that are named twice."""

from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from integrations.records.events import FlightKey
from integrations.records.instructions import (
    BagInstruction,
    Instruction,
    InstructionAction,
    MessageKind,
    NamedFlight,
    Receipt,
    Source,
)
from resolvers.rules.itinerary import add_receipts, merge_instructions, sort_instructions

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
TAG, RUSH = "0230771001", "2230771001"


def flight(text: str) -> NamedFlight:
    """Reads ``CM758 PTY-GRU`` with an optional day of December, such as ``CM758 PTY-GRU 2``; the first otherwise."""
    designator, route, *day = text.split()
    origin, destination = route.split("-")
    departure = date(2026, 12, int(day[0]) if day else 1)
    return NamedFlight(FlightKey(designator[:2], int(designator[2:]), "", departure, origin), destination)


def said(station: str, *onward: str, minute: int = 0, inbound: str = "", tag: str = TAG, **more: Any) -> Instruction:
    """A BSM of a station: outbound and onward flights."""
    named = [flight(text) for text in onward]
    values: dict[str, Any] = {
        "kind": MessageKind.BSM,
        "change": InstructionAction.NEW,
        "at": NOON + timedelta(minutes=minute),
        "source": Source.LOCAL,
        "outbound": named[0] if named else None,
        "onward": tuple(named[1:]),
        "inbound": flight(inbound) if inbound else None,
    }
    return Instruction(tag=tag, airport=station, **values | more)


def received(*instructions: Instruction) -> list[BagInstruction]:
    return [BagInstruction(1, UUID(int=n), one, Receipt(NOON, n)) for n, one in enumerate(instructions, start=1)]


def legs(*instructions: Instruction) -> list[str]:
    """The planned legs, the same in any order of arrival."""
    found = {
        tuple(
            f"{leg.flight.key.carrier}{leg.flight.key.number} {leg.flight.key.origin}-{leg.flight.destination}"
            for leg in merge_instructions(sort_instructions(order)).legs
        )
        for order in permutations(received(*instructions))
    }
    assert len(found) == 1
    return list(found.pop())


MIA_GRU = said("MIA", "CM335 MIA-PTY", "CM758 PTY-GRU")


@pytest.mark.parametrize(
    ("instructions", "expected"),
    [
        ([said("PTY", "CM758 PTY-GRU", "CM758 GRU-GRU")], ["CM758 PTY-GRU"]),
        ([said("PTY", "CM758 PTY-PTY")], []),
        ([said("PTY", "CM758 PTY-GRU", inbound="CM335 PTY-PTY")], ["CM758 PTY-GRU"]),
        ([said("PTY", "CM123 PTY-BOG", "CM123 BOG-LIM")], ["CM123 PTY-LIM"]),
        ([said("PTY", "CM123 PTY-BOG", inbound="CM123 MIA-PTY")], ["CM123 MIA-BOG"]),
        ([said("PTY", "CM123 PTY-BOG", "CM123 BOG-LIM 2")], ["CM123 PTY-BOG", "CM123 BOG-LIM"]),
        ([said("PTY", "CM123 PTY-BOG", "CM123 BOG-PTY")], ["CM123 PTY-BOG", "CM123 BOG-PTY"]),
        ([said("PTY", "CM123 PTY-BOG", "CM123 BOG-BOG", "CM9 BOG-LIM")], ["CM123 PTY-BOG", "CM9 BOG-LIM"]),
    ],
)
def test_a_flight_named_twice_is_one_leg_and_no_leg_goes_to_its_own_airport(
    instructions: list[Instruction], expected: list[str]
) -> None:
    """``docs/DOMAIN.md#rule-5``."""
    assert legs(*instructions) == expected


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (["CM702 PTY-GRU 2"], ["CM335 MIA-PTY", "CM702 PTY-GRU"]),
        (["CM411 PTY-BOG 2", "CM89 BOG-GRU 2"], ["CM335 MIA-PTY", "CM411 PTY-BOG", "CM89 BOG-GRU"]),
        (["CM337 MIA-PTY 2", "CM702 PTY-GRU 2"], ["CM337 MIA-PTY", "CM702 PTY-GRU"]),
        (["LA8 MIA-GRU 2"], ["LA8 MIA-GRU"]),
        (["CM89 BOG-GRU 2"], ["CM335 MIA-PTY", "CM89 BOG-GRU"]),
        (["CM759 GRU-PTY 2", "CM334 PTY-MIA 2"], ["CM335 MIA-PTY", "CM758 PTY-GRU", "CM759 GRU-PTY", "CM334 PTY-MIA"]),
        (["AA1 LIM-SCL 2"], ["CM335 MIA-PTY", "CM758 PTY-GRU", "AA1 LIM-SCL"]),
    ],
)
def test_a_rush_itinerary_replaces_what_was_planned_beyond_its_station(new: list[str], expected: list[str]) -> None:
    """``docs/DOMAIN.md#rule-19``."""
    rush = said(new[0].split()[1][:3], *new, minute=60, tag=RUSH, exceptions=("RUSH",), original_tag=TAG)
    assert legs(MIA_GRU, rush) == expected
    once = merge_instructions(sort_instructions(received(MIA_GRU, rush))).once_planned
    assert [one.key.number for one in once[:2]] == [335, 758]


@pytest.mark.parametrize(
    ("instructions", "expected"),
    [
        (
            [MIA_GRU, said("PTY", "CM411 PTY-BOG", "CM89 BOG-GRU", minute=9)],
            ["CM335 MIA-PTY", "CM411 PTY-BOG", "CM89 BOG-GRU"],
        ),
        (
            [
                said("PTY", "CM758 PTY-GRU", inbound="CM335 MIA-PTY"),
                said("MIA", "AV1 MIA-BOG", "AV2 BOG-GRU", minute=9),
            ],
            ["AV1 MIA-BOG", "AV2 BOG-GRU"],
        ),
        (
            [
                said("MIA", "CM335 MIA-PTY", "CM758 PTY-GRU", "G31 GRU-EZE"),
                said("GRU", "G31 GRU-EZE", minute=1),
                said("PTY", "CM5 PTY-EZE", minute=9),
            ],
            ["CM335 MIA-PTY", "CM5 PTY-EZE"],
        ),
        ([said("MIA", "CM335 MIA-PTY"), said("GRU", "G31 GRU-EZE", minute=1)], ["CM335 MIA-PTY", "G31 GRU-EZE"]),
        ([MIA_GRU, said("BOG", "AV2 BOG-GRU 2", minute=99)], ["CM335 MIA-PTY", "AV2 BOG-GRU"]),
    ],
)
def test_a_rebooked_itinerary_is_one_chain(instructions: list[Instruction], expected: list[str]) -> None:
    """``docs/DOMAIN.md#rule-19``."""
    assert legs(*instructions) == expected


def test_of_instructions_that_nothing_orders_the_one_that_withholds_counts() -> None:
    """``docs/DOMAIN.md#rule-15``: whatever their digests."""
    for first, second in permutations((True, False)):
        both = [said("PTY", "CM758 PTY-GRU", authorised=authorised) for authorised in (first, second)]
        same = [one._replace(received=Receipt(NOON, 1)) for one in received(*both)]
        assert merge_instructions(sort_instructions(same)).authorised is False


@pytest.mark.parametrize(
    ("texts", "authorised"),
    [
        ("NY", True),
        ("YN", False),
        ("Y N", False),
        ("N Y", False),
        ("YN Y", False),
        ("NY Y", True),
        ("NY YN", False),
        ("YNY NY", True),
        ("N- Y", False),
    ],
)
def test_a_line_decides_only_within_its_text(texts: str, authorised: bool) -> None:
    """Given texts of one receipt, then the one that withholds the bag counts (``docs/DOMAIN.md#rule-15``)."""
    said_so = {
        letter: said("PTY", "CM758 PTY-GRU", authorised=authorised)
        for letter, authorised in {"Y": True, "N": False, "-": None}.items()
    }
    for order in permutations(texts.split()):
        of_bag = [
            BagInstruction(1, UUID(int=10 * text + line), said_so[letter], Receipt(NOON, 10 - text + line, text))
            for text, letters in enumerate(order)
            for line, letter in enumerate(letters)
        ]
        for instructions in (of_bag, of_bag[::-1]):
            assert merge_instructions(sort_instructions(instructions)).authorised is authorised, order


@pytest.mark.parametrize(
    ("log", "deleted"),
    [("ADA", False), ("A DA", False), ("AD A", True), ("A D A", True), ("A DA ADA", False), ("AD AD", True)],
)
def test_texts_of_one_receipt_reinstate_a_bag_by_their_own_lines(log: str, deleted: bool) -> None:
    """``docs/DOMAIN.md#rule-3``: also when the texts are read again."""
    added = said("PTY", "CM758 PTY-GRU", assumed=True)
    taken = said("PTY", "CM758 PTY-GRU", assumed=True, change=InstructionAction.DEL)
    texts = {"A": (UUID(int=1), added), "D": (UUID(int=2), taken)}
    receipts = [
        BagInstruction(1, *texts[letter], Receipt(NOON, line, text))
        for text, letters in enumerate(log.split(), start=1)
        for line, letter in enumerate(letters, start=1)
    ]
    stored: list[BagInstruction] = []
    for _ in range(2):
        for one in receipts:
            stored = list(add_receipts(stored, [one]).instructions)
        assert merge_instructions(sort_instructions(stored)).deleted is deleted


def test_receipts_give_the_same_order_however_they_arrive() -> None:
    """``docs/DOMAIN.md#rule-3``."""
    added = said("PTY", "CM758 PTY-GRU", assumed=True)
    deleted = said("PTY", "CM758 PTY-GRU", assumed=True, change=InstructionAction.DEL)
    texts = {"A": (UUID(int=1), added), "D": (UUID(int=2), deleted)}
    for log, state in {"ADA": False, "ADAD": True, "AAD": True, "ADDA": False, "DA": False, "ADAA": False}.items():
        log_receipts = [
            BagInstruction(1, *texts[letter], Receipt(NOON + timedelta(minutes=minute), 1))
            for minute, letter in enumerate(log)
        ]
        for order in permutations(log_receipts):
            stored: list[BagInstruction] = []
            for one in order:
                stored = list(add_receipts(stored, [one]).instructions)
            assert len(stored) == len(set(log))
            assert merge_instructions(sort_instructions(stored)).deleted is state, log


def test_a_locator_that_cannot_be_read_replaces_none() -> None:  # docs/DOMAIN.md#rule-18
    first, damaged = said("MIA", locator="44CAGG"), said("MIA", minute=1, locator="-4CAGG")
    assert merge_instructions([first, damaged]).locator == "44CAGG"

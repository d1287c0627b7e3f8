"""The generated day: its required properties, and equal bytes for equal seeds."""

import re
from collections.abc import Mapping
from datetime import date
from itertools import groupby, pairwise
from pathlib import Path

import pytest

from benchmarks.bank.recount import ExpectedBag, recounted
from benchmarks.bank.sending import pieces
from benchmarks.bank.writing import SHUFFLED_SECONDS, Bank, WrittenMessages

DAY = date(2026, 11, 15)
BAGS = 2_000


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("writing") / "day.txt"


@pytest.fixture(scope="module")
def written(file: Path) -> WrittenMessages:
    return Bank(DAY, 1, BAGS).write(file)


@pytest.fixture(scope="module")
def bags(file: Path, written: WrittenMessages) -> Mapping[str, ExpectedBag]:
    return {bag.tag: bag for bag in recounted(file).bags()}


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        Bank(DAY, seed, 100).write(tmp_path / name)
    one, repeated, other = ((tmp_path / name).read_bytes() for name in ("one", "again", "other"))
    assert one == repeated
    assert one != other


def test_the_counts_are_those_requested(written: WrittenMessages, bags: Mapping[str, ExpectedBag]) -> None:
    assert written.bags >= BAGS
    assert written.events >= 10 * BAGS
    assert 0.01 < written.repeated / written.messages < 0.03
    assert written.broken
    assert written.noise
    assert sum(bag.events for bag in bags.values()) == written.events


def test_every_tag_belongs_to_one_bag(bags: Mapping[str, ExpectedBag]) -> None:
    tags = [tag for bag in bags.values() for tag in bag.tags]
    assert len(tags) == len(set(tags))


def test_lines_are_teletype_lines(file: Path) -> None:
    lines = [line for line in file.read_text("latin-1").split("\n") if line.startswith((".", "B", "END"))]
    assert all(re.fullmatch(r"[A-Z0-9./,()?:'+= -]{1,69}\r?", line) for line in lines)


def test_messages_arrive_within_half_an_hour_and_out_of_order(file: Path) -> None:
    """Checks the minutes of the origin lines on one day of the month."""
    found = re.finditer(r"(?m)^\.[A-Z]{7} 15(\d\d)(\d\d)\r?$", file.read_text("latin-1"))
    minutes = [int(match[1]) * 60 + int(match[2]) for match in found]
    latest = 0
    for minute in minutes:
        latest = max(latest, minute)
        assert latest - minute <= SHUFFLED_SECONDS / 60 + 1
    assert minutes != sorted(minutes)
    assert len(list(groupby(minutes))) > len(minutes) / 2


def test_requests_hold_whole_messages_and_all_of_them(file: Path, written: WrittenMessages) -> None:
    parts = list(pieces(file, 100))
    assert b"".join(parts) == file.read_bytes()
    assert len(parts) > written.messages / 100
    assert all(part.rstrip().rsplit(b"\n", 1)[-1].startswith(b"END") for part in parts[:-1])


def test_bags_end_in_many_states(bags: Mapping[str, ExpectedBag]) -> None:
    states = {bag.state for bag in bags.values()}
    assert states >= {
        *("SORTED", "ARRIVED", "AT_CLAIM", "DELIVERED", "IN_FLIGHT", "NOT_SEEN", "OFFLOADED", "LEFT_BEHIND"),
        *("ON_HAND", "MISROUTED", "RUSH_TAGGED", "DELETED"),
    }
    assert any(len(bag.tags) > 1 and bag.state == "DELIVERED" for bag in bags.values())
    assert any(not bag.planned for bag in bags.values())


def test_the_day_has_six_banks() -> None:
    """Departures cluster around six times."""
    departures = sorted(flight.scheduled_departure for flight in Bank(DAY, 1, 1).day.departures)
    pauses = [later - earlier for earlier, later in pairwise(departures)]
    assert sum(pause.total_seconds() > 30 * 60 for pause in pauses) == 5

"""A day whose senders use every freedom means the same however it is received."""

from datetime import date
from random import Random

from benchmarks.bank.freedoms import ALL
from benchmarks.bank.receipt import Receipt, requests
from benchmarks.bank.recount import recount_of
from benchmarks.bank.writing import Bank

DAY = date(2026, 11, 15)
BAGS = 300


def test_the_recount_does_not_depend_on_order_repeats_and_encodings() -> None:
    """Given a day, when its texts come in any order, doubled and re-encoded, then the recount is the same."""
    bank = Bank(DAY, 2, BAGS, ALL)
    counts, arrivals = bank.arrivals()
    results = {}
    for receipt in Receipt:
        sent = requests(arrivals, receipt, bank.day.received_at, Random(1))
        recount = recount_of(sent, bank.departed())
        results[receipt] = [bag.comparable() for bag in recount.bags()]
        assert recount.reader.tally.dead_letters == range(counts.faults, counts.faults + 1)
        assert sum(bag["events"] for bag in results[receipt]) == counts.events
    assert results[Receipt.SHUFFLED] == results[Receipt.DOUBLED] == results[Receipt.IN_ORDER]

"""Order and times in which the texts of a day are received, as requests."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from random import Random
from typing import NamedTuple

from benchmarks.bank.freedoms import encoded
from benchmarks.bank.writing import Arrival
from integrations.batches import in_batches

TEXTS_OF_A_REQUEST = 400
SLOT_SECONDS = 900


class Receipt(StrEnum):
    """How a day is received."""

    IN_ORDER = "in-order"
    SHUFFLED = "shuffled"
    DOUBLED = "doubled"
    TIMED = "timed"


class Request(NamedTuple):
    """A request to the gateway.

    Args:
        received_at: value of ``X-Received-At``.
    """

    received_at: datetime
    body: bytes


def requests(
    arrivals: Sequence[Arrival], receipt: Receipt, received_at: datetime, rng: Random, *, encode: bool = True
) -> list[Request]:
    """The texts as requests.

    Args:
        arrivals: texts in order of arrival.
        receipt: order of the texts; TIMED gives each quarter of an hour its own receipt time, and the texts whose order
            of receipt matters a request each.
        received_at: receipt time of the first request otherwise.
        rng: random numbers of the order and the encodings.
        encode: whether requests use other encodings.
    """
    if receipt is Receipt.TIMED:
        sent = list(_timed(arrivals))
    else:
        texts = _shuffled(arrivals, rng) if receipt is Receipt.SHUFFLED else list(arrivals)
        texts *= 2 if receipt is Receipt.DOUBLED else 1
        sent = [
            # A second apart: of texts that are received at one time nothing says which came first.
            Request(received_at + timedelta(seconds=number), b"".join(text.text for text in of_request))
            for number, of_request in enumerate(in_batches(texts, TEXTS_OF_A_REQUEST))
        ]
    return [request._replace(body=encoded(request.body, rng)) for request in sent] if encode else sent


def _shuffled(arrivals: Sequence[Arrival], rng: Random) -> list[Arrival]:
    """The texts in random order, except that those of one chain keep theirs."""
    shuffled = rng.sample(arrivals, len(arrivals))
    chains: dict[str, Iterator[Arrival]] = {
        chain: iter(list(group)) for chain, group in _by_chain(arrivals).items() if chain
    }
    return [next(chains[arrival.chain]) if arrival.chain else arrival for arrival in shuffled]


def _by_chain(arrivals: Sequence[Arrival]) -> dict[str, list[Arrival]]:
    chains: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        chains[arrival.chain].append(arrival)
    return chains


def _timed(arrivals: Sequence[Arrival]) -> Iterator[Request]:
    for _, slot in groupby(arrivals, key=lambda one: (int(one.at.timestamp()) // SLOT_SECONDS, one.chain and one.at)):
        texts = list(slot)
        yield Request(texts[-1].at, b"".join(text.text for text in texts))

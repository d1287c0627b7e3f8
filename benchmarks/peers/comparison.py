"""Comparison before the measurement: all contenders return the same, and the statements of each are counted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import orjson

from benchmarks.client import Client
from benchmarks.measurement import DifferentResponses, equal
from benchmarks.operations import MeasuredOperation
from benchmarks.peers.contenders import GATEWAY, OK, Contender, PeerRequest, data_of
from benchmarks.peers.statement_counter import CountingProxy
from integrations.progress import Progress

# Requests of each operation; if there are fewer, they are repeated.
COMPARED = 25
SHOWN = 12


@dataclass(frozen=True, slots=True)
class ContenderResponses:
    """Responses of one contender to one operation.

    Args:
        data: data of each request, in the gateway's shape.
        statements: median number of statements of one request.
        size: mean size of a response in bytes.
    """

    data: Sequence[Any]
    statements: int
    size: float

    @property
    def objects(self) -> float:
        """Mean number of objects in a response."""
        return sum(map(count_objects, self.data)) / len(self.data)


Responses = Mapping[str, Mapping[str, ContenderResponses]]  # contender -> operation's key


async def collect_responses(
    compared: Sequence[Contender],
    measured_operations: Mapping[str, MeasuredOperation],
    database_url: str,
    folder: Path,
    progress: Progress,
) -> dict[str, dict[str, ContenderResponses]]:
    """Sends each contender the same requests, alone, and counts its statements on their way to the database."""
    responses = {}
    for contender in compared:
        proxy = CountingProxy(urlsplit(database_url).port or 0)
        async with proxy.open():
            serving = contender.program(folder, _through_proxy(proxy, database_url))
            await serving.program.start(progress)
            try:
                async with Client(serving.port) as client:
                    responses[contender.name] = {
                        key: await _responses(
                            client, proxy, list(islice(cycle(contender.requests(key, operation)), COMPARED))
                        )
                        for key, operation in measured_operations.items()
                    }
            finally:
                await serving.program.stop()
        progress(f"{contender.name}: {sum(len(one.data) for one in responses[contender.name].values())} responses")
    return responses


def compare(responses: Responses) -> None:
    """Checks that all contenders return the same as the gateway.

    Raises:
        DifferentResponses: one does not; the message says where.
    """
    for name, by_operation in responses.items():
        for key, contender_responses in by_operation.items():
            expected = responses[GATEWAY][key].data
            differing = [
                line
                for index, (one, other) in enumerate(zip(expected, contender_responses.data, strict=True))
                for line in differences(one, other, f"{key} {index}")
            ]
            if differing:
                shown = "\n".join([f"{GATEWAY} and {name} return different data:", *differing[:SHOWN]])
                raise DifferentResponses(
                    shown + (f"\n... and {len(differing) - SHOWN} more" if differing[SHOWN:] else "")
                )


def differences(one: Any, other: Any, path: str) -> Iterator[str]:
    """Differences of two JSON values, a line each; timestamps may be written differently."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for name, value in one.items():
            yield from differences(value, other[name], f"{path}.{name}")
    elif isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            yield f"  {path}: {len(one)} and {len(other)} items"
        for index, pair in enumerate(zip(one, other, strict=False)):
            yield from differences(*pair, f"{path}[{index}]")
    elif not equal(one, other):
        yield f"  {path}: {_shown(one)} and {_shown(other)}"


def count_objects(data: Any) -> int:
    """Number of objects in the data of a response, itself not counted."""
    parts = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return sum(isinstance(part, dict) + count_objects(part) for part in parts)


def _shown(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) < 80 else f"{text[:77]}..."


def _through_proxy(proxy: CountingProxy, database_url: str) -> str:
    """Address of the database through the proxy."""
    address = urlsplit(database_url)
    return address._replace(netloc=f"{address.username}:{address.password}@{address.hostname}:{proxy.port}").geturl()


async def _responses(client: Client, proxy: CountingProxy, requests: Sequence[PeerRequest]) -> ContenderResponses:
    data, counts, sizes = [], [], []
    for request in (requests[0], *requests):  # the first prepares statements for the others
        before = proxy.statements
        response = await client.send(request.request)
        if response.status != OK or b'"errors":' in response.body:
            raise DifferentResponses(f"{response.status} {response.body[:1000]!r}")
        counts.append(proxy.statements - before)
        data.append(request.read(data_of(response.body)))
        sizes.append(len(response.body))
    return ContenderResponses(data[1:], round(median(counts[1:])), sum(sizes[1:]) / len(requests))

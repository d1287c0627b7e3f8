"""Before anything is measured: every contender gives the same, and so many statements are sent for it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import orjson

from benchmarks.client import Client
from benchmarks.installation import Say
from benchmarks.measuring import DifferentAnswers, alike
from benchmarks.operations import Operation
from benchmarks.peers.contenders import GATEWAY, OK, Contender, PeerRequest, data_of
from benchmarks.peers.wire import Gate

# Questions of each operation; where there are fewer, they are asked again.
COMPARED = 25
SHOWN = 12


@dataclass(frozen=True, slots=True)
class Answered:
    """What one contender gave for one operation.

    Args:
        data: of each question, as the gateway would have it.
        statements: sent for one question, in the middle of all.
        size: of an answer in bytes, on average.
    """

    data: Sequence[Any]
    statements: int
    size: float

    @property
    def objects(self) -> float:
        """In an answer, on average."""
        return sum(map(count_objects, self.data)) / len(self.data)


Answers = Mapping[str, Mapping[str, Answered]]  # contender -> operation's key


async def rehearse(
    taking_part: Sequence[Contender], asked: Mapping[str, Operation], database_url: str, folder: Path, say: Say
) -> dict[str, dict[str, Answered]]:
    """Asks each contender the same questions, alone, and counts its statements on their way to the database."""
    answers = {}
    for contender in taking_part:
        gate = Gate(urlsplit(database_url).port or 0)
        async with gate.open():
            serving = contender.program(folder, _behind(gate, database_url))
            await serving.program.start(say)
            try:
                async with Client(serving.port) as client:
                    answers[contender.name] = {
                        key: await _answered(
                            client, gate, list(islice(cycle(contender.questions(key, operation)), COMPARED))
                        )
                        for key, operation in asked.items()
                    }
            finally:
                await serving.program.stop()
        say(f"{contender.name} was asked {sum(len(one.data) for one in answers[contender.name].values())} questions")
    return answers


def compare(answers: Answers) -> None:
    """Checks that all contenders gave what the gateway gave.

    Raises:
        DifferentAnswers: one did not; the message says where.
    """
    for name, given in answers.items():
        for key, answered in given.items():
            ours = answers[GATEWAY][key].data
            found = [
                line
                for index, (one, other) in enumerate(zip(ours, answered.data, strict=True))
                for line in differences(one, other, f"{key} {index}")
            ]
            if found:
                shown = "\n".join([f"{GATEWAY} and {name} answer differently:", *found[:SHOWN]])
                raise DifferentAnswers(shown + (f"\n... and {len(found) - SHOWN} more" if found[SHOWN:] else ""))


def differences(one: Any, other: Any, path: str) -> Iterator[str]:
    """Where two JSON values say different things, a line each; moments may be written differently."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for name, value in one.items():
            yield from differences(value, other[name], f"{path}.{name}")
    elif isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            yield f"  {path}: {len(one)} and {len(other)} items"
        for index, pair in enumerate(zip(one, other, strict=False)):
            yield from differences(*pair, f"{path}[{index}]")
    elif not alike(one, other):
        yield f"  {path}: {_shown(one)} and {_shown(other)}"


def count_objects(data: Any) -> int:
    """The objects in an answer's data, itself left out."""
    parts = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return sum(isinstance(part, dict) + count_objects(part) for part in parts)


def _shown(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) < 80 else f"{text[:77]}..."


def _behind(gate: Gate, database_url: str) -> str:
    """The address of the database by way of the gate."""
    address = urlsplit(database_url)
    return address._replace(netloc=f"{address.username}:{address.password}@{address.hostname}:{gate.port}").geturl()


async def _answered(client: Client, gate: Gate, questions: Sequence[PeerRequest]) -> Answered:
    data, counts, sizes = [], [], []
    for question in (questions[0], *questions):  # the first prepares what is then used again
        before = gate.statements
        answer = await client.ask(question.request)
        if answer.status != OK or b'"errors":' in answer.body:
            raise DifferentAnswers(f"{answer.status} {answer.body[:1000]!r}")
        counts.append(gate.statements - before)
        data.append(question.read(data_of(answer.body)))
        sizes.append(len(answer.body))
    return Answered(data[1:], round(median(counts[1:])), sum(sizes[1:]) / len(questions))

"""Sends mutated messages to a gateway, and judges by the independent reader what became of each.

A message is read right, or is a dead letter. None is half read, misread or lost without a trace.
"""

import argparse
import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from benchmarks.bank.compare import GatewayClient, client_of, letters_of
from benchmarks.bank.fuzzing import RECEIVED_AT, Case, cases
from benchmarks.bank.installation import bank_installation
from benchmarks.bank.message_reader import BAGGAGE, lines_of
from benchmarks.bank.receipt import Request
from benchmarks.bank.recount import ExpectedBag, Recount
from benchmarks.bank.sending import AT_ONCE, post
from benchmarks.client import HOST
from benchmarks.load import Failed

PAGE = 200
VALUES = ("state", "airport", "authorised", "events")
ANNOUNCED = ("planned", "surname", "given", "locator")
SHOWN = 40

BAGS = """
query FuzzedBags($first: Int!, $after: String) {
  bags(first: $first, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes {
      tag state airport authorised
      tags { number }
      passenger { surname givenNames locator }
      itinerary { flight { designator departureDate origin destination } }
      scans { at }
    }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A disagreement about one case.

    Args:
        fault: what is wrong, in a few words.
        detail: the values of both sides.
    """

    case: Case
    fault: str
    detail: str

    def text(self) -> str:
        """The case and why it is wrong."""
        names = ", ".join(self.case.mutations) or "unchanged"
        return f"case {self.case.number} ({names}): {self.fault}: {self.detail}\n  {self.case.body!r}"


@dataclass(slots=True)
class FuzzReport:
    """Result of a run.

    Args:
        cases: number of cases.
        read: cases of which the reader reads a bag.
        verdicts: all disagreements.
        strangers: tags of bags that no case names.
    """

    cases: int = 0
    read: int = 0
    verdicts: list[Verdict] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether every case is read right or a dead letter."""
        return self.cases > 0 and not (self.verdicts or self.strangers)

    def text(self) -> str:
        """Text for the console: the first disagreements, and how many there are of each kind."""
        kinds: dict[str, int] = defaultdict(int)
        for verdict in self.verdicts:
            kinds[f"{verdict.fault}; {verdict.case.mutations[-1] if verdict.case.mutations else 'unchanged'}"] += 1
        return "\n".join(
            [
                *(verdict.text() for verdict in self.verdicts[:SHOWN]),
                *(f"{tag}  is a bag that no case names" for tag in self.strangers[:SHOWN]),
                *(f"{count:5,}  {kind}" for kind, count in sorted(kinds.items(), key=lambda one: -one[1])),
                f"{self.cases:,} cases, {self.read:,} of them with bags: {len(self.verdicts):,} disagreements",
            ]
        )


async def fuzz(sender: httpx.AsyncClient, asker: httpx.AsyncClient, sent: Sequence[Case]) -> FuzzReport:
    """Sends all cases and judges them.

    Args:
        sender: client of a service that may send messages.
        asker: client of an agent.
        sent: the cases; their tags are those of no other bag of the gateway.
    """
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(case: Case) -> Mapping[str, int] | str:
        async with slots:
            try:
                return await post(sender, Request(RECEIVED_AT, case.body))
            except Failed as error:
                return str(error)

    outcomes = await asyncio.gather(*map(one, sent))
    actual = {node["tag"]: _actual(node) async for node in GatewayClient(asker).pages(BAGS, PAGE)}
    report = FuzzReport(len(sent))
    recounts = [_recounted(case) for case in sent]
    bags = [{bag.tag: _expected(bag) for bag in recount.bags()} for recount in recounts]
    named = Counter(tag for case, expected in zip(sent, bags, strict=True) for tag in case.tags | expected.keys())
    for case, outcome, recount, expected in zip(sent, outcomes, recounts, bags, strict=True):
        report.read += bool(expected)
        # A mutated sign may make the tag of another case, whose messages then concern the same bag.
        tags = {tag for tag in case.tags | expected.keys() if named[tag] == 1}
        found = {tag: actual[tag] for tag in tags & actual.keys()}
        own = {tag: bag for tag, bag in expected.items() if tag in tags}
        report.verdicts += _judged(case, outcome, recount, own, found)
    report.strangers = sorted(actual.keys() - named.keys())
    return report


def _recounted(case: Case) -> Recount:
    recount = Recount(RECEIVED_AT)
    recount.read_bytes(case.body)
    return recount


def _judged(
    case: Case,
    outcome: Mapping[str, int] | str,
    recount: Recount,
    expected: Mapping[str, Mapping[str, Any]],
    found: Mapping[str, Mapping[str, Any]],
) -> Iterator[Verdict]:
    """Yields what is wrong with a case."""
    if isinstance(outcome, str):
        yield Verdict(case, "rejected", outcome)
        return
    tally = recount.reader.tally
    noticed = outcome["deadLetters"] + outcome["duplicates"] > 0
    for tag in sorted(found):
        if tag not in expected:
            yield Verdict(case, "applied though unreadable", f"{tag} {found[tag]}")
            continue
        found_bag = _on_the_ground(found[tag], expected[tag])
        compared = _compared(case, expected[tag])
        if differing := {name for name in compared if not _agree(name, expected[tag][name], found_bag[name])}:
            values = "; ".join(f"{name}: {expected[tag][name]} and {found_bag[name]}" for name in sorted(differing))
            yield Verdict(case, "misread", f"{tag} recount and gateway: {values}")
    missing = sorted(expected.keys() - found.keys())
    if missing and (case.keeps or not noticed):
        yield Verdict(case, "not read" if noticed else "lost silently", f"{missing} {outcome}")
    elif tally.dead_letters.start and not noticed:
        yield Verdict(case, "no dead letter", f"{tally} {outcome}")
    elif not (outcome["messages"] or noticed) and any(map(BAGGAGE.search, lines_of(case.body))):
        yield Verdict(case, "looks like baggage and is neither", str(outcome))


def _compared(case: Case, expected: Mapping[str, Any]) -> Iterator[str]:
    """Names of the values to compare.

    A locator without a passenger is no one's. A repeated message that was damaged may report the same event.
    """
    damaged_again = "repeated message" in case.mutations and not case.keeps
    left_out = {*(("locator",) if expected.get("surname") is None else ()), *(("events",) if damaged_again else ())}
    return (name for name in expected if name not in left_out)


def _on_the_ground(found: Mapping[str, Any], expected: Mapping[str, Any]) -> Mapping[str, Any]:
    """The bag as it was before its flight left: a close-out of another case concerns it as well."""
    if (found["state"], expected["state"]) != ("IN_FLIGHT", "LOADED"):
        return found
    return {**found, "state": "LOADED", "airport": expected["airport"]}


def _agree(name: str, expected: Any, found: Any) -> bool:
    """Whether values agree. Cases share bookings, in which another case may give the name in full."""
    return expected == found or (name == "given" and expected is not None and str(found).startswith(expected))


def _expected(bag: ExpectedBag) -> dict[str, Any]:
    """Values to compare: passenger and flights only if a message announces the bag."""
    values = bag.comparable()
    # Cases share flights: where one goes is what the first case says.
    values["planned"] = [leg[:3] for leg in values["planned"]]
    return {name: values[name] for name in (*VALUES, *(ANNOUNCED if bag.announced else ()))}


def _actual(node: Mapping[str, Any]) -> dict[str, Any]:
    passenger = node["passenger"]
    legs = [leg["flight"] for leg in node["itinerary"]]
    return {
        "state": node["state"],
        "airport": node["airport"],
        "planned": [[one[name] for name in ("designator", "departureDate", "origin")] for one in legs],
        "authorised": node["authorised"],
        "events": len(node["scans"]),
        "surname": letters_of(passenger["surname"]) if passenger else None,
        "given": letters_of(passenger["givenNames"]) if passenger else None,
        "locator": passenger["locator"] if passenger else None,
    }


async def run(options: argparse.Namespace) -> int:
    """Runs the command on an installation of its own; returns the exit code."""
    async with bank_installation("fuzz", 1, 1, options.seed, 1, print) as started:
        url = f"http://{HOST}:{started.port}"
        async with client_of(url, started.token) as sender, client_of(url, started.agent_token()) as asker:
            report = await fuzz(sender, asker, list(cases(options.cases, options.seed)))
    print(report.text())
    return 0 if report.agrees else 1

"""``python -m benchmarks.crash``: are effects lost or doubled while gateway and dispatchers are killed at random?

Files are opened and their bags located through the gateway, by callers who repeat with the same idempotency key until
they are answered. Meanwhile gateway and dispatchers are killed (SIGKILL) at random moments and started again, and the
mocks cut off some of their replies. Afterwards the mocks are the judges: each effect that the records say arrived must
have arrived, and none more than once, except where a reply was cut off.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import httpx
import orjson

from benchmarks.installation import AIRLINE_ID, Say
from benchmarks.load import percentile
from benchmarks.partnered import DISPATCHERS, PARTNERS, Partnered, control, partnered
from gateway.console import console
from integrations.embedded.process import StartError
from integrations.errors import Unavailable
from integrations.partners.worldtracer import WorldTracerClient
from integrations.records.effects import effect_of_key
from integrations.records.tracing import SearchCriteria, TracedFile
from schema.fields.node import join

FOLDER = Path(__file__).parents[1] / ".demo" / "crash"
CALLERS = 8
MOST_SECONDS = 1500.0
SETTLE_SECONDS = 1500.0
LOOK_AGAIN_SECONDS = 0.5
SPEAK_SECONDS = 10.0

CREATE = "mutation($input: CreatePirInput!) { createPir(input: $input) { pir { id } userErrors { code message } } }"
LOCATE = "mutation($input: LocateBagsInput!) { locateBags(input: $input) { pir { id } userErrors { code message } } }"

WAITING = "SELECT count(*) AS waiting FROM effects WHERE state IN ('PENDING', 'SENDING', 'UNSETTLED')"
EFFECTS = "SELECT id, service, pir_id, action, state, reason, created_at FROM effects WHERE id > $1 ORDER BY id"


@dataclass(slots=True)
class CallerOutcomes:
    """What callers were told."""

    files: list[str] = field(default_factory=list)
    mutations: int = 0
    repeats: int = 0
    seconds: list[float] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


class Caller:
    """Asks until it is answered."""

    def __init__(self, bed: Partnered, told: CallerOutcomes) -> None:
        self._url = f"{bed.gateway}/graphql"
        self._client = httpx.AsyncClient(
            trust_env=False, timeout=15.0, headers={"Authorization": f"Bearer {bed.token}"}
        )
        self._told = told

    async def close(self) -> None:
        """Lets go of the connections."""
        await self._client.aclose()

    async def change(self, document: str, given: Mapping[str, Any]) -> Any:
        """The payload of one mutation, however often it takes."""
        question = {"query": document, "variables": {"input": {**given, "idempotencyKey": uuid4().hex}}}
        ends = monotonic() + MOST_SECONDS
        while monotonic() < ends:
            began = monotonic()
            with suppress(httpx.HTTPError, orjson.JSONDecodeError):
                answer = orjson.loads((await self._client.post(self._url, json=question)).content)
                if answer.get("data") and "errors" not in answer:
                    self._told.seconds.append(monotonic() - began)
                    self._told.mutations += 1
                    (payload,) = answer["data"].values()
                    self._told.refusals += [f"{one['code']}: {one['message']}" for one in payload["userErrors"]]
                    return payload
                if any(error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED" for error in answer["errors"]):
                    raise StartError(answer["errors"][0]["message"])
            self._told.repeats += 1
            await asyncio.sleep(0.2)
        raise StartError("a mutation was not answered in time")

    async def work_on(self, bag: int, wait: float) -> None:
        """Opens a file for a bag and finds the bag."""
        opened = await self.change(CREATE, {"kind": "DELAYED", "bagIds": [join("Bag", bag)], "station": "PTY"})
        if opened["pir"] is None:
            return
        self._told.files.append(opened["pir"]["id"])
        await asyncio.sleep(wait)
        await self.change(LOCATE, {"pirId": opened["pir"]["id"], "airport": "PTY"})


async def kill_at_random(bed: Partnered, names: Sequence[str], chance: random.Random, killed: Counter[str]) -> None:
    """Kills one process after the other, and starts each again, until cancelled."""
    while True:
        await asyncio.sleep(chance.uniform(0.5, 2.5))
        name = chance.choice(names)
        program = bed.programs[name]
        if (pid := program.pid) is not None:
            os.kill(pid, signal.SIGKILL)
            killed[name] += 1
            await program.wait()
            await program.start(lambda _: None)


async def until_quiet(bed: Partnered, say: Say) -> int:
    """Waits until nothing is waiting; answers how many effects still do."""
    began = spoke = monotonic()
    while True:
        waiting = int((await bed.rows(WAITING))[0]["waiting"])
        if not waiting or monotonic() - began > SETTLE_SECONDS:
            return waiting
        if monotonic() - spoke > SPEAK_SECONDS:
            spoke = monotonic()
            say(f"{waiting} effects wait")
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def arrivals(bed: Partnered, rows: Sequence[Any]) -> tuple[dict[int, list[int]], Counter[str]]:
    """What arrived, by effect: places in the partner's own order; and how many replies did not reach us."""
    came: dict[int, list[int]] = defaultdict(list)
    lost: Counter[str] = Counter()
    async with httpx.AsyncClient(trust_env=False, timeout=30.0) as client:
        for name in ("TWILIO", "SENDGRID"):
            for place, message in enumerate((await control(client, bed.mocks[name], "messages"))["messages"]):
                if (effect := effect_of_key(AIRLINE_ID, message["our_key"])) is not None:
                    came[effect].append(place)
        for name in PARTNERS:
            counts = await control(client, bed.mocks[name], "faults")
            lost["cut"] += counts["repliesCut"]
            lost["unread"] += counts["repliesUnread"]
    worldtracer = WorldTracerClient(bed.mocks["WORLDTRACER"], bed.keys["WORLDTRACER_API_KEY"], "CM")
    for row in rows:
        if (row["service"], row["action"]) == ("WORLDTRACER", "CREATE"):
            files = await _search(worldtracer, our_key(row))
            came[row["id"]] += range(len(files))
    await worldtracer.close_connections()
    return came, lost


async def _search(worldtracer: WorldTracerClient, key: str) -> list[TracedFile]:
    """The files of a key; asked again where a reply is cut off."""
    for _ in range(20):
        with suppress(Unavailable):
            return await worldtracer.search_bags(SearchCriteria(our_key=key))
    raise StartError("WorldTracer's mock did not answer the judge.")


def our_key(row: Any) -> str:
    """What the partner was given for this effect, as ``Effect.our_key`` says."""
    return f"{AIRLINE_ID}-{row['id']}-{int(row['created_at'].timestamp())}"


async def run(parsed: argparse.Namespace) -> int:
    """The whole; returns the exit code: 1 where something was lost or doubled."""
    say = console(os.environ)
    folder = FOLDER / f"{parsed.mutations}"
    async with partnered(folder, max(parsed.mutations, 50), say) as bed:
        good = await crash(bed, parsed.mutations, parsed.cut, parsed.kill, parsed.seed, say)
    return 0 if good else 1


async def crash(bed: Partnered, mutations: int, cut: float, kill: Sequence[str], seed: int, say: Say) -> bool:
    """Kills processes while callers work, and prints the counts; returns whether nothing was lost or doubled.

    Args:
        cut: share of the mocks' replies that are cut off.
        kill: names of the processes.
        seed: of the moments at which they are killed.
    """
    chance = random.Random(seed)
    killed: Counter[str] = Counter()
    told = CallerOutcomes()
    bags = await bed.free_bags(mutations // 2)
    before = int((await bed.rows("SELECT coalesce(max(id), 0) AS id FROM effects"))[0]["id"])
    async with httpx.AsyncClient(trust_env=False) as client:
        for name in PARTNERS:
            fault = {"kind": "reset_after", "times": None, "chance": cut, "method": "POST"}
            await control(client, bed.mocks[name], "faults", fault)
    killing = asyncio.create_task(kill_at_random(bed, kill, chance, killed))
    await _work(bed, told, bags, chance)
    killing.cancel()
    await asyncio.wait([killing])
    for program in bed.programs.values():
        if not program.alive():
            await program.start(lambda _: None)
    say(f"{told.mutations} mutations answered; {sum(killed.values())} processes killed; waiting for what waits")
    waiting = await until_quiet(bed, say)
    rows = await bed.rows(EFFECTS, before)
    came, lost = await arrivals(bed, rows)
    return _judge(told, killed, waiting, rows, came, lost)


async def _work(bed: Partnered, told: CallerOutcomes, bags: Sequence[int], chance: random.Random) -> None:
    left = iter(bags)

    async def keep_working() -> None:
        caller = Caller(bed, told)
        try:
            for bag in left:
                await caller.work_on(bag, chance.uniform(0.0, 1.0))
        finally:
            await caller.close()

    await asyncio.gather(*(keep_working() for _ in range(CALLERS)))


def _judge(
    told: CallerOutcomes,
    killed: Mapping[str, int],
    waiting: int,
    rows: Sequence[Any],
    came: Mapping[int, Sequence[int]],
    lost: Mapping[str, int],
) -> bool:
    """Prints the counts; returns whether they are as they should be."""
    judged = [row for row in rows if row["service"] != "WORLDTRACER" or row["action"] == "CREATE"]
    arrived = {"ACCEPTED", "DELIVERED"}
    missing = [row["id"] for row in judged if row["state"] in arrived and not came.get(row["id"])]
    doubled = {row["id"]: len(came[row["id"]]) for row in judged if len(came.get(row["id"], ())) > 1}
    agents = [row for row in rows if row["state"] == "FAILED"]
    ended_otherwise = [row for row in rows if row["state"] not in (*arrived, "FAILED")]
    expected = {(row["pir_id"], row["service"], row["action"]) for row in rows}
    files = {row["pir_id"] for row in rows}
    absent = [
        (pir, service, action)
        for pir in files
        for service, action in (
            ("WORLDTRACER", "CREATE"),
            ("SMS", "FILE_OPENED"),
            ("EMAIL", "FILE_OPENED"),
            ("SMS", "BAG_LOCATED"),
            ("EMAIL", "BAG_LOCATED"),
        )
        if (pir, service, action) not in expected
    ]
    disordered = _disordered(rows, came)
    states = Counter(f"{row['service']} {row['state']} {row['reason'] or ''}".strip() for row in rows)
    print(f"\nmutations answered          {told.mutations}, repeated {told.repeats} times")
    print(f"refusals                    {Counter(told.refusals).most_common(3)}")
    p50, p95 = (percentile(told.seconds, share) * 1000 for share in (0.5, 0.95))
    print(f"p50 / p95 of an answer      {p50:.0f} / {p95:.0f} ms")
    print(f"killed                      {dict(killed)}")
    print(f"files opened                {len(set(told.files))}, in the records {len(files)}")
    print(f"effects                     {len(rows)}: {dict(sorted(states.items()))}")
    print(f"still waiting               {waiting}")
    print(f"replies cut by the mocks    {lost['cut']}; unread by callers that were killed {lost['unread']}")
    print(f"effects that were not asked for though their mutation was answered  {len(absent)}")
    print(f"effects that count as arrived and did not arrive                    {len(missing)}")
    print(f"effects that arrived more than once                                 {len(doubled)}")
    print(f"handed to an agent                                                  {len(agents)}")
    print(f"neither arrived nor handed to an agent                              {len(ended_otherwise)}")
    print(f"files whose messages arrived out of order                           {len(disordered)}")
    bad = waiting or absent or missing or ended_otherwise or len(doubled) > lost["cut"] or disordered or told.refusals
    bad = bad or len(set(told.files)) != len(files)
    print("\nSomething is not as it should be." if bad else "\nNothing was lost, and nobody was told twice.")
    return not bad


def _disordered(rows: Sequence[Any], came: Mapping[int, Sequence[int]]) -> list[tuple[int, str]]:
    """Files and services whose effects arrived in another order than they were asked for."""
    order: dict[tuple[int, str], list[int]] = defaultdict(list)
    for row in rows:
        if came.get(row["id"]):
            order[(row["pir_id"], row["service"])].append(came[row["id"]][0])
    return [key for key, places in order.items() if places != sorted(places)]


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crash", description=__doc__)
    parser.add_argument("--mutations", type=int, default=1000, help="half of them open files, half locate bags")
    parser.add_argument("--cut", type=float, default=0.02, help="share of the mocks' replies that are cut off")
    parser.add_argument("--seed", type=int, default=753, help="of the moments at which processes are killed")
    names = ("gateway", *DISPATCHERS)
    parser.add_argument("--kill", nargs="+", choices=names, default=names, help="which processes; all if absent")
    try:
        return asyncio.run(run(parser.parse_args()))
    except StartError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

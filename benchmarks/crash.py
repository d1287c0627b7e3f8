"""``python -m benchmarks.crash``: are effects lost or doubled while gateway and dispatchers are killed at random?

Callers open PIRs and locate their bags through the gateway, and repeat with the same idempotency key until they have a
response. Meanwhile gateway and dispatchers are killed (SIGKILL) at random times and started again, and the mocks cut
off some of their replies. Afterwards the requests that the mocks received are checked: each effect that the records
count as sent must have arrived, and none more than once, except where a reply was cut off.
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

from benchmarks.installation import AIRLINE_ID
from benchmarks.load import percentile
from benchmarks.partner_installation import DISPATCHERS, PARTNERS, PartnerInstallation, control, partner_installation
from gateway.console import console
from integrations.embedded.process import StartError
from integrations.errors import Unavailable
from integrations.partners.worldtracer import WorldTracerClient
from integrations.progress import Progress, ProgressTimer
from integrations.records.effects import message_key
from integrations.records.tracing import SearchCriteria, TracedFile
from schema.fields.node import join

FOLDER = Path(__file__).parents[1] / ".demo" / "crash"
CALLERS = 8
MOST_SECONDS = 1500.0
SETTLE_SECONDS = 1500.0
POLL_SECONDS = 0.5
PROGRESS_SECONDS = 10.0

CREATE = "mutation($input: CreatePirInput!) { createPir(input: $input) { pir { id } userErrors { code message } } }"
LOCATE = "mutation($input: LocateBagsInput!) { locateBags(input: $input) { pir { id } userErrors { code message } } }"

PENDING_EFFECTS = "SELECT count(*) AS pending FROM effects WHERE state IN ('PENDING', 'SENDING', 'UNSETTLED')"
EFFECTS = "SELECT id, service, pir_id, action, state, reason, created_at FROM effects WHERE id > $1 ORDER BY id"


@dataclass(slots=True)
class CallerOutcomes:
    """Results that callers received."""

    pirs: list[str] = field(default_factory=list)
    mutations: int = 0
    repeats: int = 0
    seconds: list[float] = field(default_factory=list)
    rejections: list[str] = field(default_factory=list)


class MutationCaller:
    """Sends mutations, each until it has a response."""

    def __init__(self, installation: PartnerInstallation, outcomes: CallerOutcomes) -> None:
        self._url = f"{installation.gateway}/graphql"
        self._client = httpx.AsyncClient(
            trust_env=False, timeout=15.0, headers={"Authorization": f"Bearer {installation.token}"}
        )
        self._outcomes = outcomes

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def mutate(self, document: str, fields: Mapping[str, Any]) -> Any:
        """Payload of one mutation, after as many attempts as it takes."""
        request = {"query": document, "variables": {"input": {**fields, "idempotencyKey": uuid4().hex}}}
        deadline = monotonic() + MOST_SECONDS
        while monotonic() < deadline:
            started_at = monotonic()
            with suppress(httpx.HTTPError, orjson.JSONDecodeError):
                response = orjson.loads((await self._client.post(self._url, json=request)).content)
                if response.get("data") and "errors" not in response:
                    self._outcomes.seconds.append(monotonic() - started_at)
                    self._outcomes.mutations += 1
                    (payload,) = response["data"].values()
                    self._outcomes.rejections += [f"{one['code']}: {one['message']}" for one in payload["userErrors"]]
                    return payload
                if any(error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED" for error in response["errors"]):
                    raise StartError(response["errors"][0]["message"])
            self._outcomes.repeats += 1
            await asyncio.sleep(0.2)
        raise StartError("a mutation had no response in time")

    async def handle_bag(self, bag: int, wait: float) -> None:
        """Opens a PIR for a bag and locates the bag."""
        opened = await self.mutate(
            CREATE, {"kind": "DELAYED", "bags": [{"by": {"id": join("Bag", bag)}}], "station": "PTY"}
        )
        if opened["pir"] is None:
            return
        self._outcomes.pirs.append(opened["pir"]["id"])
        await asyncio.sleep(wait)
        await self.mutate(LOCATE, {"pirId": opened["pir"]["id"], "airport": "PTY"})


async def kill_at_random(
    installation: PartnerInstallation, names: Sequence[str], rng: random.Random, killed: Counter[str]
) -> None:
    """Kills one process after the other and starts each again, until cancelled."""
    while True:
        await asyncio.sleep(rng.uniform(0.5, 2.5))
        name = rng.choice(names)
        program = installation.programs[name]
        if (pid := program.pid) is not None:
            os.kill(pid, signal.SIGKILL)
            killed[name] += 1
            await program.wait()
            await program.start(lambda _: None)


async def until_settled(installation: PartnerInstallation, progress: Progress) -> int:
    """Waits until no effect is pending; returns how many still are."""
    started_at, timer = monotonic(), ProgressTimer(PROGRESS_SECONDS)
    while True:
        pending = int((await installation.rows(PENDING_EFFECTS))[0]["pending"])
        if not pending or monotonic() - started_at > SETTLE_SECONDS:
            return pending
        if timer.is_due():
            progress(f"{pending} effects are pending")
        await asyncio.sleep(POLL_SECONDS)


async def arrivals(installation: PartnerInstallation, rows: Sequence[Any]) -> tuple[dict[int, list[int]], Counter[str]]:
    """Arrivals by effect, as positions in the partner's order, and the number of replies that did not reach us."""
    arrived_at: dict[int, list[int]] = defaultdict(list)
    lost: Counter[str] = Counter()
    async with httpx.AsyncClient(trust_env=False, timeout=30.0) as client:
        for name in ("TWILIO", "SENDGRID"):
            for place, message in enumerate((await control(client, installation.mocks[name], "messages"))["messages"]):
                if (key := message_key(AIRLINE_ID, message["our_key"])) is not None:
                    arrived_at[key.effect_id].append(place)
        for name in PARTNERS:
            counts = await control(client, installation.mocks[name], "faults")
            lost["cut"] += counts["repliesCut"]
            lost["unread"] += counts["repliesUnread"]
    worldtracer = WorldTracerClient(installation.mocks["WORLDTRACER"], installation.keys["WORLDTRACER_API_KEY"], "CM")
    for row in rows:
        if (row["service"], row["action"]) == ("WORLDTRACER", "CREATE"):
            pirs = await _search(worldtracer, our_key(row))
            arrived_at[row["id"]] += range(len(pirs))
    await worldtracer.close_connections()
    return arrived_at, lost


async def _search(worldtracer: WorldTracerClient, key: str) -> list[TracedFile]:
    """Files with a key; repeated if a reply is cut off."""
    for _ in range(20):
        with suppress(Unavailable):
            return await worldtracer.search_bags(SearchCriteria(our_key=key))
    raise StartError("WorldTracer's mock did not respond to the search.")


def our_key(row: Any) -> str:
    """Our key of the effect, as in ``Effect.our_key``."""
    return f"{AIRLINE_ID}-{row['id']}-{int(row['created_at'].timestamp())}"


async def run(options: argparse.Namespace) -> int:
    """Runs the whole test; returns the exit code, 1 if anything is lost or doubled."""
    progress = console(os.environ)
    folder = FOLDER / f"{options.mutations}"
    async with partner_installation(folder, max(options.mutations, 50), progress) as installation:
        correct = await crash(installation, options.mutations, options.cut, options.kill, options.seed, progress)
    return 0 if correct else 1


async def crash(
    installation: PartnerInstallation, mutations: int, cut: float, kill: Sequence[str], seed: int, progress: Progress
) -> bool:
    """Kills processes while callers send mutations, and prints the counts; returns whether nothing was lost or doubled.

    Args:
        mutations: number of mutations.
        cut: share of the mocks' replies that are cut off.
        kill: names of the processes that are killed.
        seed: seed of the times at which they are killed.
    """
    rng = random.Random(seed)
    killed: Counter[str] = Counter()
    outcomes = CallerOutcomes()
    bags = await installation.free_bags(mutations // 2)
    before = int((await installation.rows("SELECT coalesce(max(id), 0) AS id FROM effects"))[0]["id"])
    async with httpx.AsyncClient(trust_env=False) as client:
        for name in PARTNERS:
            fault = {"kind": "reset_after", "times": None, "chance": cut, "method": "POST"}
            await control(client, installation.mocks[name], "faults", fault)
    killing = asyncio.create_task(kill_at_random(installation, kill, rng, killed))
    await _run_callers(installation, outcomes, bags, rng)
    killing.cancel()
    await asyncio.wait([killing])
    for program in installation.programs.values():
        if not program.alive():
            await program.start(lambda _: None)
    done, kills = outcomes.mutations, sum(killed.values())
    progress(f"{done} mutations completed; {kills} processes killed; waiting for pending effects")
    pending = await until_settled(installation, progress)
    rows = await installation.rows(EFFECTS, before)
    arrived_at, lost = await arrivals(installation, rows)
    return _check(outcomes, killed, pending, rows, arrived_at, lost)


async def _run_callers(
    installation: PartnerInstallation, outcomes: CallerOutcomes, bags: Sequence[int], rng: random.Random
) -> None:
    remaining = iter(bags)

    async def run_caller() -> None:
        caller = MutationCaller(installation, outcomes)
        try:
            for bag in remaining:
                await caller.handle_bag(bag, rng.uniform(0.0, 1.0))
        finally:
            await caller.close()

    await asyncio.gather(*(run_caller() for _ in range(CALLERS)))


def _check(
    outcomes: CallerOutcomes,
    killed: Mapping[str, int],
    pending: int,
    rows: Sequence[Any],
    arrived_at: Mapping[int, Sequence[int]],
    lost: Mapping[str, int],
) -> bool:
    """Prints the counts; returns whether they are correct."""
    checked = [row for row in rows if row["service"] != "WORLDTRACER" or row["action"] == "CREATE"]
    sent_states = {"ACCEPTED", "DELIVERED"}
    missing = [row["id"] for row in checked if row["state"] in sent_states and not arrived_at.get(row["id"])]
    doubled = {row["id"]: len(arrived_at[row["id"]]) for row in checked if len(arrived_at.get(row["id"], ())) > 1}
    handed_over = [row for row in rows if row["state"] == "FAILED"]
    unfinished = [row for row in rows if row["state"] not in (*sent_states, "FAILED")]
    expected = {(row["pir_id"], row["service"], row["action"]) for row in rows}
    pirs = {row["pir_id"] for row in rows}
    missing_effects = [
        (pir, service, action)
        for pir in pirs
        for service, action in (
            ("WORLDTRACER", "CREATE"),
            ("SMS", "FILE_OPENED"),
            ("EMAIL", "FILE_OPENED"),
            ("SMS", "BAG_LOCATED"),
            ("EMAIL", "BAG_LOCATED"),
        )
        if (pir, service, action) not in expected
    ]
    disordered = _disordered(rows, arrived_at)
    states = Counter(f"{row['service']} {row['state']} {row['reason'] or ''}".strip() for row in rows)
    print(f"\nmutations completed         {outcomes.mutations}, repeated {outcomes.repeats} times")
    print(f"rejections                  {Counter(outcomes.rejections).most_common(3)}")
    p50, p95 = (percentile(outcomes.seconds, share) * 1000 for share in (0.5, 0.95))
    print(f"p50 / p95 of a response     {p50:.0f} / {p95:.0f} ms")
    print(f"killed                      {dict(killed)}")
    print(f"PIRs opened                 {len(set(outcomes.pirs))}, in the records {len(pirs)}")
    print(f"effects                     {len(rows)}: {dict(sorted(states.items()))}")
    print(f"still pending               {pending}")
    print(f"replies cut by the mocks    {lost['cut']}; unread by callers that were killed {lost['unread']}")
    print(f"effects missing although their mutation completed                   {len(missing_effects)}")
    print(f"effects counted as sent that did not arrive                         {len(missing)}")
    print(f"effects that arrived more than once                                 {len(doubled)}")
    print(f"effects handed to an agent                                          {len(handed_over)}")
    print(f"effects neither sent nor handed to an agent                         {len(unfinished)}")
    print(f"PIRs whose messages arrived out of order                            {len(disordered)}")
    wrong = (
        pending
        or missing_effects
        or missing
        or unfinished
        or len(doubled) > lost["cut"]
        or disordered
        or outcomes.rejections
    )
    wrong = wrong or len(set(outcomes.pirs)) != len(pirs)
    print("\nThe result is wrong." if wrong else "\nNothing was lost or sent twice.")
    return not wrong


def _disordered(rows: Sequence[Any], arrived_at: Mapping[int, Sequence[int]]) -> list[tuple[int, str]]:
    """PIRs and services whose effects arrived in another order than they were requested."""
    order: dict[tuple[int, str], list[int]] = defaultdict(list)
    for row in rows:
        if arrived_at.get(row["id"]):
            order[(row["pir_id"], row["service"])].append(arrived_at[row["id"]][0])
    return [key for key, places in order.items() if places != sorted(places)]


def main() -> int:
    """Parses the command line and runs the test."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crash", description=__doc__)
    parser.add_argument(
        "--mutations", type=int, default=1000, help="number of mutations; half open PIRs, half locate bags"
    )
    parser.add_argument("--cut", type=float, default=0.02, help="share of the mocks' replies that are cut off")
    parser.add_argument("--seed", type=int, default=753, help="seed of the times at which processes are killed")
    names = ("gateway", *DISPATCHERS)
    parser.add_argument("--kill", nargs="+", choices=names, default=names, help="processes to kill (default: all)")
    try:
        return asyncio.run(run(parser.parse_args()))
    except StartError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
